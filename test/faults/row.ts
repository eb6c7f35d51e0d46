/** One row of the table: three endpoints, the proxy with two workers, load; a fault that begins and ends; and the account of all of it. */
import { expect } from 'vitest';
import { Millrace, proxyTo, type ConfigInput, type LaunchOptions } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';
import { account, avoidedAt, returnedAfter, type Account, type Avoided } from './account.ts';
import { Endpoint } from './endpoint.ts';
import { Load, now, type LoadOptions } from './load.ts';
import type { Tool } from './tools.ts';
import { scrape, sum, Watch, type Samples } from './watch.ts';

/** The whole length, for `npm run test:faults`; else each fault is on for a shorter time. */
export const FULL = process.env.MILLRACE_FAULTS === 'full';
/** Requests while a fault is on; at 2,000 a second. */
const DURING = FULL ? 10_000 : 4_000;
/** Answers of each endpoint before the fault. */
const WARM_UP = 200;
/** Answers of an endpoint that has returned. */
const RETURNED = 30;

export interface Scene {
  endpoints: Endpoint[];
  /** The one of them that has the fault. */
  faulty: Endpoint;
  proxy: Millrace;
  load: Load;
  /** Further clients; they are part of the account. */
  others: Load[];
  /** The fault begins now, and not with `begin`. */
  beginsNow: () => void;
  /** The row's own configuration, as it was at the start. */
  config: Partial<ConfigInput>;
  remarks: string[];
}

export interface Bounds {
  /** Requests that failed, whatever the flag; default none. */
  failed?: number;
  /** Flags that they may have; default: any that fits `failed`. */
  flags?: readonly string[];
  /** Connections of clients that ended before the whole answer; default none. */
  cut?: number;
  /** Attempts at the faulty endpoint from the fault's beginning until it was avoided; default: it need not be avoided. */
  attempts?: number;
  /** Times are printed; these bounds are for machines that do ten things at once. */
  avoidedMs?: number;
  returnedMs?: number;
}

/** Of an endpoint that fails all it gets: five in a row eject it, and whatever was on the way by then. */
export const AVOIDED = { attempts: 150, avoidedMs: 10_000, returnedMs: 20_000 } as const satisfies Bounds;

export interface Setup {
  launch?: LaunchOptions;
  /** Of the endpoints, as the configuration has them, when these are not simply theirs. */
  addresses?: string[];
}

export interface Row {
  name: string;
  needs?: readonly Tool[];
  route?: object;
  cluster?: object;
  config?: Partial<ConfigInput>;
  load?: Partial<LoadOptions>;
  prepare?: (endpoints: readonly Endpoint[]) => Promise<Setup> | Setup;
  begin: (scene: Scene) => Promise<void> | void;
  /** Undoes it; none when `begin` has done all of it. */
  end?: (scene: Scene) => Promise<void> | void;
  /** A worker that dies counts nothing any more: as many cuts as there are may be without a flag. */
  uncounted?: boolean;
  /** Of what the proxy counts, besides what every row is asked for. */
  check?: (before: Samples, after: Samples) => void;
  bounds: Bounds;
}

export interface Result extends Account {
  name: string;
  /** Attempts at the faulty endpoint while the fault was on; null: the proxy could not say. */
  attempts: number | null;
  /** Null: it was not avoided. */
  avoided: Avoided | null;
  returnedMs: number | null;
  remarks: string[];
}

/** What a careful operator sets; each row may change it. */
const ROUTE = { timeout: '5s', retry: { on: ['connectFailure', 'reset', 'timeout'], perTryTimeout: '500ms' } };
/** Ejections are as by default, but end sooner: their end is waited for. */
export const OUTLIERS = { baseEjectionTime: '1s', interval: '1s' };
const CLUSTER = { balancer: { policy: 'roundRobin' }, connectTimeout: '300ms', outlierDetection: OUTLIERS };

export async function run(row: Row): Promise<Result> {
  const endpoints = await Promise.all(['a', 'b', 'c'].map((name) => Endpoint.start(name)));
  const faulty = endpoints[0]!;
  const { launch, addresses = endpoints.map(({ address }) => address) } = (await row.prepare?.(endpoints)) ?? {};
  const config = { ...proxyTo(addresses, { route: { ...ROUTE, ...row.route }, cluster: { ...CLUSTER, ...row.cluster } }), workers: 2, ...row.config } as Partial<ConfigInput>;
  const proxy = await Millrace.start(config, launch);
  const load = Load.start({ port: proxy.port(), ...row.load });
  for (const { name } of endpoints) await load.answersFrom(name, WARM_UP);

  const watch = new Watch(proxy, addresses[0]!);
  const before = await scrape(proxy.adminPort);
  let began = now();
  const scene: Scene = { endpoints, faulty, proxy, load, others: [], beginsNow: () => (began = now()), config, remarks: [] };
  await row.begin(scene);
  await load.more(DURING);
  await row.end?.(scene);
  const over = now();
  await load.answersFrom(faulty.name, RETURNED);
  const report = await load.stop();
  const others = await Promise.all(scene.others.map((other) => other.finished()));
  await watch.close();
  await expectQuiet(proxy);

  const after = await scrape(proxy.adminPort);
  const during = watch.looks.filter(({ ms }) => ms >= began - 100 && ms <= over);
  const result = {
    name: row.name,
    ...account([report, ...others], before, after),
    attempts: during.length < 2 ? null : Math.max(...during.map(({ attempts }) => attempts)) - during[0]!.attempts,
    avoided: avoidedAt(during, began),
    returnedMs: returnedAfter(report, faulty.name, over),
    remarks: scene.remarks,
  };
  check(row, result);
  row.check?.(before, after);
  return result;
}

function check({ bounds, uncounted = false }: Row, result: Result): void {
  const story = JSON.stringify(result);
  const { sent, answered, errors, cut, lost, wrong, failed, avoided, returnedMs } = result;
  expect({ lost, wrong }, story).toEqual({ lost: 0, wrong: 0 });
  expect(answered + errors + cut, story).toBe(sent);
  // Each failure that a client saw is one that the proxy has counted, and the other way round.
  const flagged = Object.values(failed).reduce((total, each) => total + each, 0);
  if (uncounted) expect(errors + cut - flagged, story).toBeGreaterThanOrEqual(0);
  else expect(flagged, `seen by clients and counted by the proxy: ${story}`).toBe(errors + cut);
  expect(errors + cut, story).toBeLessThanOrEqual(bounds.failed ?? 0);
  expect(cut, story).toBeLessThanOrEqual(bounds.cut ?? 0);
  if (bounds.flags !== undefined) expect(bounds.flags, story).toEqual(expect.arrayContaining(Object.keys(failed)));
  if (bounds.attempts !== undefined) expect(avoided?.attempts ?? Infinity, `avoided after so many attempts: ${story}`).toBeLessThanOrEqual(bounds.attempts);
  if (bounds.avoidedMs !== undefined) expect(avoided?.ms ?? Infinity, `avoided after: ${story}`).toBeLessThanOrEqual(bounds.avoidedMs);
  if (bounds.returnedMs !== undefined) expect(returnedMs ?? Infinity, `returned after: ${story}`).toBeLessThanOrEqual(bounds.returnedMs);
}

const GAUGES = ['millrace_active_requests', 'millrace_endpoint_active_requests', 'millrace_upstream_pending_requests', 'millrace_upstream_queued_requests', 'millrace_downstream_connections'];

/** Nothing is left of the load but idle connections upstream. */
export async function expectQuiet(proxy: Millrace, limitMs = 15_000): Promise<void> {
  await eventually(async () => {
    const samples = await scrape(proxy.adminPort);
    const values = [...GAUGES.map((name) => [name, sum(samples, name)]), ['active upstream connections', sum(samples, 'millrace_upstream_connections', { state: 'active' })]];
    expect(Object.fromEntries(values)).toEqual(Object.fromEntries(values.map(([name]) => [name, 0])));
  }, limitMs);
  expect(proxy.running).toBe(true);
}
