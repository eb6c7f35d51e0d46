import { FAMILY, NONE, POLICY, TLS_FLAG } from '../binding/abi.ts';
import { ipBytes } from './address.ts';
import type { ImageWriter } from './image-writer.ts';
import type { ClusterConfig, EndpointConfig, UpstreamTlsConfig } from './types.ts';

/** Appends a CLUSTER with everything it points to; returns its first SUBSET. */
export function compileCluster(writer: ImageWriter, name: string, cluster: ClusterConfig): number {
  const nameSlice = writer.string(name);
  const endpointStart = writer.count('ENDPOINT');
  const pickStart = writer.index.length;
  const strideStart = writer.u16.length;
  const weights: number[] = [];
  for (const endpoint of cluster.endpoints) {
    const index = addEndpoint(writer, endpoint);
    if (endpoint.weight === 0) continue;
    writer.index.push(index);
    weights.push(endpoint.weight);
  }
  writer.u16.append(strideWeights(weights));
  const subsetStart = writer.add('SUBSET', {
    cluster: writer.count('CLUSTER'),
    memberStart: pickStart,
    memberCount: weights.length,
  });
  writer.add('CLUSTER', {
    nameOffset: nameSlice.offset,
    nameLength: nameSlice.length,
    policy: POLICY[cluster.policy],
    endpointStart,
    endpointCount: cluster.endpoints.length,
    pickStart,
    pickCount: weights.length,
    strideStart,
    connectTimeoutMs: cluster.connectTimeoutMs,
    poolIdleMs: cluster.pool.idleTimeoutMs,
    maxConnections: cluster.pool.maxConnections,
    maxPending: cluster.pool.maxPending,
    maxRequestsPerConnection: cluster.pool.maxRequestsPerConnection,
    tls: cluster.tls === null ? NONE : addTls(writer, cluster.tls),
    balancer: addBalancer(writer, cluster),
    subsetStart,
    subsetCount: 1,
    maxQueue: 1024,
    queueTimeoutMs: 1000,
  });
  return subsetStart;
}

const MAX_STRIDE = 0xffff;

/**
 * Weights of the static stride scheduler (gRPC's static_stride_scheduler): the largest becomes 65535. Not capped at a
 * multiple of the mean as in gRPC: there weights are measured, here a person wrote them, and shares must be as written.
 */
export function strideWeights(weights: readonly number[]): number[] {
  const max = weights.reduce((largest, weight) => Math.max(largest, weight), 0);
  return weights.map((weight) => Math.max(1, Math.round((weight * MAX_STRIDE) / max)));
}

function addEndpoint(writer: ImageWriter, endpoint: EndpointConfig): number {
  const name = writer.string(endpoint.name);
  const address = endpoint.family === 'unix' ? writer.string(endpoint.address) : writer.blob(ipBytes(endpoint.address));
  const serverName = writer.string(endpoint.serverName);
  return writer.add('ENDPOINT', {
    nameOffset: name.offset,
    nameLength: name.length,
    family: FAMILY[endpoint.family],
    addressOffset: address.offset,
    addressLength: address.length,
    port: endpoint.port,
    weight: endpoint.weight,
    serverNameOffset: serverName.offset,
    serverNameLength: serverName.length,
    priority: 0,
    zoneOffset: NONE,
    zoneLength: 0,
    maxRequests: 0,
  });
}

function addBalancer(writer: ImageWriter, cluster: ClusterConfig): number {
  return writer.add('BALANCER', {
    policy: POLICY[cluster.policy],
    biasMillis: 1000,
    decayMs: 10_000,
    defaultLatencyUs: 30_000,
    penaltyMs: 5000,
    tableSize: 65_537,
    hashBalancePercent: 0,
    hashStart: 0,
    hashCount: 0,
    overprovisioningPercent: 140,
    panicPercent: 50,
    zoneOffset: NONE,
    zoneLength: 0,
    zoneMinEndpoints: 6,
    slowStartMs: 0,
    slowStartAggressionMillis: 1000,
    slowStartMinPercent: 10,
  });
}

function addTls(writer: ImageWriter, tls: UpstreamTlsConfig): number {
  const serverName = writer.optionalString(tls.serverName);
  const ca = writer.optionalString(tls.ca);
  const cert = writer.optionalString(tls.cert);
  const key = writer.optionalString(tls.key);
  return writer.add('TLS', {
    flags: tls.insecureSkipVerify ? TLS_FLAG.insecureSkipVerify : 0,
    serverNameOffset: serverName.offset,
    serverNameLength: serverName.length,
    caOffset: ca.offset,
    caLength: ca.length,
    certOffset: cert.offset,
    certLength: cert.length,
    keyOffset: key.offset,
    keyLength: key.length,
  });
}
