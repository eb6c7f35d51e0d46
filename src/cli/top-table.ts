/** Tables of text that fit a width: columns that matter less go first, names are cut last. */

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  reverse(text: string): string;
}

const sgr = (on: number, off: number) => (text: string) => `\x1b[${on}m${text}\x1b[${off}m`;
const same = (text: string): string => text;
export const COLORS: Style = { bold: sgr(1, 22), dim: sgr(2, 22), bad: sgr(31, 39), warn: sgr(33, 39), reverse: sgr(7, 27) };
export const NO_COLORS: Style = { bold: same, dim: same, bad: same, warn: same, reverse: same };

export interface TopColumn<R> {
  title: string;
  /** Text is cut when there is no room; numbers never are. */
  kind: 'text' | 'number';
  /** The larger, the sooner it is left out when there is no room. */
  rank: number;
  /** Characters below which a text is not cut while a column can be left out instead; default 16. */
  least?: number;
  cell: (row: R) => string;
}

const GAP = 2;
const LEAST_TEXT = 16;


/** The head and one line per row, none wider than `width`. */
export function tableLines<R>(columns: readonly TopColumn<R>[], rows: readonly R[], width: number): { head: string; lines: string[] } {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const wanted = columns.map(({ title }, i) => Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const kept = keptColumns(columns, wanted, width);
  const widths = fitted(columns, wanted, kept, width);
  const line = (texts: readonly string[]): string =>
    kept.map((i) => (columns[i]?.kind === 'number' ? (texts[i] ?? '').padStart(widths[i] ?? 0) : cut(texts[i] ?? '', widths[i] ?? 0).padEnd(widths[i] ?? 0))).join(' '.repeat(GAP)).trimEnd().slice(0, width);
  return { head: line(columns.map(({ title }) => title)), lines: cells.map(line) };
}

function keptColumns<R>(columns: readonly TopColumn<R>[], wanted: readonly number[], width: number): number[] {
  let kept = columns.map((_, i) => i);
  const least = (i: number): number => (columns[i]?.kind === 'text' ? Math.min(wanted[i] ?? 0, columns[i].least ?? LEAST_TEXT) : (wanted[i] ?? 0));
  while (kept.length > 1 && total(kept.map(least)) > width) {
    const last = kept.reduce((worst, i) => ((columns[i]?.rank ?? 0) >= (columns[worst]?.rank ?? 0) ? i : worst));
    kept = kept.filter((i) => i !== last);
  }
  return kept;
}

/** Takes what is missing from the widest text, again and again. */
function fitted<R>(columns: readonly TopColumn<R>[], wanted: readonly number[], kept: readonly number[], width: number): number[] {
  const widths = [...wanted];
  const texts = kept.filter((i) => columns[i]?.kind === 'text');
  for (let over = total(kept.map((i) => widths[i] ?? 0)) - width; over > 0 && texts.length > 0; over--) {
    const widest = texts.reduce((a, b) => ((widths[b] ?? 0) > (widths[a] ?? 0) ? b : a));
    widths[widest] = Math.max(1, (widths[widest] ?? 0) - 1);
  }
  return widths;
}

const total = (widths: readonly number[]): number => widths.reduce((a, b) => a + b, 0) + GAP * Math.max(0, widths.length - 1);

/** Cut texts end in "~", as in ps and ls: no character that a terminal may not have. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : width <= 1 ? text.slice(0, width) : `${text.slice(0, width - 1)}~`;
}
