import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ask, bench, document, FILE, good } from './support.ts';

const CLUSTER_A = { kind: 'cluster', cluster: 'a' } as const;
const ITEMS = { kind: 'route', route: 'items', table: null } as const;
const any: unknown = expect.anything();
const containing = (text: string): unknown => expect.stringContaining(text);

describe('a PATCH', () => {
  it('changes what it names and nothing else, and says so in the words of the file', async () => {
    const { tuning, running, applied } = await bench();
    const outcome = good(await tuning.patch(CLUSTER_A, { circuitBreaker: { threshold: 0.8 }, limits: { maxRequests: 7 } }, ask()));
    expect(outcome).toMatchObject({ version: 2, confirm: null, diff: [{ path: 'clusters.a.circuitBreaker.threshold', from: 0.5, to: 0.8 }, { path: 'clusters.a.limits', to: { maxRequests: 7 } }] });
    const [before] = applied;
    expect(running()).toEqual({ ...before, clusters: { ...before?.clusters, a: { ...before?.clusters['a'], circuitBreaker: { ...before?.clusters['a']?.circuitBreaker, thresholdMillis: 800 }, limits: { maxConnections: 0, maxPendingRequests: 0, maxRequests: 7, maxRetries: 0 } } } });
  });

  it('resolves no name again', async () => {
    const { tuning, resolved, running } = await bench();
    good(await tuning.patch({ kind: 'cluster', cluster: 'b' }, { connectTimeout: '3s' }, ask()));
    expect(resolved).toEqual([]);
    expect(running().clusters['b']?.endpoints).toMatchObject([{ name: 'one.test:3', address: '192.0.2.1' }]);
  });

  it('tunes an endpoint that is written as its address alone', async () => {
    const { tuning, running } = await bench();
    good(await tuning.patch({ kind: 'endpoint', cluster: 'a', endpoint: '127.0.0.1:1' }, { weight: 5, drain: true }, ask()));
    expect(running().clusters['a']?.endpoints).toMatchObject([{ weight: 5, drain: true }, { weight: 2, drain: false }]);
    expect(tuning.overrides.map(({ path, was }) => [path, was])).toEqual([['clusters.a.endpoints[0].weight', undefined], ['clusters.a.endpoints[0].drain', undefined]]);
  });

  it('takes weights of a split in any order, all of them, and no other clusters', async () => {
    const { tuning, running } = await bench();
    good(await tuning.patch(ITEMS, { weightedClusters: [{ cluster: 'b', weight: 60 }, { cluster: 'a', weight: 40 }] }, ask()));
    expect(running().routes['main']?.[0]?.routes[0]?.action).toMatchObject({ clusters: [{ cluster: 'a', weight: 40 }, { cluster: 'b', weight: 60 }] });
    const refused = [[{ cluster: 'a', weight: 1 }], [{ cluster: 'a', weight: 1 }, { cluster: 'c', weight: 1 }], [{ cluster: 'a', weight: 1 }, { cluster: 'a', weight: 1 }], 'a', [{ cluster: 'a', weight: 0 }, { cluster: 'b', weight: 0 }], [{ cluster: 'a', weight: -1 }, { cluster: 'b', weight: 0 }]];
    for (const weightedClusters of refused) expect(await tuning.patch(ITEMS, { weightedClusters }, ask())).toMatchObject({ ok: false, status: 422, problems: [{ path: containing('routes.main[0].routes[0].weightedClusters') }] });
  });

  it('that changes nothing is answered with the same version, and leaves no override', async () => {
    const { tuning, applied } = await bench();
    expect(await tuning.patch(CLUSTER_A, { circuitBreaker: { threshold: 0.5 }, connectTimeout: '1s' }, ask())).toMatchObject({ ok: true, version: 1, diff: [] });
    expect(applied).toHaveLength(1);
    expect(tuning.overrides).toEqual([]);
  });

  it.each([
    ['a cluster that is not there', { kind: 'cluster', cluster: 'aa' } as const, 404, 'did you mean \\"a\\"?'],
    ['an endpoint that is not there', { kind: 'endpoint', cluster: 'a', endpoint: '127.0.0.1:9' } as const, 404, '127.0.0.1:'],
    ['a route that is not there', { kind: 'route', route: 'itmes', table: null } as const, 404, 'did you mean \\"items\\"?'],
    ['a table that is not there', { kind: 'route', route: 'items', table: 'mian' } as const, 404, 'did you mean \\"main\\"?'],
    ['a listener that is not there', { kind: 'listener', listener: 'wep' } as const, 404, 'did you mean \\"web\\"?'],
    ['a name that two tables have', { kind: 'route', route: 'twin', table: null } as const, 409, 'in the tables other, third'],
    ['something of every object', { kind: 'cluster', cluster: '__proto__' } as const, 404, '__proto__'],
  ])('of %s is refused with what would help', async (_what, name, status, said) => {
    const { tuning } = await bench();
    const outcome = await tuning.patch(name, { timeout: '1s' }, ask());
    expect(outcome).toMatchObject({ ok: false, status });
    expect(JSON.stringify(outcome)).toContain(said);
  });

  it('of one of two routes of a name is told apart by its table', async () => {
    const { tuning, running } = await bench();
    good(await tuning.patch({ kind: 'route', route: 'twin', table: 'third' }, { timeout: '1s' }, ask()));
    expect([running().routes['other']?.[0]?.routes[0]?.timeoutMs, running().routes['third']?.[0]?.routes[0]?.timeoutMs]).toEqual([15_000, 1_000]);
  });

  it.each([
    [{ endpoints: [] }, 'clusters.a.endpoints', 'use POST /config'],
    [{ circuitBraker: {} }, 'clusters.a.circuitBraker', 'did you mean'],
    [{ circuitBreaker: { threshold: 7 } }, 'clusters.a.circuitBreaker.threshold', ''],
    [{ circuitBreaker: { treshold: 1 } }, 'clusters.a.circuitBreaker.treshold', 'did you mean'],
    [{ fallback: { cluster: 'nowhere' } }, 'clusters.a.fallback.cluster', 'nowhere'],
    [{ fallback: { cluster: 'a' } }, 'clusters.a.fallback', ''],
    [{ limits: [] }, 'clusters.a.limits', ''],
  ])('with %j is refused with the path of the problem, and nothing changes', async (patch, path, said) => {
    const { tuning, applied } = await bench();
    const outcome = await tuning.patch(CLUSTER_A, patch, ask());
    expect(outcome).toMatchObject({ ok: false, status: 422, problems: [{ path: containing(path) }] });
    expect(JSON.stringify(outcome)).toContain(said);
    expect([applied.length, tuning.version, tuning.overrides.length]).toEqual([1, 1, 0]);
    expect(tuning.audit.entries.at(-1)).toMatchObject({ who: 'ops', outcome: 'refused' });
  });

  it('cannot reach a prototype, nor the bottom of the stack', async () => {
    const { tuning } = await bench();
    const deep = JSON.parse(`{"limits":${'['.repeat(5_000)}${']'.repeat(5_000)}}`) as Record<string, unknown>;
    expect(await tuning.patch(CLUSTER_A, deep, ask())).toMatchObject({ ok: false, status: 422 });
    expect(await tuning.patch(CLUSTER_A, JSON.parse('{"limits":{"__proto__":{"x":1}}}') as Record<string, unknown>, ask())).toMatchObject({ ok: false, status: 422 });
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('is refused as a whole when it cannot come into service', async () => {
    const { tuning, refuse, running } = await bench();
    refuse('the port is taken');
    expect(await tuning.patch(CLUSTER_A, { connectTimeout: '2s' }, ask())).toMatchObject({ ok: false, status: 409, error: 'the port is taken' });
    refuse(null);
    expect([tuning.version, tuning.overrides.length, running().clusters['a']?.connectTimeoutMs]).toEqual([1, 0, 1_000]);
  });

  it('of two that saw the same version, only the first is made', async () => {
    const { tuning } = await bench();
    const seen = { matches: (version: number) => version === 1 };
    const outcomes = await Promise.all([tuning.patch(CLUSTER_A, { connectTimeout: '2s' }, ask(seen)), tuning.patch(CLUSTER_A, { connectTimeout: '3s' }, ask(seen))]);
    expect(outcomes).toMatchObject([{ ok: true, version: 2 }, { ok: false, status: 412, error: containing('version 2') }]);
  });

  it('on trial tells what it would change, and changes nothing', async () => {
    const { tuning, applied } = await bench();
    expect(good(await tuning.patch(CLUSTER_A, { connectTimeout: '2s' }, ask({ dryRun: true })))).toMatchObject({ version: 1, diff: [{ path: 'clusters.a.connectTimeout', to: '2s' }] });
    expect([applied.length, tuning.audit.entries.length]).toEqual([1, 0]);
  });
});

describe('overrides', () => {
  it('go when the value of the file is set again, and stay one by one otherwise', async () => {
    const { tuning } = await bench();
    good(await tuning.patch(CLUSTER_A, { circuitBreaker: { threshold: 0.8, minRequests: 9 } }, ask()));
    good(await tuning.patch(CLUSTER_A, { circuitBreaker: { threshold: 0.5 } }, ask()));
    expect(tuning.overrides.map(({ path, value, was }) => ({ path, value, was }))).toEqual([{ path: 'clusters.a.circuitBreaker.minRequests', value: 9, was: 5 }]);
  });

  it('outlive a reload that changes other things, wherever their object stands now', async () => {
    const { tuning, write, reload, running } = await bench();
    good(await tuning.patch(ITEMS, { timeout: '9s' }, ask()));
    good(await tuning.patch({ kind: 'endpoint', cluster: 'a', endpoint: '127.0.0.1:2' }, { weight: 8 }, ask()));
    write(FILE.replace('        - { name: items', '        - { match: { path: /first }, cluster: b }\n        - { name: items').replace('["127.0.0.1:1", ', '["127.0.0.1:7", "127.0.0.1:1", '));
    expect(await reload()).toBe('applied');
    expect(running().routes['main']?.[0]?.routes.map(({ timeoutMs }) => timeoutMs)).toEqual([15_000, 9_000, 15_000, 15_000]);
    expect(running().clusters['a']?.endpoints.map(({ weight }) => weight)).toEqual([1, 1, 8]);
    expect(tuning.overrides.map(({ path }) => path)).toEqual(['routes.main[0].routes[1].timeout', 'clusters.a.endpoints[2].weight']);
  });

  it('give way to a file that says something else there, or has the object no more, and the log says so', async () => {
    const { tuning, write, reload, running, lines } = await bench();
    good(await tuning.patch(ITEMS, { timeout: '9s', maxDuration: '1m' }, ask()));
    good(await tuning.patch({ kind: 'endpoint', cluster: 'a', endpoint: '127.0.0.1:2' }, { weight: 8 }, ask()));
    write(FILE.replace('timeout: 5s', 'timeout: 6s').replace(', { address: "127.0.0.1:2", weight: 2 }', ''));
    expect(await reload()).toBe('applied');
    expect(running().routes['main']?.[0]?.routes[0]).toMatchObject({ timeoutMs: 6_000, maxDurationMs: 60_000 });
    expect(tuning.overrides.map(({ path }) => path)).toEqual(['routes.main[0].routes[0].maxDuration']);
    expect(lines.filter(({ msg }) => msg.startsWith('an override is dropped'))).toMatchObject([{ path: 'routes.main[0].routes[0].timeout', msg: containing('something else') }, { path: 'clusters.a.endpoints[1].weight', msg: containing('gone') }]);
  });

  it('of a route without a name do not pass to its neighbour', async () => {
    const { tuning, write, reload, running } = await bench();
    good(await tuning.patch({ kind: 'route', route: 'main/0/1', table: null }, { timeout: '9s' }, ask()));
    expect(running().routes['main']?.[0]?.routes.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000, 9_000, 15_000]);
    write(FILE.replace('        - { match: { pathPrefix: /one }, cluster: a }\n', ''));
    expect(await reload()).toBe('applied');
    expect(running().routes['main']?.[0]?.routes.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000, 15_000]);
    expect(tuning.overrides).toEqual([]);
  });

  it('that do not go with a new file are dropped, and the file is taken', async () => {
    const { tuning, write, reload, running } = await bench();
    good(await tuning.patch(CLUSTER_A, { fallback: { cluster: 'b' } }, ask()));
    // b falls back to a now: together they would go in a circle.
    write(FILE.replace('b: { endpoints: ["one.test:3"] }', 'b: { endpoints: ["one.test:3"], fallback: { cluster: a } }'));
    expect(await reload()).toBe('applied');
    expect([running().clusters['a']?.fallback, tuning.overrides]).toEqual([null, []]);
  });

  it('are taken back one by one, or all', async () => {
    const { tuning, running } = await bench();
    good(await tuning.patch(CLUSTER_A, { connectTimeout: '2s', limits: { maxRequests: 4 } }, ask()));
    good(await tuning.patch(ITEMS, { timeout: '9s' }, ask()));
    expect(await tuning.dropOverrides('clusters.b', ask())).toMatchObject({ ok: false, status: 404, error: containing('clusters.a.connectTimeout') });
    expect(good(await tuning.dropOverrides('clusters.a.limits', ask())).diff).toEqual([{ path: 'clusters.a.limits', from: { maxRequests: 4 } }]);
    expect([running().clusters['a']?.connectTimeoutMs, running().clusters['a']?.limits.maxRequests]).toEqual([2_000, 0]);
    good(await tuning.dropOverrides(null, ask()));
    expect(running()).toEqual((await bench()).running());
  });

  it('show no credentials, and neither do diffs', async () => {
    const { tuning } = await bench();
    const twin = { kind: 'route', route: 'twin', table: 'third' } as const;
    const outcome = good(await tuning.patch(twin, { requestHeaders: { set: { authorization: 'Bearer-xyz', 'x-plain': 'seen' } } }, ask()));
    const all = JSON.stringify([outcome, tuning.overrides, tuning.audit.entries]);
    expect(all).not.toMatch(/Bearer/);
    expect(all).toContain('seen');
  });
});

describe('a whole configuration', () => {
  const posted = document(FILE.replace('timeout: 5s', 'timeout: 50s').replace('one.test', 'two.test'));

  it('replaces the running one with what was tuned, and stays until the file changes', async () => {
    const { tuning, running, reload, write, resolved } = await bench();
    good(await tuning.patch(CLUSTER_A, { connectTimeout: '2s' }, ask()));
    const outcome = good(await tuning.replace(posted, ask()));
    expect(outcome.diff.map(({ path }) => path).sort()).toEqual(['clusters.a.connectTimeout', 'clusters.b.endpoints[0]', 'clusters.b.endpoints[0]', 'routes.main[0].routes[0].timeout']);
    expect(resolved).toEqual(['two.test']);
    expect(tuning.overrides).toEqual([]);
    // A certificate that was renewed, say: not a reason to go back to the file.
    expect(await reload()).toBe('unchanged');
    expect(running().routes['main']?.[0]?.routes[0]?.timeoutMs).toBe(50_000);
    write(`${FILE}drainTimeout: 9s\n`);
    expect(await reload()).toBe('applied');
    expect(running().routes['main']?.[0]?.routes[0]?.timeoutMs).toBe(5_000);
  });

  it('gives way to the file on SIGHUP', async () => {
    const { tuning, running, reload } = await bench();
    good(await tuning.replace(posted, ask()));
    expect(await reload('SIGHUP')).toBe('applied');
    expect(running().routes['main']?.[0]?.routes[0]?.timeoutMs).toBe(5_000);
  });

  it('with problems is refused with all of them', async () => {
    const { tuning } = await bench();
    expect(await tuning.replace(document(FILE.replace('timeout: 5s', 'timeout: 5').replace('weight: 2', 'weight: x')), ask())).toMatchObject({ ok: false, status: 422, problems: [any, any] });
  });
});

describe('going back', () => {
  it('leads to the configuration before, with its overrides, and is a version of its own', async () => {
    const { tuning, applied } = await bench();
    good(await tuning.patch(CLUSTER_A, { connectTimeout: '2s' }, ask()));
    good(await tuning.patch(CLUSTER_A, { connectTimeout: '3s' }, ask()));
    expect(good(await tuning.rollback(null, ask()))).toMatchObject({ version: 4, diff: [{ path: 'clusters.a.connectTimeout', from: '3s', to: '2s' }] });
    expect(applied[3]).toEqual(applied[1]);
    expect(tuning.overrides).toMatchObject([{ path: 'clusters.a.connectTimeout', value: '2s' }]);
    good(await tuning.rollback(1, ask()));
    expect(applied[4]).toEqual(applied[0]);
    expect(tuning.history.map(({ version, what }) => [version, what])).toEqual([[1, 'start'], [2, 'PATCH clusters.a'], [3, 'PATCH clusters.a'], [4, 'rollback to version 2'], [5, 'rollback to version 1']]);
    expect(await tuning.rollback(77, ask())).toMatchObject({ ok: false, status: 404, error: containing('1, 2, 3, 4, 5') });
  });

  it('is not possible from the first configuration', async () => {
    const { tuning } = await bench();
    expect(await tuning.rollback(null, ask())).toMatchObject({ ok: false, status: 404 });
  });

  it('reaches over a reload, and leaves the file alone until that changes', async () => {
    const { tuning, write, reload, running } = await bench();
    write(FILE.replace('timeout: 5s', 'timeout: 6s'));
    expect(await reload()).toBe('applied');
    good(await tuning.rollback(null, ask()));
    expect(running().routes['main']?.[0]?.routes[0]?.timeoutMs).toBe(5_000);
    expect(await reload()).toBe('unchanged');
    expect(await tuning.save(ask())).toMatchObject({ ok: true, written: false, yaml: FILE });
    expect(await reload('SIGHUP')).toBe('applied');
    expect(running().routes['main']?.[0]?.routes[0]?.timeoutMs).toBe(6_000);
  });

  it('remembers twenty configurations', async () => {
    const { tuning } = await bench();
    for (let i = 2; i <= 30; i++) good(await tuning.patch(CLUSTER_A, { connectTimeout: `${i}s` }, ask()));
    expect(tuning.history.map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, i) => i + 11));
  });
});

describe('saving', () => {
  it('writes what was tuned into the file, whose reload then changes nothing', async () => {
    const { tuning, file, reload, applied } = await bench();
    good(await tuning.patch(ITEMS, { timeout: '9s' }, ask()));
    expect(await tuning.save(ask({ dryRun: true }))).toMatchObject({ ok: true, written: false, yaml: FILE.replace('5s', '9s') });
    expect(readFileSync(file, 'utf8')).toBe(FILE);
    expect(await tuning.save(ask())).toMatchObject({ ok: true, version: 2, written: true });
    expect(readFileSync(file, 'utf8')).toBe(FILE.replace('5s', '9s'));
    expect(tuning.overrides).toEqual([]);
    expect(await reload()).toBe('unchanged');
    expect(applied).toHaveLength(2);
  });

  it('does not overwrite what somebody else wrote meanwhile', async () => {
    const { tuning, write, file } = await bench();
    good(await tuning.patch(ITEMS, { timeout: '9s' }, ask()));
    write(`${FILE}# mine\n`);
    expect(await tuning.save(ask())).toMatchObject({ ok: false, status: 409, error: containing('has changed') });
    expect(readFileSync(file, 'utf8')).toBe(`${FILE}# mine\n`);
  });

  it('of a configuration that was posted answers with its text', async () => {
    const { tuning, file } = await bench();
    const text = `# posted\n${FILE.replace('timeout: 5s', 'timeout: 50s')}`;
    good(await tuning.replace(document(text), ask()));
    good(await tuning.patch(CLUSTER_A, { connectTimeout: '2s' }, ask()));
    expect(await tuning.save(ask())).toMatchObject({ ok: true, written: false, why: containing('did not come from'), yaml: containing('# posted') });
    expect(readFileSync(file, 'utf8')).toBe(FILE);
  });
});

describe('the audit', () => {
  it('says who did what, and how it ended', async () => {
    const { tuning, lines, write, reload } = await bench();
    good(await tuning.patch(CLUSTER_A, { connectTimeout: '2s' }, ask({ who: 'anna' })));
    await tuning.patch(CLUSTER_A, { connectTimeout: 2 }, ask({ who: 'bert' }));
    good(await tuning.rollback(null, ask({ who: 'anna' })));
    write(FILE.replace('5s', '6s'));
    await reload();
    write('listeners: [');
    await reload();
    expect(tuning.audit.entries.map(({ who, what, outcome, version }) => [who, what, outcome, version])).toEqual([
      ['anna', 'PATCH clusters.a', 'applied', 2],
      ['bert', 'PATCH clusters.a', 'refused', 2],
      ['anna', 'rollback to version 1', 'rolledBack', 3],
      ['file', 'reload (file change)', 'applied', 4],
      ['file', 'reload (file change)', 'refused', 4],
    ]);
    expect(lines.filter(({ audit }) => audit !== undefined)).toHaveLength(5);
  });

  it('keeps the last thousand, and no megabytes', async () => {
    const { tuning } = await bench();
    const diff = Array.from({ length: 100 }, (_, i) => ({ path: `p${i}`, to: 'x'.repeat(100_000) }));
    for (let i = 0; i < 1_200; i++) tuning.audit.note({ who: 'me', what: `${i}`, outcome: 'applied', diff: i === 1_199 ? diff : [] });
    expect(tuning.audit.entries).toHaveLength(1_000);
    expect(tuning.audit.entries[0]?.what).toBe('200');
    expect(tuning.audit.entries.at(-1)).toMatchObject({ more: 50 });
    expect(JSON.stringify(tuning.audit.entries.at(-1)).length).toBeLessThan(60_000);
  });
});
