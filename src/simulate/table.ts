/** The result as text: what is simulated, everything at the load in focus, the curves over the load, and the advice. */
import { adviceOf } from './advice.ts';
import { scenarioLines } from './format.ts';
import type { Outcome } from './result.ts';
import { tablesOf, type Table } from './tables.ts';

const BEST = '*';
const GAP = '  ';

/** Without escape sequences: names come from a file of the user, and hold no control characters by its schema. */
export function outcomeText(outcome: Outcome): string {
  const { scenario } = outcome;
  const { best, sentences } = adviceOf(outcome);
  return [
    scenario.title,
    ...scenarioLines(scenario).map((line) => `  ${line}`),
    ...tablesOf(outcome).flatMap((table) => ['', table.title, ...lines(outcome, table, best)]),
    '',
    ...sentences.map((sentence, index) => (index === 0 ? `${BEST} ${sentence}` : `  ${sentence}`)),
  ].join('\n');
}

/** Names to the left, numbers to the right. */
function lines({ scenario }: Outcome, { head, rows }: Table, best: number): string[] {
  const all = [['', 'policy', ...head], ...rows.map((row, index) => [index === best ? BEST : '', scenario.candidates[index]?.label ?? '', ...row])];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(GAP).trimEnd());
}
