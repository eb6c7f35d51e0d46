/**
 * An answer or a piece of it that takes longer than the listener's own fixed timers (8 to 12 s) must still arrive, also for
 * the first request of a worker: re-arming those timers at the wrong moment once cut exactly that one. One test, so that
 * the waiting is shared.
 */
import { expect, it } from 'vitest';
import { RawClient } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type Answer } from '../support/origin.ts';

const LATE_MS = 13_000;
const LIMIT_MS = 20_000;

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello';

const late: Answer = (_request, connection) => void setTimeout(() => connection.send(ok('late')), LATE_MS);
const silentInBetween: Answer = (_request, connection) => {
  connection.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n');
  setTimeout(() => connection.send('9\r\ndata: 2\n\n\r\n0\r\n\r\n'), LATE_MS);
};

/** Body of the answer to the first request of a new proxy. */
async function firstAnswer(bytes: string, answer: Answer): Promise<string> {
  const origin = await Origin.start({ answer });
  const proxy = await Millrace.start(proxyTo([origin.address]));
  const client = await RawClient.connect({ port: proxy.port() });
  client.send(bytes);
  const { status, body } = await client.response({ limitMs: LIMIT_MS });
  return `${status} ${body.toString()}`;
}

it('answers that are late or silent in between arrive whole', { timeout: 2 * LIMIT_MS }, async () => {
  const answers = await Promise.all([firstAnswer(GET, late), firstAnswer(POST, late), firstAnswer(GET, silentInBetween)]);
  expect(answers).toEqual(['200 late', '200 late', '200 data: 1\n\ndata: 2\n\n']);
});
