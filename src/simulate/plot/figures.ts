import { adviceOf } from '../advice.ts';
import type { Outcome } from '../result.ts';
import type { Figure } from './figure.ts';
import { errorsPlot, goodputPlot, overloadPlot, quantilePlot, timelinePlot } from './lines.ts';
import { sharePlot, spreadPlot, utilisationPlot } from './rows.ts';

/** The plots that say something about this scenario, the most important first. */
export function figuresOf(outcome: Outcome): Figure[] {
  const { best } = adviceOf(outcome);
  const { points, groups, changes, arrivals, focus } = outcome.scenario;
  const hasTimeline = changes.length > 0 || arrivals.kind === 'bursts';
  const hasErrors = outcome.cells.some((row) => row[focus]?.timeline.some(({ errors }) => errors > 0) === true);
  const timeline = hasTimeline ? [timelinePlot(outcome, best), ...(hasErrors ? [errorsPlot(outcome, best)] : [])] : [];
  return [
    spreadPlot(outcome, best),
    ...(groups.length > 1 ? [sharePlot(outcome, best)] : []),
    ...timeline,
    ...(points.length > 1 ? [overloadPlot(outcome, best), goodputPlot(outcome, best)] : []),
    quantilePlot(outcome, best),
    ...(groups.length > 1 ? [utilisationPlot(outcome, best)] : []),
  ];
}
