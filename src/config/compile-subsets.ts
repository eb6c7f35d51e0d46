import type { ImageWriter } from './image-writer.ts';
import { selectionName, type ClusterSubsets } from './subsets.ts';

/** Appends the SUBSET rows of a cluster; returns the index of the first, which is every endpoint. */
export function compileSubsets(
  writer: ImageWriter,
  cluster: number,
  endpointStart: number,
  subsets: ClusterSubsets,
): number {
  const first = writer.count('SUBSET');
  for (const { selection, members } of subsets.rows) {
    const name = writer.optionalString(selection === null ? null : selectionName(selection));
    const memberStart = writer.index.length;
    for (const position of members) writer.index.push(endpointStart + position);
    writer.add('SUBSET', {
      cluster,
      memberStart,
      memberCount: members.length,
      nameOffset: name.offset,
      nameLength: name.length,
    });
  }
  return first;
}
