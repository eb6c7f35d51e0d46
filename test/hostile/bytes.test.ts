/** Every one of the 256 byte values at every place of a message where a parser decides by the byte. */
import { beforeAll, describe, expect, it } from 'vitest';
import { answer, get, hosted, line, post, type Outcome } from './cases/case.ts';
import { Lanes, canary, type Lane } from './lanes.ts';
import { ScriptedLanes } from './scripted.ts';
import { SPLITS } from './splits.ts';
import { Wire } from './wire.ts';

const RUN_MS = 60_000;
const BYTES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const show = (byte: string): string => `0x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
/** RFC 9110 section 5.5. */
const TEXT = /^[\t\x20-\x7e\x80-\xff]$/;
/** Refused, by whoever. For a bare CR the listener waits for more until its timer is over: gap waitsForLineEnd. */
const refused = (byte: string): readonly Outcome[] => (byte === '\r' ? [400, 505, 'close', 'silence'] : [400, 501, 505, 'close']);

interface Place {
  name: string;
  bytes: (byte: string) => string;
  /** How it may end with this byte there. */
  allow: (byte: string) => readonly Outcome[];
  /** What the upstream must have got, if it got anything; a text to be found in the head. */
  seen?: (byte: string) => string;
}

const either = (ok: boolean, byte: string): readonly Outcome[] => (ok ? [200, ...refused(byte)] : refused(byte));
const exactly = (ok: boolean, byte: string): readonly Outcome[] => (ok ? [200] : refused(byte));

const REQUEST_PLACES: Place[] = [
  { name: 'before the method', bytes: (byte) => `${byte}GET /p HTTP/1.1\r\nHost: a.test\r\n\r\n`, allow: (byte) => either(TOKEN.test(byte), byte), seen: (byte) => `${byte}GET /p` },
  { name: 'in the method', bytes: (byte) => line(`G${byte}T /p HTTP/1.1`), allow: (byte) => either(TOKEN.test(byte), byte), seen: (byte) => `G${byte}T /p` },
  // A percent sign makes a broken escape, and some of the others are refused by policy; what passes is unchanged.
  { name: 'in the path', bytes: (byte) => line(`GET /a${byte}b HTTP/1.1`), allow: (byte) => either(/^[\x21-\x7e]$/.test(byte) && byte !== '#', byte), seen: (byte) => `GET /a${byte}b ` },
  { name: 'in the query', bytes: (byte) => line(`GET /p?a${byte}b HTTP/1.1`), allow: (byte) => either(/^[\x21-\x7e]$/.test(byte) && byte !== '#', byte), seen: (byte) => `GET /p?a${byte}b ` },
  { name: 'behind the version', bytes: (byte) => line(`GET /p HTTP/1.1${byte}`), allow: refused },
  { name: 'before a name', bytes: (byte) => get([`${byte}X-A: b`]), allow: (byte) => (byte === ':' ? [200, 400] : exactly(TOKEN.test(byte), byte)) },
  { name: 'in a name', bytes: (byte) => get([`X${byte}A: b`]), allow: (byte) => exactly(TOKEN.test(byte) || byte === ':', byte), seen: (byte) => (byte === '_' ? '' : byte === ':' ? 'x: A: b' : `x${byte.toLowerCase()}a: b`) },
  { name: 'before a colon', bytes: (byte) => get([`X-A${byte}: b`]), allow: (byte) => exactly(TOKEN.test(byte) || byte === ':', byte) },
  { name: 'in a value', bytes: (byte) => get([`X-A: b${byte}c`]), allow: (byte) => exactly(TEXT.test(byte), byte), seen: (byte) => `x-a: b${byte}c\r\n` },
  { name: 'in Host', bytes: (byte) => hosted(`Host: a${byte}9`), allow: (byte) => either(/^[a-zA-Z0-9\-._~%!$&'()*+,;=:]$/.test(byte), byte), seen: (byte) => `host: a${byte}9\r\n` },
  // Digits make another length.
  { name: 'in Content-Length', bytes: (byte) => post([`Content-Length: 0${byte}5`], 'hello'), allow: (byte) => (/\d/.test(byte) ? ['silence', 'close', 200] : refused(byte)) },
  { name: 'in Transfer-Encoding', bytes: (byte) => post([`Transfer-Encoding: chun${byte}ked`], '0\r\n\r\n'), allow: refused },
];

describe('of a request', () => {
  let lanes: Lanes;

  beforeAll(async () => {
    lanes = await Lanes.start({
      origin: () => ({ answer: (request, connection) => connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${request.method === 'HEAD' ? 0 : request.target.length}\r\n\r\n${request.target}`) }),
    });
  });

  async function send(bytes: string, split: (bytes: Buffer) => Buffer[], lane: Lane): Promise<{ outcome: Outcome; head: string | undefined; forwarded: number }> {
    const from = lane.origin.requests.length;
    const wire = await Wire.open(lane.port);
    await wire.sendAll(split(Buffer.from(bytes, 'latin1')));
    const { outcome } = await wire.answer();
    wire.close();
    const forwarded = lane.origin.requests.slice(from);
    return { outcome, head: forwarded[0] === undefined ? undefined : `${forwarded[0].head.text}\r\n`, forwarded: forwarded.length };
  }

  it.each(['whole', 'byte by byte'].flatMap((split) => REQUEST_PLACES.map((place) => [place.name, split, place] as const)))('%s (%s)', { timeout: RUN_MS }, async (_name, split, { bytes, allow, seen }) => {
    const arrived = (): number => lanes.all.reduce((sum, { origin }) => sum + origin.requests.length, 0);
    const before = arrived();
    const results = await lanes.run(BYTES, (byte, lane) => send(bytes(byte), SPLITS[split] as (bytes: Buffer) => Buffer[], lane));
    for (const { port } of lanes.all) await canary(port);
    const wrong = BYTES.flatMap((byte, i) => {
      const { outcome, head, forwarded } = results[i] as (typeof results)[number];
      const good = allow(byte).includes(outcome) && (outcome === 200 ? forwarded === 1 && head?.includes(seen?.(byte) ?? '') === true : forwarded === 0);
      return good ? [] : [`${show(byte)}: ${outcome}, ${forwarded} forwarded ${head?.split('\r\n').slice(0, 4).join(' | ') ?? ''}`];
    });
    expect(wrong, wrong.join('\n')).toEqual([]);
    // Nothing of what was refused came later.
    expect(arrived() - before).toBe(results.filter(({ outcome }) => outcome === 200).length + lanes.all.length);
  });
});

const ANSWER_PLACES: Place[] = [
  { name: 'before the status line', bytes: (byte) => `${byte}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`, allow: () => [502] },
  { name: 'in the version', bytes: (byte) => `HTTP/1.${byte} 200 OK\r\nContent-Length: 0\r\n\r\n`, allow: (byte) => (byte === '0' || byte === '1' ? [200] : [502]) },
  { name: 'in the status', bytes: (byte) => `HTTP/1.1 ${byte}00 OK\r\nContent-Length: 0\r\n\r\n`, allow: (byte) => (/[2-5]/.test(byte) ? [Number(byte) * 100] : byte === '1' ? [504] : [502]) },
  { name: 'behind the status', bytes: (byte) => `HTTP/1.1 200${byte}OK\r\nContent-Length: 0\r\n\r\n`, allow: (byte) => (byte === ' ' ? [200] : [502]) },
  { name: 'in the reason', bytes: (byte) => `HTTP/1.1 200 O${byte}K\r\nContent-Length: 0\r\n\r\n`, allow: (byte) => (TEXT.test(byte) ? [200] : [502]), seen: (byte) => ` O${byte}K` },
  { name: 'before a name', bytes: (byte) => answer([`${byte}X-A: b`, 'Content-Length: 0']), allow: (byte) => (TOKEN.test(byte) ? [200] : [502]) },
  { name: 'in a name', bytes: (byte) => answer([`X${byte}A: b`, 'Content-Length: 0']), allow: (byte) => (TOKEN.test(byte) || byte === ':' ? [200] : [502]), seen: (byte) => `X${byte}A: b` },
  { name: 'before a colon', bytes: (byte) => answer([`X-A${byte}: b`, 'Content-Length: 0']), allow: (byte) => (TOKEN.test(byte) || byte === ':' ? [200] : [502]) },
  { name: 'in a value', bytes: (byte) => answer([`X-A: b${byte}c`, 'Content-Length: 0']), allow: (byte) => (TEXT.test(byte) ? [200] : [502]), seen: (byte) => `X-A: b${byte}c` },
  { name: 'in Content-Length', bytes: (byte) => answer([`Content-Length: 0${byte}0`]), allow: (byte) => (/\d/.test(byte) ? [200, 'abort', 502] : byte === ',' ? [200, 502] : [502]) },
  { name: 'in Transfer-Encoding', bytes: (byte) => answer([`Transfer-Encoding: chun${byte}ked`], '0\r\n\r\n'), allow: () => [502] },
];

describe('of an answer', () => {
  let scripted: ScriptedLanes;

  beforeAll(async () => {
    scripted = await ScriptedLanes.start({ route: { timeout: '1s', idleTimeout: '1s', retry: { attempts: 0 } } });
  });

  it.each(['whole', 'byte by byte'].flatMap((split) => ANSWER_PLACES.map((place) => [place.name, split, place] as const)))('%s (%s)', { timeout: RUN_MS }, async (_name, split, { bytes, allow, seen }) => {
    const results = await scripted.lanes.run(BYTES, (byte, lane) => scripted.play({ bytes: bytes(byte) }, SPLITS[split] as (bytes: Buffer) => Buffer[], lane));
    const wrong = BYTES.flatMap((byte, i) => {
      const { outcome, answer: message, rest } = results[i] as (typeof results)[number];
      const good = allow(byte).includes(outcome) && (outcome !== 200 || message?.head.text.includes(seen?.(byte) ?? '') === true);
      return good ? [] : [`${show(byte)}: ${outcome} ${JSON.stringify(message?.head.text ?? rest)}`];
    });
    expect(wrong, wrong.join('\n')).toEqual([]);
  });
});
