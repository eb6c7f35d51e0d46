import { FAMILY, LISTENER_FLAG, SLASHES, UNDERSCORES } from '../binding/abi.ts';
import { indexOf, type Compilation } from './compilation.ts';
import { compileCluster } from './compile-cluster.ts';
import { compileRouteTable } from './compile-host.ts';
import { compileAccessLog } from './compile-log.ts';
import { addLimitRows, compileRateLimits } from './compile-rate.ts';
import { TracingRows } from './compile-tracing.ts';
import { ImageWriter } from './image-writer.ts';
import { RegexTables } from './regex-tables.ts';
import { resolveSubsets } from './subsets.ts';
import type { Config, ListenerConfig } from './types.ts';

/**
 * Compiles a configuration into the flat image that the engine reads in place. Pure: equal configurations give equal
 * bytes. Clusters, endpoints, route tables and listeners keep the order of the configuration.
 */
export function compile(config: Config): { image: ArrayBuffer; hash: string } {
  const writer = new ImageWriter();
  const subsets = resolveSubsets(config);
  const firstSubset = new Map<string, number>();
  const clusters = indexByName(Object.keys(config.clusters));
  for (const [name, rows] of subsets) firstSubset.set(name, compileCluster(writer, name, rows, clusters));
  const compilation: Compilation = {
    writer,
    regexes: new RegexTables(writer),
    clusters,
    subsetOf: ({ cluster, subset }) => indexOf(firstSubset, cluster) + (subsets.get(cluster)?.row(subset) ?? 0),
    rateLimits: compileRateLimits(writer, config),
    sinksOf: compileAccessLog(writer, config),
    retries: new Map(),
    hedges: new Map(),
    tracings: new TracingRows(writer, config.tracing),
    tables: indexByName(Object.keys(config.routes)),
  };
  for (const [name, hosts] of Object.entries(config.routes)) compileRouteTable(compilation, name, hosts);
  for (const listener of config.listeners) compileListener(compilation, listener);
  return writer.finish();
}

function indexByName(names: string[]): Map<string, number> {
  return new Map(names.map((name, index) => [name, index]));
}

function compileListener({ writer, tables, rateLimits }: Compilation, listener: ListenerConfig): void {
  const name = writer.string(listener.name);
  const trustStart = writer.count('CIDR');
  for (const { family, prefixBits, words } of listener.forwarded.trust) {
    writer.add('CIDR', {
      family: FAMILY[family],
      prefixBits,
      word0: words[0],
      word1: words[1],
      word2: words[2],
      word3: words[3],
    });
  }
  const underscoreStart = writer.index.length;
  for (const header of listener.underscores.names) {
    const { offset, length } = writer.string(header);
    writer.index.append([offset, length]);
  }
  writer.add('LISTENER', {
    nameOffset: name.offset,
    nameLength: name.length,
    routeTable: indexOf(tables, listener.routes),
    flags:
      (listener.tls === null ? 0 : LISTENER_FLAG.tls) |
      (listener.forwarded.headers ? LISTENER_FLAG.forwardedHeaders : 0) |
      (listener.requestId ? LISTENER_FLAG.requestId : 0) |
      (listener.paths.mergeSlashes ? 0 : LISTENER_FLAG.keepSlashes) |
      (listener.allowTrace ? LISTENER_FLAG.allowTrace : 0) |
      (listener.keepAliveAfterChunked ? LISTENER_FLAG.keepAliveAfterChunked : 0),
    trustStart,
    trustCount: listener.forwarded.trust.length,
    maxHeadBytes: listener.maxRequestHeadBytes,
    ...addLimitRows(writer, rateLimits, listener.rateLimits),
    maxTargetBytes: listener.maxRequestTargetBytes,
    maxHeaderBytes: listener.maxRequestHeaderBytes,
    maxHeaders: listener.maxRequestHeaders,
    underscores: UNDERSCORES[listener.underscores.rule],
    underscoreStart,
    underscoreCount: 2 * listener.underscores.names.length,
    escapedSlashes: SLASHES[listener.paths.escapedSlashes],
    backslashes: SLASHES[listener.paths.backslashes],
  });
}
