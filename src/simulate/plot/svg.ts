/** The little that plots need: escaped text, marks, scales and ticks. Coordinates are pixels. */

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text or attribute value: names in a scenario are anybody's. Characters that XML cannot hold become a question mark. */
export function escaped(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '?').replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

export interface TextOptions {
  anchor?: 'start' | 'middle' | 'end';
  /** Class of the style sheet. */
  style?: string;
  /** Shown when the mouse rests on it. */
  hint?: string;
}

export function text(x: number, y: number, content: string, { anchor = 'start', style = '', hint }: TextOptions = {}): string {
  return `<text x="${round(x)}" y="${round(y)}"${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}${classOf(style)}>${title(hint)}${escaped(content)}</text>`;
}

export const line = (x1: number, y1: number, x2: number, y2: number, style: string): string =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"${classOf(style)}/>`;

export const dot = (x: number, y: number, radius: number, style: string, hint?: string): string =>
  hint === undefined ? `<circle cx="${round(x)}" cy="${round(y)}" r="${radius}"${classOf(style)}/>` : `<circle cx="${round(x)}" cy="${round(y)}" r="${radius}"${classOf(style)}>${title(hint)}</circle>`;

export const box = (x: number, y: number, width: number, height: number, style: string, hint?: string): string =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(Math.max(width, 0))}" height="${round(Math.max(height, 0))}"${classOf(style)}>${title(hint)}</rect>`;

/** A line through points; a null breaks it. */
export function curve(points: readonly (readonly [number, number] | null)[], style: string): string {
  let path = '';
  let isBroken = true;
  for (const point of points) {
    if (point === null) isBroken = true;
    else {
      path += `${isBroken ? 'M' : 'L'}${round(point[0])} ${round(point[1])}`;
      isBroken = false;
    }
  }
  return path === '' ? '' : `<path d="${path}"${classOf(style)}/>`;
}

export const group = (style: string, parts: readonly string[], hint?: string): string => `<g${classOf(style)}>${title(hint)}${parts.join('')}</g>`;

const classOf = (style: string): string => (style === '' ? '' : ` class="${style}"`);
const title = (hint: string | undefined): string => (hint === undefined ? '' : `<title>${escaped(hint)}</title>`);

/** From values to pixels. */
export type Scale = (value: number) => number;

export const linear = (low: number, high: number, from: number, to: number): Scale => {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
};

export const logarithmic = (low: number, high: number, from: number, to: number): Scale => {
  const scale = linear(Math.log(low), Math.log(high), from, to);
  return (value) => scale(Math.log(Math.min(Math.max(value, low), high)));
};

/** 1, 2 and 5 of every power of ten in the range; fewer of them when it is wide. */
export function logTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const steps = decades > 3.2 ? [1] : decades > 1.6 ? [1, 3] : decades > 0.8 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) for (const step of steps) ticks.push(Number((step * 10 ** power).toPrecision(3)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** Round numbers from `low` to `high`, about `wanted` of them. */
export function linearTicks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low || 1) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough;
  const ticks: number[] = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) ticks.push(Number((index * step).toPrecision(6)));
  return ticks;
}

/** Moves labels apart, at least `gap` between two, within `low` .. `high`; keeps their order. */
export function spread(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0) || a - b);
  const placed = order.map((index) => Math.min(Math.max(wanted[index] ?? 0, low), high));
  for (let pass = 0; pass < 100; pass++) {
    let moved = false;
    for (let i = 1; i < placed.length; i++) {
      const overlap = gap - ((placed[i] ?? 0) - (placed[i - 1] ?? 0));
      if (overlap <= 1e-3) continue;
      placed[i - 1] = (placed[i - 1] ?? 0) - overlap / 2;
      placed[i] = (placed[i] ?? 0) + overlap / 2;
      moved = true;
    }
    // Pushed out of the picture: the whole row moves back in.
    const above = low - (placed[0] ?? low);
    const below = (placed.at(-1) ?? high) - high;
    if (above > 0) placed.forEach((value, index) => (placed[index] = Math.max(value, low + index * gap)));
    if (below > 0) placed.forEach((value, index) => (placed[index] = Math.min(value, high - (placed.length - 1 - index) * gap)));
    if (!moved) break;
  }
  const result: number[] = [];
  for (const [rank, index] of order.entries()) result[index] = placed[rank] ?? 0;
  return result;
}
