import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../../src/core/errors.ts';
import { brief, fakeResolver, loadText, problemsOf } from './support.ts';

const GOOD = `listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]
routes: { t: [{ hosts: ["*"], routes: [{ cluster: a }] }] }
clusters: { a: { endpoints: [127.0.0.1:1] } }
`;

describe('configuration problems', () => {
  it('have the place, what was expected and the nearest key, all at once and in the order of the text', async () => {
    const text = [
      'workers: 0', // 1
      'listners: []', // 2
      'drainTimeout: 5', // 3
      'listeners:', // 4
      '  - name: web', // 5
      '    adress: 0.0.0.0:8080', // 6
      '    routes: publc', // 7
      '  - name: web', // 8
      '    address: "*:80"', // 9
      '    routes: public', // 10
      'routes:', // 11
      '  public:', // 12
      '    - hosts: [Example.com, example.com]', // 13
      '      routes:', // 14
      '        - match: { path_prefix: /x, methods: [get] }', // 15
      '          cluster: item', // 16
      '        - match: { pathRegex: "(a", headers: { x-a: 5 } }', // 17
      '          respond: { status: 200, body: hi, haeders: {} }', // 18
      'clusters:', // 19
      '  items:', // 20
      '    balancer: { policy: leastRequests }', // 21
      '    endpoints: [127.0.0.1:9001, { address: "10.1:80", wieght: 3 }, 5, nosuch.test:80]', // 22
      '    pool:', // 23
    ].join('\n');
    expect(await problemsOf(text)).toEqual([
      '1:10 workers: expected a number from 1, not 0',
      '2:1 listners: unknown key "listners" (did you mean "listeners"?)',
      '3:15 drainTimeout: expected a duration such as 250ms, 5s, 1m or 2h, or 0, not 5',
      '5:5 listeners[0].address: required key "address" is missing: expected a text',
      '6:5 listeners[0].adress: unknown key "adress" (did you mean "address"?)',
      '7:13 listeners[0].routes: there is no route table "publc" (did you mean "public"?)',
      '8:11 listeners[1].name: the name "web" is already used by listeners[0]',
      '9:14 listeners[1].address: "*:80" names no interface (for all of them write 0.0.0.0:80)',
      '13:28 routes.public[0].hosts[1]: the host "example.com" is already used by [0] of this table',
      '15:20 routes.public[0].routes[0].match.path_prefix: unknown key "path_prefix" (did you mean "pathPrefix"?)',
      '15:47 routes.public[0].routes[0].match.methods[0]: "get" is not a known method (did you mean "GET"?)',
      '16:20 routes.public[0].routes[0].cluster: there is no cluster "item" (did you mean "items"?)',
      '17:31 routes.public[0].routes[1].match.pathRegex: not a usable regex: Unterminated group',
      '17:53 routes.public[0].routes[1].match.headers.x-a: expected a text or a mapping, not 5',
      '18:45 routes.public[0].routes[1].respond.haeders: unknown key "haeders" (did you mean "headers"?)',
      '21:25 clusters.items.balancer.policy: expected roundRobin | leastRequest | random | peakEwma | leastTime | ringHash | maglev | rendezvous | prequal, not "leastRequests" (did you mean "leastRequest"?)',
      '22:44 clusters.items.endpoints[1].address: "10.1" is not an IPv4 address',
      '22:55 clusters.items.endpoints[1].wieght: unknown key "wieght" (did you mean "weight"?)',
      '22:68 clusters.items.endpoints[2]: expected a text or a mapping, not 5',
      '22:71 clusters.items.endpoints[3]: cannot resolve "nosuch.test": there is no such host name',
      '23:5 clusters.items.pool: expected a mapping, not nothing',
    ]);
  });

  it('name the file as it was given', async () => {
    const result = await loadText('x: 1');
    const first = result.ok ? undefined : result.problems[0];
    expect(first === undefined ? '' : formatProblem(first)).toBe(
      `${result.directory}/millrace.yaml:1:1: listeners: required key "listeners" is missing: expected a list`,
    );
  });

  it('list the known keys when none is near', async () => {
    expect(await problemsOf(`${GOOD}log: { colour: red }\n`)).toEqual([
      '4:8 log.colour: unknown key "colour" (known here: level)',
    ]);
  });

  it('of the syntax have their place, too', async () => {
    expect(await problemsOf('listeners: [\n  { name: web,\nroutes: 1')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^3:\d+ : not valid YAML: /)]),
    );
    expect(await problemsOf('a: 1\na: 2\n')).toEqual(['2:1 : not valid YAML: Map keys must be unique']);
    expect(await problemsOf('a: *nowhere\n')).toHaveLength(1);
    expect(await problemsOf('a: 1\n---\nb: 2\n')).toHaveLength(1);
  });

  it('of an empty file are the missing keys', async () => {
    for (const text of ['', '# nothing\n', '{}']) {
      expect(await problemsOf(text)).toEqual([
        '1:1 listeners: required key "listeners" is missing: expected a list',
        '1:1 routes: required key "routes" is missing: expected a mapping',
      ]);
    }
    expect(await problemsOf('[]')).toEqual(['1:1 : expected a mapping, not a list']);
  });

  it('survive aliases that multiply', async () => {
    const bomb = [
      'a0: &a0 [x]',
      ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(10)}]`),
    ].join('\n');
    expect(await problemsOf(bomb)).toEqual([expect.stringContaining('not valid YAML: Excessive alias count')]);
  });

  it('refuse the prototype as a name', async () => {
    const text = GOOD.replace('clusters: {', 'clusters: { __proto__: { endpoints: [127.0.0.1:1] },').replace(
      'cluster: a',
      'cluster: constructor',
    );
    expect(await problemsOf(text)).toEqual([
      '2:51 routes.t[0].routes[0].cluster: there is no cluster "constructor" (known here: __proto__, a)',
      '3:13 clusters.__proto__: "__proto__" cannot be a name',
    ]);
  });

  it('of a missing file have no line', async () => {
    const result = await loadText('');
    const { loadConfig } = await import('../../../src/config/load.ts');
    for (const name of ['none.yaml', 'none.ts']) {
      const missing = await loadConfig(`${result.directory}/${name}`, { resolveHost: fakeResolver });
      expect(missing.ok ? [] : brief(missing.problems)).toEqual(['0:0 : there is no such file']);
    }
    const directory = await loadConfig(result.directory, { resolveHost: () => Promise.resolve({ error: '' }) });
    expect(directory.ok).toBe(false);
  });
});
