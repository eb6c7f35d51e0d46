/** The limits of a request head, to the byte: one below and at the limit it passes, one above it is refused with the right status. */
import { beforeAll, expect, it } from 'vitest';
import { CLIENT_LANES } from './requests.ts';
import { Lanes, type Lane } from './lanes.ts';
import { SPLITS } from './splits.ts';
import { Wire } from './wire.ts';

const TARGET = 1024;
const HEADER = 512;
const HEADERS = 20;
const HEAD = 4096;

/** What the listener keeps to itself, and the engine does not count: "HTTP/1.1" and the empty line. */
const UNSEEN = 10;

const START = 'GET /p HTTP/1.1\r\n';
const HOST = 'Host: a.test\r\n';
const padded = (line: string, size: number, end: string): string => `${line}${'a'.repeat(size - line.length - end.length)}${end}`;

/** A head of exactly that many bytes, in lines of at most 500. */
function headOf(size: number): string {
  const left = size - START.length - HOST.length - 2;
  const count = Math.ceil(left / 500);
  const lines = Array.from({ length: count }, (_, i) => padded(`X-${i}: `, Math.floor(left / count) + (i < left % count ? 1 : 0), '\r\n'));
  return `${START}${HOST}${lines.join('')}\r\n`;
}

const KINDS: [name: string, limit: number, status: number, bytes: (size: number) => string][] = [
  ['a target in bytes', TARGET, 414, (size) => `GET ${padded('/', size, '')} HTTP/1.1\r\n${HOST}\r\n`],
  ['path and query in bytes', TARGET, 414, (size) => `GET ${padded('/p?', size, '')} HTTP/1.1\r\n${HOST}\r\n`],
  ['a header line in bytes', HEADER, 431, (size) => `${START}${HOST}${padded('X-A: ', size, '\r\n')}\r\n`],
  ['a name in bytes of its line', HEADER, 431, (size) => `${START}${HOST}${padded('', size - 6, '')}: bc\r\n\r\n`],
  ['header lines', HEADERS, 431, (size) => `${START}${HOST}${Array.from({ length: size - 1 }, (_, i) => `X-${i}: b\r\n`).join('')}\r\n`],
  ['a head in bytes', HEAD, 431, (size) => headOf(size + UNSEEN)],
];

let lanes: Lanes;

beforeAll(async () => {
  lanes = await Lanes.start({ ...CLIENT_LANES, count: 1, more: { limits: { maxRequestTarget: TARGET, maxRequestHeader: HEADER, maxRequestHeaders: HEADERS, maxRequestHead: HEAD } } });
});

it.each(KINDS)('%s: %i', async (_name, limit, status, bytes) => {
  const { port } = lanes.all[0] as Lane;
  for (const split of [SPLITS['whole'], SPLITS['cut in every CRLF']]) {
    const seen: unknown[] = [];
    for (const size of [limit - 1, limit, limit + 1]) {
      const wire = await Wire.open(port);
      await wire.sendAll((split as (bytes: Buffer) => Buffer[])(Buffer.from(bytes(size), 'latin1')));
      seen.push((await wire.answer()).outcome);
      if (size > limit) expect(await wire.ends()).toBe(true);
      wire.close();
    }
    expect(seen).toEqual([200, 200, status]);
  }
});
