/** Outlier detection: what it adds to an answer, and a sweep over a large cluster (per endpoint). */
import { OUTLIER_METHOD } from '../../src/binding/abi.ts';
import { createOutlierCluster, type OutlierSettings } from '../../src/binding/outlier.ts';
import type { Row } from './harness.ts';

/** What a cluster has that says nothing of it. */
const DEFAULTS: OutlierSettings = {
  consecutive5xx: 0, consecutiveGatewayErrors: 0, consecutiveLocalErrors: 5,
  intervalMs: 10_000, baseEjectionMs: 10_000, maxEjectionMs: 300_000, jitterMs: 0, maxEjectionPercent: 10, flags: 0,
  successMethod: OUTLIER_METHOD.off, successFactorMillis: 1_900, successMinEndpoints: 5, successMinRequests: 50,
  failurePercent: 0, failureMinEndpoints: 5, failureMinRequests: 50,
  latencyFactorMillis: 0, latencyQuantileMillis: 990, latencyMinUs: 10_000, latencyMinEndpoints: 3, latencyMinRequests: 50,
};
const ENDPOINTS = 10_000;
/** Since the sweep before, of each of two workers. */
const ANSWERS = 40;

export async function* outlierRows(): AsyncGenerator<Row> {
  const one = createOutlierCluster({ ...DEFAULTS, consecutive5xx: 1_000_000 }, 1, 0);
  yield { subject: 'an answer of 200', by: 'C++', threads: 1, aimNs: 2, prepare: () => (n) => one.timeAnswers(n, 200) };
  yield { subject: 'an answer of 500', by: 'C++', threads: 1, prepare: () => (n) => one.timeAnswers(n, 500) };
  const sweeps = { deviation: { successMethod: OUTLIER_METHOD.deviation }, mad: { successMethod: OUTLIER_METHOD.mad }, latency: { latencyFactorMillis: 3_000 } };
  for (const [name, more] of Object.entries(sweeps)) {
    yield {
      subject: `sweep of ${ENDPOINTS} endpoints by ${name}, each`,
      by: 'C++',
      threads: 1,
      batch: 1,
      prepare: () => {
        const cluster = createOutlierCluster({ ...DEFAULTS, ...more }, ENDPOINTS, 0);
        let nowMs = 0;
        return (n) => {
          let ns = 0;
          for (let i = 0; i < n; i++) ns += cluster.timeTick(ANSWERS, 2, (nowMs += DEFAULTS.intervalMs));
          return ns / n / ENDPOINTS;
        };
      },
    };
  }
}
