/** From a request to its answer: route -> query -> If-Match -> body -> its turn -> the operation. */
import type { IncomingMessage } from 'node:http';
import type { ControlView } from '../control/view.ts';
import { problem, versionHeaders, type AdminAnswer } from './answer.ts';
import { parseIfMatch, versionMatches, type IfMatch } from './if-match.ts';
import type { AdminState, Operation } from './operation.ts';
import { checkQuery } from './operation-query.ts';
import { readBody, refuseByHead, type BodyTimes } from './request-body.ts';
import type { Router } from './router.ts';
import type { Turns } from './turns.ts';

export interface Dispatcher {
  router: Router;
  view: ControlView;
  admin: AdminState;
  bodyTimes: BodyTimes;
  turns: Turns;
}

/** Path and query of a request target. */
export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** The operation that is meant, or why there is none. */
export function route(router: Router, request: IncomingMessage): { operation: Operation; params: Record<string, string> } | AdminAnswer {
  const { path } = splitTarget(request.url ?? '/');
  const routed = router.find(request.method ?? '', path);
  switch (routed.kind) {
    case 'operation':
      return routed;
    case 'options':
      return { status: 204, type: '', body: '', headers: { allow: routed.allow } };
    case 'wrongMethod':
      return problem(405, `${request.method ?? ''} is not for ${routed.template}: use ${routed.allow}`, undefined, { allow: routed.allow });
    case 'undecodable':
      return problem(400, `the path is not percent-encoded UTF-8: ${JSON.stringify(path)}`);
    case 'unknown':
      return problem(404, `there is nothing at ${JSON.stringify(path)}: ${routed.near === undefined ? 'GET / lists what there is' : `did you mean ${routed.near}? GET / lists everything`}`);
  }
}

/** Null when the sender went away before its body was complete. `ready` is called when the body is about to be read. */
export async function perform(
  { view, admin, bodyTimes, turns }: Dispatcher,
  { operation, params, who }: { operation: Operation; params: Record<string, string>; who: string },
  request: IncomingMessage,
  ready: () => void,
): Promise<AdminAnswer | null> {
  const checked = checkQuery(operation.query, splitTarget(request.url ?? '/').query);
  if (!checked.ok) return problem(400, checked.problems.map(({ path, message, hint }) => `${path}: ${message}${hint === undefined ? '' : ` (${hint})`}`).join('; '), checked.problems);
  const ifMatch = parseIfMatch(request.headers['if-match']);
  if (ifMatch === undefined) return problem(400, 'If-Match is "*" or versions in quotes, as the ETag of an answer has them: If-Match: "7"');
  const stale = operation.access === 'change' ? staleVersion(view, ifMatch) : null;
  if (stale !== null) return stale;
  const refusal = refuseByHead(operation.body, request);
  if (refusal !== null) return refusal;
  let body: unknown;
  if (operation.body !== null) {
    ready();
    const read = await readBody(operation.body, request, bodyTimes);
    if (read === null) return null;
    if (!read.ok) return read.answer;
    body = read.body;
  }
  await turns.next();
  // Nobody is there to read it any more; a change that arrived whole is made.
  if (request.socket.destroyed && operation.access !== 'change') return null;
  return operation.handle({ view, admin, params, query: checked.query, body, who, ifMatch, accept: request.headers.accept ?? '', ifNoneMatch: request.headers['if-none-match'] ?? '' });
}

/** The answer to a change that was meant for another version; null when it may be made. */
export function staleVersion({ running }: ControlView, ifMatch: IfMatch): AdminAnswer | null {
  if (ifMatch === null || ifMatch === '*') return null;
  const version = running?.version ?? 0;
  return versionMatches(ifMatch, version) ? null : problem(412, `version ${version} is running, not the one that If-Match names: look at GET /config again`, undefined, versionHeaders(version));
}
