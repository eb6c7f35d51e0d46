import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadDocument, readConfig, type LoadResult } from '../../../../src/config/load.ts';
import { parseYaml } from '../../../../src/config/source.ts';
import type { Config } from '../../../../src/config/types.ts';
import type { Stats } from '../../../../src/control/stats.ts';
import type { HistogramData } from '../../../../src/telemetry/histograms.ts';
import { Tuning, type Changed, type ChangeRequest, type Refusal } from '../../../../src/control/tuning/tuning.ts';
import { configHash } from '../../../../src/control/config-hash.ts';
import { StartError } from '../../../../src/core/errors.ts';
import { HandClock, keptLog, workDirectory, type LogLine } from '../support.ts';

export const FILE = `workers: 1
admin: false
listeners: [{ name: web, address: "127.0.0.1:0", routes: main }]
routes:
  main:
    - hosts: ["*"]
      routes:
        - { name: items, match: { pathPrefix: /items }, timeout: 5s, weightedClusters: [{ cluster: a, weight: 90 }, { cluster: b, weight: 10 }] }
        - { match: { pathPrefix: /one }, cluster: a }
        - { match: { pathPrefix: /two }, cluster: b }
  other:
    - hosts: ["*"]
      routes: [{ name: twin, cluster: a }]
  third:
    - hosts: ["*"]
      routes: [{ name: twin, cluster: b, requestHeaders: { set: { authorization: Bearer-abc } } }]
clusters:
  a: { endpoints: ["127.0.0.1:1", { address: "127.0.0.1:2", weight: 2 }], circuitBreaker: { threshold: 0.5, minRequests: 5 } }
  b: { endpoints: ["one.test:3"] }
`;

/** Counters and durations as a test wants them: what the engine would say. */
export class ScriptedStats {
  readonly clusters = new Map<string, { finished: number; failed: number; durations: [bucket: number, count: number][] }>();
  names: string[] = [];

  serve(cluster: string, finished: number, failed: number, bucket = 100): void {
    const now = this.clusters.get(cluster) ?? { finished: 0, failed: 0, durations: [] };
    this.clusters.set(cluster, { finished: now.finished + finished, failed: now.failed + failed, durations: [...now.durations, [bucket, finished]] });
  }

  asStats(): Stats {
    const of = (index: number) => this.clusters.get(this.names[index] ?? '') ?? { finished: 0, failed: 0, durations: [] };
    return {
      cluster: (_version: number, index: number) => {
        const { finished, failed } = of(index);
        return { responses2xx: finished - failed, responses3xx: 0, responses4xx: 0, responses5xx: failed, responsesNone: 0 };
      },
      route: () => ({ responses2xx: 0, responses3xx: 0, responses4xx: 0, responses5xx: 0, responsesNone: 0 }),
      usedRoutes: () => new Uint32Array(),
      clusterHistogram: (_version: number, index: number): HistogramData => {
        const sums = new Map<number, number>();
        for (const [bucket, count] of of(index).durations) sums.set(bucket, (sums.get(bucket) ?? 0) + count);
        const rows = [...sums].sort(([x], [y]) => x - y);
        return { count: 0, sum: 0, max: 0, spanMs: 0, buckets: Uint32Array.from(rows, ([bucket]) => bucket), counts: Float64Array.from(rows, ([, count]) => count) };
      },
      routeHistogram: () => null,
    } as unknown as Stats;
  }
}

export interface Bench {
  tuning: Tuning;
  file: string;
  clock: HandClock;
  stats: ScriptedStats;
  lines: LogLine[];
  /** Configurations in the order in which they came into service. */
  applied: Config[];
  /** Host names that were asked for. */
  resolved: string[];
  write: (text: string) => void;
  /** As the reloader does it. */
  reload: (reason?: string) => Promise<'applied' | 'unchanged' | 'refused'>;
  /** Refuses every configuration from now on. */
  refuse: (why: string | null) => void;
  running: () => Config;
}

/** The whole of tuning over a real file; only that there is no engine to take what comes out. */
export async function bench(text = FILE): Promise<Bench> {
  const file = join(workDirectory(), 'millrace.yaml');
  writeFileSync(file, text);
  const { log, lines } = keptLog();
  const clock = new HandClock();
  const stats = new ScriptedStats();
  const applied: Config[] = [];
  const resolved: string[] = [];
  let refused: string | null = null;
  const resolveHost = (host: string) => {
    resolved.push(host);
    return Promise.resolve({ addresses: [{ address: '192.0.2.1', family: 'ipv4' as const }] });
  };
  const take = (config: Config): number => {
    if (refused !== null) throw new StartError(refused);
    stats.names = Object.keys(config.clusters);
    return applied.push(config);
  };
  const load = (document: Parameters<typeof loadDocument>[0], known?: Parameters<typeof loadDocument>[2]): Promise<LoadResult> => loadDocument(document, { resolveHost, nowMs: 0 }, known);
  const tuning = new Tuning({
    source: { file, read: () => readConfig(file), load },
    apply: (config) => new Promise((resolve) => resolve(take(config))),
    rehearse: () => (refused === null ? Promise.resolve() : Promise.reject(new StartError(refused))),
    watch: () => Promise.resolve(),
    isServing: () => true,
    stats: stats.asStats(),
    log,
    clock,
  });
  onTestFinished(() => tuning.close());
  const read = await readConfig(file);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const first = await load(read.document);
  if (!first.ok) throw new Error(JSON.stringify(first.problems));
  tuning.begin(first, take(first.config), configHash(first.config));
  resolved.length = 0;
  return {
    tuning, file, clock, stats, lines, applied, resolved,
    write: (next) => writeFileSync(file, next),
    reload: async (reason = 'file change') => {
      let outcome: 'applied' | 'unchanged' | 'refused' = 'refused';
      await tuning.serially(async () => {
        const result = await tuning.loadFile(reason);
        if (result.ok) outcome = await tuning.takeReload(reason);
        else tuning.noteRefusedReload(reason, result.problems.map(({ message }) => message));
      });
      return outcome;
    },
    refuse: (why) => (refused = why),
    running: () => applied.at(-1) as Config,
  };
}

export const ask = (changes: Partial<ChangeRequest> = {}): ChangeRequest => ({ who: 'ops', matches: () => true, dryRun: false, confirm: null, ...changes });

export function document(text: string) {
  const parsed = parseYaml('POST /config', text);
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  return { source: parsed.source, text };
}

export function good(outcome: Changed | Refusal): Changed {
  if (!outcome.ok) throw new Error(`${outcome.status}: ${outcome.error} ${JSON.stringify(outcome.problems)}`);
  return outcome;
}
