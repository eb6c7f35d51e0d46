/** Recording into a histogram: the engine's shard, the reference that keeps every sample, and hdr-histogram-js. */
import { build, initWebAssembly } from 'hdr-histogram-js';
import { createHistogram } from '../../src/binding/histogram.ts';
import { ReferenceHistogram } from '../../test/reference/histogram/histogram.ts';
import type { Row } from './harness.ts';
import { random } from './random.ts';

const AIM_NS = 3;
const VALUES = 1 << 12;
const SUBJECT = 'record, one duration';

/** Microseconds as services have them: most around a millisecond, some a thousand times as long. */
function durations(): Float64Array {
  const next = random(3);
  return Float64Array.from({ length: VALUES }, () => {
    const [u, v] = [(next() + 1) / (2 ** 32 + 1), next() / 2 ** 32];
    return Math.round(1_000 * Math.exp(1.2 * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v)));
  });
}

export async function* histogramRows(): AsyncGenerator<Row> {
  const values = durations();
  const native = createHistogram();
  for (const threads of [1, 2])
    yield { subject: SUBJECT, by: 'C++', threads, ...(threads === 1 ? { aimNs: AIM_NS } : {}), prepare: () => (n) => native.timeRecords(n, threads) };
  yield {
    subject: SUBJECT,
    by: 'addon',
    threads: 1,
    prepare: () => (n) => {
      for (let i = 0; i < n; i++) native.record(values[i & (VALUES - 1)]!);
      return undefined;
    },
  };
  yield {
    subject: SUBJECT,
    by: 'addon, an array at a time',
    threads: 1,
    batch: VALUES,
    prepare: () => (n) => {
      for (let left = n; left > 0; left -= VALUES) native.recordMany(values);
      return undefined;
    },
  };
  // The nearest to our error of 1.6 % that it offers: two digits, 1 %, over the same range.
  for (const useWebAssembly of [false, true]) {
    yield {
      subject: SUBJECT,
      by: useWebAssembly ? 'hdr-histogram-js, WebAssembly' : 'hdr-histogram-js',
      threads: 1,
      prepare: async () => {
        await initWebAssembly();
        const hdr = build({ bitBucketSize: 64, lowestDiscernibleValue: 1, highestTrackableValue: 2 ** 40, numberOfSignificantValueDigits: 2, useWebAssembly });
        return (n) => {
          for (let i = 0; i < n; i++) hdr.recordValue(values[i & (VALUES - 1)]!);
          return undefined;
        };
      },
    };
  }
  yield {
    subject: SUBJECT,
    by: 'reference',
    threads: 1,
    // A new one per batch, since it keeps every sample.
    prepare: () => (n) => {
      const reference = new ReferenceHistogram();
      for (let i = 0; i < n; i++) reference.record(values[i & (VALUES - 1)]!);
      return undefined;
    },
  };
}
