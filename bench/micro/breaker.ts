/** A circuit breaker: a request that is let through, and its outcome. The engine's, and the reference that keeps every outcome. */
import { createBreaker, type BreakerSettings } from '../../src/binding/breaker.ts';
import { BreakerReference } from '../../test/reference/failover/breaker.ts';
import { sink, type Row } from './harness.ts';
import { random } from './random.ts';

const AIM_NS = 10;
const SETTINGS: BreakerSettings = { thresholdMillis: 500, windowMs: 10_000, minRequests: 1_000, intervalMs: 5_000, maxIntervalMs: 300_000, jitterPercent: 10, probes: 1, successes: 1 };
/** Of all requests. Half of a thousand would open it, which does not come about. */
const SHARES = [0, 0.01, 0.2];
const WORKERS = [2, 64];

export async function* breakerRows(): AsyncGenerator<Row> {
  for (const share of SHARES) {
    for (const workers of share === 0 ? [2] : WORKERS) {
      const subject = `record, ${share * 100} % failures, ${workers} workers`;
      const native = createBreaker(SETTINGS);
      for (const threads of [1, 2])
        yield { subject, by: 'C++', threads, ...(threads === 1 && share <= 0.01 && workers === 2 ? { aimNs: AIM_NS } : {}), prepare: () => (n) => native.timeRecords(n, threads, share, workers) };
    }
    const subject = `record, ${share * 100} % failures, 2 workers`;
    const next = random(5);
    const good = Uint8Array.from({ length: 1 << 12 }, () => (next() / 2 ** 32 < share ? 0 : 1));
    yield {
      subject,
      by: 'addon',
      threads: 1,
      prepare: () => {
        const breaker = createBreaker(SETTINGS);
        let nowMs = 1_000_000;
        return (n) => {
          for (let i = 0; i < n; i++) sink.value += breaker.record(i & 1, breaker.admit(nowMs), good[i & 4095] === 1, nowMs, 0);
          nowMs += n >> 6;
          return undefined;
        };
      },
    };
    yield {
      subject,
      by: 'reference',
      threads: 1,
      batch: 256,
      prepare: () => {
        let breaker = new BreakerReference(SETTINGS);
        let recorded = 0;
        return (n) => {
          // It forgets nothing by itself.
          if ((recorded += n) > 8_192) {
            breaker = new BreakerReference(SETTINGS);
            recorded = n;
          }
          for (let i = 0; i < n; i++) {
            const ticket = breaker.admit(1_000_000 + (i >> 6));
            if (ticket !== null && breaker.record(ticket, good[i & 4095] === 1, 1_000_000 + (i >> 6), 0) !== 'none') sink.value++;
          }
          return undefined;
        };
      },
    };
  }
}
