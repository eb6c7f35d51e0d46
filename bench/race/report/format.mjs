/** Figures as a person reads them: as many digits as mean something, and a unit. */

const NONE = '–';
const plain = (digits) => new Intl.NumberFormat('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
const FORMATS = [plain(0), plain(1), plain(2), plain(3)];
const known = (x) => typeof x === 'number' && Number.isFinite(x);

/** Three significant digits, more before the decimal point. @param {number} x */
export function digits3(x) {
  if (!known(x)) return NONE;
  const size = Math.abs(x);
  return FORMATS[size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3].format(x);
}

/** @param {number} us */
export function duration(us) {
  if (!known(us)) return NONE;
  if (us >= 999_500) return `${digits3(us / 1e6)} s`;
  return us >= 999.5 ? `${digits3(us / 1000)} ms` : `${digits3(us)} µs`;
}

/** @param {number} kib */
export function memory(kib) {
  if (!known(kib)) return NONE;
  return kib >= 1024 * 1024 ? `${digits3(kib / 1024 / 1024)} GiB` : kib >= 1024 ? `${digits3(kib / 1024)} MiB` : `${digits3(kib)} KiB`;
}

/** @param {number} x */
export const count = (x) => (known(x) ? FORMATS[0].format(x) : NONE);

/** Two digits after the point from 0.2 to 9.99, else three significant ones. @param {number} x */
export const ratio = (x) => (known(x) ? `${x >= 0.1995 && x < 9.995 ? FORMATS[2].format(x) : digits3(x)}×` : NONE);

/** @param {{ low: number, high: number }} interval */
export const between = ({ low, high }) => (known(low) && known(high) ? `${ratio(low).slice(0, -1)} – ${ratio(high)}` : NONE);

/** @param {string} iso */
export function dateTime(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })}, ${date.toISOString().slice(11, 16)} UTC`;
}

/** For labels in a plot, where nothing wraps. @param {string} text @param {number} [most] */
export const clipped = (text, most = 18) => (text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);

/** @param {number} seconds */
export function span(seconds) {
  if (!known(seconds)) return NONE;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
