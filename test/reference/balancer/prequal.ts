import { distinctDraws, drawOdds } from './random-draw.ts';

/** What an endpoint last said of itself: requests in flight there, and its latency at that load. */
export interface Report {
  rif: number;
  latencyUs: number;
}

/** Reports older than this tell nothing. */
export const FRESH_MS = 1000;
/** Members that a pick looks at. */
export const DRAWS = 5;
const HISTORY = 64;
const QUANTILE_PERCENT = 84;

/** Requests in flight that a worker was told of lately; above its 84 % quantile an endpoint is hot. */
export class RifHistory {
  readonly #rifs: number[] = [];

  push(rif: number): void {
    this.#rifs.push(rif);
    if (this.#rifs.length > HISTORY) this.#rifs.shift();
  }

  threshold(): number {
    const sorted = [...this.#rifs].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor((QUANTILE_PERCENT * sorted.length) / 100))] ?? 0;
  }
}

/**
 * The hot-cold rule of Prequal (NSDI'24) among members with fresh reports: of the cold ones that of least latency, and if
 * all are hot that of fewest requests in flight; ties by the other number, then the first drawn.
 */
export function hotCold(reports: readonly Report[], drawn: readonly number[], threshold: number): number {
  const byLatency = (a: number, b: number) =>
    reports[a]!.latencyUs - reports[b]!.latencyUs || reports[a]!.rif - reports[b]!.rif;
  const byRif = (a: number, b: number) =>
    reports[a]!.rif - reports[b]!.rif || reports[a]!.latencyUs - reports[b]!.latencyUs;
  const cold = drawn.filter((index) => reports[index]!.rif <= threshold);
  const best = cold.length > 0 ? cold.toSorted(byLatency)[0] : drawn.toSorted(byRif)[0];
  return best!;
}

/** So often an endpoint that is idle and says nothing is tried, for its report to come back. */
export const TRIAL_CHANCE = 1 / 8;

/**
 * The silent idle endpoint that such a trial goes to, if any: one that is no worse than the choice by what we know ourselves.
 * An endpoint that fails fast is idle and silent, too, but has the penalty (trap 2). `loads` are those of peakEwma.
 */
export function trialOf(silentIdle: readonly number[], choice: number, loads: readonly number[]): number | undefined {
  return silentIdle.find((index) => loads[index]! <= loads[choice]!);
}

/** Tries for the third and further members, after two different ones. */
const MORE_TRIES = 8;

/**
 * Every list of members that a pick may look at, with its chance: two different ones by weight, then up to 5 as far as 8
 * further draws bring new ones.
 */
export function prequalDraws(weights: readonly number[]): { drawn: readonly number[]; chance: number }[] {
  let lists = merged([...distinctDraws(weights, 2)]);
  const odds = drawOdds(weights);
  for (let tries = 0; tries < MORE_TRIES; tries++)
    lists = merged(
      lists.flatMap(({ drawn, chance }) => {
        if (drawn.length === Math.min(DRAWS, weights.length)) return [{ drawn, chance }];
        return odds.map((own, i) => ({ drawn: drawn.includes(i) ? drawn : [...drawn, i], chance: chance * own }));
      }),
    );
  return lists;
}

function merged(lists: readonly { drawn: readonly number[]; chance: number }[]) {
  const byMembers = new Map<string, { drawn: readonly number[]; chance: number }>();
  for (const { drawn, chance } of lists) {
    const known = byMembers.get(drawn.join());
    byMembers.set(drawn.join(), { drawn, chance: chance + (known?.chance ?? 0) });
  }
  return [...byMembers.values()];
}
