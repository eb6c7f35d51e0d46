import { domainToASCII } from 'node:url';
import * as z from 'zod';
import { DURATION_PATTERN, formatDuration, parseDuration } from '../core/duration.ts';
import { parseSize, SIZE_PATTERN } from '../core/size.ts';
import { suggest } from './nearest.ts';
import { parsing, refuse, type Refusal } from './parsing.ts';
import { compileRegex } from './regex.ts';

const MAX_U32 = 0xffff_ffff;

/** Names of listeners, route tables, clusters: they become metric labels and parts of admin paths. */
export const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    'expected a name of letters, digits, ".", "_" and "-" that starts with a letter or a digit',
  );

export const text = z.string().min(1, 'expected a text that is not empty');

export const count = z.int().min(0).max(MAX_U32);

function durationIn(minMs: number) {
  const expected = `expected a duration such as 250ms, 5s, 1m or 2h${minMs === 0 ? ', or 0' : ''}`;
  const input = z.union([z.string().regex(DURATION_PATTERN, expected), z.literal(0)], { error: expected });
  return parsing(input, (value) => {
    const durationMs = parseDuration(value);
    if (durationMs === undefined)
      return refuse(`${String(value)} is not a whole number of milliseconds of at most 596h`);
    return durationMs < minMs ? refuse(`the duration must be at least ${minMs}ms`) : durationMs;
  });
}

export const duration = durationIn(0);
/** A duration for which 0 makes no sense. */
export const positiveDuration = durationIn(1);

export function durationUpTo(maxMs: number, input: typeof duration) {
  return parsing(input, (durationMs) =>
    durationMs > maxMs ? refuse(`the duration must be at most ${formatDuration(maxMs)}`) : durationMs,
  );
}

export function size(min: number, max: number) {
  const expected = 'expected a size such as 64KiB, 1MiB or 100B, or a number of bytes';
  const input = z.union([z.string().regex(SIZE_PATTERN, expected), z.int().min(0)], { error: expected });
  return parsing(input, (value) => {
    const bytes = parseSize(value);
    if (bytes === undefined) return refuse(`${String(value)} is not a whole number of bytes`);
    return bytes < min || bytes > max ? refuse(`the size must be from ${min} to ${max} bytes`) : bytes;
  });
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
export const isToken = (value: string) => TOKEN.test(value);
const isControl = (code: number) => (code < 0x20 && code !== 0x09) || code === 0x7f;

export function hasControlCharacters(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (isControl(value.charCodeAt(i))) return true;
  return false;
}

/** Lower-cased header name. */
export const headerName = parsing(z.string(), (value) =>
  TOKEN.test(value) ? value.toLowerCase() : refuse(`${JSON.stringify(value)} is not a header name`),
);

/** Names with "-" that the proxy writes, or that frame or route a message: "_" in their place would stand for them upstream. */
const NOT_BY_ANOTHER_NAME = /^(content-.*|x-forwarded-.*|x-request-id|x-real-ip|x-b3-.*|transfer-encoding|keep-alive|proxy(-.*)?|max-forwards|http2-settings|if-range|sec-.*|cache-control|set-cookie)$/;

/** A lower-cased header name with an underscore that may be let through. */
export const underscoreName = parsing(z.string(), (value) => {
  const lower = value.toLowerCase();
  if (!TOKEN.test(value)) return refuse(`${JSON.stringify(value)} is not a header name`);
  if (!lower.includes('_')) return refuse(`${JSON.stringify(value)} has no underscore: it is forwarded anyway`);
  const dashed = lower.replaceAll('_', '-');
  return NOT_BY_ANOTHER_NAME.test(dashed) ? refuse(`upstreams may take ${lower} for ${dashed}, which is not a client's to write`) : lower;
});

/** A cookie name: its case counts. */
export const cookieName = parsing(z.string(), (value) =>
  TOKEN.test(value) ? value : refuse(`${JSON.stringify(value)} is not a cookie name`),
);

export const headerValue = parsing(z.string(), (value) =>
  hasControlCharacters(value) ? refuse('a header value may not hold control characters or line breaks') : value.trim(),
);

/** Headers that frame the message or belong to one hop: the proxy writes them itself. */
const OWNED_BY_PROXY = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function editable(value: string, owned: ReadonlySet<string>, hints: Record<string, string>): string | Refusal {
  const lower = value.toLowerCase();
  if (!TOKEN.test(value)) return refuse(`${JSON.stringify(value)} is not a header name`);
  return owned.has(lower) ? refuse(`${lower} is written by the proxy and cannot be edited`, hints[lower]) : lower;
}

const requestOwned = new Set([...OWNED_BY_PROXY, 'host', 'expect', 'x-millrace-attempt']);
export const editableRequestHeader = parsing(z.string(), (value) =>
  editable(value, requestOwned, { host: 'use rewrite: { host: … }' }),
);

/** Of the requests that the proxy makes itself. */
export const editableCheckHeader = parsing(z.string(), (value) =>
  editable(value, requestOwned, { host: 'use "host" beside "headers"' }),
);

const responseOwned = new Set([...OWNED_BY_PROXY, 'date']);
export const editableResponseHeader = parsing(z.string(), (value) => editable(value, responseOwned, {}));

/** `*`, `*.suffix` or an exact host name, lower case, without port. */
export function parseHostPattern(value: string): string | Refusal {
  const lower = value.toLowerCase();
  if (lower === '*') return lower;
  if (/[^\x21-\x7e]/.test(lower)) {
    const ascii = domainToASCII(lower);
    return refuse(`${JSON.stringify(value)} must be in ASCII form`, ascii === '' ? undefined : `write ${ascii}`);
  }
  if (/^\[[0-9a-f:.]+\]$/.test(lower)) return lower;
  if (/:\d+$/.test(lower))
    return refuse('a host pattern has no port: every port matches', `write ${lower.replace(/:\d+$/, '')}`);
  if (/^\w+:\/\//.test(lower)) return refuse('expected a host name, not a URL');
  if (lower.endsWith('.')) return refuse('a host pattern has no dot at its end', `write ${lower.replace(/\.+$/, '')}`);
  const exact = lower.startsWith('*.') ? lower.slice(2) : lower;
  if (exact.includes('*'))
    return refuse(`${JSON.stringify(value)}: a wildcard is "*" alone or the whole first label, as in "*.example.com"`);
  if (exact.length > 253 || !exact.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) {
    return refuse(`${JSON.stringify(value)} is not a host name`);
  }
  return lower;
}

export const hostPattern = parsing(z.string(), parseHostPattern);

/** A name that a client may ask a certificate for. */
export const serverName = parsing(z.string(), (value) =>
  value === '*'
    ? refuse('"*" is no server name: the first certificate serves every other name')
    : parseHostPattern(value),
);

/** A host name as it may be sent in Host or Location; with an optional port. */
export const hostHeader = parsing(z.string(), (value) =>
  /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]{1,253})(:\d{1,5})?$/.test(value)
    ? value
    : refuse(`${JSON.stringify(value)} is not a host name, with or without a port`),
);

export const hostOnly = parsing(z.string(), (value) =>
  /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]{1,253})$/.test(value)
    ? value
    : refuse(`${JSON.stringify(value)} is not a host name without a port`),
);

/**
 * A path that a normalised request path can be equal to. Requests are normalised before they are matched, so any other
 * form could never match, and a rule meant to protect something would silently not apply.
 */
export function parsePath(value: string): string | Refusal {
  if (!value.startsWith('/')) return refuse('a path starts with "/"', `write /${value}`);
  const special = /[?#]/.exec(value);
  if (special !== null)
    return refuse(`a path has no "${special[0]}"`, special[0] === '?' ? 'match the query with "query"' : undefined);
  if (/[^\x21-\x7e]/.test(value))
    return refuse('a path holds visible ASCII characters only', `write ${encodeURI(value).replaceAll('%25', '%')}`);
  if (/%(?![0-9A-Fa-f]{2})/.test(value))
    return refuse('"%" must be followed by two hexadecimal digits', 'a literal percent sign is %25');
  const canonical = value.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase();
  });
  if (canonical !== value) return refuse(`${JSON.stringify(value)} is not in normal form`, `write ${canonical}`);
  if (value.includes('%00')) return refuse('requests with an encoded NUL in their path are refused');
  if (value.includes('\\'))
    return refuse('a path has no backslash', `write ${value.replaceAll('\\', '%5C')}, if a listener keeps backslashes`);
  if (/(\/|%2F|%5C)\.{1,2}(\/|%2F|%5C|$)/.test(value))
    return refuse('a path has no "." or ".." segments', 'requests are normalised before they are matched');
  return value;
}

export const path = parsing(z.string(), parsePath);

/** What the listeners of a route table let through of bytes that others refuse or make into slashes. */
export interface KeptBytes {
  escapedSlashes: boolean;
  backslashes: boolean;
  slashes: boolean;
}

/** Why a path can never be equal to that of a request of these listeners. */
export function unreachablePath(value: string, kept: KeptBytes): Refusal | undefined {
  if (value.includes('%2F') && !kept.escapedSlashes)
    return refuse('no listener of this table lets an encoded slash through', 'paths: { escapedSlashes: keep } of a listener does');
  if (value.includes('%5C') && !kept.backslashes)
    return refuse('no listener of this table lets a backslash through', 'paths: { backslashes: keep } of a listener does');
  if (value.includes('//') && !kept.slashes)
    return refuse('a path has no empty segments', `write ${value.replace(/\/{2,}/g, '/')}`);
  return undefined;
}

/** Source of a regex that was compiled once, so that an error has its place. */
export const regex = parsing(text, (value) => {
  const table = compileRegex(value);
  return 'refused' in table ? table : value;
});

/** An upper-case method that the engine has a bit for. */
export function methodIn(methods: readonly string[]) {
  return parsing(z.string().meta({ enum: [...methods] }), (value) =>
    methods.includes(value) ? value : refuse(`${JSON.stringify(value)} is not a known method`, suggest(value, methods)),
  );
}
