/** Memory of a contender, all its processes together, in KiB. Pages that several of its processes share count in `rssKiB` once for each, in `pssKiB` once. */
import { readFileSync } from 'node:fs';
import { treeOf, unlessEnded } from './tree.mjs';

export function readMemory(pid) {
  let rssKiB = 0;
  let pssKiB = 0;
  for (const process of treeOf(pid)) {
    const text = unlessEnded(() => readFileSync(`/proc/${process}/smaps_rollup`, 'utf8'), '');
    rssKiB += Number(/^Rss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    pssKiB += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }
  return { rssKiB, pssKiB };
}
