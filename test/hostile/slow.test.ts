/**
 * Clients that send or read as slowly as they can, all at once, and honest ones among them: these are not kept waiting, memory stays
 * bounded, and everything ends. (Attacks of slowhttptest -H, -B and -X.)
 */
import { expect, it } from 'vitest';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { canary, echo } from './lanes.ts';
import { descriptors, expectNothingLeft } from './state.ts';
import { Wire } from './wire.ts';

const MIB = 1024 * 1024;
const HEADS = 200;
const BODIES = 100;
const READERS = 50;
const REUSERS = 40;
/** uWS ends an idle or slow connection after 8 to 12 s. */
const LISTENER_MS = 12_000;
const SLACK_MS = 5_000;
/** Of one answer to a reader that does not read: far above what sockets buffer. */
const DOWNLOAD = 64 * MIB;
const RSS_BOUND = 160 * MIB;
/** An honest request, among all of this and on a busy machine. */
const HONEST_MS = 1_000;
const BODY_LIMIT_MS = 6_000;

it('slow heads, bodies and readers end, and cost the others nothing (F08, F09, F10, F35)', { timeout: 60_000 }, async () => {
  const origin = await Origin.start({
    onConnection: (connection) => {
      let text = '';
      connection.socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        if (!text.includes('\r\n\r\n')) return;
        const target = text.split(' ')[1] ?? '';
        if (target === '/body') return;
        text = '';
        if (target !== '/download') {
          echo(target, connection);
          return;
        }
        const piece = Buffer.alloc(64 * 1024, 'x');
        let left = DOWNLOAD;
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${DOWNLOAD}\r\n\r\n`);
        const fill = (): void => {
          while (left > 0 && !connection.socket.destroyed) {
            left -= piece.length;
            if (!connection.socket.write(piece)) return;
          }
        };
        connection.socket.on('drain', fill);
        fill();
      });
    },
  });
  const proxy = await Millrace.start(proxyTo([origin.address], { route: { idleTimeout: '5s', maxDuration: `${BODY_LIMIT_MS}ms`, retry: { attempts: 0 } }, cluster: { pool: { maxConnections: 400 } } }));
  const open = (): Promise<Wire> => Wire.open(proxy.port());
  await canary(proxy.port());
  const before = descriptors(proxy);
  const memory = proxy.rss;
  const begin = performance.now();
  const since = (): number => performance.now() - begin;

  const heads = await Promise.all(Array.from({ length: HEADS }, open));
  for (const wire of heads) wire.send('GET /never HTTP/1.1\r\nHost: a.test\r\n');
  const bodies = await Promise.all(Array.from({ length: BODIES }, open));
  for (const [i, wire] of bodies.entries()) wire.send(`POST /body HTTP/1.1\r\nHost: a.test\r\n${i % 2 === 0 ? 'Content-Length: 100000' : 'Transfer-Encoding: chunked'}\r\n\r\n`);
  const readers = await Promise.all(Array.from({ length: READERS }, open));
  for (const wire of readers) {
    wire.hold();
    wire.send('GET /download HTTP/1.1\r\nHost: a.test\r\n\r\n');
  }
  const drip = setInterval(() => {
    for (const wire of heads) wire.send('X-A: b\r\n');
    for (const [i, wire] of bodies.entries()) wire.send(i % 2 === 0 ? 'x' : '1\r\nx\r\n');
  }, 400);

  // Some come back on a connection that the listener is about to close: an answer, or a close that a client can tell is one.
  const reusers = Array.from({ length: REUSERS }, async (_, i) => {
    const wire = await open();
    wire.send('GET /one HTTP/1.1\r\nHost: a.test\r\n\r\n');
    expect((await wire.answer(5000)).outcome).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 7_900 + (i * 4_200) / REUSERS));
    wire.send('GET /two HTTP/1.1\r\nHost: a.test\r\n\r\n');
    const { outcome, message } = await wire.answer(5000);
    expect([200, 'close']).toContain(outcome);
    if (message !== null) expect(message.text).toBe('/two');
    wire.close();
    return outcome;
  });

  let worst = 0;
  let honest = 0;
  let peak = 0;
  const everybody = [...heads, ...bodies];
  while (!everybody.every(({ ended }) => ended) && since() < LISTENER_MS + SLACK_MS) {
    const from = performance.now();
    const wire = await open();
    wire.send('GET /honest HTTP/1.1\r\nHost: a.test\r\n\r\n');
    expect((await wire.answer(HONEST_MS * 5)).message?.text).toBe('/honest');
    wire.close();
    worst = Math.max(worst, performance.now() - from);
    peak = Math.max(peak, proxy.rss);
    honest++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  clearInterval(drip);
  expect(heads.filter(({ ended }) => !ended).length, 'heads still open').toBe(0);
  expect(bodies.filter(({ ended }) => !ended).length, 'bodies still open').toBe(0);
  expect(honest).toBeGreaterThan(50);
  expect(worst, 'the slowest honest request, ms').toBeLessThan(HONEST_MS);
  expect(peak - memory, 'memory').toBeLessThan(RSS_BOUND);
  await Promise.all(reusers);
  await expectNothingLeft(proxy, before);
  for (const wire of readers) wire.close();
});
