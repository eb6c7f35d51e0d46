/** Where somebody makes something else of what a client sends than a case asks for: `ws`, and the listener of the proxy. */
import type { Gap } from '../websocket-exam.ts';
import { WEBSOCKET_CLIENT_CASES as CASES } from './websocket.ts';

const LONG_LENGTH = 'a length in more bytes than it needs is taken';
const AT_THE_END = 'UTF-8 is looked at when the message is complete';
const gaps = (ids: readonly string[], gap: Gap): Record<string, Gap> => Object.fromEntries(ids.map((id) => [id, gap]));
const LENGTHS: Record<string, Gap> = {
  '8.M4': { why: LONG_LENGTH, end: 'open', echoes: ['Hello'] },
  '8.M5': { why: LONG_LENGTH, end: 'open', echoes: ['Hello'] },
  '8.M6': { why: LONG_LENGTH, end: 'open', echoes: ['x'.repeat(300)] },
};

/** Where `ws` 8 is more lenient than the table, or says it with another code. */
export const GAPS_OF_WS: Record<string, Gap> = {
  ...LENGTHS,
  '6.4.3': { why: AT_THE_END, end: 'open' },
  '8.M7': { why: 'the length is too large before it is malformed', end: 1009 },
};

const CLOSE_PAYLOAD = 'the listener answers a close frame that it does not like with one without a code';
const OTHER_CODES = 'the listener takes only 1000-1003, 1007-1011 and 4000-4999 from a client; it does not say what the code was';
const UNMASKED = 'the listener takes the first four bytes of the payload for the mask; the upstream gets valid frames with that nonsense';
/** What the upstream is told is the listener's opinion of what was wrong. */
export const CODES_TOLD: Record<string, number> = { '8.M7': 1009 };
/** The listener takes 1 MiB more than its routes, so that the engine can close these with a frame. */
const A_LITTLE_TOO_LARGE = ['8.M11', '8.M11b'];
/** A payload and the four zero bytes after it, if its first four bytes are the mask. */
function readAsMasked(payload: string): string {
  const mask = Buffer.from(payload.slice(0, 4));
  const bytes = Buffer.concat([Buffer.from(payload.slice(4)), Buffer.alloc(4)]);
  return Buffer.from(bytes.map((byte, i) => byte ^ (mask[i & 3] ?? 0))).toString('latin1');
}
/**
 * What the uWebSockets.js listener (20.51.4) does instead of what a case asks for; the code behind it is told afterwards, if
 * at all. Wherever a case must fail and is not listed, it ends the connection without the close frame that section 7.1.7
 * asks for. The upstream is told the right code in all these cases.
 */
export const GAPS_OF_PROXY: Record<string, Gap> = {
  ...gaps(CASES.filter(({ id, fails }) => fails !== undefined && !A_LITTLE_TOO_LARGE.includes(id)).map(({ id }) => id), { why: 'the listener ends the connection without a close frame', end: 'end' }),
  '5.18b': { why: 'the listener takes a binary frame for the continuation of a text', end: 'open', echoes: ['fragment'] },
  '6.4.3': { why: AT_THE_END, end: 'open' },
  ...gaps(['7.3.2', '7.5.1', ...CASES.filter(({ id }) => id.startsWith('7.9.')).map(({ id }) => id)], { why: CLOSE_PAYLOAD, end: 1005 }),
  ...gaps(CASES.filter(({ closes = 0 }) => (closes > 1011 && closes < 4000)).map(({ id }) => id), { why: OTHER_CODES, end: 1005 }),
  '8.M1': { why: UNMASKED, end: 'open', echoes: [readAsMasked('Hello, world!')] },
  '8.M2': { why: UNMASKED, end: 'open', pongs: [readAsMasked('ping')] },
  '8.M3': { why: UNMASKED, end: 1000 },
  ...LENGTHS,
};
