/** Of two endpoints drawn by weight the one with the lower load; a tie goes to the first. `latency.ts` has the loads. */
export function peakEwmaOf(loads: readonly number[], [first, second]: readonly number[]): number {
  return second !== undefined && loads[second]! < loads[first!]! ? second : first!;
}
