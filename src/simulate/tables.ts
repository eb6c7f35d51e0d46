/** The figures as tables, for the terminal and for the page alike. */
import { count, focusText, loadPercent, percent, time } from './format.ts';
import { failedShare, goodput, resultOf, type Outcome } from './result.ts';

export interface Table {
  title: string;
  /** Of the columns behind the name of the policy. */
  head: string[];
  /** One row for each candidate, in order. */
  rows: string[][];
  note: string;
}

/** More groups than this have no columns of their own. */
const MOST_GROUP_COLUMNS = 4;

export function tablesOf(outcome: Outcome): Table[] {
  const { points } = outcome.scenario;
  if (points.length < 2) return [focusTable(outcome)];
  const head = points.map(({ load }) => loadPercent(load));
  const curve = (title: string, note: string, cell: (candidate: number, point: number) => string): Table => ({
    title,
    head,
    rows: outcome.scenario.candidates.map((_, candidate) => points.map((__, point) => cell(candidate, point))),
    note,
  });
  return [
    focusTable(outcome),
    curve('p99 by load', 'of answers and timeouts', (candidate, point) => time(resultOf(outcome, candidate, point).latency.p99)),
    curve('Failed by load', 'errors, timeouts and refusals of full queues and breakers', (candidate, point) => percent(failedShare(resultOf(outcome, candidate, point)))),
  ];
}

interface Column {
  title: string;
  cell: (candidate: number) => string;
}

function focusTable(outcome: Outcome): Table {
  const { scenario } = outcome;
  const { rate } = scenario.points[scenario.focus] ?? { rate: 0 };
  const limit = Math.max(...scenario.candidates.map(({ rateLimit }) => rateLimit?.requests ?? 0));
  const of = (candidate: number) => resultOf(outcome, candidate, scenario.focus);
  const groups = scenario.groups.length < 2 ? [] : scenario.groups.slice(0, MOST_GROUP_COLUMNS);
  const columns: Column[] = [
    { title: 'p50', cell: (candidate) => time(of(candidate).latency.p50) },
    { title: 'p99', cell: (candidate) => time(of(candidate).latency.p99) },
    { title: 'p99.9', cell: (candidate) => time(of(candidate).latency.p999) },
    { title: 'failed', cell: (candidate) => percent(failedShare(of(candidate))) },
    ...(limit === 0
      ? []
      : [
          { title: 'limited', cell: (candidate: number) => percent(of(candidate).refused.rateLimit / of(candidate).requests) },
          { title: 'window', cell: (candidate: number) => (of(candidate).wrong.rateLimit.clients === 0 ? '-' : count(of(candidate).wrong.rateLimit.mostAdmitted)) },
        ]),
    { title: 'good/s', cell: (candidate) => count(goodput(of(candidate))) },
    ...(scenario.candidates.some((_, candidate) => of(candidate).ejections > 0) ? [{ title: 'ejected', cell: (candidate: number) => count(of(candidate).ejections) }] : []),
    { title: 'busiest', cell: (candidate) => `${of(candidate).imbalance.maxOverMean.toFixed(2)}x` },
    ...groups.map((group, index) => ({ title: group.name, cell: (candidate: number) => percent(of(candidate).groups[index]?.share ?? 0) })),
  ];
  return {
    title: scenario.byRate ? `At ${focusText(scenario)}` : `At ${focusText(scenario)}, ${count(rate)} requests/s`,
    head: columns.map(({ title }) => title),
    rows: scenario.candidates.map((_, candidate) => columns.map(({ cell }) => cell(candidate))),
    note: `${limit === 0 ? '' : 'window: most requests of one client that one proxy let through in any one window; '}busiest: requests at the busiest endpoint, working and waiting, over the mean of all${groups.length === 0 ? '' : `; ${groups.map(({ name }) => name).join(', ')}: share of the requests`}`,
  };
}
