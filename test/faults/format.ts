/** Rows as Markdown, one line each. */
import type { Result } from './row.ts';

export const HEADER = [
  '| fault | sent | answered | failed | cut | lost | attempts at it | avoided after | returned after |',
  '|---|---:|---:|---|---:|---:|---:|---|---|',
].join('\n');

const number = (value: number): string => value.toLocaleString('en');
const time = (ms: number): string => `${number(ms)} ms`;

export function format({ name, sent, answered, failed, cut, lost, attempts, avoided, returnedMs, remarks }: Result): string {
  const failures = Object.entries(failed).map(([flag, times]) => `${flag} ${number(times)}`).join(', ') || '0';
  const cells = [
    remarks.length === 0 ? name : `${name} (${remarks.join('; ')})`, number(sent), number(answered), failures, number(cut), number(lost), attempts === null ? '?' : number(attempts),
    avoided === null ? '-' : `${number(avoided.attempts)} attempts, ${time(avoided.ms)}`, returnedMs === null || avoided === null ? '-' : time(returnedMs),
  ];
  return `| ${cells.join(' | ')} |`;
}
