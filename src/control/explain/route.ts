/** What a route makes of the request. */
import { DOWNSTREAM_ERROR } from '../../binding/abi.ts';
import type { NativeExplanation } from '../../binding/explain.ts';
import type { RouteConfig } from '../../config/types.ts';
import { explainGate } from './gate.ts';
import type { Places, RoutePlace } from './places.ts';
import type { ExplainedRoute } from './schema.ts';

/** More of a body is not shown. */
const BODY_SHOWN = 4096;

export function explainRoute(places: Places, { table, virtualHost, route }: RoutePlace, native: NativeExplanation): ExplainedRoute {
  const { upgrade, deadline, hedge } = native;
  const idempotent = native.request.error === undefined && native.request.idempotent;
  const { retry } = route;
  return {
    name: route.name,
    table,
    virtualHost: virtualHost.name,
    action: route.action.kind,
    rateLimits: explainGate(places, native.routeLimits),
    body: { maxBytes: route.maxRequestBodyBytes === 0 ? null : route.maxRequestBodyBytes, tooLarge: native.bodyTooLarge === true },
    upstream: native.head === undefined ? null : headOf(native.head),
    answer: answerOf(route, native.answer),
    responseHeaders: route.responseHeaders,
    timeouts: { timeoutMs: route.timeoutMs, perTryTimeoutMs: retry.perTryTimeoutMs, maxDurationMs: route.maxDurationMs, idleTimeoutMs: route.idleTimeoutMs, requestTimeoutMs: route.requestTimeoutMs },
    retry: retry.attempts === 0 ? null : { attempts: retry.attempts, on: retry.on, statuses: retry.statuses, backoff: retry.backoff, repeatable: retry.nonIdempotent || idempotent },
    hedge: route.hedge === null || hedge === undefined ? null : { applies: hedge.applies, delayMs: hedge.delayUs === null ? null : hedge.delayUs / 1000, budgetPercent: route.hedge.budgetPercent },
    deadline: deadline === undefined ? null : { header: route.deadlineHeader ?? '', askedMs: deadline.asked, believed: deadline.believed, expired: deadline.expired, sentMs: deadline.sentMs },
    webSocket: upgrade === undefined ? null : { proxied: upgrade.proxied, refused: upgrade.reason === undefined ? null : { reason: DOWNSTREAM_ERROR[upgrade.reason] ?? 'unknown', status: upgrade.status ?? 400, text: upgrade.text ?? '' } },
    fault: faultOf(route),
  };
}

function faultOf({ fault, action }: RouteConfig): ExplainedRoute['fault'] {
  if (fault === null) return null;
  const goesOn = action.kind === 'cluster' || action.kind === 'weightedClusters';
  return {
    abort: fault.abort === null ? null : { status: fault.abort.status, percent: fault.abort.perMillion / 10_000 },
    delay: fault.delay === null || !goesOn ? null : { ms: fault.delay.ms, percent: fault.delay.perMillion / 10_000 },
  };
}

function answerOf({ action }: RouteConfig, redirect: string | undefined): ExplainedRoute['answer'] {
  if (redirect !== undefined) return { ...headOf(redirect), body: null };
  if (action.kind !== 'respond') return null;
  const { status, headers, body } = action.respond;
  return { line: String(status), headers: headers.map(([name, value]) => [name, value]), body: Buffer.from(body.subarray(0, BODY_SHOWN)).toString('utf8') };
}

function headOf(text: string): { line: string; headers: [string, string][] } {
  const [line = '', ...lines] = text.split('\r\n').filter((one) => one !== '');
  return {
    line,
    headers: lines.map((one) => {
      const colon = one.indexOf(':');
      return [one.slice(0, colon), one.slice(colon + 1).trim()];
    }),
  };
}
