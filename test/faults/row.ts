/** One row of the table: three endpoints, the proxy with two workers, load; a fault that begins and ends; and the account of all of it. */
import { expect } from 'vitest';
import { Millrace, proxyTo, type ConfigInput, type LaunchOptions } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';
import { Endpoint } from './endpoint.ts';
import { Load, OUTCOME, now, type LoadOptions, type Report } from './load.ts';
import { flags, scrape, sum, Watch, type Look, type Samples } from './watch.ts';

/** The whole length, for `npm run test:faults`; else each fault is on for a shorter time. */
export const FULL = process.env.MILLRACE_FAULTS === 'full';
/** Requests while a fault is on; at 2,000 a second. */
const DURING = FULL ? 10_000 : 4_000;
const WARM_UP = 200;
/** Answers of an endpoint that has returned. */
const RETURNED = 30;
/** An endpoint that was not tried for so long is being avoided. */
const QUIET_MS = 400;

export interface Scene {
  endpoints: Endpoint[];
  /** The one of them that has the fault. */
  faulty: Endpoint;
  proxy: Millrace;
  load: Load;
  /** Puts another configuration in service, made from the row's own. */
  reload: (change: (config: Partial<ConfigInput>) => Partial<ConfigInput>) => Promise<void>;
}

export interface Bounds {
  /** Requests that failed, whatever the flag; default none. */
  failed?: number;
  /** Flags that they may have; default: any that fits `failed`. `5xx` = an answer of the endpoint itself. */
  flags?: readonly string[];
  /** Connections of clients that ended before the whole answer; default none. */
  cut?: number;
  /** Attempts at the faulty endpoint from the fault's beginning until it was avoided; default: it need not be avoided. */
  attempts?: number;
  /** Generous: the time is printed, and asserted only to be finite. */
  avoidedMs?: number;
  returnedMs?: number;
}

export interface Row {
  name: string;
  route?: object;
  cluster?: object;
  config?: Partial<ConfigInput>;
  launch?: LaunchOptions;
  load?: Partial<LoadOptions>;
  /** Requests while it is on, in proportion to the others. */
  longer?: number;
  begin: (scene: Scene) => Promise<void> | void;
  /** Undoes it; none when `begin` has done all of it. */
  end?: (scene: Scene) => Promise<void> | void;
  /** Of the fault, besides what every row is asked for. */
  check?: (scene: Scene, result: Result) => Promise<void> | void;
  bounds: Bounds;
}

export interface Result {
  name: string;
  sent: number;
  answered: number;
  /** By response flag. */
  failed: Record<string, number>;
  cut: number;
  lost: number;
  /** Attempts at the faulty endpoint while the fault was on. */
  attempts: number;
  /** Null: it was not avoided. */
  avoided: { attempts: number; ms: number } | null;
  /** Null: traffic never left it. */
  returnedMs: number | null;
  remarks: string[];
}

/** What a careful operator sets; each row may change it. */
const ROUTE = { timeout: '5s' };
const CLUSTER = { balancer: { policy: 'roundRobin' }, connectTimeout: '300ms' };

export async function run(row: Row): Promise<Result> {
  const endpoints = await Promise.all(['a', 'b', 'c'].map((name) => Endpoint.start(name)));
  const faulty = endpoints[0]!;
  const config = {
    ...proxyTo(endpoints.map(({ address }) => address), { route: { ...ROUTE, ...row.route }, cluster: { ...CLUSTER, ...row.cluster } }),
    workers: 2,
    ...row.config,
  } as Partial<ConfigInput>;
  const proxy = await Millrace.start(config, row.launch);
  const load = Load.start({ port: proxy.port(), ...row.load });
  const scene: Scene = { endpoints, faulty, proxy, load, reload: (change) => proxy.reload(change(config)) };
  for (const { name } of endpoints) await load.answersFrom(name, WARM_UP);

  const watch = new Watch(proxy, faulty.address);
  const before = await watch.samples();
  const began = now();
  await row.begin(scene);
  await load.more(DURING * (row.longer ?? 1));
  await row.end?.(scene);
  const over = now();
  await load.answersFrom(faulty.name, RETURNED);
  const report = await load.stop();
  await watch.close();
  const after = await scrape(proxy.adminPort);

  const during = watch.looks.filter(({ ms }) => ms >= began - 100 && ms <= over);
  const attempts = (during.at(-1)?.attempts ?? 0) - (during[0]?.attempts ?? 0);
  const result = { name: row.name, ...account(report, before, after), attempts, avoided: avoidedAt(during, began), returnedMs: returnedAt(report, faulty.name, over), remarks: [] };
  await row.check?.(scene, result);
  check(row, result, report);
  await expectQuiet(proxy);
  return result;
}

const count = (report: Report, outcome: number): number => report.outcomes.reduce((total, each) => total + (each === outcome ? 1 : 0), 0);

function account(report: Report, before: Samples, after: Samples): Pick<Result, 'sent' | 'answered' | 'failed' | 'cut' | 'lost'> {
  const failed: Record<string, number> = {};
  const earlier = flags(before);
  for (const [flag, total] of Object.entries(flags(after))) if (total > (earlier[flag] ?? 0)) failed[flag] = total - (earlier[flag] ?? 0);
  // An error that an endpoint answered with, and that was passed on as it came.
  const passedOn = report.outcomes.reduce((total, outcome, i) => total + (outcome === OUTCOME.error && report.origins[i] !== 0 ? 1 : 0), 0);
  if (passedOn > 0) failed['5xx'] = passedOn;
  return { sent: report.outcomes.length, answered: count(report, OUTCOME.answered), failed, cut: count(report, OUTCOME.cut), lost: count(report, OUTCOME.lost) };
}

/** The first time that no attempt was made for a while, and the attempts up to then. */
function avoidedAt(during: readonly Look[], began: number): Result['avoided'] {
  const first = during[0];
  if (first === undefined) return null;
  for (const [i, { ms, attempts }] of during.entries()) {
    const quiet = during.slice(i).filter((look) => look.ms <= ms + QUIET_MS);
    if ((during.at(-1)?.ms ?? 0) < ms + QUIET_MS) return null;
    if (attempts > first.attempts && quiet.every((look) => look.attempts === attempts)) return { attempts: attempts - first.attempts, ms: Math.max(0, Math.round(ms - began)) };
  }
  return null;
}

function returnedAt(report: Report, name: string, over: number): number | null {
  const origin = report.originNames.indexOf(name);
  let first = Infinity;
  for (const [i, outcome] of report.outcomes.entries()) {
    const started = report.startedMs[i]!;
    if (outcome === OUTCOME.answered && report.origins[i] === origin && started >= over && started < first) first = started;
  }
  return first === Infinity ? null : Math.round(first - over);
}

function check({ bounds }: Row, result: Result, report: Report): void {
  const story = JSON.stringify({ ...result, complaints: report.complaints });
  const wrong = count(report, OUTCOME.wrong);
  const errors = count(report, OUTCOME.error);
  expect({ lost: result.lost, wrong, extra: report.extra }, story).toEqual({ lost: 0, wrong: 0, extra: 0 });
  expect(result.answered + errors + result.cut, 'every request has one end').toBe(result.sent);
  // Each failure that a client saw is one that the proxy has counted, and the other way round.
  const flagged = Object.values(result.failed).reduce((total, each) => total + each, 0);
  expect(flagged, `failures seen by clients and by the proxy: ${story}`).toBe(errors + result.cut);
  expect(flagged, story).toBeLessThanOrEqual(bounds.failed ?? 0);
  expect(result.cut, story).toBeLessThanOrEqual(bounds.cut ?? 0);
  if (bounds.flags !== undefined) expect(bounds.flags, story).toEqual(expect.arrayContaining(Object.keys(result.failed)));
  if (bounds.attempts !== undefined) {
    expect(result.avoided, `avoided: ${story}`).not.toBeNull();
    expect(result.avoided?.attempts, story).toBeLessThanOrEqual(bounds.attempts);
  }
  if (bounds.avoidedMs !== undefined) expect(result.avoided?.ms ?? Infinity, story).toBeLessThanOrEqual(bounds.avoidedMs);
  if (bounds.returnedMs !== undefined) expect(result.returnedMs ?? Infinity, story).toBeLessThanOrEqual(bounds.returnedMs);
}

const GAUGES = ['millrace_active_requests', 'millrace_endpoint_active_requests', 'millrace_upstream_pending_requests', 'millrace_upstream_queued_requests', 'millrace_downstream_connections'];

/** Nothing is left of the load but idle connections. */
export async function expectQuiet(proxy: Millrace, limitMs = 15_000): Promise<void> {
  await eventually(async () => {
    const samples = await scrape(proxy.adminPort);
    const values = Object.fromEntries(GAUGES.map((name) => [name, sum(samples, name)]));
    expect(values).toEqual(Object.fromEntries(GAUGES.map((name) => [name, 0])));
    expect(sum(samples, 'millrace_upstream_connections', { state: 'active' })).toBe(0);
  }, limitMs);
  expect(proxy.running).toBe(true);
}
