/** Flags of the command as keys of a scenario; what they say is checked by its schema, like a file. */
import { StartError } from '../core/errors.ts';
import type { Endpoints } from './from-cluster.ts';
import type { Override } from './load.ts';
import { formatSpan, parseSpan } from './scalars.ts';

/** As they were written. */
export interface ScenarioFlags {
  endpoints?: string;
  slow?: string;
  slowFactor?: string;
  failing?: string;
  service?: string;
  concurrency?: string;
  policies?: string;
  load?: string;
  rate?: string;
  focus?: string;
  proxies?: string;
  requests?: string;
  duration?: string;
  arrivals?: string;
  seed?: string;
  timeout?: string;
  network?: string;
  retries?: string;
}

const DEFAULT_ENDPOINTS = 100;
const DEFAULT_SERVICE = '10ms';
const DEFAULT_SLOW_FACTOR = 10;
const DEFAULT_CONCURRENCY = 4;
/** An endpoint that cannot do its work says so at once. */
const FAILS_WITHIN = '500us';

/** Those that describe the endpoints from the ground up. */
const ENDPOINT_FLAGS = ['endpoints', 'slow', 'slowFactor', 'failing', 'service', 'concurrency'] as const;

/** A number where it is one: the schema says what else was expected. */
const scalar = (text: string): string | number => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);

export function overridesOf(flags: ScenarioFlags): Override[] {
  const overrides: Override[] = [];
  const add = (key: string, flag: string, value: unknown) => overrides.push({ key, flag, value });
  for (const key of ['rate', 'focus', 'proxies', 'requests', 'duration', 'arrivals', 'seed', 'timeout', 'network'] as const) {
    const text = flags[key];
    if (text !== undefined) add(key, `--${key}`, scalar(text));
  }
  if (flags.load !== undefined) add('load', '--load', flags.load);
  if (flags.policies !== undefined) add('policies', '--policies', flags.policies.split(',').map((name) => name.trim()).filter((name) => name !== ''));
  if (flags.retries !== undefined) add('retry', '--retries', { attempts: scalar(flags.retries), on: ['connectFailure', 'reset', '5xx'] });
  if (asksForEndpoints(flags)) add('endpoints', '--endpoints', endpointsOf(flags));
  return overrides;
}

export function asksForEndpoints(flags: ScenarioFlags): boolean {
  return ENDPOINT_FLAGS.some((flag) => flags[flag] !== undefined);
}

/** `--endpoints 100 --slow 10`: 90 good ones and 10 that are ten times as slow. */
function endpointsOf(flags: ScenarioFlags): unknown[] {
  const total = wholeNumber(flags.endpoints, 'endpoints', DEFAULT_ENDPOINTS);
  const failing = wholeNumber(flags.failing, 'failing', 0);
  const { serviceTime, slowServiceTime, slow, concurrency } = behaviourOf(flags);
  const good = total - slow - failing;
  if (good < 0) throw new StartError(`${slow + failing} slow or failing endpoints are more than there are, ${total}`, 'raise --endpoints');
  return [
    ...(good > 0 ? [{ name: 'good', count: good, serviceTime, concurrency }] : []),
    ...(slow > 0 ? [{ name: 'slow', count: slow, serviceTime: slowServiceTime, concurrency }] : []),
    ...(failing > 0 ? [{ name: 'failing', count: failing, serviceTime: { fixed: FAILS_WITHIN }, concurrency, fails: 1 }] : []),
  ];
}

/** How endpoints do of which only the number is known. */
export function behaviourOf(flags: ScenarioFlags): Endpoints {
  const seconds = parseSpan(flags.service ?? DEFAULT_SERVICE);
  if (seconds === undefined || seconds === 0) throw new StartError(`--service: expected a duration such as 10ms, not ${JSON.stringify(flags.service)}`);
  const factor = Number(flags.slowFactor ?? DEFAULT_SLOW_FACTOR);
  if (!(factor > 0 && factor <= 10_000)) throw new StartError(`--slow-factor: expected a number such as 10, not ${JSON.stringify(flags.slowFactor)}`);
  return {
    serviceTime: { exponential: formatSpan(seconds) },
    slowServiceTime: { exponential: formatSpan(seconds * factor) },
    slow: wholeNumber(flags.slow, 'slow', 0),
    concurrency: wholeNumber(flags.concurrency, 'concurrency', DEFAULT_CONCURRENCY),
  };
}

function wholeNumber(text: string | undefined, flag: string, missing: number): number {
  if (text === undefined) return missing;
  if (!/^\d{1,9}$/.test(text)) throw new StartError(`--${flag}: expected a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}
