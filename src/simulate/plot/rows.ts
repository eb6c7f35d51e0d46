/** Plots with a row for each policy: its spread of latencies, and what each group of endpoints got and does. */
import { evenShares } from '../advice.ts';
import { focusText, loadPercent, percent, shortTime, time } from '../format.ts';
import { resultOf, type Outcome } from '../result.ts';
import { WIDTH, shortened, xAxis, type Figure, type Frame } from './figure.ts';
import { box, dot, group, line, linear, linearTicks, logTicks, logarithmic, text, type Scale } from './svg.ts';
import { seriesStyle } from './theme.ts';

const ROW = 28;
const TOP = 26;
const BOTTOM = 40;
/** Of a name above the plot. */
const LEGEND_WIDTH = 110;
/** First colour of the groups, which are no policies. */
const GROUP_COLOUR = 4;

const frameOf = (rows: number): Frame => ({ left: 172, right: WIDTH - 62, top: TOP, bottom: TOP + rows * ROW });
const heightOf = (rows: number): number => TOP + rows * ROW + BOTTOM;

interface Row {
  label: string;
  /** Rising or not; the first and the last are joined. */
  marks: { value: number; style: string; hint: string; radius: number }[];
  /** Behind the last mark. */
  end: string;
}

function rowsPlot(rows: readonly Row[], best: number, frame: Frame, x: Scale): string {
  return rows
    .map(({ label, marks, end }, index) => {
      const y = frame.top + (index + 0.5) * ROW;
      const places = marks.map(({ value }) => x(value));
      const [from, to] = [Math.min(...places), Math.max(...places)];
      return group('series', [
        index === best ? box(4, y - ROW / 2 + 2, WIDTH - 8, ROW - 4, 'mark') : '',
        text(frame.left - 12, y + 4, shortened(label, frame.left - 20), { anchor: 'end', style: index === best ? 'strong' : '', hint: label }),
        line(from, y, to, y, 'rail'),
        ...marks.map(({ value, style, hint, radius }) => group(style, [dot(x(value), y, radius, '', hint)])),
        text(to + 9, y + 4, end, { style: 'small' }),
      ]);
    })
    .join('');
}

/** What a mark means, in a row above the plot. */
function legend(entries: readonly { name: string; style: string; radius: number }[], frame: Frame): string {
  let x = frame.left;
  return entries
    .map(({ name, style, radius }) => {
      const mark = group(style, [dot(x + 5, 10, radius, '')]) + text(x + 14, 14, shortened(name, LEGEND_WIDTH), { style: 'note', hint: name });
      x += 28 + Math.min(name.length * 7, LEGEND_WIDTH);
      return mark;
    })
    .join('');
}

const QUANTILES = [
  { name: 'p50', key: 'p50', style: 's7', radius: 4.5 },
  { name: 'p90', key: 'p90', style: 's9', radius: 4.5 },
  { name: 'p99', key: 'p99', style: 's0', radius: 6 },
  { name: 'p99.9', key: 'p999', style: 's1', radius: 4.5 },
] as const;

/** From the median to the tail. */
export function spreadPlot(outcome: Outcome, best: number): Figure {
  const { scenario } = outcome;
  const frame = frameOf(scenario.candidates.length);
  const results = scenario.candidates.map((_, index) => resultOf(outcome, index, scenario.focus).latency);
  const seen = results.flatMap((latency) => QUANTILES.map(({ key }) => latency[key])).filter((value) => value > 0);
  const low = (seen.length === 0 ? 1e-3 : Math.min(...seen)) / 1.2;
  const high = Math.max(low * 3, ...seen) * 1.2;
  const x = logarithmic(low, high, frame.left, frame.right);
  const rows = scenario.candidates.map(({ label }, index): Row => {
    const latency = results[index]!;
    return { label, marks: QUANTILES.map(({ name, key, style, radius }) => ({ value: latency[key], style, radius, hint: `${label}: ${name} ${time(latency[key])}` })), end: time(latency.p999) };
  });
  return {
    title: 'From the median to the tail',
    note: `latency of answers and timeouts at ${focusText(scenario)}; the number is p99.9`,
    height: heightOf(rows.length),
    body: legend(QUANTILES, frame) + xAxis(frame, x, logTicks(low, high), shortTime, '') + rowsPlot(rows, best, frame, x),
  };
}

/** Requests per endpoint of each group, where 1 is what it would get if all were treated alike. */
export function sharePlot(outcome: Outcome, best: number): Figure {
  const { scenario } = outcome;
  const even = evenShares(scenario);
  return groupPlot(outcome, best, {
    title: 'Who got the requests',
    note: `requests per endpoint by group at ${focusText(scenario)}, over an even share by weight`,
    of: ({ share }, index) => ((even[index] ?? 0) === 0 ? 0 : share / (even[index] ?? 1)),
    format: (value) => `${value.toFixed(2)}x`,
    tick: (value) => `${value}x`,
    rule: 1,
    hint: ({ share }) => `${percent(share)} of the requests`,
  });
}

/** How much of its places each group used. */
export function utilisationPlot(outcome: Outcome, best: number): Figure {
  const { scenario } = outcome;
  return groupPlot(outcome, best, {
    title: 'How busy they were',
    note: `places in use by group at ${focusText(scenario)}, of all that the group has`,
    of: ({ utilisation }) => utilisation,
    format: percent,
    tick: loadPercent,
    rule: null,
    hint: ({ utilisation }) => `${percent(utilisation)} busy`,
  });
}

type GroupResult = ReturnType<typeof resultOf>['groups'][number];
interface GroupPlot {
  title: string;
  note: string;
  of: (result: GroupResult, index: number) => number;
  format: (value: number) => string;
  tick: (value: number) => string;
  /** Value of a line across; null = none. */
  rule: number | null;
  hint: (result: GroupResult) => string;
}

function groupPlot(outcome: Outcome, best: number, { title, note, of, format, tick, rule, hint }: GroupPlot): Figure {
  const { scenario } = outcome;
  const frame = frameOf(scenario.candidates.length);
  const style = (index: number) => seriesStyle(GROUP_COLOUR + index);
  const rows = scenario.candidates.map(({ label }, candidate): Row => {
    const marks = resultOf(outcome, candidate, scenario.focus).groups.map((result, index) => ({
      value: of(result, index),
      style: style(index),
      radius: 5.5,
      hint: `${label}: ${scenario.groups[index]?.name ?? ''} ${hint(result)}`,
    }));
    return { label, marks, end: format(Math.max(...marks.map(({ value }) => value))) };
  });
  const high = Math.max(rule ?? 0, ...rows.flatMap(({ marks }) => marks.map(({ value }) => value))) * 1.08 || 1;
  const x = linear(0, high, frame.left, frame.right);
  return {
    title,
    note,
    height: heightOf(rows.length),
    body:
      legend(scenario.groups.map(({ name }, index) => ({ name, style: style(index), radius: 5.5 })), frame) +
      xAxis(frame, x, linearTicks(0, high, 5), tick, '') +
      (rule === null ? '' : line(x(rule), frame.top, x(rule), frame.bottom, 'rule')) +
      rowsPlot(rows, best, frame, x),
  };
}
