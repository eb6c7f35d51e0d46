import type { TcpProbeConfig } from '../config/types-failover.ts';
import { Contains } from './body-match.ts';
import { failed, MAX_ANSWER_BYTES, passed, took, type Attempt, type Checker } from './check.ts';
import { excerpt, open, Phases, type Target } from './connect.ts';

const EXCERPT_BYTES = 64;

/** A connection (with TLS where the cluster has it), and perhaps a few bytes each way. Each check opens one: that is what is checked. */
export class TcpChecker implements Checker {
  readonly #probe: TcpProbeConfig;
  readonly #target: Target;

  constructor(probe: TcpProbeConfig, target: Target) {
    this.#probe = probe;
    this.#target = target;
  }

  begin(attempt: Attempt): () => string {
    const { send, receive } = this.#probe;
    const socket = open(this.#target);
    const phases = new Phases();
    const match = new Contains(receive);
    let start = Buffer.alloc(0);
    let length = 0;
    let over = false;
    phases.follow(socket, attempt);
    const finish: Attempt['finish'] = (result) => {
      if (over) return;
      over = true;
      attempt.finish(result);
      socket.destroy();
    };
    const wanted = (): string => `but not the expected bytes: ${length === 0 ? 'nothing was received' : excerpt(start)}`;
    socket.on('error', (error) => finish(phases.failure(error)));
    socket.once(this.#target.tls === null ? 'connect' : 'secureConnect', () => {
      if (send.length > 0) socket.write(send);
      if (receive.length === 0) finish(passed(`${this.#target.tls === null ? 'connected' : 'connected with TLS'} ${took(attempt)}`));
    });
    socket.on('data', (piece: Buffer) => {
      if (over) return;
      if (start.length < EXCERPT_BYTES) start = Buffer.concat([start, piece.subarray(0, EXCERPT_BYTES - start.length)]);
      const room = MAX_ANSWER_BYTES - length;
      length += piece.length;
      if (match.feed(piece.subarray(0, room))) finish(passed(`expected bytes received ${took(attempt)}`));
      else if (length >= MAX_ANSWER_BYTES) finish(failed('body', `${MAX_ANSWER_BYTES / 1024} KiB received, ${wanted()}`));
    });
    socket.on('end', () => {
      if (!phases.isConnected) finish(phases.failure({ code: 'ECONNRESET' }));
      else finish(failed(length === 0 ? 'closed' : 'body', `connection closed, ${wanted()}`));
    });
    socket.on('close', () => finish(failed('closed', 'connection closed')));
    return () => {
      over = true;
      socket.destroy();
      return length === 0 ? phases.text : `connected, ${wanted()}`;
    };
  }

  close(): void {
    // Nothing is kept.
  }
}
