/** Everything at once: random faults on four endpoints, with every mechanism of failover on, and an account of every request. */
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Millrace, proxyTo, temporaryDirectory, type ConfigInput } from '../support/millrace.ts';
import { account } from './account.ts';
import { Endpoint, type Behaviour } from './endpoint.ts';
import { Load } from './load.ts';
import { FULL, expectQuiet } from './row.ts';
import type {} from './table-reporter.ts';
import { scrape, sum } from './watch.ts';

/** Of faults that are switched on or off. */
const SWITCHES = FULL ? 300 : 80;
/** Requests between two of them. */
const BETWEEN = 150;
/** What buffers, pools and heaps may take from the first third to the end. */
const GROWTH_BYTES = 128 * 1024 * 1024;
const MODES = ['resetBefore', 'resetInside', 'resetAfter', 'endInside', 'hang', 'drip', 'halfClose', 'fail', 'garbage', 'refuse', 'flap'] as const;

/** mulberry32: a run is repeated by its seed, as far as the machine's timing allows. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
}

const config = (addresses: readonly string[]): Partial<ConfigInput> => ({
  ...proxyTo(addresses, {
    route: { timeout: '5s', retry: { on: ['connectFailure', 'reset', 'timeout', '5xx'], attempts: 3, perTryTimeout: '300ms' }, hedge: { minRequests: 20 } },
    cluster: {
      connectTimeout: '300ms',
      healthCheck: { http: { path: '/health?size=2' }, interval: '200ms', timeout: '200ms' },
      outlierDetection: { baseEjectionTime: '300ms', interval: '300ms', maxEjectionPercent: 50, latency: { minRequests: 30 } },
      circuitBreaker: { window: '1s', interval: '300ms', minRequests: 20 },
      limits: { maxRetries: 50 },
    },
  }),
  workers: 2,
});

/** Switches faults of one endpoint, whatever it has now. */
class Victim {
  readonly endpoint: Endpoint;
  #state: 'ok' | 'frozen' | 'dead' | 'faulty' = 'ok';

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  async flip(random: (below: number) => number): Promise<void> {
    if (this.#state !== 'ok') {
      await this.recover();
      return;
    }
    const kind = random(MODES.length + 4);
    const mode = MODES[kind];
    if (mode !== undefined) await this.endpoint.behave({ mode });
    else if (kind === MODES.length) await this.endpoint.behave({ mode: 'ok', delayMs: 20 + random(400) });
    else if (kind === MODES.length + 1) await this.endpoint.behave({ mode: 'failPercent', percent: 1 + random(50) } satisfies Behaviour);
    else if (kind === MODES.length + 2) await this.endpoint.freeze();
    else await this.endpoint.kill(random(2) === 0 ? 'SIGKILL' : 'SIGTERM');
    this.#state = kind === MODES.length + 2 ? 'frozen' : kind === MODES.length + 3 ? 'dead' : 'faulty';
  }

  async recover(): Promise<void> {
    if (this.#state === 'frozen') this.endpoint.thaw();
    if (this.#state === 'dead') await this.endpoint.restart();
    await this.endpoint.behave({ mode: 'ok' });
    this.#state = 'ok';
  }
}

it('random faults on four endpoints: every request ends once, no answer is wrong, no POST is processed twice', { timeout: 240_000 }, async ({ task }) => {
  const seed = Number(process.env.MILLRACE_SEED ?? randomInt(2 ** 31));
  const random = seeded(seed);
  const directory = temporaryDirectory();
  const names = ['a', 'b', 'c', 'd'];
  const journal = (name: string): string => join(directory, `${name}.posts`);
  const endpoints = await Promise.all(names.map((name) => Endpoint.start(name, { journal: journal(name) })));
  const proxy = await Millrace.start(config(endpoints.map(({ address }) => address)));
  const before = await scrape(proxy.adminPort);
  const load = Load.start({ port: proxy.port(), connections: 48, paceMs: 24, posts: 0.3, sizes: [100, 3_000, 70_000] });
  const victims = endpoints.map((endpoint) => new Victim(endpoint));
  let rss = 0;
  for (let i = 0; i < SWITCHES; i++) {
    await victims[random(victims.length)]!.flip(random);
    await load.more(BETWEEN);
    if (i === Math.floor(SWITCHES / 3)) rss = proxy.rss;
  }
  for (const victim of victims) await victim.recover();
  // Breakers, ejections and checks let each of them return.
  for (const name of names) await load.answersFrom(name, 20);
  const report = await load.stop();
  await expectQuiet(proxy);
  const growth = proxy.rss - rss;
  const after = await scrape(proxy.adminPort);

  const { sent, answered, failed, errors, cut, lost, wrong, complaints } = account([report], before, after);
  const posts = names.flatMap((name) => (existsSync(journal(name)) ? readFileSync(journal(name), 'latin1').trim().split('\n') : []));
  const seen = new Set<string>();
  const twice = posts.filter((id) => seen.size === seen.add(id).size);
  const story = JSON.stringify({ seed, sent, answered, failed, errors, cut, lost, wrong, complaints, twice });
  task.meta.figure = `chaos (seed ${seed}): ${SWITCHES} switches of faults on 4 endpoints: ${sent.toLocaleString('en')} sent, ${answered.toLocaleString('en')} answered, ${errors} errors, ${cut} cut (${Object.entries(failed).map(([flag, n]) => `${flag} ${n}`).join(', ')}), ${lost} lost, ${wrong} wrong, ${posts.length.toLocaleString('en')} POSTs processed, ${twice.length} twice; ` +
    ['retries', 'hedges'].map((what) => `${sum(after, `millrace_upstream_${what}_total`).toLocaleString('en')} ${what}`).join(', ');
  expect({ lost, wrong, twice }, story).toEqual({ lost: 0, wrong: 0, twice: [] });
  expect(answered + errors + cut, story).toBe(sent);
  expect(Object.values(failed).reduce((total, each) => total + each, 0), story).toBe(errors + cut);
  expect(answered, story).toBeGreaterThan(sent / 2);
  expect(posts.length).toBeGreaterThan(sent / 10);
  expect(growth, `bytes more than after a third: ${story}`).toBeLessThan(GROWTH_BYTES);
});
