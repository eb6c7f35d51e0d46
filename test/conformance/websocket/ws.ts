/** The parts of the package `ws` that are not in its types, and what they make of a stream of frames. */
import * as ws from 'ws';

interface Receiver {
  write(chunk: Uint8Array): boolean;
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this;
  on(event: 'ping' | 'pong', listener: (data: Buffer) => void): this;
  on(event: 'conclude', listener: (code: number, reason: Buffer) => void): this;
  on(event: 'error', listener: (error: Error & { code: string }) => void): this;
}

interface FrameOptions {
  fin: boolean;
  opcode: number;
  mask: boolean;
  generateMask?: (mask: Buffer) => void;
  readOnly: boolean;
  rsv1: boolean;
}

interface Internals {
  Receiver: new (options: { isServer: boolean; maxPayload: number }) => Receiver;
  Sender: {
    frame(data: Buffer, options: FrameOptions): Buffer[];
    new (socket: { cork(): void; uncork(): void; write(data: Buffer): void }, extensions: object, generateMask: (mask: Buffer) => void): {
      close(code: number | undefined, reason: Buffer | undefined, mask: boolean): void;
    };
  };
}

const { Receiver, Sender } = ws as unknown as Internals;

/** What came out of a stream: messages and control frames in order, and why it ended before its end. */
export interface Outcome {
  events: string[];
  /** Close code of the error; 0 = none. */
  closeCode: number;
  /** Of the error; empty = none. */
  error: string;
}

export const event = (kind: string, data: Uint8Array, code = 0): string => `${kind}${code === 0 ? '' : ` ${code}`} ${Buffer.from(data).toString('latin1')}`;

/** Every close code has one name in `ws` that the engine may have several sentences for. */
const CLOSE_CODES: Record<string, number> = {
  WS_ERR_UNEXPECTED_RSV_1: 1002,
  WS_ERR_UNEXPECTED_RSV_2_3: 1002,
  WS_ERR_INVALID_OPCODE: 1002,
  WS_ERR_EXPECTED_FIN: 1002,
  WS_ERR_EXPECTED_MASK: 1002,
  WS_ERR_UNEXPECTED_MASK: 1002,
  WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH: 1002,
  WS_ERR_INVALID_CLOSE_CODE: 1002,
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
};

/** As a client by default, one that got these chunks from a server. */
export async function receive(chunks: readonly Uint8Array[], maxPayload: number, isServer = false): Promise<Outcome> {
  const receiver = new Receiver({ isServer, maxPayload });
  const events: string[] = [];
  const first: { error?: string } = {};
  let concluded = false;
  receiver.on('message', (data, isBinary) => events.push(event(isBinary ? 'binary' : 'text', data)));
  for (const kind of ['ping', 'pong'] as const) receiver.on(kind, (data) => events.push(event(kind, data)));
  receiver.on('conclude', (code, reason) => {
    concluded = true;
    events.push(event('close', reason, code));
  });
  receiver.on('error', (error) => (first.error ??= error.code));
  for (const chunk of chunks) {
    // A copy: the receiver of a server unmasks in place. It takes nothing after an error or a close frame.
    if (first.error === undefined && !concluded) receiver.write(Buffer.from(chunk));
    // Errors are told a moment later.
    await new Promise<void>((next) => setImmediate(next));
  }
  const error = first.error ?? '';
  const closeCode = error === '' ? 0 : CLOSE_CODES[error];
  if (closeCode === undefined) throw new Error(`ws has a new error: ${error}`);
  return { events, closeCode, error };
}

/** A frame of a server, as `ws` writes it. */
export const serverFrame = (opcode: number, payload: Uint8Array, fin = true): Buffer =>
  Buffer.concat(Sender.frame(Buffer.from(payload), { fin, opcode, mask: false, readOnly: true, rsv1: false }));

const putMask = (mask: number) => (into: Buffer): void => {
  into.writeUInt32LE(mask);
};

/** A frame of a client, as `ws` writes it. */
export const clientFrame = (opcode: number, payload: Uint8Array, mask: number): Buffer =>
  Buffer.concat(Sender.frame(Buffer.from(payload), { fin: true, opcode, mask: true, generateMask: putMask(mask), readOnly: true, rsv1: false }));

/** A Close frame of a client, as `ws` writes it. */
export function clientClose(code: number | undefined, reason: Uint8Array, mask: number): Buffer {
  const written: Buffer[] = [];
  const nothing = (): void => undefined;
  const sender = new Sender({ cork: nothing, uncork: nothing, write: (data) => written.push(data) }, {}, putMask(mask));
  sender.close(code, code === undefined ? undefined : Buffer.from(reason), true);
  return Buffer.concat(written);
}
