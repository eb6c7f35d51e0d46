/**
 * The goals of a result, judged. A goal "against the best of a, b and c" has to hold against each of them, so no round's
 * luckiest peer is picked, and there is nothing to choose afterwards.
 */
import { medianInterval, pairedRatio, verdict, worst } from '../../stats.mjs';
import { beyondPerRound, metricOf, own, present, roundsOf } from './metrics.mjs';

/**
 * @typedef {{ name: string, verdict: import('../../stats.mjs').Verdict, interval: import('../../stats.mjs').Interval }} Compared
 * @typedef {{ scenario: any, goal: any, contender: any, verdict: import('../../stats.mjs').Verdict, compared: Compared[], strongest: Compared | undefined, why: string }} Judged
 *   `strongest`: of what it was compared with, that which leaves least room; `why`: what limits the verdict, or ''.
 */

/** How far the figure is on the good side of the goal: 0 at the goal, ln 2 at twice of it. */
export const beyond = (value, { ratio, direction }) => (direction === 'atLeast' ? 1 : -1) * Math.log(value / ratio);

/** A quantile of a round that fewer requests exceed is a matter of chance. */
const FEW_BEYOND = 10;
const RANK = { lost: 0, undecided: 1, met: 2 };

function strongestOf(goal, compared) {
  const measured = compared.filter(({ interval }) => interval.n > 0);
  return measured.sort((a, b) => RANK[a.verdict] - RANK[b.verdict] || beyond(a.interval.value, goal) - beyond(b.interval.value, goal))[0];
}

/** Why a peer has no rounds in this scenario. */
function whyMissing(result, scenario, name) {
  const title = result.contenders.find((c) => c.name === name)?.title ?? name;
  const skipped = own(scenario.skipped, name) ?? result.absent.find((a) => a.name === name)?.why;
  return `without ${title}${skipped === undefined ? '' : ` (${skipped})`}`;
}

function againstPeers(result, scenario, goal, contender) {
  const ours = roundsOf(scenario, contender.name, goal.metric);
  const missing = [];
  const compared = [];
  for (const name of goal.against ?? []) {
    const interval = pairedRatio(ours, roundsOf(scenario, name, goal.metric));
    if (interval.n === 0) missing.push(whyMissing(result, scenario, name));
    else compared.push({ name, interval, verdict: verdict(interval, goal) });
  }
  return { compared, why: missing };
}

function againstScenario(result, scenario, goal, contender) {
  const other = result.scenarios.find(({ id }) => id === goal.againstScenario);
  if (other === undefined) return { compared: [], why: [`the scenario “${goal.againstScenario}” was not run`] };
  const interval = pairedRatio(roundsOf(scenario, contender.name, goal.metric), roundsOf(other, contender.name, goal.metric));
  return { compared: interval.n === 0 ? [] : [{ name: contender.name, interval, verdict: verdict(interval, goal) }], why: [] };
}

/** Failures are counted, not estimated: one round that breaks the limit breaks the goal. Other figures are held against it by their median. */
function againstLimit(_result, scenario, goal, contender) {
  const rounds = present(roundsOf(scenario, contender.name, goal.metric));
  if (rounds.length === 0) return { compared: [], why: [] };
  const sought = { ratio: goal.limit, direction: goal.direction };
  const interval = medianInterval(rounds);
  if (goal.metric !== 'failed') return { compared: [{ name: contender.name, interval, verdict: verdict(interval, sought) }], why: [] };
  const broken = rounds.filter((x) => (goal.direction === 'atMost' ? x > goal.limit : x < goal.limit)).length;
  return { compared: [{ name: contender.name, interval, verdict: broken > 0 ? 'lost' : 'met' }], why: broken > 0 ? [`in ${broken} of ${rounds.length} rounds`] : [] };
}

function judgeOne(result, scenario, goal, contender) {
  const how = goal.limit !== undefined ? againstLimit : goal.againstScenario !== undefined ? againstScenario : againstPeers;
  const { compared, why } = how(result, scenario, goal, contender);
  const rounds = present(roundsOf(scenario, contender.name, goal.metric));
  if (rounds.length === 0) why.unshift(`${contender.title} was not measured here`);
  else if (compared.length === 0) why.unshift('nothing to compare with');
  const few = compared.find(({ interval, verdict: said }) => !interval.enough && said === 'undecided');
  if (few !== undefined) why.push(`${few.interval.n} ${few.interval.n === 1 ? 'round is' : 'rounds are'} too few to decide`);
  const beyond = beyondPerRound(scenario, contender.name, goal.metric);
  if (compared.length > 0 && beyond < FEW_BEYOND) why.push(`${metricOf(goal.metric).title.replace('Latency, ', '')} of a round rests on ${Math.round(beyond) === 1 ? '1 request' : `${Math.round(beyond)} requests`} beyond it`);
  return { scenario, goal, contender, verdict: worst(compared.map((c) => c.verdict)), compared, strongest: strongestOf(goal.limit === undefined ? goal : { ...goal, ratio: goal.limit }, compared), why: why.join('; ') };
}

/** Every goal for every contender that is ours and took part; those of the first (the headline) come first in each scenario.
 *  @param {any} result checked @returns {Judged[]} */
export function judge(result) {
  const ours = result.contenders.filter(({ kind }) => kind === 'self');
  return result.scenarios.flatMap((scenario) =>
    scenario.goals.flatMap((goal) => {
      const takesPart = (c, i) => i === 0 || (own(scenario.runs, c.name) !== undefined && goal.against?.includes(c.name) !== true);
      const named = goal.contender === undefined ? ours.filter(takesPart) : result.contenders.filter(({ name }) => name === goal.contender);
      return named.map((contender) => judgeOne(result, scenario, goal, contender));
    }),
  );
}

/** @param {Judged[]} judged */
export const tally = (judged) => ({ met: 0, lost: 0, undecided: 0, ...Object.fromEntries(Object.keys(RANK).map((word) => [word, judged.filter((j) => j.verdict === word).length])) });
