import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { builtInFile, builtIns } from '../../../src/simulate/builtin.ts';
import { asksForEndpoints, overridesOf } from '../../../src/simulate/flags.ts';
import { scenarioJsonSchema } from '../../../src/simulate/json-schema.ts';
import { scenarioOfCluster } from '../../../src/simulate/from-cluster.ts';
import { formatSpan, parseLoads, parseSpan } from '../../../src/simulate/scalars.ts';
import { loadText } from '../config/support.ts';
import { SMALL, problemsOf, scenarioOf } from './support.ts';

describe('scalars of a scenario', () => {
  it('read times below a millisecond, and write what they read', () => {
    expect(['0.5ms', '250us', '10ms', '1.5s', '2m', '1h', '0'].map((text) => parseSpan(text))).toEqual([0.0005, 0.00025, 0.01, 1.5, 120, 3600, 0]);
    for (const text of ['10', '5 s', '-1s', '1d', '', 'ms', '1e3s']) expect(parseSpan(text), text).toBeUndefined();
    for (const seconds of [0, 0.00025, 0.0005, 0.01, 0.1, 1.5, 120, 3600, 90]) expect(parseSpan(formatSpan(seconds)), String(seconds)).toBe(seconds);
  });

  it('read loads as numbers, percentages, lists and ranges', () => {
    expect(parseLoads('0.5..1.2')).toEqual([0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2]);
    expect(parseLoads('0.5..0.6:0.05')).toEqual([0.5, 0.55, 0.6]);
    expect(parseLoads('50%..100%:25%')).toEqual([0.5, 0.75, 1]);
    expect(parseLoads('0.9, 0.5,0.9, 80%')).toEqual([0.5, 0.8, 0.9]);
    for (const text of ['', 'high', '0.5-1', '1.2..0.5', '0.5..1:0', '0..1:0.0001', '0', '21', '0.5,,1'])
      expect(parseLoads(text), text).toHaveProperty('refused');
  });
});

describe('a scenario', () => {
  it('has sensible defaults', () => {
    const scenario = scenarioOf('{ policies: [roundRobin], endpoints: [{ serviceTime: { fixed: 10ms } }] }');
    expect(scenario).toMatchObject({ title: 'untitled', seed: 1, proxies: 1, timeout: 1, network: 0.0005, capacity: 400, arrivals: { kind: 'poisson' } });
    expect(scenario.groups).toMatchObject([{ name: 'group 1', count: 1, concurrency: 4, queue: 1000, weight: 1 }]);
    expect(scenario.points.map(({ load }) => load)).toEqual([0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2]);
    expect(scenario.points[scenario.focus]).toEqual({ load: 0.8, rate: 320, requests: 200_000 });
  });

  it('counts the capacity by the mean of each kind of service time', () => {
    const scenario = scenarioOf('{ load: 1, policies: [random], endpoints: [{ count: 2, concurrency: 3, serviceTime: { exponential: 20ms } }, { serviceTime: { lognormal: { median: 10ms, p99: 10ms } }, concurrency: 1 }] }');
    expect(scenario.capacity).toBeCloseTo(300 + 100, 9);
  });

  it('takes a rate instead of loads, and a duration instead of requests', () => {
    const { points } = scenarioOf('{ rate: 5k, duration: 2s, policies: [random], endpoints: [{ serviceTime: { fixed: 1ms }, concurrency: 10 }] }');
    expect(points).toEqual([{ load: 0.5, rate: 5000, requests: 10_000 }]);
  });

  it('gives candidates names that tell them apart, and settings of their own', () => {
    const policies = `
  - leastRequest
  - { policy: peakEwma, failurePenalty: 0 }
  - { policy: leastRequest, outlierDetection: false, retry: { attempts: 1 }, circuitBreaker: {} }
  - { policy: leastRequest }
  - { policy: random, label: by hand }`;
    const { candidates } = scenarioOf(SMALL.replace('[roundRobin, leastRequest, peakEwma]', policies));
    expect(candidates.map(({ label }) => label)).toEqual(['leastRequest', 'peakEwma, penalty 0', 'leastRequest, breaker, no ejections, 1 retry', 'leastRequest (2)', 'by hand']);
    expect(candidates.map(({ outlierDetection, retry, circuitBreaker }) => [outlierDetection?.consecutiveLocalErrors, retry.attempts, circuitBreaker?.thresholdMillis])).toEqual([
      [5, 0, undefined], [5, 0, undefined], [undefined, 1, 500], [5, 0, undefined], [5, 0, undefined],
    ]);
  });

  it('reports all problems at once, with their places and what was meant', () => {
    const text = `seed: -1
requets: 5
load: 90
rate: 10
policies: [leastRequets, { policy: roundRobin, decay: 5s }]
endpoints:
  - { name: a, serviceTime: { exponental: 10ms } }
  - { name: a, serviceTime: { fixed: 1ms, exponential: 1ms } }
  - { name: b, serviceTime: { fixed: 10 }, fails: 50 }
changes:
  - { at: 1s, group: c, factor: 2 }
  - { at: 1s, group: b }
retry: { attempts: 1, on: [503] }
`;
    expect(problemsOf(text)).toEqual([
      '1:7 seed: expected a number from 0, not -1',
      '2:1 requets: unknown key "requets" (did you mean "requests"?)',
      '3:7 load: a load is a share of the capacity from 0.01 to 20, not 90 (write 0.9 for 90 %)',
      '4:1 rate: "rate" and "load" exclude each other (keep one of load, rate)',
      '5:12 policies[0]: "leastRequets" is no policy (did you mean "leastRequest"?)',
      '5:48 policies[1].decay: "decay" means nothing to policy roundRobin (only for peakEwma, leastTime, prequal)',
      '7:31 endpoints[0].serviceTime.exponental: unknown key "exponental" (did you mean "exponential"?)',
      '8:13 endpoints[1].name: the name "a" is already used by endpoints[0]',
      '8:43 endpoints[1].serviceTime.exponential: "exponential" and "fixed" exclude each other (keep one of fixed, exponential, lognormal)',
      '9:38 endpoints[2].serviceTime.fixed: expected a duration such as 0.5ms, 10ms or 5s, not 10',
      '9:51 endpoints[2].fails: expected a share from 0 to 1, or 0% to 100%, not 50 (write 50%)',
      '11:22 changes[0].group: there is no group of endpoints "c" (did you mean "a"?)',
      '12:5 changes[1]: this changes nothing: expected serviceTime, factor, fails, down (such as factor: 10)',
      '13:28 retry.on[0]: in a simulation endpoints answer 200, 500 or 503 only (write 5xx)',
    ]);
  });

  it('refuses what could not be held in memory or seen in a table', () => {
    const endpoints = (more: string) => `{ policies: [random], proxies: 1000, endpoints: [{ serviceTime: { fixed: 1ms }, ${more} }] }`;
    expect(problemsOf(endpoints('count: 60000'))).toEqual([expect.stringContaining('60000 endpoints each are more than this can hold (at most 8 proxies)')]);
    expect(problemsOf(endpoints('concurrency: 65536, count: 100'))).toEqual([expect.stringContaining('6553600 requests that are worked on at once')]);
    expect(problemsOf(endpoints('weight: 0'))).toEqual([expect.stringContaining('every group has the weight 0')]);
    expect(problemsOf(endpoints(String.raw`name: "a\e[31mb"`))).toEqual([expect.stringContaining('no control characters')]);
    expect(problemsOf(endpoints(`name: ${'x'.repeat(61)}`))).toEqual([expect.stringContaining('1 to 60 characters')]);
    expect(problemsOf(endpoints('fails: 1'))).toEqual([expect.stringContaining('every endpoint fails always')]);
    expect(problemsOf('just a text')).toEqual(['1:1 : expected a mapping, not "just a text"']);
  });
});

describe('the JSON Schema of scenarios', () => {
  it('knows every key, with what it means', () => {
    const { properties } = scenarioJsonSchema() as { properties: Record<string, { description?: string }> };
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(['policies', 'endpoints', 'changes', 'load', 'rate', 'circuitBreaker', 'outlierDetection', 'rateLimit', 'seed']));
    expect(properties['proxies']?.description).toContain('do not see each other');
    expect(JSON.stringify(scenarioJsonSchema())).toContain('"peakEwma"');
  });
});

describe('flags', () => {
  it('go before the file, and are named where they are wrong', () => {
    const overrides = overridesOf({ load: '0.5..0.7', requests: '2k', seed: '7', policies: 'random, maglev', proxies: '3' });
    const scenario = scenarioOf(SMALL, overrides);
    expect(scenario).toMatchObject({ seed: 7, proxies: 3 });
    expect(scenario.candidates.map(({ label }) => label)).toEqual(['random', 'maglev']);
    expect(scenario.points.map(({ load, requests }) => [load, requests])).toEqual([[0.5, 2000], [0.6, 2000], [0.7, 2000]]);
    expect(scenarioOf(SMALL, overridesOf({ rate: '100', duration: '10s' })).points).toEqual([{ load: 100 / 3640, rate: 100, requests: 1000 }]);
    expect(problemsOf(SMALL, overridesOf({ seed: 'x', policies: 'randon' }))).toEqual(['0:0 : expected a number, not "x"', '0:0 policies[0]: "randon" is no policy (did you mean "random"?)']);
  });

  it('make endpoints: good, slow and failing ones', () => {
    const flags = { endpoints: '20', slow: '4', failing: '1', service: '5ms', slowFactor: '3' };
    expect(asksForEndpoints(flags)).toBe(true);
    expect(asksForEndpoints({ load: '1' })).toBe(false);
    const { groups } = scenarioOf('policies: [random]', overridesOf(flags));
    expect(groups.map(({ name, count, serviceTime, fails }) => [name, count, serviceTime.kind === 'lognormal' ? 0 : serviceTime.meanSeconds, fails])).toEqual([
      ['good', 15, 0.005, 0],
      ['slow', 4, 0.015, 0],
      ['failing', 1, 0.0005, 1],
    ]);
    for (const bad of [{ endpoints: 'many' }, { endpoints: '5', slow: '6' }, { service: '0' }, { service: 'fast' }, { slowFactor: '-1' }, { failing: '1.5' }]) expect(() => overridesOf(bad), JSON.stringify(bad)).toThrow();
  });
});

describe('the scenarios that come with it', () => {
  it('load, and ask a question', async () => {
    const all = await builtIns();
    expect(all.map(({ name }) => name)).toEqual(['failing', 'many-proxies', 'overload', 'rate-limit', 'slow-endpoint', 'thundering-herd']);
    for (const { name, question } of all) {
      expect(question, name).toMatch(/^[A-Z].*\?$/);
      expect(scenarioOf(readFileSync(await builtInFile(name), 'utf8')).title, name).not.toBe('untitled');
    }
    await expect(builtInFile('slow-endpont')).rejects.toMatchObject({ hint: 'did you mean "slow-endpoint"?' });
    await expect(builtInFile('../edge')).rejects.toThrow('there is no scenario');
  });
});

describe('a cluster of a configuration', () => {
  const CONFIG = `
listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]
routes: { t: [{ hosts: ["*"], routes: [{ match: { pathPrefix: / }, cluster: items }] }] }
clusters:
  items:
    balancer: { policy: peakEwma, decay: 5s }
    circuitBreaker: { threshold: 0.3 }
    outlierDetection: false
    endpoints: [{ address: 127.0.0.1:1, weight: 2 }, 127.0.0.1:2, 127.0.0.1:3, { address: 127.0.0.1:4, weight: 0 }, { address: 127.0.0.1:5, drain: true }]
  other: { endpoints: [127.0.0.1:9] }
`;
  const behaviour = { serviceTime: { exponential: '10ms' }, slowServiceTime: { exponential: '100ms' }, slow: 1, concurrency: 4 };

  it('becomes the first candidate, with its endpoints, breaker and outlier detection', async () => {
    const result = await loadText(CONFIG);
    if (!result.ok) throw new Error('refused');
    const raw = scenarioOfCluster(result.config, result.document.source.value, 'items', behaviour);
    const scenario = scenarioOf(JSON.stringify(raw));
    expect(scenario.groups.map(({ name, count, weight }) => [name, count, weight])).toEqual([
      ['good weight 2', 1, 2],
      ['good weight 1', 1, 1],
      ['slow weight 1', 1, 1],
    ]);
    expect(scenario.candidates.map(({ label }) => label)).toEqual(['items as it is (peakEwma)', 'roundRobin', 'leastRequest', 'peakEwma', 'leastTime']);
    expect(scenario.candidates[0]?.balancer).toMatchObject({ policy: 'peakEwma', decayMs: 5000 });
    expect(scenario.candidates.every(({ circuitBreaker, outlierDetection }) => circuitBreaker?.thresholdMillis === 300 && outlierDetection === null)).toBe(true);
    expect(() => scenarioOfCluster(result.config, result.document.source.value, 'item', behaviour)).toThrow('there is no cluster "item"');
    expect(() => scenarioOfCluster(result.config, result.document.source.value, undefined, behaviour)).toThrow('which cluster?');
    expect(() => scenarioOfCluster(result.config, result.document.source.value, 'other', { ...behaviour, slow: 2 })).toThrow('more than the cluster has');
  });
});
