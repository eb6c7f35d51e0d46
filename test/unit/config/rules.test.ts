import { describe, expect, it } from 'vitest';
import { problemsOf, withRoutes } from './support.ts';

const GOOD = `listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]
routes: { t: [{ hosts: ["*"], routes: [{ cluster: a }] }] }
clusters: { a: { endpoints: [127.0.0.1:1] } }
`;

describe('rules between keys', () => {
  const routeProblems = async (route: string) =>
    (await problemsOf(withRoutes([route]))).map((problem) => problem.replace(' routes.t[0].routes[0]', ' '));

  it.each([
    [
      '{ match: { path: /a, pathPrefix: /b }, cluster: a }',
      ['6:32 .match.pathPrefix: "pathPrefix" and "path" exclude each other (keep one of path, pathPrefix, pathRegex)'],
    ],
    [
      '{ match: { path: /a } }',
      ['6:11 : the route does nothing: expected one of cluster, weightedClusters, redirect, respond'],
    ],
    [
      '{ cluster: a, respond: { status: 200 } }',
      [
        '6:25 .respond: "respond" and "cluster" exclude each other (keep one of cluster, weightedClusters, redirect, respond)',
      ],
    ],
    [
      '{ match: { headers: { x-a: { exact: a, prefix: b } } }, cluster: a }',
      [
        '6:50 .match.headers.x-a.prefix: "prefix" and "exact" exclude each other (keep one of present, exact, prefix, suffix, contains, regex)',
      ],
    ],
    [
      '{ match: { headers: { x-a: { not: true } } }, cluster: a }',
      ['6:38 .match.headers.x-a: expected one of present, exact, prefix, suffix, contains, regex'],
    ],
    [
      '{ match: { headers: { x-a: b, X-A: c } }, cluster: a }',
      ['6:41 .match.headers.X-A: "X-A" is the same header as "x-a"'],
    ],
    ['{ match: { headers: { "x a": b } }, cluster: a }', ['6:33 .match.headers["x a"]: "x a" is not a header name']],
    [
      '{ match: { path: /a }, rewrite: { prefix: /b }, cluster: a }',
      [
        '6:45 .rewrite.prefix: "prefix" replaces the matched prefix and needs match.pathPrefix (use "path" to replace the whole path)',
      ],
    ],
    [
      '{ rewrite: { prefix: /b, path: /c }, cluster: a }',
      ['6:36 .rewrite.path: "path" and "prefix" exclude each other (keep one of prefix, path)'],
    ],
    [
      '{ respond: { status: 200 }, websocket: true }',
      [
        '6:39 .websocket: a route that answers with "respond" has no upstream to speak WebSocket to (give the route a cluster, or leave websocket out)',
      ],
    ],
    ['{ redirect: { path: /a }, websocket: false }', []],
    [
      '{ cluster: a, websocket: yes please }',
      ['6:36 .websocket: expected true, false or a mapping with "maxMessage" and "idleTimeout", not "yes please"'],
    ],
    [
      '{ cluster: a, websocket: { maxMessage: 65MiB } }',
      ['6:50 .websocket.maxMessage: the size must be from 1 to 67108864 bytes'],
    ],
    ['{ cluster: a, websocket: { maxMessage: 0 } }', ['6:50 .websocket.maxMessage: the size must be from 1 to 67108864 bytes']],
    [
      '{ cluster: a, websocket: { maxMesage: 1MiB } }',
      ['6:38 .websocket.maxMesage: unknown key "maxMesage" (did you mean "maxMessage"?)'],
    ],
    [
      '{ redirect: { status: 301 } }',
      ['6:23 .redirect: the redirect leads to where it came from: expected scheme, host, port, path or prefix'],
    ],
    ['{ redirect: { status: 300, path: /a } }', ['6:33 .redirect.status: expected 301, 302, 303, 307 or 308, not 300']],
    [
      '{ match: { pathRegex: a }, redirect: { prefix: /b } }',
      [
        '6:50 .redirect.prefix: "prefix" replaces the matched prefix and needs match.pathPrefix (use "path" to replace the whole path)',
      ],
    ],
    [
      '{ respond: { status: 200, body: a, bodyFile: shop.pem } }',
      ['6:46 .respond.bodyFile: "bodyFile" and "body" exclude each other (keep one of body, bodyFile)'],
    ],
    ['{ respond: { status: 304, body: a } }', ['6:32 .respond.status: an answer with status 304 has no body']],
    ['{ respond: { status: 100 } }', ['6:32 .respond.status: expected a number from 200, not 100']],
    ['{ respond: { body: a } }', ['6:13 .respond.status: required key "status" is missing: expected a number']],
    [
      '{ respond: { status: 200, bodyFile: none.html } }',
      [expect.stringMatching(/^6:47 \.respond\.bodyFile: cannot read .*none\.html: there is no such file$/)],
    ],
    [
      '{ weightedClusters: [{ cluster: a, weight: 0 }] }',
      ['6:31 .weightedClusters: all weights are 0: no cluster could be chosen'],
    ],
    [
      '{ weightedClusters: [{ cluster: a, weight: 1 }, { cluster: a, weight: 1 }] }',
      ['6:70 .weightedClusters[1].cluster: the cluster "a" is listed twice'],
    ],
    [
      '{ weightedClusters: [{ cluster: c, weight: 1 }] }',
      ['6:43 .weightedClusters[0].cluster: there is no cluster "c" (did you mean "a"?)'],
    ],
    [
      '{ cluster: a, requestHeaders: { set: { Host: x, Content-Length: "1" } } }',
      [
        '6:50 .requestHeaders.set.Host: host is written by the proxy and cannot be edited (use rewrite: { host: … })',
        '6:59 .requestHeaders.set.Content-Length: content-length is written by the proxy and cannot be edited',
      ],
    ],
    [
      '{ cluster: a, responseHeaders: { remove: [Transfer-Encoding, Connection, Date] } }',
      [
        '6:53 .responseHeaders.remove[0]: transfer-encoding is written by the proxy and cannot be edited',
        '6:72 .responseHeaders.remove[1]: connection is written by the proxy and cannot be edited',
        '6:84 .responseHeaders.remove[2]: date is written by the proxy and cannot be edited',
      ],
    ],
    [
      '{ cluster: a, requestHeaders: { set: { x-a: "b\\r\\nc: d" } } }',
      ['6:55 .requestHeaders.set.x-a: a header value may not hold control characters or line breaks'],
    ],
    [
      '{ cluster: a, requestHeaders: { set: { x-a: 1 } } }',
      ['6:55 .requestHeaders.set.x-a: expected a text, not 1 (write it in quotes)'],
    ],
    ['{ cluster: a, timeout: 15 }', ['6:34 .timeout: expected a duration such as 250ms, 5s, 1m or 2h, or 0, not 15']],
    [
      '{ cluster: a, timeout: 1.0005s }',
      ['6:34 .timeout: 1.0005s is not a whole number of milliseconds of at most 596h'],
    ],
    [
      '{ cluster: a, maxRequestBody: 1MB }',
      ['6:41 .maxRequestBody: expected a size such as 64KiB, 1MiB or 100B, or a number of bytes, not "1MB"'],
    ],
    ['{ cluster: a, timeout: 5x }', ['6:34 .timeout: expected a duration such as 250ms, 5s, 1m or 2h, or 0, not "5x"']],
    [
      '{ name: a/b, cluster: a }',
      [
        '6:19 .name: expected a name of letters, digits, ".", "_" and "-" that starts with a letter or a digit, not "a/b"',
      ],
    ],
    [
      '{ cluster: a, retry: { on: [5XX, 200] } }',
      [
        '6:39 .retry.on[0]: expected connectFailure, reset, timeout, 5xx, gatewayError, retriable4xx, rateLimited, or a status such as 503, not "5XX" (did you mean "5xx"?)',
        '6:44 .retry.on[1]: a status that is tried again is from 300 to 599, not 200',
      ],
    ],
    ['{ cluster: a, retry: { attempts: 11 } }', ['6:44 .retry.attempts: expected a number up to 10, not 11']],
    ['text', ['6:11 : expected a mapping, not "text"']],
  ])('%s', async (route, expected) => {
    expect(await routeProblems(route)).toEqual(expected);
  });

  it('route names are unique in their table', async () => {
    expect(
      await problemsOf(withRoutes(['{ name: x, cluster: a }', '{ name: x, match: { path: /b }, cluster: a }'])),
    ).toEqual(['7:19 routes.t[0].routes[1].name: the route name "x" is already used by [0].routes[0] of this table']);
  });

  it('listeners do not share an address, unless it is any free port', async () => {
    const two = (port: number) =>
      GOOD.replace(
        '[{ name: web, address: 127.0.0.1:0, routes: t }]',
        `[{ name: x, address: localhost:${port}, routes: t }, { name: y, address: 127.0.0.1:${port}, routes: t }]`,
      );
    expect(await problemsOf(two(80))).toEqual([
      '1:80 listeners[1].address: the address "127.0.0.1:80" is already used by listeners[0]',
    ]);
    expect(await problemsOf(two(0))).toEqual([]);
  });

  it('endpoints of a cluster are different, and a client certificate has its key', async () => {
    expect(
      await problemsOf(
        withRoutes(
          ['{ cluster: a }'],
          '{ a: { endpoints: [127.0.0.1:1, { address: 127.0.0.1:1 }], tls: { cert: shop.pem } } }',
        ),
      ),
    ).toEqual([
      '7:54 clusters.a.endpoints[1].address: the endpoint "127.0.0.1:1" is already used by endpoints[0]',
      '7:77 clusters.a.tls.cert: "cert" needs "key" beside it',
    ]);
    expect(await problemsOf(withRoutes(['{ cluster: a }'], '{ a: { endpoints: [] } }'))).toEqual([
      '7:29 clusters.a.endpoints: expected at least 1 entry',
    ]);
  });

  it.each([
    ['path: /a%2Fb', '', 'no listener of this table lets an encoded slash through (paths: { escapedSlashes: keep } of a listener does)'],
    ['path: /a%2Fb', 'escapedSlashes: decode', 'no listener of this table lets an encoded slash through (paths: { escapedSlashes: keep } of a listener does)'],
    ['path: /a%2Fb', 'escapedSlashes: keep', null],
    ['pathPrefix: /a%5Cb', 'escapedSlashes: keep', 'no listener of this table lets a backslash through (paths: { backslashes: keep } of a listener does)'],
    ['pathPrefix: /a%5Cb', 'backslashes: keep', null],
    ['pathPrefix: /a//b', '', 'a path has no empty segments (write /a/b)'],
    ['pathPrefix: /a//b', 'mergeSlashes: false', null],
  ])('a path is one that some listener lets through: %s with %s', async (match, paths, problem) => {
    const text = GOOD.replace('routes: t }', `routes: t, paths: { ${paths} } }`).replace('{ cluster: a }', `{ match: { ${match} }, cluster: a }`);
    const problems = await problemsOf(text);
    if (problem === null) expect(problems).toEqual([]);
    else expect(problems).toEqual([expect.stringContaining(problem)]);
  });

  it('limits of a request are in their ranges', async () => {
    const limits = 'limits: { maxRequestHead: 65KiB, maxRequestTarget: 100B, maxRequestHeader: 1MiB, maxRequestHeaders: 99 }\n';
    const problems = await problemsOf(limits + GOOD);
    expect(problems).toHaveLength(4);
    expect(problems.join()).toMatch(/maxRequestHead: the size must be from 4096 to 65536 bytes.*maxRequestTarget: the size must be from 256.*maxRequestHeader: .*maxRequestHeaders: /);
  });
});
