import * as z from 'zod';
import { LIMITS, POLICY } from '../binding/abi.ts';
import { suggest } from './nearest.ts';
import { parsing, refuse } from './parsing.ts';
import { nearestPrime } from './prime.ts';
import { factor, percent, thousandths } from './schema-percent.ts';
import * as scalar from './schema-scalars.ts';
import type { PolicyName } from './types.ts';

const POLICIES = Object.keys(POLICY) as [PolicyName, ...PolicyName[]];
const BARE_SOURCES = ['clientIp', 'path'] as const;
const MAX_TTL_SECONDS = 0x7fff_ffff;

const bareSource = parsing(z.string(), (value) => {
  const known = BARE_SOURCES.find((source) => source === value);
  if (known !== undefined) return known;
  return refuse(
    `expected clientIp, path, or a mapping with header, cookie or query, not ${JSON.stringify(value)}`,
    ['header', 'cookie', 'query'].includes(value)
      ? `name it: { ${value}: … }`
      : suggest(value, BARE_SOURCES),
  );
});

const cookieName = parsing(z.string(), (value) =>
  scalar.isToken(value) ? value : refuse(`${JSON.stringify(value)} is not a cookie name`),
);

/** Of a Set-Cookie header: anything that would end the attribute or the line is refused. */
const cookiePath = parsing(z.string(), (value) =>
  /^\/[\x21-\x3a\x3c-\x7e]*$/.test(value)
    ? value
    : refuse('the path of a cookie starts with "/" and holds visible ASCII characters without ";"'),
);

const cookieTtl = parsing(scalar.duration, (durationMs) => {
  if (durationMs % 1000 !== 0) return refuse('the ttl of a cookie is a whole number of seconds');
  return durationMs / 1000 > MAX_TTL_SECONDS ? refuse('the ttl is too long') : durationMs / 1000;
});

const hashSource = z.union([
  bareSource,
  z.strictObject({
    clientIp: z.literal(true, { error: 'expected true' }).optional(),
    path: z.literal(true, { error: 'expected true' }).optional().describe('the path without its query'),
    header: scalar.headerName.optional(),
    cookie: z
      .union([
        cookieName,
        z.strictObject({
          name: cookieName,
          ttl: cookieTtl
            .optional()
            .describe('present: a request without the cookie gets one that lasts so long; 0 = until the browser ends'),
          path: cookiePath.optional().describe('Path of a generated cookie; default "/"'),
        }),
      ])
      .optional(),
    query: scalar.text.optional().describe('name of a query parameter'),
    terminal: z
      .boolean()
      .default(false)
      .describe('true: the list ends here when this source, or one before it, gave a value'),
  }),
]);

const tableSize = parsing(z.int(), (value) => {
  if (value < 2 || value > LIMITS.maxMaglevTable)
    return refuse(`the table size must be a prime from 2 to ${LIMITS.maxMaglevTable}`);
  const prime = nearestPrime(value, LIMITS.maxMaglevTable);
  return prime === value ? value : refuse(`${value} is not a prime`, `the nearest prime is ${prime}`);
});

const ringSize = z.int().min(LIMITS.minRing).max(LIMITS.maxRing);

const hashBalanceFactor = parsing(z.union([z.number(), z.string()]), (value) => {
  const share = typeof value === 'number' ? value : Number(/^(\d{1,9})%$/.exec(value)?.[1] ?? Number.NaN);
  if (share === 0 || (Number.isInteger(share) && share >= 100 && share <= LIMITS.maxHashBalancePercent)) return share;
  return refuse(
    `expected 0 (no bound) or a percentage from 100 to ${LIMITS.maxHashBalancePercent}`,
    typeof value === 'number' && value >= 1 && value <= 10 ? `write ${Math.round(value * 100)} for ${value} times the mean` : undefined,
  );
});

/** Options without a default here have one that depends on the policy: `build-balancer.ts`. */
export const balancer = z.strictObject({
  policy: z.enum(POLICIES).default('leastRequest'),
  activeRequestBias: thousandths(0, 10)
    .optional()
    .describe('leastRequest: exponent of the requests in flight; default 1, 0 = only the weights count'),
  decay: scalar.durationUpTo(LIMITS.maxBalancerTimeMs, scalar.positiveDuration)
    .optional()
    .describe('peakEwma, leastTime, prequal: time after which a measured latency counts 1/e; default 10s'),
  defaultLatency: scalar.durationUpTo(LIMITS.maxBalancerTimeMs, scalar.positiveDuration)
    .optional()
    .describe('peakEwma, leastTime, prequal: latency of an endpoint that is busy and was never measured; default 30ms'),
  failurePenalty: scalar.durationUpTo(LIMITS.maxBalancerTimeMs, scalar.duration)
    .optional()
    .describe('peakEwma, leastTime, prequal: a failed request counts as one that took this long, at least; default 5s'),
  hashOn: z
    .array(hashSource)
    .min(1)
    .max(LIMITS.maxHashSources)
    .optional()
    .describe('ringHash, maglev, rendezvous: what of a request decides; all that are present are combined in order'),
  hashBalanceFactor: hashBalanceFactor
    .optional()
    .describe('ringHash, maglev, rendezvous: most load of an endpoint in percent of the mean; 0 = no bound'),
  tableSize: tableSize.optional().describe('maglev: slots of the table, a prime; default 65537'),
  ringSize: ringSize.optional().describe('ringHash: least number of points on the ring; default 1024'),
  overprovisioning: factor(1, 10)
    .prefault(1.4)
    .describe('a priority level spills over to the next one when its available share times this is below 1'),
  panicThreshold: percent(0, 100)
    .prefault('50%')
    .describe('when less of a level than this is available, all of its endpoints are used; 0 = never'),
  slowStart: z
    .strictObject({
      window: scalar.positiveDuration.describe('how long an endpoint that joins or recovers gets less than its weight'),
      aggression: thousandths(0.1, 10).prefault(1).describe('1 = the weight grows linearly, more = faster at first'),
      minWeight: percent(1, 100).prefault('10%').describe('share of its weight at the start'),
    })
    .optional(),
  zonePreference: z
    .union([
      z.boolean(),
      z.strictObject({
        minEndpoints: z.int().min(1).max(LIMITS.maxEndpoints).default(6).describe('smaller clusters know no preference'),
      }),
    ])
    .default(true)
    .describe('prefer endpoints in the zone of this proxy, as long as enough of them are available'),
});

const pairs = z.record(scalar.text, scalar.text);

/** `{ version: v2 }`: endpoints whose metadata has all of these. */
export const selection = parsing(pairs, (value) =>
  Object.keys(value).length === 0 ? refuse('expected at least one key, as in { version: v2 }') : value,
);

export const metadata = pairs;

export const subsets = z.strictObject({
  keys: z
    .array(z.array(scalar.text).min(1).max(LIMITS.maxSubsetKeys))
    .min(1)
    .max(LIMITS.maxSelectors)
    .describe('selectors: each is a list of the metadata keys that a route may choose by together'),
  fallback: z
    .enum(['none', 'any', 'default'])
    .default('none')
    .describe('when no endpoint matches: 503, every endpoint, or the endpoints of "default"'),
  default: selection.optional(),
});

export type ParsedBalancer = z.output<typeof balancer>;
export type ParsedSubsets = z.output<typeof subsets>;
export type ParsedHashSource = z.output<typeof hashSource>;
