/** The route matcher of one image, apart from any listener: for tests and benches. */
import { addon } from './load.ts';

export interface Matcher {
  /**
   * Index of the ROUTE that serves a request, or -1. The request is `METHOD host path` or `METHOD host path?query`
   * without headers; host in lower case without port, path normalised. 4 KiB at most.
   */
  match(request: string): number;
  /** What `timeMatches` walks over, one request per line. Returns their number. */
  setRequests(lines: string): number;
  /** Mean nanoseconds per match of `n` requests in a loop in C++, on `threads` threads at once. */
  timeMatches(n: number, threads: number): number;
}

/** Throws a RangeError when the image is not valid or has no such route table. */
export function createMatcher(image: ArrayBuffer, routeTable = 0): Matcher {
  return new addon.Matcher(image, routeTable);
}
