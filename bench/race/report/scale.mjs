/**
 * Scales of plots. Horizontal places are percentages of the plot's width, so that a plot fits any screen while its dots
 * and texts keep their size; vertical places are pixels.
 */

/** @typedef {{ at: (value: number) => number, ticks: number[] }} Scale `at`: 0 to 100 inside the scale. */

const STEPS = [1, 2, 2.5, 5, 10];

/** From zero, so that a distance on the page is a distance in the figures. @param {number} max
 *  @param {{ about?: number, least?: number }} [options] ticks, and the least distance of two @returns {Scale} */
export function fromZero(max, { about = 4, least = 0 } = {}) {
  const top = max > 0 && Number.isFinite(max) ? max : 1;
  const power = 10 ** Math.floor(Math.log10(top / about));
  const step = Math.max(power * (STEPS.find((s) => s * power * about >= top) ?? 10), least);
  const end = Math.ceil(top / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step);
  return { at: (value) => (100 * value) / end, ticks };
}

/** Whole powers of ten around what is to be shown. @param {number} min above zero @param {number} max @returns {Scale} */
export function logarithmic(min, max) {
  const low = Math.min(min, max);
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(max)); power++) for (const step of [1, 2, 5]) ticks.push(step * 10 ** power);
  const below = ticks.filter((tick) => tick <= low).at(-1) ?? low;
  const above = ticks.find((tick) => tick >= max && tick > below) ?? max;
  const width = Math.log(above / below);
  return { at: (value) => (100 * Math.log(value / below)) / width, ticks: ticks.filter((tick) => tick >= below && tick <= above) };
}

/** 0 for the median, 1 for the 90th percentile, 2 for the 99th: every step is a tenth of the requests. @param {number} share below 1 */
export const nines = (share) => 0 - Math.log10(1 - share);

/** @param {number} value of a scale */
export const percent = (value) => `${Number(value.toFixed(2))}%`;

/**
 * Moves labels apart: each as near to its place as `gap` allows, in the same order, none above `top`.
 * @param {number[]} places @param {number} gap @param {number} top @param {number} bottom @returns {number[]}
 */
export function apart(places, gap, top, bottom) {
  const order = places.map((place, i) => ({ place, i })).sort((a, b) => a.place - b.place);
  let last = top - gap;
  for (const label of order) last = label.place = Math.max(label.place, last + gap);
  let next = bottom + gap;
  for (const label of order.reverse()) next = label.place = Math.min(label.place, next - gap);
  const result = new Array(places.length);
  for (const { place, i } of order) result[i] = place;
  return result;
}
