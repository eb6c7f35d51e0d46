/** The options of the load generator: what they mean, checked once, and turned into what the addon takes. */
import { readFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

const NS_PER_SECOND = 1e9;
const MAX_CONNECTIONS = 100_000;
/** Far above what one thread sends; what isn't sent in time waits in memory. */
const MAX_RATE = 2_000_000;

/**
 * @typedef {object} LoadOptions Times in seconds, sizes in bytes.
 * @property {'closed' | 'open'} [mode] closed: each connection sends when it has its answer (capacity). open: requests are due at fixed times (latency).
 * @property {number} [rate] requests per second of the open loop
 * @property {'uniform' | 'poisson'} [arrivals] of the open loop
 * @property {'spin' | 'sleep'} [scheduler] how the open loop waits for the next request: spin is exact and takes the whole core
 * @property {number} [connections]
 * @property {number} [duration] of the measured window, after the warm-up
 * @property {number} [warmup]
 * @property {number} [timeout] of a connect, a handshake, and a request that makes no progress
 * @property {number} [seed] of keys and Poisson arrivals
 * @property {'keepAlive' | 'perRequest'} [connection]
 * @property {'full' | 'resumed'} [tlsSession] of connections per request
 * @property {string} [method]
 * @property {string[]} [header] lines 'Name: value'; {key} is replaced
 * @property {string} [path] instead of the URL's; {key} is replaced
 * @property {number} [body] size of the upload
 * @property {number} [expectStatus] any 2xx when absent
 * @property {number} [expectBody] size that every answer's body must have
 * @property {boolean} [checkBody] the bytes of every answer must be those of the origin
 * @property {string} [pathList] file: one request per line, taken in turn: target, then header lines, separated by tabs; '-' stands for the URL's target
 * @property {number} [targetKeys] {key} is a random number below; without a place for it, header x-key carries it
 * @property {number} [idle] further clients that ask once and then stay silent until the end
 * @property {number} [slow] further clients that read their answers at slowRate
 * @property {number} [slowRate] bytes per second and slow client
 * @property {string} [slowPath] what they ask for, when it is something else
 */

/** Name, kind, default and help of each option, for the command line and for checking. */
export const OPTIONS = [
  ['mode', 'closed|open', 'closed', 'closed: each connection sends when it has its answer (finds capacity); open: requests are due at fixed times (finds latency)'],
  ['rate', 'number', undefined, 'requests per second of the open loop'],
  ['arrivals', 'uniform|poisson', 'uniform', 'times of the open loop: evenly spaced, or random with the same mean'],
  ['scheduler', 'spin|sleep', 'spin', 'how the open loop waits for the next request: spin is exact and takes the whole core, sleep spares it'],
  ['connections', 'count', 64, 'clients at the same time'],
  ['duration', 'number', 10, 'seconds that are measured'],
  ['warmup', 'number', 1, 'seconds before, not measured'],
  ['timeout', 'number', 10, 'seconds after which a connect, a handshake or a request without progress has failed'],
  ['seed', 'count', 1, 'of random keys and Poisson arrivals'],
  ['connection', 'keepAlive|perRequest', 'keepAlive', 'one connection for many requests, or a new one for each'],
  ['tls-session', 'full|resumed', 'full', 'https with perRequest: each a full handshake, or resumed with the ticket of the one before'],
  ['method', 'text', 'GET, POST with --body', 'of the requests'],
  ['header', 'texts', [], "'Name: value', repeatable; {key} is replaced"],
  ['path', 'text', 'of the URL', 'target of the requests; {key} is replaced'],
  ['body', 'size', 0, 'bytes to upload with every request'],
  ['expect-status', 'count', 'any 2xx', 'another status is an error'],
  ['expect-body', 'size', 'any', 'a body of another size is an error'],
  ['check-body', 'flag', false, 'every byte of every body must be what origin.mjs sends'],
  ['path-list', 'text', undefined, "file with one request per line, taken in turn: target, then header lines, separated by tabs; '-' is the URL's target"],
  ['target-keys', 'count', 0, '{key} is a random number below; without a place for it, header x-key carries it'],
  ['idle', 'count', 0, 'further clients that ask once, stay silent, and must still be answered at the end'],
  ['slow', 'count', 0, 'further clients that read their answers slowly'],
  ['slow-rate', 'size', 10_000, 'bytes per second that each of them reads'],
  ['slow-path', 'text', 'as the others', 'what they ask for'],
];

export class UsageError extends Error {}

export const camelCase = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());

/** A number, or a size like 64KiB. */
function size(text) {
  const match = /^(\d+)(KiB|MiB|GiB)?$/.exec(String(text));
  return match === null ? NaN : Number(match[1]) * { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }[match[2]] || Number(match[1]);
}

/** Checks values that came as text or as numbers; unknown names and wrong values are errors. */
export function checkOptions(given) {
  const known = new Map(OPTIONS.map((option) => [camelCase(option[0]), option]));
  const options = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const option = known.get(name);
    if (option === undefined) throw new UsageError(`unknown option ${name}; there are ${[...known.keys()].join(', ')}`);
    const [flag, kind] = option;
    const wrong = (what) => new UsageError(`--${flag} ${value}: ${what}`);
    if (kind === 'number' || kind === 'count' || kind === 'size') {
      const number = kind === 'size' ? size(value) : Number(value);
      if (!Number.isFinite(number) || number < 0) throw wrong('expected a number');
      if (kind !== 'number' && !Number.isInteger(number)) throw wrong('expected a whole number');
      options[name] = number;
    } else if (kind.includes('|')) {
      if (!kind.split('|').includes(value)) throw wrong(`expected ${kind.split('|').join(' or ')}`);
      options[name] = value;
    } else {
      options[name] = value;
    }
  }
  for (const [flag, kind, value] of OPTIONS) if (kind !== 'text' && typeof value !== 'string') options[camelCase(flag)] ??= value;
  for (const flag of ['mode', 'arrivals', 'scheduler', 'connection', 'tls-session']) options[camelCase(flag)] ??= known.get(camelCase(flag))[2];
  const need = (condition, text) => {
    if (!condition) throw new UsageError(text);
  };
  need(options.mode === 'closed' || (options.rate > 0 && options.rate <= MAX_RATE), `--mode open needs --rate R: requests per second, at most ${MAX_RATE}`);
  need(options.mode === 'open' || options.rate === undefined, '--rate belongs to --mode open; a closed loop has none');
  need(options.connections >= 1 && options.connections + options.idle + options.slow <= MAX_CONNECTIONS, `--connections must be at least 1, all clients together at most ${MAX_CONNECTIONS}`);
  need(options.duration > 0 && options.duration <= 3600, '--duration must be above 0 and at most 3600 seconds');
  need(options.warmup <= 3600 && options.timeout > 0 && options.timeout <= 600, '--timeout must be above 0 and at most 600 seconds, --warmup at most 3600');
  need(options.slow === 0 || options.slowRate > 0, '--slow-rate must be above 0');
  need(options.targetKeys < 2 ** 32, '--target-keys must be below 2^32');
  return options;
}

function checkText(text, what) {
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(text)) throw new UsageError(`${what} has control characters: ${JSON.stringify(text)}`);
  return text;
}

function readPathList(file, target) {
  const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line !== '');
  if (lines.length === 0) throw new UsageError(`--path-list ${file}: no line in it`);
  const targets = [];
  const fields = [];
  for (const line of lines) {
    const [first, ...headers] = line.split('\t');
    targets.push(first === '-' ? target : checkText(first, `--path-list ${file}`));
    fields.push(headers.map((header) => `${checkText(header, `--path-list ${file}`)}\r\n`).join(''));
  }
  return { targets, fields };
}

/** What the addon's run() takes (bench/load/generator/options.h). */
export async function nativeOptions(url, given) {
  const options = checkOptions(given);
  let parsed;
  try {
    parsed = new URL(url);
  } catch {
    throw new UsageError(`not a URL: ${url}`);
  }
  if (!['http:', 'https:'].includes(parsed.protocol)) throw new UsageError(`only http and https: ${url}`);
  const tls = parsed.protocol === 'https:';
  const hostname = parsed.hostname.replace(/^\[|\]$/g, '');
  const { address } = await lookup(hostname);
  const target = checkText(options.path ?? `${parsed.pathname}${parsed.search}`, '--path');
  if (!target.startsWith('/') || target.includes(' ')) throw new UsageError(`--path ${target}: must begin with / and have no spaces`);
  const method = options.method ?? (options.body > 0 ? 'POST' : 'GET');
  if (!/^[A-Za-z]+$/.test(method)) throw new UsageError(`--method ${method}: not a method`);
  const list = options.pathList === undefined ? undefined : readPathList(options.pathList, target);

  const headers = options.header.map((header) => checkText(header, '--header'));
  for (const header of headers) if (!/^[^\s:]+:/.test(header)) throw new UsageError(`--header '${header}': expected 'Name: value'`);
  const has = (name) => headers.some((header) => header.toLowerCase().startsWith(`${name}:`));
  if (!has('host')) headers.unshift(`Host: ${parsed.host}`);
  if (options.body > 0 && !has('content-length')) headers.push(`Content-Length: ${options.body}`);
  if (options.connection === 'perRequest' && !has('connection')) headers.push('Connection: close');
  const texts = [target, ...headers, ...(list?.targets ?? []), ...(list?.fields ?? [])];
  const placed = [target, ...headers].some((text) => text.includes('{key}'));
  if (options.targetKeys > 0 && !placed) headers.push('x-key: {key}');
  if (options.targetKeys === 0 && placed) throw new UsageError('{key} needs --target-keys N');
  if (texts.some((text) => /\{(target|fields)\}/.test(text))) throw new UsageError('{target} and {fields} are taken by the path list');
  const head = (verb, path, fields, more) => `${verb} ${path} HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}${more}\r\n`;
  const slowHeaders = headers.filter((header) => !/^(connection|content-length|x-key):/i.test(header));

  return {
    address,
    port: Number(parsed.port) || (tls ? 443 : 80),
    tls,
    serverName: isIP(hostname) ? '' : hostname,
    openLoop: options.mode === 'open',
    rate: options.rate ?? 0,
    poisson: options.arrivals === 'poisson',
    sleepBetween: options.scheduler === 'sleep',
    connections: options.connections,
    durationNs: options.duration * NS_PER_SECOND,
    warmupNs: options.warmup * NS_PER_SECOND,
    timeoutNs: options.timeout * NS_PER_SECOND,
    seed: options.seed,
    connectionPerRequest: options.connection === 'perRequest',
    resumeSessions: options.tlsSession === 'resumed',
    head: head(method, list === undefined ? target : '{target}', headers, list === undefined ? '' : '{fields}'),
    slowHead: head('GET', options.slowPath ?? target, slowHeaders, ''),
    listTargets: list?.targets ?? [],
    listFields: list?.fields ?? [],
    keys: options.targetKeys,
    headMethod: method === 'HEAD',
    bodyBytes: options.body,
    expectStatus: options.expectStatus ?? 0,
    expectBody: options.expectBody ?? -1,
    checkPattern: options.checkBody === true,
    idleClients: options.idle,
    slowClients: options.slow,
    slowRate: options.slowRate,
  };
}
