/** GETs through a cluster with default retries, one endpoint of three dying again and again in every way that nobody has acted on. */
import { expect, it } from 'vitest';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { account } from './account.ts';
import { Endpoint } from './endpoint.ts';
import { Load } from './load.ts';
import { FULL, expectQuiet } from './row.ts';
import type {} from './table-reporter.ts';
import { scrape, sum } from './watch.ts';

const REQUESTS = FULL ? 100_000 : 20_000;
const CONNECTIONS = 64;
/** Requests from one death to the next, and from a death to a life. */
const EVERY = 2_000;

/** By default an endpoint that has died is let in again after 10 s, which spares it most of its deaths. */
const CLUSTERS = [
  ['default settings', {}],
  ['ejections of 100 ms', { outlierDetection: { baseEjectionTime: '100ms', maxEjectionTime: '100ms' } }],
] as const;

for (const [settings, cluster] of CLUSTERS) it(`0 of ${REQUESTS.toLocaleString('en')} GETs fail while one endpoint of three dies again and again (${settings})`, { timeout: 240_000 }, async ({ task }) => {
  const endpoints = await Promise.all(['a', 'b', 'c'].map((name) => Endpoint.start(name)));
  const dying = endpoints[0]!;
  const proxy = await Millrace.start({ ...proxyTo(endpoints.map(({ address }) => address), { cluster }), workers: 2 });
  const before = await scrape(proxy.adminPort);
  const load = Load.start({ port: proxy.port(), connections: CONNECTIONS, paceMs: 0, total: REQUESTS });
  const DEATHS = [
    { die: () => dying.kill(), live: () => dying.restart() },
    { die: () => dying.behave({ mode: 'refuse' }), live: () => dying.behave({ mode: 'ok' }) },
    { die: () => dying.behave({ mode: 'resetBefore' }), live: () => dying.behave({ mode: 'ok' }) },
    { die: () => dying.kill('SIGTERM'), live: () => dying.restart() },
    { die: () => dying.behave({ mode: 'halfClose' }), live: () => dying.behave({ mode: 'ok' }) },
    { die: () => dying.behave({ mode: 'resetAfter' }), live: () => dying.behave({ mode: 'ok' }) },
  ];
  let deaths = 0;
  while (load.tally.sent + 2 * EVERY < REQUESTS) {
    const { die, live } = DEATHS[deaths++ % DEATHS.length]!;
    await die();
    await load.more(EVERY);
    await live();
    await load.more(EVERY);
  }
  const report = await load.finished(120_000);
  await expectQuiet(proxy);
  const after = await scrape(proxy.adminPort);
  const { sent, answered, failed, errors, cut, lost, wrong, complaints } = account([report], before, after);
  
  const retries = sum(after, 'millrace_upstream_retries_total') - sum(before, 'millrace_upstream_retries_total');
  task.meta.figure = `${answered.toLocaleString('en')} of ${sent.toLocaleString('en')} GETs answered, ${errors + cut} failed, ${lost} lost, while one endpoint of three died ${deaths} times (${settings}; ${retries.toLocaleString('en')} retries)`;
  expect({ sent, answered, failed, errors, cut, lost, wrong, complaints }).toEqual({ sent: REQUESTS, answered: REQUESTS, failed: {}, errors: 0, cut: 0, lost: 0, wrong: 0, complaints: [] });
  // It did die of requests.
  expect(deaths).toBeGreaterThanOrEqual(3);

  expect(retries).toBeGreaterThan(0);
});
