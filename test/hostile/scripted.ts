/** Lanes whose upstreams answer `/case` with the bytes of a case, and everything else honestly. */
import { Message, readHead, readMessage } from '../support/http-message.ts';
import type { OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';
import type { Outcome, UpstreamCase } from './cases/case.ts';
import { Lanes, canary, echo, type Lane, type LanesOptions } from './lanes.ts';
import { sendPieces } from './splits.ts';
import { Wire } from './wire.ts';

/** Above the timeouts of the route: an upstream that says nothing more is the proxy's to end. */
const LONG_MS = 5000;

export interface Play {
  outcome: Outcome;
  answer: Message | null;
  /** Everything else that the client got. */
  rest: string;
  /** Whether the connection of the case is still there after two canaries. */
  reused: boolean;
}

type Script = Pick<UpstreamCase, 'end' | 'method' | 'reuse'> & { pieces: Buffer[]; victim?: OriginConnection };

export class ScriptedLanes {
  readonly lanes: Lanes;
  readonly #scripts: Map<Lane, Script>;

  private constructor(lanes: Lanes, scripts: Map<Lane, Script>) {
    this.lanes = lanes;
    this.#scripts = scripts;
  }

  static async start(options: LanesOptions = {}): Promise<ScriptedLanes> {
    const scripts = new Map<Lane, Script>();
    const lanes = await Lanes.start({
      origin: (lane) => ({ onConnection: (connection) => listen(connection, () => scripts.get(lane())) }),
      route: { timeout: '3s', idleTimeout: '3s', retry: { attempts: 0 } },
      ...options,
    });
    return new ScriptedLanes(lanes, scripts);
  }

  async play(item: Pick<UpstreamCase, 'bytes' | 'end' | 'method' | 'reuse'>, split: (bytes: Buffer) => Buffer[], lane: Lane): Promise<Play> {
    const { bytes, method = 'GET', reuse } = item;
    const script: Script = { ...item, pieces: split(Buffer.from(bytes, 'latin1')) };
    this.#scripts.set(lane, script);
    const wire = await Wire.open(lane.port, { toHead: method === 'HEAD' });
    wire.send(`${method} /case HTTP/1.1\r\nHost: a.test\r\n${method === 'POST' ? 'Content-Length: 10\r\n\r\nhalf.' : '\r\n'}`);
    const { outcome, message } = await wire.answer(LONG_MS);
    const { rest } = wire;
    wire.close();
    const over = (): boolean => script.victim?.socket.destroyed === true || script.victim?.socket.readableEnded === true;
    if (reuse === false) await eventually(over);
    for (let i = 0; i < 2; i++) await canary(lane.port);
    return { outcome, answer: message, rest, reused: !over() };
  }
}

function listen(connection: OriginConnection, scriptOf: () => Script | undefined): void {
  let bytes: Buffer = Buffer.alloc(0);
  connection.socket.on('data', (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece]);
    for (;;) {
      const script = scriptOf();
      const start = readHead(bytes);
      if (start === null) return;
      if (script !== undefined && new Message(start.head, bytes).target === '/case') {
        // Before the body has come, if there is one.
        bytes = bytes.subarray(start.length);
        script.victim = connection;
        void say(script, connection);
        continue;
      }
      const found = readMessage(bytes, { kind: 'request' });
      if (found === null) return;
      bytes = bytes.subarray(found.length);
      echo(found.message.method === 'HEAD' ? '' : found.message.target, connection);
    }
  });
}

async function say({ pieces, end }: Script, connection: OriginConnection): Promise<void> {
  await sendPieces((piece) => connection.send(piece), pieces, () => !connection.socket.destroyed);
  if (end === 'close') connection.end();
  // Not in the same turn: the kernel would drop what it has not sent yet.
  if (end === 'reset') setImmediate(() => setImmediate(() => connection.reset()));
}
