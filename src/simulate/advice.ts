/** Which candidate to take, and why: what a person would read out of the tables. */
import type { SimulationResult } from '../binding/simulation.ts';
import type { PolicyName } from '../config/types.ts';
import { focusText, loadPercent, percent, time } from './format.ts';
import { failedShare, resultOf, type Outcome } from './result.ts';

export interface Advice {
  /** Index of the candidate. */
  best: number;
  /** Others that nothing measured tells from it, the simplest first. */
  asGood: number[];
  sentences: string[];
}

/** Differences that are no reason to prefer anything. */
const SAME_FAILURES = 0.002;
const SAME_TAIL = 1.1;
/** A load is too much for a policy when it fails more than this. */
const BEARABLE_FAILURES = 0.01;
/** Of two that are as good the simpler one: what it looks at, and what it can get wrong. */
const SIMPLEST: readonly PolicyName[] = ['roundRobin', 'random', 'leastRequest', 'peakEwma', 'leastTime', 'prequal', 'maglev', 'ringHash', 'rendezvous'];

export function adviceOf(outcome: Outcome): Advice {
  const { scenario } = outcome;
  const all = scenario.candidates.map((_, index) => index);
  const focused = (index: number) => resultOf(outcome, index, scenario.focus);
  // One after the other: failures, tail, what is left in overload, the far tail.
  const bearable = withLeast(all, (index) => failedShare(focused(index)), (value, least) => value <= least + Math.max(SAME_FAILURES, least * 0.1));
  const fast = withLeast(bearable, (index) => tailOf(focused(index)), (value, least) => value <= least * SAME_TAIL);
  const sturdy = withLeast(fast, (index) => overloadFailures(outcome, index), (value, least) => value <= least + BEARABLE_FAILURES);
  const simplicity = (index: number) => SIMPLEST.indexOf(scenario.candidates[index]?.balancer.policy ?? 'rendezvous');
  const ordered = [...sturdy].sort((a, b) => simplicity(a) - simplicity(b) || a - b);
  const [best = 0, ...asGood] = ordered;
  return { best, asGood, sentences: sentencesOf(outcome, best, asGood) };
}

function withLeast(candidates: readonly number[], of: (index: number) => number, isNear: (value: number, least: number) => boolean): number[] {
  const least = Math.min(...candidates.map(of));
  return candidates.filter((index) => isNear(of(index), least));
}

/** Without a good answer there is no latency: that is the worst of all. */
const tailOf = ({ latency }: SimulationResult): number => (latency.count === 0 ? Number.POSITIVE_INFINITY : latency.p99);

/** Mean share of failures at the loads above the focus, as long as the endpoints could carry them. */
function overloadFailures(outcome: Outcome, candidate: number): number {
  const { points, focus } = outcome.scenario;
  const above = points.flatMap((_, point) => (point > focus ? [failedShare(resultOf(outcome, candidate, point))] : []));
  return above.length === 0 ? 0 : above.reduce((a, b) => a + b, 0) / above.length;
}

function sentencesOf(outcome: Outcome, best: number, asGood: readonly number[]): string[] {
  const { candidates, focus } = outcome.scenario;
  const label = (index: number) => candidates[index]?.label ?? '';
  if (candidates.length === 1) return [`${label(best)} stands alone here: compare it with others, with --policies.`];
  const at = focusText(outcome.scenario);
  const failed = failedShare(resultOf(outcome, best, focus));
  return [
    asGood.length === candidates.length - 1
      ? failed > BEARABLE_FAILURES
        ? `At ${at} none of these copes: each fails about ${percent(failed)} of the requests. ${label(best)} is the simplest of them.`
        : `${label(best)}: at ${at} all of these do equally well, and it is the simplest of them.`
      : `${label(best)}: ${reason(outcome, best, at)}.`,
    ...limitSentence(outcome, best),
    ...shareSentence(outcome, best),
    ...breakingSentence(outcome, best),
    ...(asGood.length > 0 && asGood.length < candidates.length - 1 ? [`As good here, and less simple: ${asGood.map(label).join(', ')}.`] : []),
  ];
}

function reason(outcome: Outcome, best: number, at: string): string {
  const { candidates, focus } = outcome.scenario;
  const others = candidates.map((_, index) => index).filter((index) => index !== best);
  const of = (index: number) => resultOf(outcome, index, focus);
  const mine = of(best);
  const most = others.reduce((a, b) => (failedShare(of(b)) > failedShare(of(a)) ? b : a));
  const slowest = others.reduce((a, b) => (tailOf(of(b)) > tailOf(of(a)) ? b : a));
  const label = (index: number) => candidates[index]?.label ?? '';
  const parts: string[] = [];
  if (failedShare(of(most)) > failedShare(mine) + SAME_FAILURES)
    parts.push(`at ${at} it fails ${percent(failedShare(mine))} of the requests, where ${label(most)} fails ${percent(failedShare(of(most)))}`);
  if (tailOf(of(slowest)) > tailOf(mine) * SAME_TAIL)
    parts.push(`${parts.length === 0 ? `at ${at} ` : ''}its p99 is ${time(mine.latency.p99)}, against ${time(of(slowest).latency.p99)} with ${label(slowest)}`);
  return parts.length > 0 ? parts.join(', and ') : `it keeps up best when the load rises above ${at}`;
}

/** What a rate limit refuses is no failure, and still no answer. */
function limitSentence(outcome: Outcome, best: number): string[] {
  const { candidates, focus } = outcome.scenario;
  const limited = candidates.map((_, index) => resultOf(outcome, index, focus)).map(({ refused, requests }) => refused.rateLimit / requests);
  const others = limited.filter((_, index) => index !== best);
  const [mine = 0, least, most] = [limited[best], Math.min(...others), Math.max(...others)];
  if (Math.max(Math.abs(mine - least), Math.abs(mine - most)) < 0.02) return [];
  return [`Its rate limit refuses ${percent(mine)} of the requests; with the others it is ${percent(least)} to ${percent(most)}.`];
}

/** How it does it: the group whose share differs most from the one by weight. */
function shareSentence(outcome: Outcome, best: number): string[] {
  const { groups, focus } = outcome.scenario;
  const even = evenShares(outcome.scenario);
  const shares = resultOf(outcome, best, focus).groups.map(({ share }) => share);
  const gaps = groups.map((_, index) => Math.abs(Math.log((shares[index] ?? 0) + 1e-4) - Math.log((even[index] ?? 0) + 1e-4)));
  const index = gaps.indexOf(Math.max(...gaps));
  if (groups.length < 2 || (gaps[index] ?? 0) < Math.log(1.2)) return [];
  return [`It sends ${percent(shares[index] ?? 0)} of the requests to ${groups[index]?.name ?? ''}, where an even share is ${percent(even[index] ?? 0)}.`];
}

/** Shares of the groups if every endpoint got requests by its weight. */
export function evenShares({ groups }: Outcome['scenario']): number[] {
  const total = groups.reduce((sum, group) => sum + group.count * group.weight, 0);
  return groups.map((group) => (group.count * group.weight) / total);
}

/** The first load at which each gives way, told of the best and of the first to do so. */
function breakingSentence(outcome: Outcome, best: number): string[] {
  const { candidates, points } = outcome.scenario;
  if (points.length < 2) return [];
  const breaks = candidates.map((_, index) => points.findIndex((__, point) => failedShare(resultOf(outcome, index, point)) > BEARABLE_FAILURES));
  const order = (point: number | undefined) => (point === undefined || point === -1 ? Number.POSITIVE_INFINITY : point);
  const first = breaks.reduce((worst, point, index) => (order(point) < order(breaks[worst]) ? index : worst), 0);
  if (order(breaks[first]) === Number.POSITIVE_INFINITY || order(breaks[first]) === order(breaks[best])) return [];
  const where = (index: number) => (order(breaks[index]) === Number.POSITIVE_INFINITY ? `not up to ${loadPercent(points.at(-1)?.load ?? 0)}` : `from ${loadPercent(points[breaks[index] ?? 0]?.load ?? 0)} load on`);
  return [`${candidates[first]?.label ?? ''} fails more than ${percent(BEARABLE_FAILURES)} of the requests ${where(first)}, ${candidates[best]?.label ?? ''} ${where(best)}.`];
}

