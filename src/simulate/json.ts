import { VERSION } from '../core/version.ts';
import { adviceOf } from './advice.ts';
import { failedShare, goodput, resultOf, type Outcome } from './result.ts';

/** Everything that was measured, without anything of the machine or the hour: the same seed gives the same bytes. */
export function outcomeJson(outcome: Outcome): unknown {
  const { candidates, points, ...scenario } = outcome.scenario;
  const advice = adviceOf(outcome);
  const label = (index: number) => candidates[index]?.label;
  return {
    format: 1,
    version: VERSION,
    scenario: { ...scenario, focus: points[scenario.focus]?.load, points, policies: candidates },
    results: candidates.flatMap(({ label: policy }, candidate) =>
      points.map(({ load }, point) => {
        const result = resultOf(outcome, candidate, point);
        return { policy, load, failedShare: failedShare(result), ...result, goodput: goodput(result) };
      }),
    ),
    advice: { policy: label(advice.best), asGood: advice.asGood.map(label), text: advice.sentences.join(' ') },
  };
}
