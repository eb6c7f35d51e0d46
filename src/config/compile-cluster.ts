import { CLUSTER_FLAG, FAMILY, NONE, TLS_FLAG } from '../binding/abi.ts';
import { ipBytes } from './address.ts';
import { compileBalancer } from './compile-balancer.ts';
import { failoverFields } from './compile-failover.ts';
import { compileSubsets } from './compile-subsets.ts';
import type { ImageWriter } from './image-writer.ts';
import type { ClusterSubsets } from './subsets.ts';
import type { EndpointConfig, UpstreamTlsConfig } from './types.ts';

/** Appends a CLUSTER with everything it points to; returns its first SUBSET. `clusters`: name -> index of CLUSTER. */
export function compileCluster(
  writer: ImageWriter,
  name: string,
  subsets: ClusterSubsets,
  clusters: ReadonlyMap<string, number>,
): number {
  const { cluster } = subsets;
  const nameSlice = writer.string(name);
  const endpointStart = writer.count('ENDPOINT');
  for (const endpoint of cluster.endpoints) addEndpoint(writer, endpoint);
  const subsetStart = compileSubsets(writer, writer.count('CLUSTER'), endpointStart, subsets);
  writer.add('CLUSTER', {
    nameOffset: nameSlice.offset,
    nameLength: nameSlice.length,
    endpointStart,
    endpointCount: cluster.endpoints.length,
    connectTimeoutMs: cluster.connectTimeoutMs,
    poolIdleMs: cluster.pool.idleTimeoutMs,
    maxConnections: cluster.pool.maxConnections,
    maxPending: cluster.pool.maxPending,
    maxRequestsPerConnection: cluster.pool.maxRequestsPerConnection,
    tls: cluster.tls === null ? NONE : addTls(writer, cluster.tls),
    balancer: compileBalancer(writer, cluster.balancer),
    subsetStart,
    subsetCount: subsets.rows.length,
    maxQueue: cluster.queue.max,
    queueTimeoutMs: cluster.queue.timeoutMs,
    tlsTimeoutMs: cluster.tls?.handshakeTimeoutMs ?? 0,
    flags: cluster.healthCheck === null ? 0 : CLUSTER_FLAG.healthChecked,
    ...failoverFields(writer, cluster, clusters),
  });
  return subsetStart;
}

function addEndpoint(writer: ImageWriter, endpoint: EndpointConfig): void {
  const name = writer.string(endpoint.name);
  const address = endpoint.family === 'unix' ? writer.string(endpoint.address) : writer.blob(ipBytes(endpoint.address));
  const serverName = writer.string(endpoint.serverName);
  const zone = writer.optionalString(endpoint.zone);
  writer.add('ENDPOINT', {
    nameOffset: name.offset,
    nameLength: name.length,
    family: FAMILY[endpoint.family],
    addressOffset: address.offset,
    addressLength: address.length,
    port: endpoint.port,
    weight: endpoint.weight,
    serverNameOffset: serverName.offset,
    serverNameLength: serverName.length,
    priority: endpoint.priority,
    zoneOffset: zone.offset,
    zoneLength: zone.length,
    maxRequests: endpoint.maxRequests,
    backup: endpoint.backup ? 1 : 0,
    drain: endpoint.drain ? 1 : 0,
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
