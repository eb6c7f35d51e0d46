/** Plots with a line for each policy: quantiles, overload, and what happened meanwhile. */
import type { SimulationResult } from '../../binding/simulation.ts';
import { changeText, focusText, loadPercent, percent, shortTime, time } from '../format.ts';
import { failedShare, goodput, resultOf, type Outcome } from '../result.ts';
import { HEIGHT, lineFrame as frame, seriesMarks, xAxis, yAxis, type Figure } from './figure.ts';
import { box, dot, line, linear, linearTicks, logTicks, logarithmic, text, type Scale } from './svg.ts';

/** A quantile needs so many requests beyond it to mean something. */
const LEAST_BEYOND = 10;
const QUANTILE_TICKS = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
const SAMPLES = 240;
/** Between two labels of the axis, pixels. */
const LEAST_GAP = 38;
/** Marked as hollow in the overload plot. */
const NOTICED_FAILURES = 0.01;

const nines = (q: number): number => -Math.log10(1 - q);

/** What the slowest part of the requests waited: every further nine has the same room, so that the tail can be seen. */
export function quantilePlot(outcome: Outcome, best: number): Figure {
  const { scenario } = outcome;
  const results = scenario.candidates.map((_, index) => resultOf(outcome, index, scenario.focus));
  const most = Math.max(1, ...results.map(({ latency }) => latency.count));
  const last = Math.max(nines(0.99), Math.min(nines(0.99999), Math.log10(most / LEAST_BEYOND)));
  const x = linear(0, last, frame.left, frame.right);
  const quantiles = Array.from({ length: SAMPLES + 1 }, (_, index) => 1 - 10 ** (-(last * index) / SAMPLES));
  const lines = results.map((result) => latenciesAt(result, quantiles));
  const y = timeScale(lines.flat());
  return {
    title: 'Latency by quantile',
    note: `answers and timeouts at ${focusText(scenario)}; further right is the slower tail`,
    height: HEIGHT,
    body:
      xAxis(frame, (q) => x(nines(q)), QUANTILE_TICKS.filter((q) => nines(q) <= last + 1e-9), (q) => `${Number((q * 100).toPrecision(8))} %`, 'share of the requests that is faster') +
      yAxis(frame, y.scale, y.ticks, shortTime) +
      seriesMarks(
        scenario.candidates.map(({ label }, index) => ({
          label,
          index,
          isBest: index === best,
          points: quantiles.map((q, i) => (Number.isNaN(lines[index]?.[i] ?? Number.NaN) ? null : ([x(nines(q)), y.scale(lines[index]?.[i] ?? 0)] as const))),
        })),
        frame,
      ),
  };
}

/** Upper bounds of the histogram; NaN where there is too little to tell. Both lists rise, so one pass does. */
function latenciesAt({ histogram, latency }: SimulationResult, quantiles: readonly number[]): number[] {
  let index = 0;
  let below = histogram[0]?.[1] ?? 0;
  return quantiles.map((q) => {
    const rank = q * latency.count;
    if (latency.count - rank < LEAST_BEYOND * 0.999) return Number.NaN;
    while (below < rank && index < histogram.length - 1) below += histogram[++index]?.[1] ?? 0;
    return histogram[index]?.[0] ?? Number.NaN;
  });
}

function timeScale(values: readonly number[]) {
  const seen = values.filter((value) => Number.isFinite(value) && value > 0);
  const low = (seen.length === 0 ? 1e-3 : Math.min(...seen)) / 1.15;
  const high = Math.max((seen.length === 0 ? 1 : Math.max(...seen)) * 1.15, low * 4);
  return { scale: logarithmic(low, high, frame.bottom, frame.top), ticks: logTicks(low, high), low, high };
}

/** The tail over the load: where each policy gives way. */
export function overloadPlot(outcome: Outcome, best: number): Figure {
  const { scenario } = outcome;
  const x = loadScale(outcome);
  const of = (candidate: number, point: number) => resultOf(outcome, candidate, point);
  const y = timeScale(scenario.candidates.flatMap((_, candidate) => scenario.points.map((__, point) => of(candidate, point).latency.p99)));
  const timeout = scenario.timeout < y.high && scenario.timeout > y.low ? line(frame.left, y.scale(scenario.timeout), frame.right, y.scale(scenario.timeout), 'rule') + text(frame.left + 6, y.scale(scenario.timeout) - 5, `timeout ${shortTime(scenario.timeout)}`, { style: 'note' }) : '';
  return {
    title: 'p99 over load',
    note: `of answers and timeouts; hollow: more than ${percent(NOTICED_FAILURES)} failed`,
    height: HEIGHT,
    body:
      x.axis +
      yAxis(frame, y.scale, y.ticks, shortTime) +
      timeout +
      seriesMarks(
        scenario.candidates.map(({ label }, index) => {
          const points = scenario.points.map(({ load }, point) => (of(index, point).latency.count === 0 ? null : ([x.scale(load), y.scale(of(index, point).latency.p99)] as const)));
          const marks = points.flatMap((at, point) => {
            const { latency } = of(index, point);
            const failed = failedShare(of(index, point));
            return at === null ? [] : [dot(at[0], at[1], 3.6, failed > NOTICED_FAILURES ? 'hollow' : '', `${label} at ${loadPercent(scenario.points[point]?.load ?? 0)}: p99 ${time(latency.p99)}, ${percent(failed)} failed`)];
          });
          return { label, index, isBest: index === best, points, marks };
        }),
        frame,
      ),
  };
}

/** What is left when more is asked for than can be done. */
export function goodputPlot(outcome: Outcome, best: number): Figure {
  const { scenario } = outcome;
  const x = loadScale(outcome);
  const good = (candidate: number, point: number) => goodput(resultOf(outcome, candidate, point)) / scenario.capacity;
  const loads = scenario.points.map(({ load }) => load);
  const high = Math.max(...loads.map((load) => Math.min(load, 1)), ...scenario.candidates.flatMap((_, candidate) => loads.map((__, point) => good(candidate, point)))) * 1.05;
  const low = Math.min(...loads) > 0.4 * high ? Math.min(...loads, ...scenario.candidates.flatMap((_, candidate) => loads.map((__, point) => good(candidate, point)))) * 0.9 : 0;
  const y = linear(low, high, frame.bottom, frame.top);
  const bend = [Math.min(...loads), ...(Math.min(...loads) < 1 && Math.max(...loads) > 1 ? [1] : []), Math.max(...loads)];
  const ideal = bend.slice(1).map((load, index) => line(x.scale(bend[index] ?? 0), y(Math.min(bend[index] ?? 0, 1)), x.scale(load), y(Math.min(load, 1)), 'rule'));
  return {
    title: 'Good answers over load',
    note: 'per second, in percent of the capacity; dashed: all that could be done',
    height: HEIGHT,
    body:
      x.axis +
      yAxis(frame, y, linearTicks(low, high, 5), loadPercent) +
      ideal.join('') +
      seriesMarks(
        scenario.candidates.map(({ label }, index) => ({
          label,
          index,
          isBest: index === best,
          points: loads.map((load, point) => [x.scale(load), y(good(index, point))] as const),
          marks: loads.map((load, point) => dot(x.scale(load), y(good(index, point)), 3.2, '', `${label} at ${loadPercent(load)}: ${percent(good(index, point))} of the capacity`)),
        })),
        frame,
      ),
  };
}

/** The load in focus stands on a band of its own. */
function loadScale({ scenario }: Outcome) {
  const loads = scenario.points.map(({ load }) => load);
  const [low, high] = [Math.min(...loads), Math.max(...loads)];
  const scale = linear(low, high, frame.left + 8, frame.right - 6);
  const focus = scale(scenario.points[scenario.focus]?.load ?? low);
  const axis = box(focus - 9, frame.top, 18, frame.bottom - frame.top, 'mark') + xAxis(frame, scale, apart(loads, scale), loadPercent, 'load, of what all endpoints together can do');
  return { scale, axis };
}

/** Those with room for their labels. */
function apart(values: readonly number[], scale: Scale): number[] {
  const kept: number[] = [];
  for (const value of values) if (kept.length === 0 || scale(value) - scale(kept.at(-1) ?? 0) >= LEAST_GAP) kept.push(value);
  return kept;
}

/** p99 from one moment to the next, at the load in focus. */
export function timelinePlot(outcome: Outcome, best: number): Figure {
  const { scenario } = outcome;
  const results = scenario.candidates.map((_, index) => resultOf(outcome, index, scenario.focus));
  const x = timeAxis(outcome);
  const y = timeScale(results.flatMap(({ timeline }) => timeline.map(({ p99 }) => p99)));
  return {
    title: 'p99 meanwhile',
    note: `at ${focusText(scenario)}; shaded: ${bandNote(outcome)}`,
    height: HEIGHT,
    body: x.bands + x.axis + yAxis(frame, y.scale, y.ticks, shortTime) + seriesMarks(timelineSeries(outcome, best, ({ at, p99 }) => (p99 > 0 ? [x.scale(at), y.scale(p99)] : null)), frame),
  };
}

export function errorsPlot(outcome: Outcome, best: number): Figure {
  const { scenario } = outcome;
  const results = scenario.candidates.map((_, index) => resultOf(outcome, index, scenario.focus));
  const x = timeAxis(outcome);
  const high = Math.max(0.01, ...results.flatMap(({ timeline }) => timeline.map(({ errors }) => errors))) * 1.08;
  const y = linear(0, high, frame.bottom, frame.top);
  return {
    title: 'Failed requests meanwhile',
    note: `share at ${focusText(scenario)}; shaded: ${bandNote(outcome)}`,
    height: HEIGHT,
    body: x.bands + x.axis + yAxis(frame, y, linearTicks(0, high, 5), loadPercent) + seriesMarks(timelineSeries(outcome, best, ({ at, errors }) => [x.scale(at), y(errors)]), frame),
  };
}

function timelineSeries(outcome: Outcome, best: number, place: (bucket: SimulationResult['timeline'][number]) => readonly [number, number] | null) {
  const { scenario } = outcome;
  return scenario.candidates.map(({ label }, index) => ({ label, index, isBest: index === best, points: resultOf(outcome, index, scenario.focus).timeline.map(place) }));
}

const bandNote = ({ scenario }: Outcome): string => (scenario.changes.length === 1 ? changeText(scenario.changes[0]!, scenario.groups) : 'a change is in force');

function timeAxis({ scenario, cells }: Outcome) {
  const seconds = Math.max(...cells.map((row) => row[scenario.focus]?.seconds ?? 0), 1e-6);
  const scale = linear(0, seconds, frame.left, frame.right);
  const bands = scenario.changes.filter(({ at }) => at < seconds).map((change) => {
    const end = change.for === null ? seconds : Math.min(seconds, change.at + change.for);
    return box(scale(change.at), frame.top, scale(end) - scale(change.at), frame.bottom - frame.top, 'band', changeText(change, scenario.groups));
  });
  return { scale, bands: bands.join(''), axis: xAxis(frame, scale, linearTicks(0, seconds, 6), (tick) => `${tick} s`, 'virtual time') };
}
