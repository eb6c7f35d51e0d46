import { WEIGHT_SCALE } from './slow-start.ts';

/** Sequence numbers are 32 bits wide. */
const nextSequence = (sequence: number): number => (sequence + 1) >>> 0;

/**
 * Whether member i of n takes part at this number of the sequence (gRPC, static_stride_scheduler.cc). The sequence goes
 * over all members, generation after generation, and a member of weight w takes part in w of 65535 generations.
 */
export function strideHit(weights: readonly number[], sequence: number): number | undefined {
  const n = weights.length;
  const generation = Math.floor(sequence / n);
  const i = sequence % n;
  const weight = weights[i]!;
  const phase = (weight * generation + i * ((WEIGHT_SCALE - 1) / 2)) % WEIGHT_SCALE;
  return phase >= WEIGHT_SCALE - weight ? i : undefined;
}

export interface StridePick {
  /** Index into the weights, -1 when nobody is eligible. */
  index: number;
  /** Where the next pick goes on. */
  sequence: number;
}

/**
 * One pick. A hit that is not eligible is passed over, and after 8 of them, or 3 n numbers, the first eligible member from
 * there on is taken: proportions matter less then.
 */
export function stridePick(
  weights: readonly number[],
  sequence: number,
  eligible: (index: number) => boolean = () => true,
): StridePick {
  const n = weights.length;
  let last = 0;
  let passedOver = 0;
  for (let steps = 0; steps < 3 * n && passedOver < 8; steps++) {
    last = sequence % n;
    const hit = strideHit(weights, sequence);
    sequence = nextSequence(sequence);
    if (hit === undefined) continue;
    if (eligible(hit)) return { index: hit, sequence };
    passedOver++;
  }
  for (let k = 0; k < n; k++) if (eligible((last + k) % n)) return { index: (last + k) % n, sequence };
  return { index: -1, sequence };
}
