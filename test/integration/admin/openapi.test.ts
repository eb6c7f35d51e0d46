/** What the document says, compared with what a running proxy answers. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { request } from '../../support/client.ts';
import { closedAddress } from '../../support/closed-port.ts';
import type { Message } from '../../support/http-message.ts';
import { Millrace } from '../../support/millrace.ts';
import { Origin } from '../../support/origin.ts';
import { eventually } from '../../support/wait.ts';

interface Described {
  parameters: { name: string; in: string; required: boolean }[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, { $ref?: string; content?: Record<string, { schema: object }> }>;
}

interface Document {
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, object>; responses: Record<string, Described['responses'][string]> };
}

interface Call {
  method: string;
  template: string;
  path: string;
  body?: object | string;
  headers?: Record<string, string>;
  /** Default: 200. */
  status?: number;
}

/** Requests beyond a plain GET of each path: parameters, changes, and what is refused. Nothing here ends the proxy; that is the last test. */
const CALLS: Call[] = [
  { method: 'GET', template: '/', path: '/', headers: { accept: 'text/html' } },
  { method: 'GET', template: '/ui/{file}', path: '/ui/index.html' },
  { method: 'GET', template: '/ui/{file}', path: '/ui/none.js', status: 404 },
  { method: 'GET', template: '/metrics', path: '/metrics?endpoints=1&routes=1', headers: { accept: 'application/openmetrics-text' } },
  { method: 'GET', template: '/metrics', path: '/metrics', headers: { accept: 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited' } },
  { method: 'GET', template: '/metrics', path: '/metrics?routes=2', status: 400 },
  { method: 'GET', template: '/stats', path: '/stats?routes=0&endpoints=0' },
  { method: 'GET', template: '/routes', path: '/routes?limit=1' },
  { method: 'GET', template: '/config', path: '/config?format=image' },
  { method: 'GET', template: '/config', path: '/config?formt=image', status: 400 },
  { method: 'PUT', template: '/log-level', path: '/log-level', body: { level: 'info' } },
  { method: 'PUT', template: '/log-level', path: '/log-level', body: { level: 'loud' }, status: 422 },
  { method: 'PUT', template: '/log-level', path: '/log-level', body: '{', headers: { 'content-type': 'application/json' }, status: 400 },
  { method: 'PUT', template: '/log-level', path: '/log-level', body: 'level=info', headers: { 'content-type': 'application/x-www-form-urlencoded' }, status: 415 },
  { method: 'PUT', template: '/log-level', path: '/log-level', body: { level: 'x'.repeat(5000) }, status: 413 },
  { method: 'PUT', template: '/log-level', path: '/log-level', body: { level: 'info' }, headers: { 'if-match': '"77"' }, status: 412 },
  { method: 'PATCH', template: '/clusters/{cluster}', path: '/clusters/up?confirm=60s', body: { limits: { maxRequests: 1000 } } },
  { method: 'PATCH', template: '/clusters/{cluster}', path: '/clusters/up', body: { limits: { maxRequests: 900 } }, status: 409 },
  { method: 'GET', template: '/config/history', path: '/config/history' },
  { method: 'POST', template: '/config/confirm', path: '/config/confirm' },
  { method: 'POST', template: '/config/confirm', path: '/config/confirm', status: 409 },
  { method: 'PATCH', template: '/clusters/{cluster}', path: '/clusters/upp', body: { limits: null }, status: 404 },
  { method: 'PATCH', template: '/clusters/{cluster}', path: '/clusters/up', body: { endpoints: [] }, status: 422 },
  { method: 'PATCH', template: '/clusters/{cluster}/endpoints/{endpoint}', path: '/clusters/dead/endpoints/unix:%2Fnowhere%2Fat.all', body: { drain: true } },
  { method: 'PATCH', template: '/routes/{route}', path: '/routes/split?table=main', body: { timeout: '9s', weightedClusters: [{ cluster: 'up', weight: 1 }, { cluster: 'dead', weight: 1 }] } },
  { method: 'PATCH', template: '/routes/{route}', path: '/routes/split', body: '[]', headers: { 'content-type': 'application/merge-patch+json' }, status: 422 },
  { method: 'PATCH', template: '/listeners/{listener}', path: '/listeners/web?dryRun=1', body: { rateLimit: null } },
  { method: 'POST', template: '/config', path: '/config', body: {}, status: 428 },
  { method: 'POST', template: '/config', path: '/config', body: {}, headers: { 'if-match': '*' }, status: 422 },
  { method: 'POST', template: '/config', path: '/config', body: 'listeners: [', headers: { 'if-match': '*', 'content-type': 'application/yaml' }, status: 422 },
  { method: 'GET', template: '/config/overrides', path: '/config/overrides' },
  { method: 'POST', template: '/config/rollback', path: '/config/rollback?to=77', status: 404 },
  { method: 'POST', template: '/config/rollback', path: '/config/rollback' },
  { method: 'POST', template: '/config/save', path: '/config/save?dryRun=1' },
  { method: 'DELETE', template: '/config/overrides', path: '/config/overrides?path=clusters.none', status: 404 },
  { method: 'DELETE', template: '/config/overrides', path: '/config/overrides' },
  { method: 'GET', template: '/audit', path: '/audit?limit=1000' },
  { method: 'POST', template: '/drain', path: '/drain', headers: { authorization: 'Bearer read-only-token-0001' }, status: 403 },
  { method: 'POST', template: '/shutdown', path: '/shutdown', headers: { authorization: 'Bearer a-wrong-token-0001' }, status: 401 },
];

/** Paths that somebody might try: those that the proxy answers must be documented. */
const TRIED = ['/help', '/config_dump', '/quitquitquit', '/logging', '/api', '/status', '/health', '/healthz', '/requests', '/logs', '/cluster', '/clusters/up', '/routes/all', '/stats/prometheus', '/server_info', '/debug/pprof', '/favicon.ico', '/index.html', '/openapi', '/openapi.yaml', '/reload', '/config/dump', '/ui', '/ui/', '/.well-known/security.txt', '/metrics/'];

let proxy: Millrace;
let document: Document;

const AUTHORIZATION = { authorization: 'Bearer correct-horse-battery' };

function call({ method, path, body, headers = {} }: Pick<Call, 'method' | 'path' | 'body' | 'headers'>): Promise<Message> {
  return proxy.adminCall(method, path, body, { ...AUTHORIZATION, ...headers });
}

/** The answer must be one that the document has: its status, its type, its body by the schema. */
function check({ method, template }: { method: string; template: string }, answer: Message): void {
  const what = `${method} ${template} ${answer.status}`;
  const described = document.paths[template]?.[method.toLowerCase()];
  const named = described?.responses[String(answer.status)];
  expect(named, `${what} is not documented: ${answer.text.slice(0, 300)}`).toBeDefined();
  const response = named?.$ref === undefined ? named : document.components.responses[named.$ref.split('/').at(-1) ?? ''];
  const type = (answer.header('content-type') ?? '').split(';', 1)[0] ?? '';
  if (answer.status === 204 || answer.status === 304) return;
  const content = response?.content?.[type];
  expect(content, `${what}: ${type} is not documented`).toBeDefined();
  if (type !== 'application/json' || content === undefined) return;
  const text = JSON.stringify({ ...content.schema, $defs: document.components.schemas }).replaceAll('#/components/schemas/', '#/$defs/');
  const result = z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]).safeParse(JSON.parse(answer.text));
  expect(result.success ? [] : result.error.issues, what).toEqual([]);
}

beforeAll(async () => {
  const origin = await Origin.start();
  const dead = await closedAddress();
  proxy = await Millrace.start({
    workers: 2,
    admin: { address: '127.0.0.1:0', tokens: [{ name: 'ops', token: 'correct-horse-battery' }, { name: 'ro', token: 'read-only-token-0001', readOnly: true }] },
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', rateLimit: { requests: 100_000, window: '1s' } }],
    routes: {
      main: [
        {
          hosts: ['*'],
          routes: [
            { name: 'split', match: { pathPrefix: '/split' }, weightedClusters: [{ cluster: 'up', weight: 9 }, { cluster: 'dead', weight: 1 }] },
            { name: 'dead', match: { pathPrefix: '/dead' }, cluster: 'dead', retry: { on: ['connectFailure'], attempts: 2 }, timeout: '2s' },
            { name: 'limited', match: { pathPrefix: '/limited' }, cluster: 'up', rateLimit: { requests: 1, window: '60s', key: ['clientIp'] } },
            { name: 'rest', cluster: 'up' },
          ],
        },
      ],
    },
    clusters: {
      up: {
        endpoints: [{ address: origin.address, weight: 3, zone: 'eu-1a', metadata: { version: 'v1' } }],
        healthCheck: { http: { path: '/' }, interval: '100ms', timeout: '100ms' },
        circuitBreaker: { threshold: 0.5, window: '10s', interval: '5s', minRequests: 20 },
      },
      dead: { endpoints: [dead, { address: 'unix:/nowhere/at.all', backup: true }], outlierDetection: { consecutiveGatewayErrors: 1 }, healthCheck: { tcp: {}, interval: '100ms', timeout: '100ms' }, circuitBreaker: { scope: 'endpoint', threshold: 0.5, window: '10s', interval: '5s', minRequests: 20 } },
    },
  } as never);
  for (const path of ['/a', '/b', '/dead/a', '/dead/b', '/limited', '/limited', '/split', '/no%zz']) await request(proxy.port(), path).catch(() => undefined);
  await eventually(async () => (await call({ method: 'GET', path: '/clusters' })).text.includes('"unavailable"'));
  document = JSON.parse((await call({ method: 'GET', path: '/openapi.json' })).text) as Document;
});

describe('the OpenAPI document of a running proxy', () => {
  it('has what every GET answers', async () => {
    for (const [template, item] of Object.entries(document.paths)) {
      if (!Object.hasOwn(item, 'get')) continue;
      const answer = await call({ method: 'GET', path: template.replace(/\{\w+\}/g, 'nothing') });
      if (!template.includes('{')) expect(answer.status, template).toBe(200);
      check({ method: 'GET', template }, answer);
    }
  });

  it('has what every change answers to what it cannot use', async () => {
    for (const [template, item] of Object.entries(document.paths)) {
      for (const [method, described] of Object.entries(item)) {
        if (method === 'get') continue;
        const path = template.replace(/\{\w+\}/g, 'nothing');
        const foreign = await call({ method: method.toUpperCase(), path, headers: { origin: 'http://evil.example' } });
        expect(foreign.status, `${method} ${path}`).toBe(403);
        check({ method, template }, foreign);
        const unknown = await call({ method: method.toUpperCase(), path: `${path}?nonsense=1` });
        expect(unknown.status, `${method} ${path}`).toBe(400);
        check({ method, template }, unknown);
        if (described.requestBody === undefined) continue;
        const [type = ''] = Object.keys(described.requestBody.content);
        const body = await call({ method: method.toUpperCase(), path, body: '{"nonsense": [1]}', headers: { 'content-type': type } });
        expect(body.status, `${method} ${path}`).toBeGreaterThanOrEqual(400);
        expect(body.status, `${method} ${path}`).toBeLessThan(500);
        check({ method, template }, body);
      }
    }
  });

  it.each(CALLS.map((one) => [`${one.method} ${one.path}`, one.status ?? 200, one] as const))('has what %s answers: %i', async (_what, status, one) => {
    const answer = await call(one);
    expect([answer.status, answer.text.slice(0, 200)]).toEqual([status, expect.anything()]);
    check(one, answer);
  });

  it('has everything that is answered', async () => {
    const list = (await call({ method: 'GET', path: '/' })).text;
    const listed = [...list.matchAll(/^([A-Z]+) +(\/\S*)  /gm)].map(([, method = '', path = '']) => `${method} ${path}`);
    const documented = Object.entries(document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
    expect(listed.sort()).toEqual(documented.sort());
    for (const path of TRIED) {
      const answer = await call({ method: 'GET', path });
      const known = Object.entries(document.paths).find(([template]) => new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(path));
      expect(answer.status, path).toBe(known === undefined ? 404 : Object.hasOwn(known[1], 'get') ? answer.status : 405);
    }
  });

  it('has what ends the proxy', async () => {
    for (const path of ['/drain', '/shutdown']) {
      const answer = await call({ method: 'POST', path });
      expect(answer.status).toBe(202);
      check({ method: 'POST', template: path }, answer);
    }
    expect((await proxy.exited).code).toBe(0);
  });
});
