/** From the rounds to one line per row: text for people, Markdown for the README. */
import type { Round } from './harness.ts';

export interface Line {
  subject: string;
  by: string;
  threads: number;
  medianNs: number;
  p99Ns: number;
  /** Medians of the slowest and the fastest round. */
  slowestNs: number;
  fastestNs: number;
  rounds: number;
  operations: number;
  aimNs: number | null;
  verdict: 'met' | 'missed' | null;
}

/** Above this ratio of two rounds the machine was not the same machine, and the line says so. */
const DISAGREEMENT = 1.25;

function median(list: readonly number[]): number {
  const order = [...list].sort((a, b) => a - b);
  const middle = order.length >> 1;
  return order.length % 2 === 1 ? order[middle]! : (order[middle - 1]! + order[middle]!) / 2;
}

/** The median of the rounds, not their mean: a round in the slow hour of the machine does not count more than another. */
export function summarise(rounds: readonly Round[]): Line[] {
  const rows = new Map<string, Round[]>();
  for (const round of rounds) {
    const key = `${round.subject}/${round.by}/${round.threads}`;
    rows.set(key, [...(rows.get(key) ?? []), round]);
  }
  return [...rows.values()].map((of) => {
    const { subject, by, threads, aimNs } = of[0]!;
    const medians = of.map((round) => round.medianNs);
    const medianNs = median(medians);
    return {
      subject,
      by,
      threads,
      medianNs,
      p99Ns: median(of.map((round) => round.p99Ns)),
      slowestNs: Math.max(...medians),
      fastestNs: Math.min(...medians),
      rounds: of.length,
      operations: of.reduce((sum, round) => sum + round.batches * round.batch, 0),
      aimNs,
      verdict: aimNs === null ? null : medianNs <= aimNs ? 'met' : 'missed',
    };
  });
}

const disagrees = (line: Line): boolean => line.slowestNs > line.fastestNs * DISAGREEMENT;

export function ns(value: number): string {
  if (value >= 999.5e3) return `${(value / 1e6).toPrecision(3)} ms`;
  if (value >= 9_995) return `${(value / 1e3).toPrecision(3)} us`;
  return value >= 99.95 ? value.toFixed(0) : value.toFixed(1);
}

const count = (value: number): string => (value >= 1e6 ? `${(value / 1e6).toFixed(1)} M` : value >= 1e3 ? `${(value / 1e3).toFixed(0)} k` : String(value));
const who = ({ by, threads }: Line): string => (threads === 1 ? by : `${by}, ${threads} threads`);

export function textTable(lines: readonly Line[]): string {
  const head = ['', 'median', 'p99', 'rounds', 'n', 'aim', ''];
  const cells = lines.map((line) => [
    `  ${who(line)}`,
    ns(line.medianNs),
    ns(line.p99Ns),
    `${ns(line.fastestNs)} .. ${ns(line.slowestNs)}`,
    count(line.operations),
    line.aimNs === null ? '' : `<= ${line.aimNs}`,
    [line.verdict, disagrees(line) ? 'rounds disagree' : null].filter((word) => word !== null).join(', '),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const print = (row: string[]): string => row.map((cell, column) => (column === 0 || column === 6 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ').trimEnd();
  const out = [print(head)];
  for (const [i, line] of lines.entries()) {
    if (line.subject !== lines[i - 1]?.subject) out.push(line.subject);
    out.push(print(cells[i]!));
  }
  return out.join('\n');
}

/** A line per subject and a column per contender; what was not measured stays empty. */
export function markdownTable(lines: readonly Line[]): string {
  const groups = new Map<string, Line[]>();
  for (const line of lines) {
    const group = line.subject.slice(0, line.subject.indexOf(','));
    groups.set(group, [...(groups.get(group) ?? []), line]);
  }
  const tables = [...groups.entries()].map(([group, of]) => {
    const columns = [...new Set(of.map(who))];
    const subjects = [...new Set(of.map((line) => line.subject))];
    const hasAim = of.some((line) => line.aimNs !== null);
    const head = [`${group}, ns`, ...columns, ...(hasAim ? ['aim'] : [])];
    const rows = subjects.map((subject) => {
      const cells = columns.map((column) => {
        const line = of.find((one) => one.subject === subject && who(one) === column);
        if (line === undefined) return '';
        return `${ns(line.medianNs)}${disagrees(line) ? ` (${ns(line.fastestNs)} .. ${ns(line.slowestNs)})` : ''}`;
      });
      const aim = of.find((line) => line.subject === subject && line.aimNs !== null);
      return [subject.slice(group.length + 2), ...cells, ...(hasAim ? [aim === undefined ? '' : `<= ${aim.aimNs}: ${aim.verdict}`] : [])];
    });
    return [head, [':--', ...head.slice(1).map(() => '--:')], ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  });
  return tables.join('\n\n');
}
