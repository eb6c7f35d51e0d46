import type { ClusterConfig } from '../config/types.ts';
import type { ClusterPhase, ClusterStats, EndpointPhase, EndpointStats } from '../control/stats.ts';
import type { HistogramData } from '../telemetry/histograms.ts';
import type { ControlView } from '../control/view.ts';

export interface ClusterRow {
  labels: { cluster: string };
  config: ClusterConfig;
  stats: ClusterStats;
  histogram: (phase: ClusterPhase) => HistogramData | null;
}

export interface EndpointRow {
  labels: { cluster: string; endpoint: string };
  weight: number;
  drain: boolean;
  /** Of its cluster. */
  config: ClusterConfig;
  stats: EndpointStats;
  histogram: (phase: EndpointPhase) => HistogramData | null;
}

/** The clusters and endpoints of the configuration in service; none while another image takes its place. May be left for a moment at each `yield`. */
export function* readRows({ running, stats }: ControlView): Generator<void, { clusters: ClusterRow[]; endpoints: EndpointRow[] }> {
  const clusters: ClusterRow[] = [];
  const endpoints: EndpointRow[] = [];
  let endpointIndex = 0;
  for (const [index, [cluster, config]] of Object.entries(running?.config.clusters ?? {}).entries()) {
    const version = running?.version ?? 0;
    const clusterStats = stats.cluster(version, index);
    if (clusterStats !== null) clusters.push({ labels: { cluster }, config, stats: clusterStats, histogram: (phase) => stats.clusterHistogram(version, index, phase) });
    for (const { name, weight, drain } of config.endpoints) {
      const at = endpointIndex++;
      const endpointStats = stats.endpoint(version, at);
      if (endpointStats !== null) endpoints.push({ labels: { cluster, endpoint: name }, weight, drain, config, stats: endpointStats, histogram: (phase) => stats.endpointHistogram(version, at, phase) });
      if (at % 64 === 0) yield;
    }
    yield;
  }
  return { clusters, endpoints };
}
