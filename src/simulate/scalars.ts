/** Scalars of a scenario: as those of a configuration, and finer. */
import * as z from 'zod';
import { parsing, refuse, type Refusal } from '../config/parsing.ts';

const UNIT_SECONDS = { us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 } as const;
const SPAN_PATTERN = /^(\d+(?:\.\d+)?)(us|ms|s|m|h)$/;

/** Seconds of `0.5ms`, `250us`, `10s` or `0`; undefined when the text is none of these. */
export function parseSpan(value: string | number): number | undefined {
  if (value === 0 || value === '0') return 0;
  const match = SPAN_PATTERN.exec(String(value));
  return match === null ? undefined : Number((Number(match[1]) * UNIT_SECONDS[match[2] as keyof typeof UNIT_SECONDS]).toPrecision(12));
}

/** A time in seconds; unlike a duration of the configuration it may be less than a millisecond. */
export function span(minSeconds: number, maxSeconds: number) {
  const expected = 'expected a duration such as 0.5ms, 10ms or 5s';
  const input = z.union([z.string().regex(SPAN_PATTERN, expected), z.literal(0)], { error: expected });
  return parsing(input, (value) => {
    const seconds = parseSpan(value) ?? Number.NaN;
    if (seconds >= minSeconds && seconds <= maxSeconds) return seconds;
    return refuse(`the duration must be from ${minSeconds === 0 ? '0' : formatSpan(minSeconds)} to ${formatSpan(maxSeconds)}`);
  });
}

/** `1.5s`, `10ms`, `250us`: what `parseSpan` reads. */
export function formatSpan(seconds: number): string {
  if (seconds === 0) return '0';
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const count = Number((seconds / UNIT_SECONDS[unit]).toPrecision(12));
    if (count >= 1 && (unit === 's' || unit === 'ms' || Number.isInteger(count))) return `${count}${unit}`;
  }
  return `${Number((seconds * 1e6).toPrecision(12))}us`;
}

const SCALE = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9 } as const;

/** A whole number; 100k and 1M are understood. */
export const amount = (min: number, max: number) => scaled(min, max, Math.round);

/** The same with a fraction: how many in a second. */
export const ratePerSecond = (min: number, max: number) => scaled(min, max, (value) => value);

function scaled(min: number, max: number, finish: (value: number) => number) {
  const expected = 'expected a number such as 50000, 100k or 1M';
  return parsing(z.union([z.number(), z.string()], { error: expected }), (value): number | Refusal => {
    const match = /^(\d+(?:\.\d+)?)([kKMG]?)$/.exec(String(value));
    if (match === null) return refuse(`${expected}, not ${JSON.stringify(value)}`);
    const number = finish(Number(match[1]) * SCALE[match[2] as keyof typeof SCALE]);
    return number >= min && number <= max ? number : refuse(`expected a number from ${min} to ${max}, not ${number}`);
  });
}

/** A share from 0 to 1; 10% is understood. */
export const fraction = parsing(
  z.union([z.number(), z.string()], { error: 'expected a share such as 0.5 or 50%' }),
  (value): number | Refusal => {
    const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(String(value));
    const share = typeof value === 'number' ? value : match === null ? Number.NaN : Number(match[1]) / 100;
    if (share >= 0 && share <= 1) return share;
    return refuse(`expected a share from 0 to 1, or 0% to 100%, not ${JSON.stringify(value)}`, typeof value === 'number' && value > 1 && value <= 100 ? `write ${value}%` : undefined);
  },
);

/** Shares of the capacity that can be asked for, and how many of them in one run. */
export const LOADS = { least: 0.01, most: 20, count: 64, step: 0.1 } as const;

const rounded = (load: number): number => Math.round(load * 1e4) / 1e4;

/** `0.5..1.2`, `0.5..1.2:0.05`, `0.7`, `80%`, or several of these with commas between. */
export function parseLoads(text: string): number[] | Refusal {
  const number = String.raw`(\d+(?:\.\d+)?|\.\d+)(%?)`;
  const all: number[] = [];
  for (const part of text.split(',').map((piece) => piece.trim())) {
    const match = new RegExp(`^${number}(?:\\.\\.${number}(?::${number})?)?$`).exec(part);
    if (match === null) return refuse(`${JSON.stringify(part)} is no load`, 'such as 0.7, or 0.5..1.2 in steps of 0.1, or 0.5..1.2:0.05');
    const at = (index: number): number | undefined => (match[index] === undefined ? undefined : Number(match[index]) / (match[index + 1] === '%' ? 100 : 1));
    const from = at(1) ?? 0;
    const to = at(3) ?? from;
    const step = at(5) ?? LOADS.step;
    if (to < from) return refuse(`${part} runs backwards`, `write ${to}..${from}`);
    if (step <= 0 || (to - from) / step > LOADS.count) return refuse(`${part} has more than ${LOADS.count} steps`);
    // A step that does not divide the range ends at the last one within it. The sum of steps is rounded, so that 0.1 + 0.2 is 0.3.
    for (let index = 0; rounded(from + index * step) <= rounded(to); index++) all.push(rounded(from + index * step));
  }
  return checkLoads(all);
}

export function checkLoads(loads: readonly number[]): number[] | Refusal {
  const bad = loads.find((load) => !(load >= LOADS.least && load <= LOADS.most));
  if (bad !== undefined) return refuse(`a load is a share of the capacity from ${LOADS.least} to ${LOADS.most}, not ${bad}`, bad > LOADS.most && bad <= 200 ? `write ${bad / 100} for ${bad} %` : undefined);
  const sorted = [...new Set(loads.map(rounded))].sort((a, b) => a - b);
  return sorted.length > LOADS.count ? refuse(`expected at most ${LOADS.count} loads, not ${sorted.length}`) : sorted;
}
