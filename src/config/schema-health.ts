import * as z from 'zod';
import { LIMITS } from '../binding/abi.ts';
import { parsing, refuse } from './parsing.ts';
import { share } from './schema-percent.ts';
import * as scalar from './schema-scalars.ts';

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST'] as const;
const MAX_TARGET_BYTES = 8 * 1024;
/** Of what is sent, and of what is searched for. */
const MAX_PAYLOAD_BYTES = 4 * 1024;

const time = scalar.durationUpTo(LIMITS.maxFailoverMs, scalar.positiveDuration);

/** Path and query as they stand in the request line: nothing normalises them. */
const target = parsing(z.string(), (value) => {
  if (!value.startsWith('/')) return refuse('a path starts with "/"', `write /${value}`);
  if (/[^\x21-\x7e]/.test(value))
    return refuse('a path holds visible ASCII characters only', `write ${encodeURI(value).replaceAll('%25', '%')}`);
  if (value.includes('#')) return refuse('a path has no "#"');
  return value.length > MAX_TARGET_BYTES ? refuse(`the path is longer than ${MAX_TARGET_BYTES} bytes`) : value;
});

/** `from` and `to` are included. */
const statuses = parsing(z.union([z.int(), z.string()], { error: 'expected a status such as 200, or a range such as 200-399' }), (value) => {
  const match = /^(\d{3})(?:-(\d{3}))?$/.exec(String(value));
  if (match === null) return refuse(`expected a status such as 200, or a range such as 200-399, not ${JSON.stringify(value)}`);
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
  if (from < 200 || to > 599) return refuse('statuses are from 200 to 599');
  return from > to ? refuse(`the range ${value} is empty`, `write ${to}-${from}`) : { from, to };
});

const payload = parsing(
  z.union([scalar.text, z.strictObject({ hex: z.string() })], { error: 'expected a text, or { hex: "…" }' }),
  (value) => {
    if (typeof value !== 'string' && !/^(\s*[0-9A-Fa-f]{2})+\s*$/.test(value.hex))
      return refuse('expected pairs of hexadecimal digits, such as "0d0a"');
    const bytes =
      typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.hex.replaceAll(/\s/g, ''), 'hex');
    return bytes.length > MAX_PAYLOAD_BYTES ? refuse(`at most ${MAX_PAYLOAD_BYTES} bytes are allowed here`) : Uint8Array.from(bytes);
  },
);

const http = z.strictObject({
  method: scalar.methodIn(METHODS).default('GET'),
  path: target.default('/').describe('may have a query'),
  host: scalar.hostHeader.optional().describe('default: the host of the endpoint'),
  headers: z.record(scalar.editableCheckHeader, scalar.headerValue).default({}),
  expectedStatuses: z
    .array(statuses)
    .min(1)
    .max(32)
    .default([{ from: 200, to: 399 }])
    .describe('statuses and ranges, such as [200, 300-399]; any other one is a failure; default 200-399'),
  body: z
    .strictObject({
      contains: scalar.text.optional(),
      regex: scalar.regex.optional().describe('must match the whole body'),
    })
    .optional()
    .describe('what the first 64 KiB of the body must hold'),
});

const tcp = z.strictObject({
  send: payload.optional().describe('a text, or { hex: "0d0a" }'),
  receive: payload.optional().describe('what must be in the first 64 KiB of the answer; without it, a connection is enough'),
});

const grpc = z.strictObject({
  service: z.string().max(1024).default('').describe('name in grpc.health.v1.HealthCheckRequest; "" = the whole server'),
  host: scalar.hostHeader.optional().describe(':authority; default: the host of the endpoint'),
});

export const healthCheck = z.strictObject({
  http: http.optional(),
  tcp: tcp.optional(),
  grpc: grpc.optional(),
  interval: time.prefault('5s').describe('while the endpoint is healthy'),
  unhealthyInterval: time.optional().describe('while it is not; default: interval'),
  edgeInterval: time
    .optional()
    .describe('after a result that contradicts the present state, until that is decided; default: interval, at most 1s'),
  timeout: time.prefault('1s').describe('of one check, connecting included'),
  jitter: share(0, 1, 100).prefault(0.1).describe('share of the interval that is added at random'),
  healthyThreshold: z
    .int()
    .min(1)
    .max(1_000)
    .default(2)
    .describe('good answers in a row that bring an endpoint back; a new one is admitted by its first'),
  unhealthyThreshold: z.int().min(1).max(1_000).default(3).describe('failures in a row'),
  port: z.int().min(1).max(65_535).optional().describe('default: that of the endpoint'),
  reuseConnection: z.boolean().default(true).describe('false: every check opens a connection'),
});

export type ParsedHealthCheck = z.output<typeof healthCheck>;
