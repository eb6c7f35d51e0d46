/** The processes that make up a contender: the one that was started, and all that it started. */
import { readFileSync, readdirSync } from 'node:fs';

/** What `read` returns, or `absent` when the process or thread ended meanwhile. */
export function unlessEnded(read, absent) {
  try {
    return read();
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return absent;
    throw error;
  }
}

export const threadsOf = (pid) => unlessEnded(() => readdirSync(`/proc/${pid}/task`), []);

const childrenOf = (pid) =>
  threadsOf(pid).flatMap((thread) => unlessEnded(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'), '').split(' ').filter(Boolean).map(Number));

/** `pid` and its descendants. */
export function treeOf(pid) {
  const all = [pid];
  for (let i = 0; i < all.length; i++) all.push(...childrenOf(all[i]));
  return all;
}
