import { describe, expect, it } from 'vitest';
import { NONE, RETRY_FLAG, RETRY_ON } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import { IDEMPOTENT_METHODS } from '../../../src/config/rules-retry.ts';
import { brief, imageOf, loadGood, loadText, problemsOf, withRoutes } from './support.ts';

const CLUSTERS = '{ a: { endpoints: [127.0.0.1:1, 127.0.0.1:2] }, b: { endpoints: [127.0.0.1:3] } }';
const withRoute = (settings: string, action = 'cluster: a') => withRoutes([`{ ${action}, ${settings} }`, '{ match: { path: /b }, cluster: b }'], CLUSTERS);
const routeOf = async (settings: string) => (await loadGood(withRoute(settings))).routes['t']?.[0]?.routes[0];
const short = (findings: string[]) => findings.map((finding) => finding.replace(/^\d+:\d+ routes\.t\[0\]\.routes\[0\]\.?/, ''));
const problemsOfRoute = async (settings: string) => short(await problemsOf(withRoute(settings)));
const warningsOfRoute = async (settings: string, action?: string) => {
  const result = await loadText(withRoute(settings, action));
  expect(result.ok).toBe(true);
  return short(brief(result.warnings));
};
const dumpOfRoute = async (settings: string) =>
  (dumpImage(compile(await loadGood(withRoute(settings))).image) as { routes: Record<string, [{ routes: unknown[] }]> }).routes['t']?.[0].routes[0];

describe('retry', () => {
  it('has these defaults', async () => {
    expect(await routeOf('timeout: 15s')).toMatchObject({
      retry: {
        on: ['connectFailure', 'reset'],
        statuses: [],
        attempts: 2,
        perTryTimeoutMs: 0,
        backoff: { baseMs: 25, maxMs: 250 },
        maxRetryAfterMs: 0,
        bufferBytes: 65_536,
        nonIdempotent: false,
      },
      hedge: null,
      requestTimeoutMs: 0,
      deadlineHeader: null,
    });
    expect((await routeOf('retry: { backoff: { base: 1s } }'))?.retry.backoff).toEqual({ baseMs: 1_000, maxMs: 1_000 });
  });

  const FULL = `timeout: 20s, requestTimeout: 30s, propagateDeadline: { header: X-Left }, match: { methods: [POST] }, retry: { on: [timeout, 5xx, "404", 503, 404, timeout], attempts: 3, perTryTimeout: 2s, backoff: { base: 10ms, max: 1s }, maxRetryAfter: 5s, bufferBytes: 1MiB, nonIdempotent: true }`;

  it('is a row of the image, and a dump shows it again', async () => {
    const read = imageOf(await loadGood(withRoute(FULL)));
    const route = read.row('ROUTE', 0);
    expect(route).toMatchObject({ retryOn: RETRY_ON.timeout | RETRY_ON['5xx'], retryAttempts: 3, perTryTimeoutMs: 2_000, requestTimeoutMs: 30_000, hedge: NONE });
    expect(read.text(route.deadlineOffset, route.deadlineLength)).toBe('x-left');
    const { statusStart, statusCount, ...rest } = read.row('RETRY', route.retry);
    expect([...read.index.subarray(statusStart, statusStart + statusCount)]).toEqual([404, 503]);
    expect(rest).toEqual({ backoffBaseMs: 10, backoffMaxMs: 1_000, retryAfterMaxMs: 5_000, bufferBytes: 1_048_576, flags: RETRY_FLAG.nonIdempotent });
    expect(await dumpOfRoute(FULL)).toMatchObject({
      requestTimeoutMs: 30_000,
      retry: {
        on: ['timeout', '5xx', 404, 503],
        attempts: 3,
        perTryTimeoutMs: 2_000,
        backoff: { baseMs: 10, maxMs: 1_000 },
        maxRetryAfterMs: 5_000,
        bufferBytes: 1_048_576,
        nonIdempotent: true,
      },
      hedge: null,
      propagateDeadline: { header: 'x-left' },
    });
  });

  it.each(Object.entries(RETRY_ON))('on %s is a bit of the route', async (condition, bit) => {
    expect(imageOf(await loadGood(withRoute(`retry: { on: [${condition}], perTryTimeout: 1s }`))).row('ROUTE', 0).retryOn).toBe(bit);
  });

  it('shares its row between routes with equal settings', async () => {
    const routes = ['', ', retry: { attempts: 1 }', ', retry: { on: [reset, 503] }', ', retry: { on: [5xx, 503], attempts: 5 }', ', hedge: {}', ', hedge: { quantile: 0.95 }', ', hedge: { budget: 6% }'];
    const read = imageOf(await loadGood(withRoutes(routes.map((settings, i) => `{ match: { path: "/${i}" }, cluster: a${settings} }`), CLUSTERS)));
    expect(read.rows('ROUTE').map(({ retry }) => retry)).toEqual([0, 0, 1, 1, 0, 0, 0]);
    expect(read.rows('ROUTE').map(({ hedge }) => hedge)).toEqual([NONE, NONE, NONE, NONE, 0, 0, 1]);
    expect([read.count('RETRY'), read.count('HEDGE')]).toEqual([2, 2]);
  });

  it.each([
    ['retry: { on: [true] }', 'retry.on[0]: expected connectFailure, reset, timeout, 5xx, gatewayError, retriable4xx, rateLimited, or a status such as 503, not true'],
    ['retry: { on: [299] }', 'retry.on[0]: a status that is tried again is from 300 to 599, not 299'],
    ['retry: { on: [600] }', 'retry.on[0]: a status that is tried again is from 300 to 599, not 600'],
    ['retry: { attempts: 11 }', 'retry.attempts: expected a number up to 10, not 11'],
    ['retry: { backoff: { base: 2s, max: 1s } }', 'retry.backoff.max: 1s is less than "base", 2s'],
    ['retry: { backoff: { max: 10ms } }', 'retry.backoff.max: 10ms is less than "base", 25ms by default'],
    ['retry: { bufferBytes: 17MiB }', 'retry.bufferBytes: the size must be from 0 to 16777216 bytes'],
    ['retry: { backoff: { base: 25h } }', 'retry.backoff.base: the duration must be at most 24h'],
    ['requestTimeout: soon', 'requestTimeout: expected a duration such as 250ms, 5s, 1m or 2h, or 0, not "soon"'],
    ['propagateDeadline: x-left', 'propagateDeadline: expected true, false or a mapping with "header", not "x-left"'],
    ['propagateDeadline: { header: "a b" }', 'propagateDeadline.header: "a b" is not a header name'],
    ['propagateDeadline: { header: Connection }', 'propagateDeadline.header: connection is written by the proxy and cannot be edited'],
    ['propagateDeadline: { header: X-Request-Id }', 'propagateDeadline.header: x-request-id is written by the proxy, with another meaning'],
    ['requestHeaders: { set: { x-millrace-attempt: "1" } }', 'requestHeaders.set.x-millrace-attempt: x-millrace-attempt is written by the proxy and cannot be edited'],
  ])('%s is refused', async (settings, problem) => {
    expect(await problemsOfRoute(settings)).toEqual([problem]);
  });

  it.each([
    ['timeout: 2s, retry: { perTryTimeout: 2s }', ['retry.perTryTimeout: it never fires: the timeout of the route, 2s, has passed by then']],
    ['timeout: 0, retry: { perTryTimeout: 1h }', []],
    ['retry: { on: [timeout] }', ['retry.on: "timeout" never happens without perTryTimeout: the timeout of the route ends the request itself']],
    ['retry: { attempts: 0, on: [404], maxRetryAfter: 1s }', ['retry.on: "on" has no effect with attempts: 0', 'retry.maxRetryAfter: "maxRetryAfter" has no effect with attempts: 0']],
    ['retry: { attempts: 0, perTryTimeout: 1s }', []],
    ['retry: { on: [] }', ['retry.on: an empty list means that nothing is tried again (write attempts: 0)']],
    ['retry: { maxRetryAfter: 1s }', ['retry.maxRetryAfter: "maxRetryAfter" has no effect: no status is tried again']],
    ['retry: { on: [rateLimited], maxRetryAfter: 15s }', ['retry.maxRetryAfter: a request that waits so long ends with the timeout of the route, 15s']],
    ['retry: { on: [429], maxRetryAfter: 1s }', []],
    ['retry: { nonIdempotent: true }', ['retry.nonIdempotent: a POST that was acted upon and whose answer was lost is sent again: what it does may be done twice']],
    ['propagateDeadline: true, requestHeaders: { set: { X-Millrace-Timeout-Ms: "1" } }', ['propagateDeadline: requestHeaders writes x-millrace-timeout-ms, too: upstreams would not read the time that is left']],
    ['match: { methods: [GET, PUT] }, retry: { nonIdempotent: true }', ['retry.nonIdempotent: every method of this route is idempotent anyway']],
  ])('%s is worth a word', async (settings, warnings) => {
    expect(await warningsOfRoute(settings)).toEqual(warnings);
  });

  it('means nothing to an answer that the proxy makes itself', async () => {
    expect(await warningsOfRoute('retry: { nonIdempotent: true }, hedge: {}, propagateDeadline: true, requestTimeout: 1s', 'match: { path: /r }, respond: { status: 200 }')).toEqual(
      expect.arrayContaining(['retry', 'hedge', 'propagateDeadline', 'requestTimeout'].map((key) => `${key}: "${key}" has no effect beside "respond"`)),
    );
  });
});

describe('hedge', () => {
  it('has these defaults, and a row of the image', async () => {
    expect((await routeOf('hedge: {}'))?.hedge).toEqual({ quantileMillis: 950, minDelayMs: 5, maxDelayMs: 0, minRequests: 100, budgetPercent: 5 });
    const settings = 'hedge: { quantile: 0.99, minDelay: 0, maxDelay: 1s, minRequests: 7, budget: 10% }';
    const read = imageOf(await loadGood(withRoute(settings)));
    expect(read.row('HEDGE', read.row('ROUTE', 0).hedge)).toEqual({ quantileMillis: 990, minDelayMs: 0, maxDelayMs: 1_000, minRequests: 7, percent: 10 });
    expect(await dumpOfRoute(settings)).toMatchObject({ hedge: { quantile: 0.99, minDelayMs: 0, maxDelayMs: 1_000, minRequests: 7, budget: 10 } });
  });

  it.each([
    ['hedge: { quantile: 1 }', 'hedge.quantile: expected 0 or a number from 0.5 to 0.999, not 1'],
    ['hedge: { minDelay: 61m }', 'hedge.minDelay: the duration must be at most 1h'],
    ['hedge: { budget: 0 }', 'hedge.budget: the percentage must be from 1 to 100'],
    ['hedge: { minDelay: 2s, maxDelay: 1s }', 'hedge.maxDelay: 1s is less than "minDelay", 2s'],
    ['hedge: true', 'hedge: expected a mapping, not true'],
    ['match: { methods: [POST] }, hedge: {}', 'hedge: a request is sent twice only when its method is idempotent, and POST is not (leave out "hedge")'],
    ['match: { methods: [POST, PATCH] }, hedge: {}', 'hedge: a request is sent twice only when its method is idempotent, and POST, PATCH are not (leave out "hedge")'],
  ])('%s is refused', async (settings, problem) => {
    expect(await problemsOfRoute(settings)).toEqual([problem]);
  });

  it.each([...IDEMPOTENT_METHODS])('of %s makes sense', async (method) => {
    expect(await problemsOfRoute(`match: { methods: [POST, ${method}] }, hedge: {}`)).toEqual([]);
  });

  it('says when there is nothing to gain', async () => {
    expect(await warningsOfRoute('hedge: {}', 'cluster: b')).toContain('hedge: the cluster has one endpoint: a second attempt has nowhere else to go');
    expect(await warningsOfRoute('hedge: { quantile: 0, minDelay: 20ms }')).toEqual([]);
    expect(await warningsOfRoute('hedge: { quantile: 0, maxDelay: 1s }')).toEqual(['hedge.maxDelay: "maxDelay" has no effect with quantile: 0, which waits for minDelay']);
    expect(await warningsOfRoute('timeout: 1s, hedge: { minDelay: 1s }')).toEqual(['hedge.minDelay: no second attempt is ever sent: the timeout of the route, 1s, has passed by then']);
  });
});

describe('propagateDeadline', () => {
  it.each([
    ['true', 'x-millrace-timeout-ms'],
    ['{}', 'x-millrace-timeout-ms'],
    ['{ header: X-Deadline }', 'x-deadline'],
    ['false', null],
  ])('%s', async (written, header) => {
    expect((await routeOf(`propagateDeadline: ${written}`))?.deadlineHeader).toBe(header);
    expect(await dumpOfRoute(`propagateDeadline: ${written}`)).toMatchObject({ propagateDeadline: header === null ? false : { header } });
  });
});
