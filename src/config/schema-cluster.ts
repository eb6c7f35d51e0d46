import * as z from 'zod';
import { LIMITS } from '../binding/abi.ts';
import { parseEndpointAddress } from './address.ts';
import { parsing } from './parsing.ts';
import { balancer, metadata, subsets } from './schema-balancer.ts';
import { circuitBreaker, clusterLimits, fallback, outlierDetection, retryBudget } from './schema-failover.ts';
import { healthCheck } from './schema-health.ts';
import * as scalar from './schema-scalars.ts';

const address = parsing(z.string(), parseEndpointAddress);

const endpoint = z.strictObject({
  address,
  weight: z.int().min(0).max(LIMITS.maxWeight).default(1).describe('0: it gets no requests'),
  drain: z
    .boolean()
    .default(false)
    .describe('true: it gets no new requests, and those in flight end in peace; its weight is kept for when it comes back'),
  priority: z
    .int()
    .min(0)
    .max(LIMITS.maxPriority)
    .default(0)
    .describe('0 is used first; the next level takes over what the levels before it have no room for'),
  backup: z
    .boolean()
    .default(false)
    .describe('true: used only while no other endpoint of the cluster is available'),
  zone: scalar.name.optional().describe('where it runs, such as eu-1a'),
  maxRequests: scalar.count.optional().describe('in flight at once, all workers together; default: that of the cluster'),
  metadata: metadata.default({}).describe('what "subset" of a route chooses by, such as { version: v2 }'),
});

export const cluster = z.strictObject({
  balancer: balancer.prefault({}),
  endpoints: z.array(z.union([address, endpoint])).min(1).max(LIMITS.maxEndpoints),
  subsets: subsets.optional(),
  connectTimeout: scalar.positiveDuration.prefault('1s'),
  maxRequests: scalar.count
    .default(0)
    .describe('most requests in flight at one endpoint, all workers together; 0 = no limit'),
  queue: z
    .strictObject({
      max: scalar.count
        .default(1024)
        .describe('requests of the process that wait while every endpoint is at its maxRequests; 0 = 503 at once'),
      timeout: scalar.positiveDuration.prefault('1s').describe('then 503'),
    })
    .prefault({}),
  pool: z
    .strictObject({
      idleTimeout: scalar.positiveDuration
        .prefault('4s')
        .describe("an idle connection is closed after this; keep it below the upstream's own limit"),
      maxConnections: scalar.count
        .default(0)
        .describe('per endpoint, all workers together; 0 = no limit. Unlike maxRequests it does not steer the balancer'),
      maxPending: scalar.count
        .default(1024)
        .describe('requests of one worker that wait for a connection of the endpoint that was chosen for them'),
      maxRequestsPerConnection: scalar.count.default(0).describe('0 = no limit'),
    })
    .prefault({}),
  tls: z
    .strictObject({
      serverName: scalar.hostOnly.optional().describe('name sent and verified; default: the host of the endpoint'),
      ca: scalar.text.optional().describe('PEM file of the trusted roots; default: the well-known ones'),
      cert: scalar.text.optional().describe('PEM file of the client certificate'),
      key: scalar.text.optional(),
      insecureSkipVerify: z
        .boolean()
        .default(false)
        .describe('true: any certificate is taken; an attacker can read everything'),
      handshakeTimeout: scalar
        .durationUpTo(LIMITS.maxFailoverMs, scalar.duration)
        .prefault(0)
        .describe('of the handshake alone, after the TCP connection; 0 = both within connectTimeout'),
    })
    .optional()
    .describe('its presence means TLS to the endpoints'),
  healthCheck: healthCheck.optional().describe('active checks of every endpoint; exactly one of http, tcp, grpc'),
  outlierDetection,
  circuitBreaker: circuitBreaker
    .optional()
    .describe('stop sending requests to what fails most of them, and try again later; default: none'),
  fallback: fallback
    .optional()
    .describe('what answers while the breaker of this cluster is open or no endpoint is available: { cluster } or { respond }'),
  limits: clusterLimits
    .prefault({})
    .describe('of the whole cluster, all workers together; 0 = no limit'),
  retryBudget,
});

export type ParsedCluster = z.output<typeof cluster>;
export type ParsedEndpoint = z.output<typeof endpoint>;
