/**
 * An origin that sends more than it was asked for, on connections that wait for their next request: a second answer, a 408, the
 * start of one, rubbish, or the end. No client may ever get any of it, nor lose a request to it, also when the next requests
 * come in the same moment as those bytes. (What comes after the next request was written cannot be told from its answer
 * by anyone, so the origin stays silent then.)
 */
import { expect, it } from 'vitest';
import { makeCertificate } from '../support/certificates.ts';
import { RawClient } from '../support/client.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const CLIENTS = 16;
const SEED = 20261121;

/** Mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FAREWELL = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
/** What is sent without a request, and whether that breaks the protocol. */
const UNASKED: { bytes: string; end: boolean; wrong: boolean }[] = [
  { bytes: ok('poison'), end: false, wrong: true },
  { bytes: ok('poison') + ok('poison'), end: false, wrong: true },
  { bytes: 'HTTP/1.1 200 OK\r\nX-Poison: 1\r\nContent-Le', end: false, wrong: true },
  { bytes: '\r\n', end: false, wrong: true },
  { bytes: FAREWELL, end: true, wrong: false },
  { bytes: '', end: true, wrong: false },
];

it.each([
  ['plain', 250],
  ['TLS', 100],
] as const)('bytes that nobody asked for never become an answer, nor cost one (%s)', { timeout: 120_000 }, async (kind, rounds) => {
  const draw = random(SEED);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(draw() * list.length)] as T;
  const directory = temporaryDirectory();
  const ca = makeCertificate(directory, 'ca', { isCa: true });
  const { cert, key } = makeCertificate(directory, 'server', { names: ['IP:127.0.0.1'], ca });
  const origin = await Origin.start({ ...(kind === 'TLS' ? { tls: { cert, key } } : {}), answer: (message, connection) => connection.send(ok(`${message.method} ${message.target}`)) });
  const proxy = await Millrace.start(proxyTo([origin.address], { workers: 1, route: { retry: { attempts: 0 } }, cluster: kind === 'TLS' ? { tls: { ca: ca.certFile } } : {} }));
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect({ port: proxy.port() })));
  let wrong = 0;
  const spoil = (connection: OriginConnection): Promise<void> => {
    const { bytes, end, wrong: isWrong } = pick(UNASKED);
    if (isWrong) wrong++;
    return new Promise((sent) => {
      // At once, in a later turn of our loop, or a little later.
      const send = (): void => void (end ? connection.socket.end(bytes, 'latin1', sent) : connection.socket.write(bytes, 'latin1', () => sent()));
      const when = draw();
      if (when < 0.5) send();
      else if (when < 0.8) setImmediate(send);
      else setTimeout(send, when * 2);
    });
  };
  for (let round = 0; round < rounds; round++) {
    const busy = clients.filter(() => draw() < 0.7);
    const asked = busy.map((client, i) => {
      const target = `/${round}/${i}`;
      const post = draw() < 0.5; // never to be sent twice
      client.send(post ? `POST ${target} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody` : `GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      return { client, told: `${post ? 'POST' : 'GET'} ${target}` };
    });
    for (const { client, told } of asked) {
      const answer = await client.response();
      expect(`${answer.status} ${answer.text}`, `seed ${SEED}, round ${round}`).toBe(`200 ${told}`);
    }
    await Promise.all([...origin.open].filter(({ socket }) => !socket.writableEnded && draw() < 0.4).map(spoil));
  }
  for (const client of clients) expect(client.received.toString('latin1')).toBe('');
  expect(wrong).toBeGreaterThan(rounds);
  await eventually(async () => (await proxy.metric('millrace_upstream_protocol_errors_total', { reason: 'unsolicited' })) === wrong);
  expect(await proxy.metric('millrace_upstream_retries_total')).toBe(0);
  const line = await eventually(() => {
    const found = proxy.log.find(({ reason }) => reason === 'unsolicited');
    expect(found).toBeDefined();
    return found;
  });
  expect(line).toMatchObject({ level: 'warn', cluster: 'up', endpoint: origin.address, msg: 'upstream broke the protocol: bytes on a connection without a request' });
});
