/**
 * An answer that takes longer than the listener's own fixed timers (8 to 12 s) must still arrive, also for the first
 * request of a worker: re-arming those timers at the wrong moment once cut exactly that one.
 */
import { expect, it } from 'vitest';
import { RawClient } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';

const LATE_MS = 13_000;
const LIMIT_MS = 20_000;

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello';

it.each([
  ['no body', GET],
  ['a body', POST],
])('the first request of a worker waits for a late answer: %s', { concurrent: true, timeout: 2 * LIMIT_MS }, async (_name, bytes) => {
  const origin = await Origin.start({ answer: (_request, connection) => void setTimeout(() => connection.send(ok('late')), LATE_MS) });
  const proxy = await Millrace.start(proxyTo([origin.address]));
  const client = await RawClient.connect({ port: proxy.port() });
  client.send(bytes);
  const answer = await client.response({ limitMs: LIMIT_MS });
  expect([answer.status, answer.body.toString()]).toEqual([200, 'late']);
});
