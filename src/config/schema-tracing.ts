import * as z from 'zod';
import { LIMITS } from '../binding/abi.ts';
import { parsing, refuse } from './parsing.ts';
import * as scalar from './schema-scalars.ts';

const PERCENT = /^(\d{1,3}(?:\.\d{1,9})?)\s*%$/;
const expectedShare = 'expected a share from 0 to 1, such as 0.01 or 1%';

/** A share of any precision, from 0 to 1, or the same in percent. */
const sample = parsing(z.union([z.string().regex(PERCENT, expectedShare), z.number()], { error: expectedShare }), (value) => {
  const share = typeof value === 'number' ? value : Number(PERCENT.exec(value)?.[1]) / 100;
  if (share >= 0 && share <= 1) return share;
  return refuse(`the share must be from 0 to 1, not ${value}`, typeof value === 'number' && share > 1 && share <= 100 ? `write ${share / 100} or ${share}%` : undefined);
});

const endpoint = parsing(z.string(), (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '')
    return refuse(`${JSON.stringify(value)} is not a URL of an OTLP/HTTP receiver`, 'write it as http://127.0.0.1:4318/v1/traces');
  if (url.username !== '' || url.password !== '') return refuse('the URL has a name or a password, which would be shown', 'use "headers"');
  if (url.hash !== '') return refuse('the URL has a fragment, which is not sent');
  if (url.port === '4317') return refuse('port 4317 is that of OTLP over gRPC, which this is not', 'OTLP/HTTP is on port 4318');
  return url.pathname === '/' ? refuse('the URL has no path', `write ${url.origin}/v1/traces`) : value;
});

/** Headers that the exporter writes itself. */
const WRITTEN = new Set(['content-type', 'content-length', 'content-encoding', 'host', 'connection', 'transfer-encoding', 'user-agent']);
const exportHeader = parsing(scalar.headerName, (name) => (WRITTEN.has(name) ? refuse(`${name} is written by the exporter`) : name));

export const tracing = z.strictObject({
  otlp: z.strictObject({
    endpoint: endpoint.describe('URL of an OTLP/HTTP receiver, such as http://127.0.0.1:4318/v1/traces'),
    headers: z.record(exportHeader, scalar.headerValue).default({}).describe('of every export, such as an API key'),
    timeout: scalar
      .durationUpTo(LIMITS.maxExportTimeoutMs, scalar.positiveDuration)
      .prefault('10s')
      .describe('of one export, its repetitions included'),
  }),
  serviceName: scalar.text.max(255).default('millrace').describe('service.name of the spans'),
  sample: sample.prefault(0.01).describe('share of the traces that begin here'),
  parentBased: z
    .boolean()
    .default(true)
    .describe("true: a request that comes with a trace is sampled when its caller's span is; false: by its trace id and sample"),
  b3: z.boolean().default(true).describe('read B3 headers (b3, x-b3-*) where there is no traceparent'),
  trust: z
    .enum(['all', 'trustedPeers'])
    .default('all')
    .describe('whose traces are continued; trustedPeers: those in forwarded.trust of the listener, all others begin a new one'),
});

export const routeTracing = z.union([z.literal(false), z.strictObject({ sample })], { error: 'expected false or a mapping with "sample"' });

export type ParsedTracing = z.output<typeof tracing>;
export type ParsedRouteTracing = z.output<typeof routeTracing>;
