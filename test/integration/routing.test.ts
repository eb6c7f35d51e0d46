/** The routing rules from a client's point of view. The matcher itself is compared with a naive one in test/native. */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';

const say = (body: string, match: object = {}) => ({ match, respond: { status: 200, body } });
const WEIGHTS = { a: 70, b: 30 };
const DRAWS = 1000;
let proxy: Millrace;

beforeAll(async () => {
  const a = await Origin.start({ answer: (_request, connection) => connection.send(ok('a')) });
  const b = await Origin.start({ answer: (_request, connection) => connection.send(ok('b')) });
  proxy = await Millrace.start({
    routes: {
      main: [
        { hosts: ['exact.test', 'other.test'], routes: [say('exact')] },
        { hosts: ['*.test'], routes: [say('wild')] },
        { hosts: ['*.deep.test'], routes: [say('deep')] },
        {
          hosts: ['paths.test'],
          routes: [
            say('v1', { pathPrefix: '/v1' }),
            say('v1 items', { pathPrefix: '/v1/items' }),
            say('below only', { pathPrefix: '/dir/' }),
            say('exact path', { path: '/v1/items/exact' }),
            say('number', { pathRegex: '/v1/items/[0-9]+' }),
            say('number of a', { pathRegex: '^/(a|b)/[0-9]{2,3}$' }),
          ],
        },
        {
          hosts: ['predicates.test'],
          routes: [
            say('delete', { methods: ['DELETE'] }),
            say('present', { headers: { 'x-present': { present: true } } }),
            say('absent and query', { headers: { 'x-other': { present: true, not: true } }, query: { v: '2' } }),
            say('agent', { headers: { 'user-agent': { regex: '.*(curl|wget).*' } } }),
            say('query prefix', { query: { q: { prefix: 'x y' } } }),
            say('both', { headers: { 'x-a': '1', 'x-b': { suffix: 'z' } } }),
            say('rest'),
          ],
        },
        { hosts: ['weights.test'], routes: [{ weightedClusters: Object.entries(WEIGHTS).map(([cluster, weight]) => ({ cluster, weight })) }] },
        { hosts: ['*'], routes: [say('any')] },
      ],
    },
    clusters: { a: { endpoints: [a.address] }, b: { endpoints: [b.address] } },
  });
});

async function ask(host: string, target: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<string> {
  const { status, text } = await request(proxy.port(), target, { ...options, headers: { Host: host, ...options.headers } });
  return status === 200 ? text : String(status);
}

describe('host', () => {
  it.each([
    ['exact.test', 'exact'],
    ['EXACT.Test:8080', 'exact'],
    ['exact.test.', 'exact'],
    ['other.test', 'exact'],
    ['x.test', 'wild'],
    ['x.y.test', 'wild'],
    ['test', 'any'],
    ['a.deep.test', 'deep'],
    ['a.b.deep.test', 'deep'],
    ['deep.test', 'wild'],
    ['nothing.example', 'any'],
    ['127.0.0.1', 'any'],
    ['[::1]:80', 'any'],
  ])('%s is answered by %s', async (host, wanted) => {
    expect(await ask(host, '/')).toBe(wanted);
  });
});

describe('path', () => {
  it.each([
    ['/v1', 'v1'],
    ['/v1/', 'v1'],
    ['/v1/x', 'v1'],
    ['/v10', '404'],
    ['/v1/items', 'v1 items'],
    ['/v1/items/', 'v1 items'],
    ['/v1/itemsx', 'v1'],
    ['/v1/items/exact', 'exact path'],
    ['/v1/items/exact/', 'v1 items'],
    ['/v1/items/42', 'number'],
    ['/v1/items/42a', 'v1 items'],
    ['/dir', '404'],
    ['/dir/', 'below only'],
    ['/dir/x', 'below only'],
    ['/a/123', 'number of a'],
    ['/a/1234', '404'],
    ['/v1/../dir/x', 'below only'],
    ['/%76%31/x', 'v1'],
    ['/', '404'],
  ])('%s is answered by %s', async (target, wanted) => {
    expect(await ask('paths.test', target)).toBe(wanted);
  });
});

describe('predicate', () => {
  it.each<[string, string, { method?: string; headers?: Record<string, string> }, string]>([
    ['method', '/', { method: 'DELETE' }, 'delete'],
    ['present header', '/', { headers: { 'X-Present': '' } }, 'present'],
    ['absent header and query', '/?a=1&v=2', {}, 'absent and query'],
    ['negated header that is there', '/?v=2', { headers: { 'X-Other': '1' } }, 'rest'],
    ['regex of a header', '/', { headers: { 'User-Agent': 'curl/8' } }, 'agent'],
    ['decoded query', '/?q=x+y%20z', {}, 'query prefix'],
    ['two headers', '/', { headers: { 'X-A': '1', 'X-B': 'abz' } }, 'both'],
    ['one of two headers', '/', { headers: { 'X-A': '1' } }, 'rest'],
  ])('on %s holds', async (_name, target, options, wanted) => {
    expect(await ask('predicates.test', target, options)).toBe(wanted);
  });
});

it('weighted clusters get their shares', async () => {
  const client = await RawClient.connect({ port: proxy.port() });
  const counts: Record<string, number> = { a: 0, b: 0 };
  for (let i = 0; i < DRAWS; i++) {
    client.send(requestBytes('/', { headers: { Host: 'weights.test' } }));
    const { text } = await client.response();
    counts[text] = (counts[text] ?? 0) + 1;
  }
  // Drawn at random: five standard deviations (14.5 of 1000 draws) on each side.
  expect(counts.a).toBeGreaterThan(700 - 73);
  expect(counts.a).toBeLessThan(700 + 73);
  expect((counts.a ?? 0) + (counts.b ?? 0)).toBe(DRAWS);
});
