/** Runs a case of cases/websocket.ts on an open connection, whose other end is supposed to echo messages. */
import { expect } from 'vitest';
import { OPCODE, closeCode, closePayload, frame, type Frame } from '../support/websocket-frames.ts';
import type { FrameStream } from '../support/websocket-raw.ts';
import type { WebSocketCase } from './cases/websocket.ts';
import { sendPieces } from './splits.ts';

export interface Outcome {
  /** Messages that came back, put together from their fragments. */
  echoes: WebSocketCase['echoes'];
  pongs: Buffer[];
  /** Code of the close frame that came; `end`: the connection was ended without one; `open`: it was not ended. */
  end: number | 'end' | 'open';
}

/** Where the examined end does something else than the case asks for. */
export interface Gap {
  why: string;
  end: Outcome['end'];
  /** Of a connection that stays open although it should fail: what it makes of the bytes, latin1. */
  echoes?: string[];
  pongs?: string[];
}

/** How every case ends that is not closed by its own close frame. */
export const FAREWELL = { code: 1000, reason: 'the case is over' };

function messagesOf(frames: readonly Frame[]): Outcome['echoes'] {
  const messages: Outcome['echoes'] = [];
  let parts: Frame[] = [];
  for (const piece of frames.filter(({ opcode }) => opcode < OPCODE.close)) {
    parts.push(piece);
    if (!piece.fin) continue;
    messages.push({ opcode: parts[0]?.opcode ?? 0, payload: parts.length === 1 ? piece.payload : Buffer.concat(parts.map(({ payload }) => payload)) });
    parts = [];
  }
  return messages;
}

/** `masked`: this side is a client. */
export async function examine(stream: FrameStream, item: WebSocketCase, pieces: readonly Buffer[], { masked, gap }: { masked: boolean; gap?: Gap | undefined }): Promise<Outcome> {
  await sendPieces((piece) => stream.send(piece), pieces, () => !stream.ended);
  const staysOpen = gap?.end === 'open' || (item.fails === undefined && item.closes === undefined && gap === undefined);
  if (staysOpen) {
    const wanted = gap === undefined ? item.echoes.length + item.pongs.length : (gap.echoes ?? []).length + (gap.pongs ?? []).length;
    // Counted as they come: some cases bring thousands of frames.
    let seen = 0;
    let count = 0;
    const counted = (): number => {
      for (; seen < stream.frames.length; seen++) {
        const { opcode, fin } = stream.frames[seen] as Frame;
        if ((opcode < OPCODE.close && fin) || opcode === OPCODE.pong) count++;
      }
      return count;
    };
    await stream.until(() => counted() >= wanted, `${wanted} messages and pongs`);
    stream.send(frame(OPCODE.close, closePayload(FAREWELL.code, FAREWELL.reason), { masked }));
  }
  await stream.until(() => stream.closeCode !== null || stream.ended, 'a close frame or the end of the connection');
  // The server is the one that ends the connection (section 7.1.1).
  if (masked) await stream.end();
  const closed = stream.frames.find(({ opcode }) => opcode === OPCODE.close);
  expect(closed ?? stream.frames.at(-1), 'the last frame').toBe(stream.frames.at(-1));
  const end = closed === undefined ? 'end' : closeCode(closed);
  return {
    echoes: messagesOf(stream.frames),
    pongs: stream.frames.filter(({ opcode }) => opcode === OPCODE.pong).map(({ payload }) => payload),
    end: gap?.end === 'open' && end === FAREWELL.code ? 'open' : end,
  };
}

const digest = ({ opcode, payload }: Outcome['echoes'][number]): string => `${opcode}:${payload.length}:${payload.toString('latin1', 0, 200)}`;

/** The first `actual.length` of `wanted`, byte by byte. */
function expectStart(actual: Outcome['echoes'], wanted: Outcome['echoes'], what: string): void {
  expect(actual.map(digest), what).toEqual(wanted.slice(0, actual.length).map(digest));
  expect(actual.every(({ payload }, i) => payload.equals(wanted[i]?.payload ?? payload.subarray(1))), `${what}, byte by byte`).toBe(true);
}

export function expectOutcome(outcome: Outcome, item: WebSocketCase, gap: Gap | undefined): void {
  expect(outcome.end, gap?.why).toBe(gap?.end ?? item.fails ?? item.closes ?? FAREWELL.code);
  if (gap?.end === 'open') {
    expect(outcome.echoes.map(({ payload }) => payload.toString('latin1')), gap.why).toEqual(gap.echoes ?? []);
    expect(outcome.pongs.map((payload) => payload.toString('latin1')), gap.why).toEqual(gap.pongs ?? []);
    return;
  }
  // What comes before a failure or a close need not have been answered yet; nothing else may come.
  const complete = item.fails === undefined && item.closes === undefined;
  if (complete) expect([outcome.echoes.length, outcome.pongs.length], 'messages and pongs').toEqual([item.echoes.length, item.pongs.length]);
  expectStart(outcome.echoes, item.echoes, 'messages');
  expectStart(outcome.pongs.map((payload) => ({ opcode: OPCODE.pong, payload })), item.pongs.map((payload) => ({ opcode: OPCODE.pong, payload })), 'pongs');
}
