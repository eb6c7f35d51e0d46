/** The verdicts as lines of text, for whoever watched the race in a terminal. */
import { checked } from './check.mjs';
import { between, ratio } from './format.mjs';
import { judge, tally } from './judge.mjs';
import { metricOf, roundsOf, summary } from './metrics.mjs';

function figure(result, { goal, scenario, contender, strongest }) {
  if (strongest === undefined) return 'not measured';
  const metric = metricOf(goal.metric, scenario);
  if (goal.limit !== undefined) return metric.show(summary(metric, roundsOf(scenario, contender.name, goal.metric)));
  const other = goal.againstScenario ?? result.contenders.find(({ name }) => name === strongest.name)?.title ?? strongest.name;
  return `${ratio(strongest.interval.value)}${strongest.interval.enough ? ` (${between(strongest.interval)})` : ''} to ${other}`;
}

/** @param {unknown} value a result @returns {string[]} the count, then a line per goal */
export function verdictLines(value) {
  const result = checked(value);
  const first = result.contenders.find(({ kind }) => kind === 'self');
  const judged = judge(result);
  if (judged.length === 0) return [];
  const { met, lost, undecided } = tally(judged.filter(({ contender }) => contender === first));
  const rows = judged.map((one) => {
    const who = one.contender === first ? '' : `${one.contender.title}: `;
    return `  ${one.verdict.padEnd(9)}  ${who}${one.scenario.title}: ${one.goal.text}: ${figure(result, one)}${one.why === '' ? '' : ` [${one.why}]`}`;
  });
  return [`${met} ${met === 1 ? 'goal' : 'goals'} met, ${lost} lost, ${undecided} undecided:`, ...rows];
}
