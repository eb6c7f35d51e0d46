import { describe, expect, it } from 'vitest';
import { NONE } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import type { ImageReader } from '../../../src/config/image-reader.ts';
import { brief, bytesOf, imageOf, loadGood, loadText, problemsOf, withRoutes } from './support.ts';

const ENDPOINTS = `
  { address: 127.0.0.1:1, metadata: { version: v1, stage: prod } },
  { address: 127.0.0.1:2, metadata: { version: v2, stage: prod } },
  { address: 127.0.0.1:3, metadata: { version: v2, stage: test } },
  { address: 127.0.0.1:4, metadata: { version: v4 }, weight: 0 },
  127.0.0.1:5`.replace(/\s+/g, ' ');

const clusterWith = (subsets: string) => `{ subsets: ${subsets}, endpoints: [${ENDPOINTS}] }`;
const SELECTORS = 'keys: [[version], [stage, version]]';
const withSubsets = (routes: readonly string[], subsets = `{ ${SELECTORS} }`) => withRoutes(routes, `{ a: ${clusterWith(subsets)} }`);

/** `name: ports` of each SUBSET. */
function subsetsIn(read: ImageReader): string[] {
  return read.rows('SUBSET').map((row) => {
    const members = read.index.subarray(row.memberStart, row.memberStart + row.memberCount);
    return `${read.text(row.nameOffset, row.nameLength) ?? '*'}: ${Array.from(members, (index) => read.row('ENDPOINT', index).port).join(' ')}`;
  });
}

const nameOf = (read: ImageReader, subset: number) => {
  const row = read.row('SUBSET', subset);
  return read.text(row.nameOffset, row.nameLength);
};
const choicesOf = (read: ImageReader) => read.rows('ROUTE').map(({ subset }) => (subset === NONE ? undefined : nameOf(read, subset)));
const read = async (routes: readonly string[], subsets?: string) => imageOf(await loadGood(withSubsets(routes, subsets)));
const route = (path: string, subset: string) => `{ match: { path: ${path} }, cluster: a, subset: ${subset} }`;

describe('subsets', () => {
  it('of a cluster that has none are every endpoint with a weight', async () => {
    const image = imageOf(await loadGood(withRoutes(['{ cluster: a }'], `{ a: { endpoints: [${ENDPOINTS}] } }`)));
    expect(subsetsIn(image)).toEqual(['*: 1 2 3 5']);
    expect(image.row('CLUSTER', 0)).toMatchObject({ subsetStart: 0, subsetCount: 1 });
    expect(choicesOf(image)).toEqual([null]);
    expect((await loadGood(withRoutes(['{ cluster: a }'], '{ a: { endpoints: [127.0.0.1:1] } }'))).clusters['a']?.subsets).toEqual({
      selectors: [],
      fallback: 'none',
      default: null,
    });
  });

  it('hold the endpoints that have all that is asked for, and equal ones are one row', async () => {
    const image = await read([
      route('/a', '{ version: v2 }'),
      route('/b', '{ version: v2, stage: test }'),
      route('/c', '{ stage: test, version: v2 }'),
      route('/d', '{ version: v2 }'),
      '{ cluster: a }',
    ]);
    expect(subsetsIn(image)).toEqual(['*: 1 2 3 5', 'version=v2: 2 3', 'version=v2,stage=test: 3']);
    expect(choicesOf(image)).toEqual(['version=v2', 'version=v2,stage=test', 'version=v2,stage=test', 'version=v2', null]);
  });

  it('are chosen by weight, the same cluster in two of them', async () => {
    const image = await read([
      '{ weightedClusters: [{ cluster: a, subset: { version: v1 }, weight: 9 }, { cluster: a, subset: { version: v2 }, weight: 1 }, { cluster: a, weight: 2 }] }',
    ]);
    expect(subsetsIn(image)).toEqual(['*: 1 2 3 5', 'version=v1: 1', 'version=v2: 2 3']);
    expect(image.rows('WEIGHT').map(({ cluster, subset, cumulative }) => [cluster, nameOf(image, subset), cumulative])).toEqual([
      [0, 'version=v1', 9],
      [0, 'version=v2', 10],
      [0, null, 12],
    ]);
    expect(image.rows('ROUTE').map(({ subset }) => subset)).toEqual([NONE]);
  });

  it('belong to their cluster', async () => {
    const clusters = `{ a: ${clusterWith(`{ ${SELECTORS} }`)}, b: { subsets: { keys: [[version]] }, endpoints: [127.0.0.1:8, { address: 127.0.0.1:9, metadata: { version: v2 } }] } }`;
    const image = imageOf(await loadGood(withRoutes([route('/a', '{ version: v2 }'), '{ cluster: b, subset: { version: v2 } }'], clusters)));
    expect(subsetsIn(image)).toEqual(['*: 1 2 3 5', 'version=v2: 2 3', '*: 8 9', 'version=v2: 9']);
    expect(image.rows('SUBSET').map(({ cluster }) => cluster)).toEqual([0, 0, 1, 1]);
    expect(image.rows('CLUSTER').map(({ subsetStart, subsetCount }) => [subsetStart, subsetCount])).toEqual([[0, 2], [2, 2]]);
    expect(image.rows('ROUTE').map(({ subset }) => subset)).toEqual([1, 3]);
  });

  it.each([
    ['none', '{ keys: [[version]] }', ['*: 1 2 3 5', 'version=v3: '], ['version=v3', 'version=v3']],
    ['any', '{ keys: [[version]], fallback: any }', ['*: 1 2 3 5'], [null, null]],
    ['default', '{ keys: [[version]], fallback: default, default: { version: v1 } }', ['*: 1 2 3 5', 'version=v1: 1'], ['version=v1', 'version=v1']],
    ['default, itself empty', '{ keys: [[version]], fallback: default, default: { version: v4 } }', ['*: 1 2 3 5', 'version=v4: '], ['version=v4', 'version=v4']],
    ['default, asked for', '{ keys: [[version]], fallback: default, default: { version: v3 } }', ['*: 1 2 3 5', 'version=v3: '], ['version=v3', 'version=v3']],
  ])('that no endpoint has lead to fallback %s', async (_, subsets, rows, choices) => {
    const image = await read([route('/a', '{ version: v3 }'), '{ weightedClusters: [{ cluster: a, subset: { version: v3 }, weight: 1 }] }'], subsets);
    expect(subsetsIn(image)).toEqual(rows);
    const [weight] = image.rows('WEIGHT');
    expect([choicesOf(image)[0], nameOf(image, weight?.subset ?? NONE)]).toEqual(choices);
  });

  it('are printed back by name', async () => {
    const config = await loadGood(withSubsets([route('/a', '{ stage: prod, version: v2 }'), '{ weightedClusters: [{ cluster: a, subset: { version: v1 }, weight: 1 }] }']));
    const dump = dumpImage(compile(config).image) as { clusters: object; routes: { t: { routes: object[] }[] } };
    expect(dump.clusters).toMatchObject({
      a: {
        subsets: [
          { name: null, endpoints: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3', '127.0.0.1:5'] },
          { name: 'stage=prod,version=v2', endpoints: ['127.0.0.1:2'] },
          { name: 'version=v1', endpoints: ['127.0.0.1:1'] },
        ],
      },
    });
    expect(JSON.stringify(dump.routes.t[0]?.routes[0])).toContain('stage=prod,version=v2');
    expect(JSON.stringify(dump.routes.t[0]?.routes[1])).toContain('version=v1');
  });

  it('are equal bytes for equal configurations', async () => {
    const text = withSubsets([route('/a', '{ version: v2 }'), route('/b', '{ version: v1 }')]);
    const one = bytesOf(await loadGood(text));
    expect(bytesOf(await loadGood(text))).toEqual(one);
    expect(bytesOf(await loadGood(text.replace('subset: { version: v1 }', 'subset: { version: v2 }')))).not.toEqual(one);
  });
});

describe('problems of subsets', () => {
  const ofCluster = async (subsets: string) =>
    (await problemsOf(withRoutes(['{ cluster: a }'], `{ a: { endpoints: [127.0.0.1:1], subsets: ${subsets} } }`))).map((problem) => problem.replace(' clusters.a.subsets', ' '));

  it.each([
    ['{}', ['7:44 .keys: required key "keys" is missing: expected a list']],
    ['{ keys: [] }', ['7:61 .keys: expected at least 1 entry']],
    ['{ keys: [[]] }', ['7:62 .keys[0]: expected at least 1 entry']],
    ['{ keys: [version] }', ['7:62 .keys[0]: expected a list, not "version"']],
    ['{ keys: [[1]] }', ['7:63 .keys[0][0]: expected a text, not 1 (write it in quotes)']],
    ['{ kyes: [[a]], keys: [[a]] }', ['7:55 .kyes: unknown key "kyes" (did you mean "keys"?)']],
    ['{ keys: [[a], [b, a], [a, b], [a]] }', ['7:75 .keys[2]: the selector [a, b] is already keys[1]', '7:83 .keys[3]: the selector [a] is already keys[0]']],
    ['{ keys: [[a], [a, __proto__]] }', ['7:71 .keys[1][1]: "__proto__" cannot be a key']],
    ['{ keys: [[c, c]] }', ['7:66 .keys[0][1]: the key "c" is listed twice']],
    ['{ keys: [[a]], fallback: defaults }', ['7:78 .fallback: expected none | any | default, not "defaults" (did you mean "default"?)']],
    ['{ keys: [[a]], fallback: default }', ['7:78 .fallback: fallback: default needs "default" beside it (such as default: { version: v1 })']],
    ['{ keys: [[a]], default: { a: x } }', ['7:68 .default: "default" needs fallback: default']],
    ['{ keys: [[a]], fallback: none, default: { a: x } }', ['7:84 .default: "default" needs fallback: default']],
    ['{ keys: [[a]], fallback: any, default: { a: x } }', ['7:83 .default: "default" needs fallback: default']],
    ['{ keys: [[a]], fallback: default, default: {} }', ['7:96 .default: expected at least one key, as in { version: v2 }']],
    [
      '{ keys: [[version], [stage, version]], fallback: default, default: { versoin: x } }',
      ['7:120 .default: this cluster has no selector [versoin]; its selectors are [version], [stage, version] (did you mean "version"?)'],
    ],
    ['{ keys: [[a, b]], fallback: default, default: { a: x } }', ['7:99 .default: this cluster has no selector [a]; its selectors are [a, b]']],
  ])('%s', async (subsets, expected) => {
    expect(await ofCluster(subsets)).toEqual(expected);
  });

  it('bound selectors and their keys', async () => {
    const lists = (count: number) => `{ keys: [${Array.from({ length: count }, (_, i) => `[k${i}]`).join(', ')}] }`;
    const keys = (count: number) => `{ keys: [[${Array.from({ length: count }, (_, i) => `k${i}`).join(', ')}]] }`;
    expect([await ofCluster(lists(64)), await ofCluster(keys(16))]).toEqual([[], []]);
    expect(await ofCluster(lists(65))).toEqual(['7:61 .keys: expected at most 64 entries']);
    expect(await ofCluster(keys(17))).toEqual(['7:62 .keys[0]: expected at most 16 entries']);
  });

  const ofRoute = async (line: string) => (await problemsOf(withSubsets([line]))).map((problem) => problem.replace(' routes.t[0].routes[0]', ' '));
  const selectors = 'its selectors are [version], [stage, version]';

  it.each([
    ['{ cluster: a, subset: { color: red } }', [`6:33 .subset: the cluster "a" has no selector [color]; ${selectors}`]],
    ['{ cluster: a, subset: { stage: prod } }', [`6:33 .subset: the cluster "a" has no selector [stage]; ${selectors}`]],
    ['{ cluster: a, subset: { versoin: v1 } }', [`6:33 .subset: the cluster "a" has no selector [versoin]; ${selectors} (did you mean "version"?)`]],
    ['{ cluster: a, subset: { version: v1, stgae: x } }', [`6:33 .subset: the cluster "a" has no selector [version, stgae]; ${selectors} (did you mean "stage"?)`]],
    ['{ cluster: a, subset: {} }', ['6:33 .subset: expected at least one key, as in { version: v2 }']],
    ['{ cluster: a, subset: v1 }', ['6:33 .subset: expected a mapping, not "v1"']],
    ['{ cluster: a, subset: { version: 2 } }', ['6:44 .subset.version: expected a text, not 2 (write it in quotes)']],
    ['{ cluster: b, subset: { version: v1 } }', ['6:22 .cluster: there is no cluster "b" (did you mean "a"?)']],
    ['{ respond: { status: 200 }, subset: { version: v1 } }', ['6:39 .subset: "subset" chooses among the endpoints of "cluster", which this route does not have']],
    [
      '{ weightedClusters: [{ cluster: a, weight: 1, subset: { version: v1 } }], subset: { version: v1 } }',
      [
        '6:85 .subset: "subset" chooses among the endpoints of "cluster", which this route does not have (write it beside each cluster of weightedClusters)',
      ],
    ],
    [
      '{ weightedClusters: [{ cluster: a, weight: 1, subset: { version: v1 } }, { cluster: a, weight: 1, subset: { x: y } }] }',
      [`6:117 .weightedClusters[1].subset: the cluster "a" has no selector [x]; ${selectors}`],
    ],
    [
      '{ weightedClusters: [{ cluster: a, weight: 1, subset: { version: v1, stage: x } }, { cluster: a, weight: 1, subset: { stage: x, version: v1 } }] }',
      ['6:105 .weightedClusters[1].cluster: the cluster "a" is listed twice'],
    ],
  ])('%s', async (line, expected) => {
    expect(await ofRoute(line)).toEqual(expected);
  });

  it('say how a cluster gets subsets', async () => {
    expect(await problemsOf(withRoutes(['{ cluster: a, subset: { version: v1, stage: x } }'], '{ a: { endpoints: [127.0.0.1:1] } }'))).toEqual([
      '6:25 routes.t[0].routes[0].subset: the cluster "a" has no subsets (give it subsets: { keys: [[version, stage]] }, and its endpoints metadata)',
    ]);
  });
});

describe('warnings about subsets', () => {
  const warningsOf = async (routes: readonly string[], subsets?: string) =>
    brief((await loadText(withSubsets(routes, subsets))).warnings).map((warning) => warning.replace(' routes.t[0].routes[0]', ' '));
  const missing = ['{ cluster: a, subset: { version: v3 } }'];

  it('name what becomes of a request for one that no endpoint has', async () => {
    expect(await warningsOf(missing)).toEqual(['6:33 .subset: no endpoint has version=v3: requests are answered with 503']);
    expect(await warningsOf(missing, '{ keys: [[version]], fallback: any }')).toEqual(['6:33 .subset: no endpoint has version=v3: any endpoint of the cluster is used']);
    expect(await warningsOf(missing, '{ keys: [[version]], fallback: default, default: { version: v1 } }')).toEqual([
      '6:33 .subset: no endpoint has version=v3: the endpoints with version=v1 are used',
    ]);
    expect(await warningsOf(['{ cluster: a, subset: { version: v4 } }'])).toEqual(['6:33 .subset: every endpoint with version=v4 has weight 0: requests are answered with 503']);
    expect(await warningsOf(['{ cluster: a, subset: { version: v2 } }'])).toEqual([]);
  });

  it('are for each place, and not for choices without weight', async () => {
    expect(
      await warningsOf([
        '{ weightedClusters: [{ cluster: a, weight: 1, subset: { version: v1 } }, { cluster: a, weight: 1, subset: { version: v3 } }, { cluster: a, weight: 0, subset: { version: v5 } }] }',
        '{ match: { path: /x }, cluster: a, subset: { version: v3 } }',
      ]),
    ).toEqual([
      '6:117 .weightedClusters[1].subset: no endpoint has version=v3: requests are answered with 503',
      '7:54 routes.t[0].routes[1].subset: no endpoint has version=v3: requests are answered with 503',
    ]);
  });

  it('name a key that no endpoint has', async () => {
    const clusters = (metadata: string) =>
      `{ a: { endpoints: [{ address: 127.0.0.1:1, metadata: ${metadata} }], subsets: { keys: [[version], [version, stagee]] } } }`;
    expect(brief((await loadText(withRoutes(['{ cluster: a }'], clusters('{ version: v1, stage: prod }')))).warnings)).toEqual([
      '7:136 clusters.a.subsets.keys[1][1]: no endpoint has the metadata key "stagee" (did you mean "stage"?)',
    ]);
    expect(brief((await loadText(withRoutes(['{ cluster: a }'], clusters('{ version: v1, stagee: x }')))).warnings)).toEqual([]);
  });

  it('name a default that is empty', async () => {
    const [warning] = await warningsOf(['{ cluster: a, subset: { version: v1 } }'], '{ keys: [[version]], fallback: default, default: { version: v9 } }');
    expect(warning).toBe('7:76 clusters.a.subsets.default: no endpoint has version=v9: requests for a subset without endpoints are answered with 503');
  });
});
