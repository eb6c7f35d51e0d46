/** If-Match on the version of the running snapshot (RFC 9110 §13.1.1). */

/** Null: the header is absent. An entity tag that cannot be a version of ours is -1: it matches nothing. */
export type IfMatch = readonly number[] | '*' | null;

const LIST = /^\s*(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*\s*$/;
const TAG = /(W\/)?"([^"]*)"/g;

/** Undefined when the header is not what it should be. */
export function parseIfMatch(header: string | undefined): IfMatch | undefined {
  if (header === undefined) return null;
  if (header.trim() === '*') return '*';
  if (!LIST.test(header)) return undefined;
  // A weak tag never matches here: the comparison is the strong one.
  return Array.from(header.matchAll(TAG), ([, weak, tag = '']) => (weak === undefined && /^\d{1,15}$/.test(tag) ? Number(tag) : -1));
}

/** Whether a change that came with this header may be made to `version`. */
export function versionMatches(ifMatch: IfMatch, version: number): boolean {
  return ifMatch === null || ifMatch === '*' || ifMatch.includes(version);
}
