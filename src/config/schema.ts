import * as z from 'zod';
import { LIMITS } from '../binding/abi.ts';
import { parseCidr, parseListenAddress } from './address.ts';
import { parsing } from './parsing.ts';
import { admin } from './schema-admin.ts';
import { rateLimits } from './schema-rate.ts';
import { cluster } from './schema-cluster.ts';
import { accessLog } from './schema-log.ts';
import * as scalar from './schema-scalars.ts';
import { virtualHost } from './schema-route.ts';
import { tracing } from './schema-tracing.ts';
import { LOG_LEVELS } from './types.ts';

/** Most that a head may take, in bytes: the listener's parser is given a little more room, once for the process. */
const MOST_HEAD_BYTES = 64 * 1024;
const LEAST_LINE_BYTES = 256;
const headSize = scalar.size(4 * 1024, MOST_HEAD_BYTES);

const listener = z.strictObject({
  name: scalar.name,
  address: parsing(z.string(), parseListenAddress).describe('"ip:port"; port 0 = any free port'),
  routes: scalar.text.describe('name of a route table'),
  tls: z
    .strictObject({
      certificates: z
        .array(
          z.strictObject({
            cert: scalar.text.describe('PEM file: the certificate, then its chain; relative to the configuration file'),
            key: scalar.text.describe('PEM file'),
            hosts: z
              .array(scalar.serverName)
              .min(1)
              .optional()
              .describe('server names; default: the DNS names of the certificate'),
          }),
        )
        .min(1)
        .describe('the first one is the default'),
    })
    .optional(),
  forwarded: z
    .strictObject({
      headers: z.boolean().default(true).describe('write X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host'),
      trust: z
        .array(parsing(z.string(), parseCidr))
        .default([])
        .describe('peers whose forwarded headers are believed and extended'),
    })
    .prefault({}),
  requestId: z.boolean().default(true).describe('write x-request-id; kept from a trusted peer'),
  underscoresInHeaders: z
    .union([z.boolean(), z.literal('reject'), z.array(scalar.underscoreName).min(1)], { error: 'expected true, false, reject or a list of header names' })
    .default(false)
    .describe('headers with "_" in their name: false = dropped, reject = the request is refused, true or a list of names = forwarded, unless the same name with "-" is there'),
  paths: z
    .strictObject({
      escapedSlashes: z
        .enum(['reject', 'keep', 'decode'])
        .default('reject')
        .describe('"%2F" in a path: reject = 400, keep = forwarded and matched as %2F (npm, GitLab), decode = it is a slash'),
      backslashes: z
        .enum(['reject', 'keep', 'slash'])
        .default('reject')
        .describe('a backslash or "%5C" in a path: reject = 400, keep = forwarded and matched as %5C, slash = it is a slash'),
      mergeSlashes: z.boolean().default(true).describe('"//" becomes "/"'),
    })
    .prefault({})
    .describe('what the path of a request is made into before it is matched and forwarded'),
  allowTrace: z.boolean().default(false).describe('forward TRACE, without credentials; false: 405'),
  keepAliveAfterChunked: z
    .boolean()
    .default(false)
    .describe('keep a connection after a request with a chunked body; safe only where every connection is one user: no proxy and no CDN in front'),
  maxRequestHead: headSize.optional().describe('default: that of limits'),
  rateLimit: rateLimits.describe('counts every request of this listener, before a route is looked for'),
});

export const configSchema = z.strictObject({
  workers: z
    .int()
    .min(1)
    .max(LIMITS.maxWorkers)
    .optional()
    .describe('data-plane threads; default: the number of cores'),
  zone: scalar.name
    .optional()
    .describe('where this proxy runs, such as eu-1a; MILLRACE_ZONE in the environment goes before it'),
  drainTimeout: scalar.duration.prefault('30s').describe('how long in-flight requests may take after SIGTERM'),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info') }).prefault({}),
  admin,
  limits: z
    .strictObject({
      maxConnections: scalar.count
        .default(0)
        .describe('downstream connections of the process; 0 = derived from the open-file limit'),
      rateLimitKeys: z
        .int()
        .min(1024)
        .max(16_777_216)
        .default(100_000)
        .describe('counters of all rate limits together: one for each client, tenant ... that was seen within its window'),
      maxRequestHead: headSize.prefault('16KiB').describe('request line and headers together, else 431; a listener may have its own'),
      maxRequestTarget: scalar.size(LEAST_LINE_BYTES, MOST_HEAD_BYTES).prefault('8KiB').describe('path and query, else 414'),
      maxRequestHeader: scalar.size(LEAST_LINE_BYTES, MOST_HEAD_BYTES).prefault('8KiB').describe('one header line, else 431'),
      maxRequestHeaders: z
        .int()
        .min(8)
        .max(LIMITS.maxRequestHeaders)
        .default(LIMITS.maxRequestHeaders)
        .describe('header lines, else 431; the listener itself takes no more than 98'),
    })
    .prefault({}),
  tracing: tracing.optional().describe('spans of requests, sent to an OTLP/HTTP receiver'),
  accessLog,
  listeners: z.array(listener).min(1),
  routes: z.record(scalar.name, z.array(virtualHost).min(1)),
  clusters: z.record(scalar.name, cluster).default({}),
});

/** What a person writes. */
export type ConfigInput = z.input<typeof configSchema>;
/** What the schema makes of it, before files are read and names resolved. */
export type ParsedConfig = z.output<typeof configSchema>;
export type ParsedListener = z.output<typeof listener>;
