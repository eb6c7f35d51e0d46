/** Numbers for a terminal: short, with their units. `-`: there is no such number. */

type Maybe = number | null | undefined;
export const NONE = '-';

const absent = (value: Maybe): value is null | undefined => value === null || value === undefined || Number.isNaN(value);

export function count(value: Maybe): string {
  if (absent(value)) return NONE;
  if (value < 100_000) return String(Math.round(value));
  return value < 1e7 ? `${Math.round(value / 1e3)}k` : value < 1e10 ? `${Math.round(value / 1e6)}M` : `${Math.round(value / 1e9)}G`;
}

/** Per second. */
export function rate(value: Maybe): string {
  if (absent(value)) return NONE;
  if (value === 0) return '0';
  return value < 0.995 ? value.toFixed(2) : value < 9.95 ? value.toFixed(1) : count(value);
}

/** Of milliseconds. */
export function duration(value: Maybe): string {
  if (absent(value)) return NONE;
  if (value < 0.0995) return `${(value * 1000).toFixed(0)}us`;
  if (value < 9.995) return `${value.toFixed(2)}ms`;
  if (value < 99.95) return `${value.toFixed(1)}ms`;
  return value < 999.5 ? `${value.toFixed(0)}ms` : value < 60_000 ? `${(value / 1000).toFixed(2)}s` : age(value);
}

export function bytes(value: Maybe): string {
  if (absent(value)) return NONE;
  let scaled = value;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (scaled < 1024) return `${scaled < 10 && unit !== 'B' ? scaled.toFixed(1) : scaled.toFixed(0)} ${unit}`;
    scaled /= 1024;
  }
  return `${scaled.toFixed(1)} TiB`;
}

/** Of a share from 0 to 1. */
export function percent(value: Maybe): string {
  if (absent(value)) return NONE;
  const shown = value * 100;
  return shown === 0 ? '0%' : shown < 0.01 ? '<0.01%' : shown < 0.995 ? `${shown.toFixed(2)}%` : shown < 9.95 ? `${shown.toFixed(1)}%` : `${shown.toFixed(0)}%`;
}

/** How long, of milliseconds: `42s`, `3m20s`, `5h10m`, `12d4h`. */
export function age(value: Maybe): string {
  if (absent(value)) return NONE;
  const seconds = Math.max(0, Math.round(value / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${String(seconds % 60).padStart(2, '0')}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h${String(minutes % 60).padStart(2, '0')}m` : `${Math.floor(hours / 24)}d${hours % 24}h`;
}
