import type { TracingRows } from './compile-tracing.ts';
import type { ImageWriter } from './image-writer.ts';
import type { RegexTables } from './regex-tables.ts';
import type { ClusterChoice } from './types.ts';

/** What the parts of the compiler share. */
export interface Compilation {
  writer: ImageWriter;
  regexes: RegexTables;
  /** Name -> index of CLUSTER. */
  clusters: ReadonlyMap<string, number>;
  /** Index of SUBSET that a route picks from. */
  subsetOf: (choice: ClusterChoice) => number;
  /** Name -> index of RATE_LIMIT. */
  rateLimits: ReadonlyMap<string, number>;
  /** ROUTE.sinks of a route, by its name. */
  sinksOf: (route: string) => number;
  /** Settings as JSON -> index of RETRY, of HEDGE: routes with equal settings share a row. */
  retries: Map<string, number>;
  hedges: Map<string, number>;
  tracings: TracingRows;
  /** Name -> index of ROUTE_TABLE. */
  tables: ReadonlyMap<string, number>;
}

/** Index of a name that the checks of the configuration have found to exist. */
export function indexOf(names: ReadonlyMap<string, number>, name: string): number {
  const index = names.get(name);
  if (index === undefined) throw new Error(`the configuration names ${JSON.stringify(name)}, which it does not have`);
  return index;
}
