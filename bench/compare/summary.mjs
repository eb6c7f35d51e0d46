/** The rounds of a comparison in words and figures. Pure: no clock, no process. */
import { median, pairedRatio } from '../stats.mjs';

/** A figure: what it is, which direction is worse, and the words for it. */
export const FIGURES = [
  { name: 'cpuUs', title: 'CPU per request, us', more: 'slower', less: 'faster', digits: 2 },
  { name: 'userUs', title: '  user', more: 'slower', less: 'faster', digits: 2 },
  { name: 'systemUs', title: '  system', more: 'slower', less: 'faster', digits: 2 },
  { name: 'instructions', title: 'instructions per request', more: 'more', less: 'fewer', digits: 0 },
  { name: 'userInstructions', title: '  user', more: 'more', less: 'fewer', digits: 0 },
  { name: 'systemInstructions', title: '  system', more: 'more', less: 'fewer', digits: 0 },
  { name: 'rate', title: 'throughput, per second', more: 'faster', less: 'slower', digits: 0 },
  { name: 'rssKiB', title: 'memory, KiB', more: 'more', less: 'less', digits: 0 },
];

const percent = (part) => {
  const value = Math.abs(part) * 100;
  return value >= 9.95 ? value.toFixed(0) : value.toFixed(1);
};

/**
 * What the interval of a ratio (working tree to the other) says.
 * @param {import('../stats.mjs').Interval} interval @param {{ more: string, less: string }} words for a ratio above and below 1
 */
export function inWords({ n, low, high, enough }, { more, less }) {
  if (n === 0) return 'not measured';
  if (!enough) return `${n} ${n === 1 ? 'pair is' : 'pairs are'} too few to tell`;
  if (low <= 1 && high >= 1) return `no difference found (between ${percent(1 - low)} % ${less} and ${percent(high - 1)} % ${more})`;
  const [small, large] = low > 1 ? [low - 1, high - 1] : [1 - high, 1 - low];
  const amount = percent(small) === percent(large) ? `${percent(small)} %` : `${percent(small)} .. ${percent(large)} %`;
  return `${low > 1 ? more : less} by ${amount}`;
}

/** @param {{ before: object, after: object }[]} pairs the other's run and the working tree's */
export function summarise(pairs) {
  return FIGURES.flatMap((figure) => {
    const [before, after] = ['before', 'after'].map((side) => pairs.map((pair) => pair[side][figure.name] ?? null));
    const { ratios, ...interval } = pairedRatio(after, before);
    if (interval.n === 0) return [];
    const known = (list) => list.filter((value) => value !== null);
    return [{ name: figure.name, before: median(known(before)), after: median(known(after)), ratio: interval, ratios, words: inWords(interval, figure) }];
  });
}

/** @param {ReturnType<typeof summarise>} summary @param {{ before: string, after: string }} names */
export function table(summary, names) {
  const rows = [['', names.before, names.after, 'ratio (95 % interval)', '']];
  for (const { name, before, after, ratio, words } of summary) {
    const { title, digits } = FIGURES.find((figure) => figure.name === name);
    const show = (value) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
    rows.push([title, show(before), show(after), ratio.enough ? `${ratio.value.toFixed(3)} (${ratio.low.toFixed(3)} .. ${ratio.high.toFixed(3)})` : ratio.value.toFixed(3), words]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => (column === 1 || column === 2 ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join('  ').trimEnd()).join('\n');
}

/**
 * The last line. CPU decides; where its interval is too wide to tell, instructions, which other work on the machine hardly moves, are said beside.
 * @param {ReturnType<typeof summarise>} summary @param {string} after
 */
export function conclusion(summary, after) {
  const of = (name) => summary.find((figure) => figure.name === name);
  const [cpu, instructions] = [of('cpuUs'), of('instructions')];
  if (cpu === undefined) return 'nothing was measured';
  const { low, high, enough } = cpu.ratio;
  const clear = enough && (low > 1 || high < 1);
  const beside = !clear && instructions !== undefined && instructions.ratio.enough ? `; instructions: ${instructions.words}` : '';
  return `${after}: ${cpu.words}${beside}`;
}
