/**
 * A small strict reader of HTTP/1.1 messages as they are on the wire: for requests at the scripted origins and for
 * answers at the raw client. Strict on purpose: what the proxy writes must be flawless.
 */
export interface Head {
  /** Request or status line. */
  startLine: string;
  /** As received, in order, latin1. */
  fields: [name: string, value: string][];
  /** Everything up to the empty line, latin1. */
  text: string;
}

export class Message {
  readonly head: Head;
  readonly body: Buffer;
  /** The chunked framing, for those who care: sizes of the chunks. */
  readonly chunks: number[];

  constructor(head: Head, body: Buffer, chunks: number[] = []) {
    this.head = head;
    this.body = body;
    this.chunks = chunks;
  }

  /** Values of every field of that name. */
  all(name: string): string[] {
    return this.head.fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  }

  /** The only value; undefined without one. */
  header(name: string): string | undefined {
    const values = this.all(name);
    if (values.length > 1) throw new Error(`${name} comes ${values.length} times`);
    return values[0];
  }

  get text(): string {
    return this.body.toString('utf8');
  }

  // Requests
  get method(): string {
    return this.head.startLine.split(' ')[0] ?? '';
  }
  get target(): string {
    return this.head.startLine.split(' ')[1] ?? '';
  }
  // Answers
  get status(): number {
    return Number(this.head.startLine.split(' ')[1]);
  }
  get reason(): string {
    return this.head.startLine.split(' ').slice(2).join(' ');
  }
}

const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/s;

/** The head at the start of `bytes` and its length, or null when it is not complete. */
export function readHead(bytes: Buffer): { head: Head; length: number } | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const text = bytes.toString('latin1', 0, end);
  const [startLine = '', ...lines] = text.split('\r\n');
  const fields = lines.map((line): [string, string] => {
    const match = FIELD.exec(line);
    if (match === null || /[\r\n\0]/.test(line)) throw new Error(`not a header line: ${JSON.stringify(line)}`);
    return [match[1] ?? '', match[2] ?? ''];
  });
  return { head: { startLine, fields, text }, length: end + 4 };
}

/** A chunked body at the start of `bytes`, or null when it is not complete. */
export function readChunked(bytes: Buffer): { body: Buffer; chunks: number[]; length: number } | null {
  const pieces: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const line = bytes.toString('latin1', at, lineEnd);
    if (!/^[0-9a-fA-F]{1,16}$/.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (bytes.length < at + size + 2) return null;
    if (bytes.toString('latin1', at + size, at + size + 2) !== '\r\n') throw new Error(size === 0 ? 'trailers' : 'a chunk has no end');
    if (size !== 0) pieces.push(bytes.subarray(at, at + size));
    at += size + 2;
    if (size === 0) return { body: Buffer.concat(pieces), chunks: pieces.map((piece) => piece.length), length: at };
  }
}

export interface ReadOptions {
  kind: 'request' | 'response';
  /** Answers to HEAD have no body. */
  toHead?: boolean;
  /** The connection has ended: a body without a length is complete. */
  ended?: boolean;
}

/** The message at the start of `bytes`; null when more bytes are needed. Throws on anything malformed. */
export function readMessage(bytes: Buffer, { kind, toHead = false, ended = false }: ReadOptions): { message: Message; length: number } | null {
  const start = readHead(bytes);
  if (start === null) return null;
  const { head, length } = start;
  const rest = bytes.subarray(length);
  const bare = new Message(head, Buffer.alloc(0));
  const transferEncoding = bare.header('transfer-encoding');
  const contentLength = bare.header('content-length');
  if (transferEncoding !== undefined && contentLength !== undefined) throw new Error('both content-length and transfer-encoding');
  if (contentLength !== undefined && !/^\d+$/.test(contentLength)) throw new Error(`content-length: ${contentLength}`);
  if (kind === 'response' && (toHead || bare.status < 200 || bare.status === 204 || bare.status === 304)) return { message: bare, length };
  if (transferEncoding !== undefined) {
    if (transferEncoding !== 'chunked') throw new Error(`transfer-encoding: ${transferEncoding}`);
    const chunked = readChunked(rest);
    return chunked === null ? null : { message: new Message(head, chunked.body, chunked.chunks), length: length + chunked.length };
  }
  if (contentLength !== undefined) {
    const size = Number(contentLength);
    return rest.length < size ? null : { message: new Message(head, rest.subarray(0, size)), length: length + size };
  }
  if (kind === 'request') return { message: bare, length };
  return ended ? { message: new Message(head, rest), length: bytes.length } : null;
}
