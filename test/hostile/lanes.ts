/**
 * One proxy with many listeners, each before an upstream of its own: cases run side by side, and what reaches an upstream
 * belongs to the one case of its lane.
 */
import { request } from '../support/client.ts';
import { Millrace, type ConfigInput, type LaunchOptions } from '../support/millrace.ts';
import { Origin, type OriginConnection, type OriginOptions } from '../support/origin.ts';

const LANES = 12;

export interface Lane {
  readonly port: number;
  readonly tls: boolean;
  readonly origin: Origin;
}

export interface LanesOptions {
  /** Of the upstream of a lane; `lane` is not there before the first request. */
  origin?: (lane: () => Lane) => OriginOptions;
  /** In front of the route to the upstream, which is this cluster. */
  routes?: (cluster: string) => object[];
  route?: object;
  listener?: { tls?: object; [key: string]: unknown };
  more?: object;
  count?: number;
  launch?: LaunchOptions;
}

export class Lanes {
  readonly proxy: Millrace;
  readonly all: readonly Lane[];

  private constructor(proxy: Millrace, all: readonly Lane[]) {
    this.proxy = proxy;
    this.all = all;
  }

  static async start({ origin = () => ({}), routes = () => [], route = {}, listener = {}, more = {}, count = LANES, launch = {} }: LanesOptions = {}): Promise<Lanes> {
    const lanes: Lane[] = [];
    const origins: Origin[] = [];
    for (let i = 0; i < count; i++) origins.push(await Origin.start(origin(() => lanes[i] as Lane)));
    const proxy = await Millrace.start({
      listeners: origins.map((_, i) => ({ name: `l${i}`, address: '127.0.0.1:0', routes: `l${i}`, ...listener })),
      routes: Object.fromEntries(origins.map((_, i) => [`l${i}`, [{ hosts: ['*'], routes: [...routes(`l${i}`), { cluster: `l${i}`, ...route }] }]])),
      clusters: Object.fromEntries(origins.map(({ address }, i) => [`l${i}`, { endpoints: [address] }])),
      ...more,
    } as Partial<ConfigInput>, launch);
    for (const [i, each] of origins.entries()) lanes.push({ port: proxy.port(`l${i}`), tls: listener.tls !== undefined, origin: each });
    return new Lanes(proxy, lanes);
  }

  get tls(): boolean {
    return this.all[0]?.tls === true;
  }

  /** Runs all of them, one after the other in each lane; results in the order of the work. */
  async run<Work, Result>(work: readonly Work[], run: (work: Work, lane: Lane) => Promise<Result>): Promise<Result[]> {
    const results = new Array<Result>(work.length);
    let next = 0;
    await Promise.all(
      this.all.map(async (lane) => {
        for (let i = next++; i < work.length; i = next++) results[i] = await run(work[i] as Work, lane);
      }),
    );
    return results;
  }
}

let canaries = 0;

/** An honest request on a new connection; throws unless exactly its own answer comes back. */
export async function canary(port: number, tls = false): Promise<void> {
  const target = `/canary-${++canaries}`;
  const { status, text } = await request(port, target, { headers: { Host: 'canary.test' }, ...(tls ? { tls: {} } : {}) });
  if (status !== 200 || text !== target) throw new Error(`the canary ${target} was answered ${status} ${JSON.stringify(text)}`);
}

export const isCanary = (target: string): boolean => target.startsWith('/canary-');

/** The answer of an upstream to an honest request: its target. */
export const echo = (target: string, connection: OriginConnection): void => {
  connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
};
