/** Histograms for people: quantiles over the total and over the last minute and ten seconds. */
import type { HistogramData } from '../telemetry/histograms.ts';
import { quantiles, type Quantiles } from '../telemetry/histograms.ts';

/** How the pages show a histogram: milliseconds, or bytes. */
export const SHOWN = { ms: 1000, bytes: 1 } as const;
type ShownUnit = keyof typeof SHOWN;

const WINDOWS = { total: 0, last1m: 60_000, last10s: 10_000 } as const;

export interface Summary extends Quantiles {
  count: number;
  mean: number | null;
  /** How far back it reaches; a window is up to 5 s longer than its name. Absent for the total. */
  seconds?: number;
}

export type Summaries = { unit: ShownUnit } & Record<keyof typeof WINDOWS, Summary>;

/** Null without samples, or when another image came into service meanwhile. */
export function summarize(unit: ShownUnit, read: (windowMs: number) => HistogramData | null): Summaries | null {
  const total = read(WINDOWS.total);
  if (total === null || total.count === 0) return null;
  const last1m = read(WINDOWS.last1m);
  const last10s = read(WINDOWS.last10s);
  if (last1m === null || last10s === null) return null;
  return { unit, total: summary(unit, total), last1m: summary(unit, last1m), last10s: summary(unit, last10s) };
}

function summary(unit: ShownUnit, data: HistogramData): Summary {
  return {
    count: data.count,
    mean: data.count === 0 ? null : data.sum / data.count / SHOWN[unit],
    ...quantiles(data, SHOWN[unit]),
    ...(data.spanMs === 0 ? {} : { seconds: data.spanMs / 1000 }),
  };
}

/** The summaries of all phases that have samples. */
export function summarizeAll<P extends string>(phases: readonly P[], unitOf: (phase: P) => ShownUnit, read: (phase: P, windowMs: number) => HistogramData | null): Partial<Record<P, Summaries>> {
  const found: Partial<Record<P, Summaries>> = {};
  for (const phase of phases) {
    const summaries = summarize(unitOf(phase), (windowMs) => read(phase, windowMs));
    if (summaries !== null) found[phase] = summaries;
  }
  return found;
}
