/** What must not leave the process with a diff, an audit entry or a list of overrides. */
import { isMapping, type Mapping } from './tree.ts';

export const REDACTED = '<redacted>';

/** Headers whose values are credentials, in lower case. */
const SECRET_HEADERS = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key', 'api-key', 'x-auth-token']);
const isSecretHeader = (name: string): boolean => SECRET_HEADERS.has(name.toLowerCase()) || /(token|secret|password|credential)/i.test(name);
/** Keys below which names of headers are followed by their values. */
const HEADER_MAPS = new Set(['set', 'add', 'headers']);

/** A copy of a raw value that may be shown. `keys`: the names on the way to it. */
export function redacted(value: unknown, keys: readonly string[]): unknown {
  const key = keys.at(-1) ?? '';
  const above = keys.at(-2) ?? '';
  if (typeof value === 'string' || typeof value === 'number') {
    if (key === 'token' || key === 'digest') return REDACTED;
    // The headers that go to a collector are there to prove who sends them.
    if (HEADER_MAPS.has(above) && (isSecretHeader(key) || keys.includes('otlp'))) return REDACTED;
    return typeof value === 'string' && value.includes('PRIVATE KEY-----') ? REDACTED : value;
  }
  if (Array.isArray(value)) return value.map((entry) => redacted(entry, keys));
  if (!isMapping(value)) return value;
  const copy: Mapping = {};
  for (const [name, inner] of Object.entries(value)) copy[name] = redacted(inner, [...keys, name]);
  return copy;
}
