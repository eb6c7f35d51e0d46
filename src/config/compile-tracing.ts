import { NONE, TRACING_FLAG } from '../binding/abi.ts';
import type { ImageWriter } from './image-writer.ts';
import type { RouteTracing, TracingConfig } from './types.ts';

/** Below this, of 64 bits, the lower half of a trace id is sampled; all ones = always. */
function threshold(sample: number): { sampleLow: number; sampleHigh: number } {
  if (sample >= 1) return { sampleLow: NONE, sampleHigh: NONE };
  const bound = BigInt(Math.floor(sample * 2 ** 53)) << 11n;
  return { sampleLow: Number(bound & 0xffff_ffffn), sampleHigh: Number(bound >> 32n) };
}

function flagsOf({ parentBased, b3, trust }: TracingConfig): number {
  return (parentBased ? TRACING_FLAG.parentBased : 0) | (b3 ? TRACING_FLAG.b3 : 0) | (trust === 'trustedPeers' ? TRACING_FLAG.trustedPeers : 0);
}

/** Rows of TRACING: the configuration's, then one for each different one of routes. */
export class TracingRows {
  readonly #writer: ImageWriter;
  readonly #tracing: TracingConfig | null;
  readonly #rows = new Map<string, number>();

  constructor(writer: ImageWriter, tracing: TracingConfig | null) {
    this.#writer = writer;
    this.#tracing = tracing;
    if (tracing !== null) writer.add('TRACING', { flags: flagsOf(tracing), ...threshold(tracing.sample) });
  }

  /** The row of a route; NONE = that of the configuration, if it has one. */
  of(route: RouteTracing | null): number {
    if (this.#tracing === null || route === null) return NONE;
    const key = JSON.stringify(route);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const flags = flagsOf(this.#tracing);
    const row = this.#writer.add(
      'TRACING',
      route.kind === 'off' ? { flags: flags | TRACING_FLAG.off, sampleLow: 0, sampleHigh: 0 } : { flags, ...threshold(route.sample) },
    );
    this.#rows.set(key, row);
    return row;
  }
}
