import type { ClusterChoice, ClusterConfig, Config, EndpointConfig, Metadata } from './types.ts';

/** A SUBSET row to be: the endpoints of a cluster that a route may choose from. */
export interface SubsetRow {
  /** What was asked for; null = every endpoint. */
  selection: Metadata | null;
  /** Positions in the cluster, ascending; of weight > 0, and not drained. */
  members: number[];
}

/** `version=v2,stage=prod`, in metrics and dumps. */
export const selectionName = (selection: Metadata) =>
  Object.entries(selection)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** The same for selections that differ in the order of their keys only. */
export function selectionKey(selection: Metadata): string {
  return JSON.stringify(Object.entries(selection).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Whether the balancer may give it requests at all. */
export const isGiven = ({ weight, drain }: EndpointConfig): boolean => weight > 0 && !drain;

/** Of endpoints that are not given: why. */
export const notGiven = (endpoints: readonly EndpointConfig[]): string => (endpoints.some(({ drain }) => drain) ? 'has weight 0 or is drained' : 'has weight 0');

/** Positions of the endpoints that a request may go to, with all of the metadata that is asked for. */
export function matching(cluster: ClusterConfig, selection: Metadata | null): number[] {
  const wanted = Object.entries(selection ?? {});
  const members: number[] = [];
  for (const [position, endpoint] of cluster.endpoints.entries())
    if (isGiven(endpoint) && wanted.every(([key, value]) => Object.hasOwn(endpoint.metadata, key) && endpoint.metadata[key] === value))
      members.push(position);
  return members;
}

/**
 * The subsets of one cluster that the routes choose. Row 0 is every endpoint; equal selections share a row. A selection
 * without endpoints leads to row 0, to the default subset, or to a row of its own without members.
 */
export class ClusterSubsets {
  readonly rows: SubsetRow[] = [];
  readonly cluster: ClusterConfig;
  readonly #rowOf = new Map<string, number>();

  constructor(cluster: ClusterConfig) {
    this.cluster = cluster;
    this.#add(null, matching(cluster, null));
  }

  /** The row for a choice, made on first use. */
  row(selection: Metadata | null): number {
    if (selection === null) return 0;
    const key = selectionKey(selection);
    const known = this.#rowOf.get(key);
    if (known !== undefined) return known;
    const row = this.#find(selection);
    this.#rowOf.set(key, row);
    return row;
  }

  #find(selection: Metadata): number {
    const members = matching(this.cluster, selection);
    const { fallback, default: standIn } = this.cluster.subsets;
    if (members.length > 0 || fallback === 'none') return this.#add(selection, members);
    if (fallback === 'any' || standIn === null) return 0;
    // The default subset may be empty itself: that is a row without members, not another fallback.
    return selectionKey(standIn) === selectionKey(selection) ? this.#add(selection, members) : this.row(standIn);
  }

  #add(selection: Metadata | null, members: number[]): number {
    this.rows.push({ selection, members });
    return this.rows.length - 1;
  }
}

/** Every choice of a cluster that a request can meet, in the order of the configuration. */
export function* choicesOf(config: Config): Generator<ClusterChoice> {
  for (const hosts of Object.values(config.routes))
    for (const { routes } of hosts)
      for (const { action } of routes) {
        if (action.kind === 'cluster') yield action;
        if (action.kind === 'weightedClusters') yield* action.clusters.filter(({ weight }) => weight > 0);
      }
}

/** By name of the cluster. Pure: the rows of equal configurations are equal. */
export function resolveSubsets(config: Config): Map<string, ClusterSubsets> {
  const subsets = new Map(Object.entries(config.clusters).map(([name, cluster]) => [name, new ClusterSubsets(cluster)]));
  for (const { cluster, subset } of choicesOf(config)) subsets.get(cluster)?.row(subset);
  return subsets;
}
