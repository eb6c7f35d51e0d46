/** Route matching: the engine's tables, the written rules in TypeScript, and find-my-way. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import findMyWay from 'find-my-way';
import { createMatcher } from '../../src/binding/matcher.ts';
import { compile } from '../../src/config/compile.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config, RouteConfig } from '../../src/config/types.ts';
import { matchRoute } from '../../test/reference/route-matcher.ts';
import { lazy, sink, type Row } from './harness.ts';
import { below, random } from './random.ts';

const AIM_NS = 80;
/** Enough that requests and tables together do not fit the second-level cache, and not a power of two of any table. */
const REQUESTS = 120_000;

/** Every second route is an exact path, the others are prefixes that are asked for something below them. */
interface Shape {
  subject: string;
  hosts: number;
  paths: number;
  aimNs?: number;
}

const SHAPES: Shape[] = [
  { subject: '10 routes', hosts: 1, paths: 10 },
  { subject: '1,000 routes', hosts: 1, paths: 1_000 },
  { subject: '100,000 routes', hosts: 1, paths: 100_000 },
  { subject: '10,000 hosts x 10 paths', hosts: 10_000, paths: 10, aimNs: AIM_NS },
];

const hostName = (host: number): string => `tenant-${host}.shop.example.com`;
const pathOf = (path: number): string => `/api/team-${path % 89}/service-${path}`;
const isExact = (path: number): boolean => path % 2 === 0;

/** A loaded configuration with these routes in place of its own, so that all defaults are what a file gets. */
async function configOf({ hosts, paths }: Shape): Promise<Config> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-micro-'));
  try {
    const file = join(directory, 'millrace.json');
    const minimal = {
      listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'bench' }],
      routes: { bench: [{ hosts: ['*'], routes: [{ match: { pathPrefix: '/' }, cluster: 'origin' }] }] },
      clusters: { origin: { endpoints: ['127.0.0.1:9'] } },
    };
    writeFileSync(file, JSON.stringify(minimal));
    const loaded = await loadConfig(file, { resolveHost: () => Promise.resolve({ error: 'the bench names addresses only' }) });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const [vhost] = loaded.config.routes['bench'] ?? [];
    const [template] = vhost?.routes ?? [];
    if (vhost === undefined || template === undefined) throw new Error('the minimal configuration has no route');
    const routes = Array.from({ length: paths }, (_, path): RouteConfig => {
      const match = { ...template.match, path: { kind: isExact(path) ? ('exact' as const) : ('prefix' as const), value: pathOf(path) } };
      return { ...template, name: `route ${path}`, match };
    });
    const table = Array.from({ length: hosts }, (_, host) => ({ ...vhost, name: `host ${host}`, hosts: [hostName(host)], routes }));
    return { ...loaded.config, routes: { bench: table } };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Uniformly random requests, each of which some route serves. */
function requestsOf({ hosts, paths }: Shape): { host: string; path: string }[] {
  const next = random(7);
  return Array.from({ length: REQUESTS }, () => {
    const path = below(next, paths);
    return { host: hostName(below(next, hosts)), path: isExact(path) ? pathOf(path) : `${pathOf(path)}/items/42` };
  });
}

/** One router per host: find-my-way takes at most 31 constrained routes of one path. */
function routersOf({ hosts, paths }: Shape): Map<string, findMyWay.Instance<findMyWay.HTTPVersion.V1>> {
  const handler = (): void => undefined;
  const routerOf = () => {
    const router = findMyWay();
    for (let path = 0; path < paths; path++) router.on('GET', isExact(path) ? pathOf(path) : `${pathOf(path)}/*`, handler);
    return router;
  };
  return new Map(Array.from({ length: hosts }, (_, host) => [hostName(host), routerOf()]));
}

async function* rowsOf(shape: Shape): AsyncGenerator<Row> {
  const subject = `match, ${shape.subject}`;
  const config = lazy(() => configOf(shape));
  const requests = lazy(() => requestsOf(shape));
  const lines = lazy(() => requests().map(({ host, path }) => `GET ${host} ${path}`));
  const matcher = lazy(async () => {
    const made = createMatcher(compile(await config()).image);
    made.setRequests(lines().join('\n'));
    if (lines().some((line) => made.match(line) < 0)) throw new Error('a request of the bench has no route');
    return made;
  });
  const aim = shape.aimNs === undefined ? {} : { aimNs: shape.aimNs };
  for (const threads of [1, 2]) {
    const prepare = async () => {
      const made = await matcher();
      return (n: number) => made.timeMatches(n, threads);
    };
    yield { subject, by: 'C++', threads, ...(threads === 1 ? aim : {}), prepare };
  }

  let at = 0;
  const step = (): number => (at = at + 1 === REQUESTS ? 0 : at + 1);
  yield {
    subject,
    by: 'addon',
    threads: 1,
    prepare: async () => {
      const [made, all] = [await matcher(), lines()];
      return (n) => {
        let sum = 0;
        for (let i = 0; i < n; i++) sum += made.match(all[step()]!);
        sink.value += sum;
        return undefined;
      };
    },
  };
  yield {
    subject,
    by: 'find-my-way',
    threads: 1,
    prepare: () => {
      const [routers, all] = [routersOf(shape), requests()];
      return (n) => {
        for (let i = 0; i < n; i++) {
          const { host, path } = all[step()]!;
          if (routers.get(host)?.find('GET', path) === null) throw new Error(`find-my-way does not find ${host}${path}`);
        }
        return undefined;
      };
    },
  };
  yield {
    subject,
    by: 'reference',
    threads: 1,
    prepare: async () => {
      const whole = requests().map((request) => ({ ...request, method: 'GET', headers: [], query: '' }));
      const loaded = await config();
      return (n) => {
        for (let i = 0; i < n; i++) if (matchRoute(loaded, 'bench', whole[step()]!) === undefined) throw new Error('no route');
        return undefined;
      };
    },
  };
}

export async function* routeRows(): AsyncGenerator<Row> {
  for (const shape of SHAPES) yield* rowsOf(shape);
}
