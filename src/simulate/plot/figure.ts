/** The frame that plots share: size, margins, axes and labels at the ends of lines. */
import { curve, group, line, spread, text, type Scale } from './svg.ts';
import { seriesStyle } from './theme.ts';

/** A plot without its surroundings: `body` is drawn from 0, 0 within WIDTH x `height`. */
export interface Figure {
  title: string;
  note: string;
  height: number;
  body: string;
}

export const WIDTH = 580;
export const HEIGHT = 300;
/** Beside the end of a line. */
const LABEL_WIDTH = 142;

export interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Room for labels of ticks at the left, of lines at the right. */
export const lineFrame: Frame = { left: 58, right: WIDTH - 158, top: 10, bottom: HEIGHT - 42 };

export function xAxis(frame: Frame, scale: Scale, ticks: readonly number[], format: (tick: number) => string, name: string): string {
  return [
    ...ticks.map((tick) => line(scale(tick), frame.top, scale(tick), frame.bottom, 'grid')),
    line(frame.left, frame.bottom, frame.right, frame.bottom, 'axis'),
    ...ticks.map((tick) => text(scale(tick), frame.bottom + 16, format(tick), { anchor: 'middle', style: 'tick' })),
    text((frame.left + frame.right) / 2, frame.bottom + 34, name, { anchor: 'middle', style: 'note' }),
  ].join('');
}

export function yAxis(frame: Frame, scale: Scale, ticks: readonly number[], format: (tick: number) => string): string {
  return ticks.map((tick) => line(frame.left, scale(tick), frame.right, scale(tick), 'grid') + text(frame.left - 7, scale(tick) + 4, format(tick), { anchor: 'end', style: 'tick' })).join('');
}

export interface Series {
  label: string;
  /** Of the colour. */
  index: number;
  isBest: boolean;
  points: readonly (readonly [number, number] | null)[];
  /** Drawn over the line. */
  marks?: readonly string[];
}

/** Lines with their names at the right end; the best one last, over the others. */
export function seriesMarks(all: readonly Series[], frame: Frame): string {
  const ends = all.map(({ points }) => points.findLast((point) => point !== null) ?? [frame.right, frame.bottom]);
  const heights = spread(ends.map(([, y]) => y), 15, frame.top + 4, frame.bottom);
  const drawn = all.map(({ label, index, isBest, points, marks = [] }, i) => {
    const [x, y] = ends[i] ?? [0, 0];
    const at = heights[i] ?? 0;
    const leader = curve([[x + 5, y], [frame.right + 8, at], [frame.right + 12, at]], 'leader');
    return {
      isBest,
      mark: group(`series ${seriesStyle(index)}${isBest ? ' best' : ''}`, [curve(points, ''), ...marks, leader, text(frame.right + 15, at + 4, shortened(label, LABEL_WIDTH), { style: 'label' })], label),
    };
  });
  return [...drawn.filter(({ isBest }) => !isBest), ...drawn.filter(({ isBest }) => isBest)].map(({ mark }) => mark).join('');
}

/** Pixels of a text of 12 px, by the widest of the fonts that systems have; there is nothing to measure with here. */
function widthOf(label: string): number {
  let width = 0;
  for (const character of label) width += /[iljtfrI.,:;|'!()[\] ]/.test(character) ? 5 : /[mwMW@%<>=+]/.test(character) ? 12 : /[a-z0-9_-]/.test(character) ? 7.7 : /[\u1100-\uffff]/.test(character) ? 14 : 9.5;
  return width;
}

/** Cut to so many pixels. */
export function shortened(label: string, most: number): string {
  if (widthOf(label) <= most) return label;
  const characters = Array.from(label);
  while (characters.length > 1 && widthOf(`${characters.join('')}…`) > most) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}
