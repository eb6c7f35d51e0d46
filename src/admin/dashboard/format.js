/** Numbers for people: at most three or four digits, units always there. `–`: there is no such number. */

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const ONE = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const TWO = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
export const NONE = '–';

/** @typedef {number | null | undefined} Maybe */
/** @param {Maybe} value @returns {value is null | undefined} */
const absent = (value) => value === null || value === undefined || Number.isNaN(value);

/** A count. @param {Maybe} value */
export function count(value) {
  if (absent(value)) return NONE;
  if (value < 1e5) return WHOLE.format(value);
  return value < 1e6 ? `${WHOLE.format(value / 1e3)} k` : value < 1e9 ? `${ONE.format(value / 1e6)} M` : `${ONE.format(value / 1e9)} G`;
}

/** Per second. @param {Maybe} value */
export function rate(value) {
  if (absent(value)) return NONE;
  if (value === 0) return '0';
  if (value < 0.995) return TWO.format(value);
  if (value < 9.95) return ONE.format(value);
  return value < 1e5 ? WHOLE.format(value) : `${ONE.format(value / 1e3)} k`;
}

/** @param {Maybe} value milliseconds */
export function ms(value) {
  if (absent(value)) return NONE;
  if (value < 0.0995) return `${WHOLE.format(value * 1000)} µs`;
  if (value < 9.995) return `${TWO.format(value)} ms`;
  if (value < 99.95) return `${ONE.format(value)} ms`;
  if (value < 999.5) return `${WHOLE.format(value)} ms`;
  return value < 59_950 ? `${TWO.format(value / 1000)} s` : age(value);
}

/** @param {Maybe} value */
export function bytes(value) {
  if (absent(value)) return NONE;
  if (value < 1024) return `${WHOLE.format(value)} B`;
  for (const unit of ['KiB', 'MiB', 'GiB']) {
    value /= 1024;
    if (value < 1024) return `${value < 10 ? ONE.format(value) : WHOLE.format(value)} ${unit}`;
  }
  return `${ONE.format(value / 1024)} TiB`;
}

/** @param {Maybe} value 0..1 */
export function percent(value) {
  if (absent(value)) return NONE;
  const shown = value * 100;
  return shown === 0 ? '0 %' : shown < 0.01 ? '< 0.01 %' : shown < 0.995 ? `${TWO.format(shown)} %` : shown < 9.95 ? `${ONE.format(shown)} %` : `${WHOLE.format(shown)} %`;
}

/** How long: `42 s`, `3 min 20 s`, `5 h 10 min`, `12 d 4 h`. @param {Maybe} value milliseconds */
export function age(value) {
  if (absent(value)) return NONE;
  const seconds = Math.max(0, Math.round(value / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 || minutes >= 10 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The time of day; with the day when that is not today. @param {string | number | null | undefined} at */
export function clock(at) {
  if (at === null || at === undefined) return NONE;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  return date.toDateString() === new Date().toDateString() ? CLOCK.format(date) : `${DAY.format(date)}, ${CLOCK.format(date)}`;
}

/** `healthCheck` as `health check`. @param {string} word */
export const words = (word) => word.replace(/([a-z0-9])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);

/** An endpoint as the file has it: the addresses of one name, `host:port@ip`, are tuned together. @param {string} address */
export const configuredAddress = (address) => (address.startsWith('unix:') ? address : address.replace(/@[^@]*$/, ''));

/** A value of the configuration, short, on one line. @param {unknown} value */
export function valueText(value) {
  if (value === undefined) return 'not set';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
