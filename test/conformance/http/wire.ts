/** Connections of Node's own HTTP that lead nowhere: what one side would receive is handed to it piece by piece, without a socket. */
import http from 'node:http';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';

export interface Arrival {
  bytes: Buffer;
  /** Where the pieces end in which the bytes arrive. */
  ends: readonly number[];
  /** The connection ends after them. */
  closed: boolean;
}

/** What Node made of an answer. */
export type NodeOutcome =
  | { kind: 'refused'; why: string }
  | { kind: 'truncated' | 'open'; why: string }
  | { kind: 'answer'; status: number; reason: string; fields: string[]; body: string; interim: number[]; reusable: boolean };

class Wire extends Duplex {
  sent = '';
  readonly #arrival: Arrival;
  #begun = false;

  constructor(arrival: Arrival, begin: 'now' | 'when written to') {
    super({ allowHalfOpen: true });
    this.#arrival = arrival;
    if (begin === 'now') setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    if (this.#begun) return;
    this.#begun = true;
    let at = 0;
    for (const end of [...this.#arrival.ends, this.#arrival.bytes.length]) {
      if (end > at && !this.destroyed) this.push(this.#arrival.bytes.subarray(at, end));
      at = Math.max(at, end);
    }
    if (this.#arrival.closed && !this.destroyed) this.push(null);
  }

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.sent += chunk.toString('latin1');
    done();
    setImmediate(() => this.#deliver());
  }

  // What http calls on a socket.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/** Turns of the loop after which nothing more happens by itself: all of it is in memory. */
const TURNS = 6;

/** Lets Node's HTTP client read an answer, strictly. */
export async function readWithNode(arrival: Arrival, { toHead = false } = {}): Promise<NodeOutcome> {
  const wire = new Wire(arrival, 'when written to');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  // Typed for sockets; any stream will do.
  agent.createConnection = (() => wire) as unknown as typeof agent.createConnection;
  let outcome: NodeOutcome | undefined;
  let answer: (NodeOutcome & { kind: 'answer' }) | undefined;
  const interim: number[] = [];
  const settle = (value: NodeOutcome): void => {
    outcome ??= value;
  };
  agent.on('free', () => {
    if (answer !== undefined) answer.reusable = true;
  });
  const request = http.request({ agent, method: toHead ? 'HEAD' : 'GET', path: '/', host: 'a.test', maxHeaderSize: 64 * 1024, insecureHTTPParser: false });
  request.on('information', ({ statusCode }) => interim.push(statusCode));
  request.on('upgrade', (response) => settle({ kind: 'refused', why: `upgrade ${response.statusCode}` }));
  request.on('error', (error: NodeJS.ErrnoException) => {
    const code = error.code ?? error.message;
    settle(code === 'ECONNRESET' ? { kind: 'truncated', why: code } : { kind: 'refused', why: code });
  });
  request.on('response', (response) => {
    let body = '';
    response.on('data', (bytes: Buffer) => (body += bytes.toString('latin1')));
    response.on('error', () => settle({ kind: 'truncated', why: 'aborted' }));
    response.on('end', () => {
      if (!response.complete) return settle({ kind: 'truncated', why: 'incomplete' });
      answer = { kind: 'answer', status: response.statusCode ?? 0, reason: response.statusMessage ?? '', fields: response.rawHeaders, body, interim, reusable: false };
      settle(answer);
    });
  });
  request.end();
  for (let i = 0; i < TURNS; i++) await turn();
  settle({ kind: 'open', why: 'more is wanted' });
  request.on('error', () => undefined);
  request.destroy();
  wire.destroy();
  agent.destroy();
  return outcome!;
}

/** What Node made of a request head. */
export type NodeRequest = { accepted: true; method: string; url: string; fields: string[] } | { accepted: false; why: string };

let requests: { server: http.Server; wires: WeakMap<object, (request: NodeRequest) => void> } | undefined;

function server(): NonNullable<typeof requests> {
  if (requests !== undefined) return requests;
  const wires = new WeakMap<object, (request: NodeRequest) => void>();
  const accepted = (request: http.IncomingMessage): void =>
    wires.get(request.socket)?.({ accepted: true, method: request.method ?? '', url: request.url ?? '', fields: request.rawHeaders });
  const made = http.createServer({ insecureHTTPParser: false, maxHeaderSize: 64 * 1024 }, accepted);
  made.on('checkContinue', accepted);
  made.on('upgrade', accepted);
  made.on('connect', accepted);
  made.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    wires.get(socket)?.({ accepted: false, why: error.code ?? error.message });
    socket.destroy();
  });
  requests = { server: made, wires };
  return requests;
}

/** Lets Node's HTTP server read a request, strictly. */
export async function serveWithNode(bytes: Buffer): Promise<NodeRequest> {
  const { server: node, wires } = server();
  const wire = new Wire({ bytes, ends: [], closed: false }, 'now');
  wire.on('error', () => undefined);
  let outcome: NodeRequest | undefined;
  wires.set(wire, (value) => (outcome ??= value));
  node.emit('connection', wire);
  for (let i = 0; i < TURNS && outcome === undefined; i++) await turn();
  // Refusals that are answered without an event: no Host, an unknown expectation.
  outcome ??= { accepted: false, why: wire.sent.split('\r\n')[0] ?? '' };
  wire.destroy();
  return outcome;
}
