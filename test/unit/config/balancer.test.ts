import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HASH_SOURCE_FLAG, HASH_SOURCE_KIND, LIMITS, NONE, POLICY } from '../../../src/binding/abi.ts';
import { compile } from '../../../src/config/compile.ts';
import { dumpImage } from '../../../src/config/dump.ts';
import { configJsonSchema } from '../../../src/config/json-schema.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { isPrime, nearestPrime, nextPrime } from '../../../src/config/prime.ts';
import type { ClusterConfig } from '../../../src/config/types.ts';
import { brief, bytesOf, DEFAULT_BALANCER, fakeResolver, imageOf, loadGood, loadText, problemsOf, withRoutes, workDirectory } from './support.ts';

const withCluster = (cluster: string) => withRoutes(['{ cluster: a }'], `{ a: ${cluster} }`);
const withBalancer = (balancer: string) => withCluster(`{ balancer: ${balancer}, endpoints: [127.0.0.1:1, 127.0.0.1:2] }`);

async function loadCluster(cluster: string): Promise<ClusterConfig> {
  const { a } = (await loadGood(withCluster(cluster))).clusters;
  if (a === undefined) throw new Error('no cluster');
  return a;
}

const loadBalancer = async (balancer: string) => (await loadCluster(`{ balancer: ${balancer}, endpoints: [127.0.0.1:1] }`)).balancer;
const balancerRow = async (balancer: string) => imageOf(await loadGood(withBalancer(balancer))).row('BALANCER', 0);
const problemsOfBalancer = async (balancer: string) =>
  (await problemsOf(withBalancer(balancer))).map((problem) => problem.replace('7:', '').replace(/ clusters\.a\.balancer\.?/, ' '));
const warningsOf = async (text: string) => brief((await loadText(text)).warnings);

/** Every policy with what it needs. */
const POLICIES = {
  roundRobin: '{ policy: roundRobin }',
  leastRequest: '{ policy: leastRequest }',
  random: '{ policy: random }',
  peakEwma: '{ policy: peakEwma }',
  leastTime: '{ policy: leastTime }',
  ringHash: '{ policy: ringHash, hashOn: [path] }',
  maglev: '{ policy: maglev, hashOn: [path] }',
  rendezvous: '{ policy: rendezvous, hashOn: [path] }',
  prequal: '{ policy: prequal }',
} as const satisfies Record<keyof typeof POLICY, string>;

const EVERYTHING = `{
  balancer: { policy: maglev, hashOn: [
      { header: X-User, terminal: true },
      { cookie: { name: lb, ttl: 1h, path: /shop } },
      { cookie: { name: session, ttl: 0 } },
      { cookie: plain },
      { query: q },
      { clientIp: true },
      path,
    ], hashBalanceFactor: 125%, tableSize: 211, overprovisioning: 200%, panicThreshold: 0,
    slowStart: { window: 30s, aggression: 1.5, minWeight: 20% }, zonePreference: { minEndpoints: 2 } },
  maxRequests: 50,
  queue: { max: 7, timeout: 250ms },
  endpoints: [
    { address: 127.0.0.1:1, weight: 3, zone: eu-1a, metadata: { version: v1 } },
    { address: 127.0.0.1:2, priority: 2, zone: eu-1b, maxRequests: 5 },
    { address: 127.0.0.1:3, maxRequests: 0 },
  ] }`.replace(/\s+/g, ' ');

describe('balancer', () => {
  it('has its defaults', async () => {
    expect((await loadCluster('{ endpoints: [127.0.0.1:1] }')).balancer).toEqual(DEFAULT_BALANCER);
    expect(await loadBalancer('{}')).toEqual(DEFAULT_BALANCER);
    expect(await loadBalancer('{ slowStart: { window: 30s } }')).toEqual({
      ...DEFAULT_BALANCER,
      slowStart: { windowMs: 30_000, aggressionMillis: 1_000, minPercent: 10 },
    });
    expect((await loadBalancer(POLICIES.maglev)).tableSize).toBe(65_537);
    expect((await loadBalancer(POLICIES.ringHash)).tableSize).toBe(1_024);
    expect((await loadBalancer(POLICIES.rendezvous)).tableSize).toBe(0);
  });

  it.each(Object.entries(POLICIES))('has the policy %s', async (policy, balancer) => {
    expect((await balancerRow(balancer)).policy).toBe(POLICY[policy as keyof typeof POLICY]);
    expect((await loadBalancer(balancer)).policy).toBe(policy);
  });

  it('takes every key of a hash policy', async () => {
    const config = (await loadGood(`zone: eu-1a\n${withCluster(EVERYTHING)}`)).clusters['a'];
    expect(config?.balancer).toEqual({
      ...DEFAULT_BALANCER,
      policy: 'maglev',
      hashOn: [
        { kind: 'header', name: 'x-user', terminal: true },
        { kind: 'cookie', name: 'lb', generate: { ttlSeconds: 3_600, path: '/shop' }, terminal: false },
        { kind: 'cookie', name: 'session', generate: { ttlSeconds: 0, path: '/' }, terminal: false },
        { kind: 'cookie', name: 'plain', generate: null, terminal: false },
        { kind: 'query', name: 'q', terminal: false },
        { kind: 'clientIp', terminal: false },
        { kind: 'path', terminal: false },
      ],
      hashBalancePercent: 125,
      tableSize: 211,
      overprovisioningPercent: 200,
      panicPercent: 0,
      slowStart: { windowMs: 30_000, aggressionMillis: 1_500, minPercent: 20 },
      zone: 'eu-1a',
      zoneMinEndpoints: 2,
    });
    expect(config?.queue).toEqual({ max: 7, timeoutMs: 250 });
    expect(config?.endpoints.map(({ weight, priority, zone, maxRequests, metadata }) => [weight, priority, zone, maxRequests, metadata])).toEqual([
      [3, 0, 'eu-1a', 50, { version: 'v1' }],
      [1, 2, 'eu-1b', 5, {}],
      [1, 0, null, 0, {}],
    ]);
  });

  it('takes every key of the other policies', async () => {
    expect(await loadBalancer('{ policy: leastRequest, activeRequestBias: 1.125 }')).toEqual({ ...DEFAULT_BALANCER, biasMillis: 1_125 });
    for (const policy of ['peakEwma', 'leastTime', 'prequal'])
      expect(await loadBalancer(`{ policy: ${policy}, decay: 5s, defaultLatency: 1s, failurePenalty: 0 }`)).toEqual({
        ...DEFAULT_BALANCER,
        policy,
        decayMs: 5_000,
        defaultLatencyMs: 1_000,
        penaltyMs: 0,
      });
    expect(await loadBalancer('{ policy: ringHash, hashOn: [clientIp], ringSize: 4096, hashBalanceFactor: 150 }')).toEqual({
      ...DEFAULT_BALANCER,
      policy: 'ringHash',
      hashOn: [{ kind: 'clientIp', terminal: false }],
      tableSize: 4_096,
      hashBalancePercent: 150,
    });
  });

  it.each([
    ['{ activeRequestBias: 0 }', { biasMillis: 0 }],
    ['{ activeRequestBias: 10 }', { biasMillis: 10_000 }],
    ['{ policy: peakEwma, decay: 60m, defaultLatency: 1h, failurePenalty: 1h }', { decayMs: 3_600_000, defaultLatencyMs: 3_600_000, penaltyMs: 3_600_000 }],
    ['{ policy: maglev, hashOn: [path], tableSize: 2, hashBalanceFactor: 100 }', { tableSize: 2, hashBalancePercent: 100 }],
    ['{ policy: maglev, hashOn: [path], tableSize: 5000011, hashBalanceFactor: 100000% }', { tableSize: 5_000_011, hashBalancePercent: 100_000 }],
    ['{ policy: ringHash, hashOn: [path], ringSize: 8388608, hashBalanceFactor: 0 }', { tableSize: 8_388_608, hashBalancePercent: 0 }],
    ['{ overprovisioning: 1, panicThreshold: 100% }', { overprovisioningPercent: 100, panicPercent: 100 }],
    ['{ overprovisioning: 10, panicThreshold: 33 }', { overprovisioningPercent: 1_000, panicPercent: 33 }],
    ['{ slowStart: { window: 1ms, aggression: 0.1, minWeight: 1 } }', { slowStart: { windowMs: 1, aggressionMillis: 100, minPercent: 1 } }],
    ['{ slowStart: { window: 1s, aggression: 10, minWeight: 99% } }', { slowStart: { windowMs: 1_000, aggressionMillis: 10_000, minPercent: 99 } }],
    ['{ zonePreference: { minEndpoints: 1 } }', { zoneMinEndpoints: 1 }],
    ['{ zonePreference: {} }', { zoneMinEndpoints: 6 }],
  ])('takes %s, which is at its bounds', async (balancer, expected) => {
    expect(await loadBalancer(balancer)).toMatchObject(expected);
  });
});

describe('the rows of a balancer', () => {
  it('are what was written', async () => {
    const read = imageOf(await loadGood(`zone: eu-1a\n${withCluster(EVERYTHING)}`));
    const text = ({ offset, length }: { offset: number; length: number }) => read.text(offset, length);
    const cluster = read.row('CLUSTER', 0);
    expect(cluster).toMatchObject({ maxQueue: 7, queueTimeoutMs: 250 });
    const row = read.row('BALANCER', cluster.balancer);
    expect(row).toMatchObject({
      policy: POLICY.maglev,
      biasMillis: 1_000,
      decayMs: 10_000,
      defaultLatencyUs: 30_000,
      penaltyMs: 5_000,
      tableSize: 211,
      hashBalancePercent: 125,
      hashCount: 7,
      overprovisioningPercent: 200,
      panicPercent: 0,
      zoneMinEndpoints: 2,
      slowStartMs: 30_000,
      slowStartAggressionMillis: 1_500,
      slowStartMinPercent: 20,
    });
    expect(text({ offset: row.zoneOffset, length: row.zoneLength })).toBe('eu-1a');
    const { header, cookie, query, clientIp, path } = HASH_SOURCE_KIND;
    expect(
      read.rows('HASH_SOURCE', row.hashStart, row.hashCount).map((source) => [
        source.kind,
        source.flags,
        text({ offset: source.nameOffset, length: source.nameLength }),
        source.ttlSeconds,
        text({ offset: source.pathOffset, length: source.pathLength }),
      ]),
    ).toEqual([
      [header, HASH_SOURCE_FLAG.terminal, 'x-user', NONE, null],
      [cookie, 0, 'lb', 3_600, '/shop'],
      [cookie, 0, 'session', 0, '/'],
      [cookie, 0, 'plain', NONE, null],
      [query, 0, 'q', NONE, null],
      [clientIp, 0, null, NONE, null],
      [path, 0, null, NONE, null],
    ]);
    expect(
      read.rows('ENDPOINT').map((endpoint) => [
        endpoint.weight,
        endpoint.priority,
        text({ offset: endpoint.zoneOffset, length: endpoint.zoneLength }),
        endpoint.maxRequests,
      ]),
    ).toEqual([
      [3, 0, 'eu-1a', 50],
      [1, 2, 'eu-1b', 5],
      [1, 0, null, 0],
    ]);
  });

  it('belong to one cluster each', async () => {
    const clusters = '{ a: { balancer: { policy: ringHash, hashOn: [path, clientIp] }, endpoints: [127.0.0.1:1] }, b: { endpoints: [127.0.0.1:2] }, c: { balancer: { policy: maglev, hashOn: [{ header: x-c }] }, endpoints: [127.0.0.1:3] } }';
    const read = imageOf(await loadGood(withRoutes(['{ cluster: a }'], clusters)));
    expect(
      read.rows('CLUSTER').map(({ balancer }) => {
        const { policy, hashStart, hashCount } = read.row('BALANCER', balancer);
        return [policy, read.rows('HASH_SOURCE', hashStart, hashCount).map(({ kind }) => kind)];
      }),
    ).toEqual([
      [POLICY.ringHash, [HASH_SOURCE_KIND.path, HASH_SOURCE_KIND.clientIp]],
      [POLICY.leastRequest, []],
      [POLICY.maglev, [HASH_SOURCE_KIND.header]],
    ]);
  });

  it('are equal bytes for equal configurations', async () => {
    const text = `zone: eu-1a\n${withCluster(EVERYTHING)}`;
    const [one, other, reordered] = await Promise.all([
      loadGood(text),
      loadGood(text),
      loadGood(text.replace('policy: maglev, ', '').replace('panicThreshold: 0,', 'panicThreshold: 0%, policy: maglev,')),
    ]);
    expect(bytesOf(other)).toEqual(bytesOf(one));
    expect(bytesOf(reordered)).toEqual(bytesOf(one));
    expect(bytesOf(await loadGood(text.replace('125%', '126%')))).not.toEqual(bytesOf(one));
  });

  it('are printed back by name', async () => {
    const dump = dumpImage(compile(await loadGood(`zone: eu-1a\n${withCluster(EVERYTHING)}`)).image) as { clusters: object };
    expect(dump.clusters).toMatchObject({
      a: {
        balancer: {
          policy: 'maglev',
          activeRequestBias: 1,
          decayMs: 10_000,
          defaultLatencyUs: 30_000,
          failurePenaltyMs: 5_000,
          hashOn: [
            { header: 'x-user', terminal: true },
            { cookie: { name: 'lb', ttlSeconds: 3_600, path: '/shop' }, terminal: false },
            { cookie: { name: 'session', ttlSeconds: 0, path: '/' }, terminal: false },
            { cookie: 'plain', terminal: false },
            { query: 'q', terminal: false },
            { clientIp: true, terminal: false },
            { path: true, terminal: false },
          ],
          hashBalanceFactor: 125,
          tableSize: 211,
          overprovisioning: 2,
          panicThreshold: '0%',
          slowStart: { windowMs: 30_000, aggression: 1.5, minWeight: '20%' },
          zonePreference: { zone: 'eu-1a', minEndpoints: 2 },
        },
        queue: { max: 7, timeoutMs: 250 },
        endpoints: [
          { name: '127.0.0.1:1', weight: 3, priority: 0, zone: 'eu-1a', maxRequests: 50 },
          { name: '127.0.0.1:2', weight: 1, priority: 2, zone: 'eu-1b', maxRequests: 5 },
          { name: '127.0.0.1:3', weight: 1, priority: 0, zone: null, maxRequests: 0 },
        ],
      },
    });
    const plain = dumpImage(compile(await loadGood(withBalancer('{}'))).image) as { clusters: object };
    expect(plain.clusters).toMatchObject({ a: { balancer: { policy: 'leastRequest', hashOn: [], slowStart: null, zonePreference: null } } });
  });
});

describe('the zone of the proxy', () => {
  async function load(text: string, zone?: string) {
    const file = join(await workDirectory(), 'millrace.yaml');
    await writeFile(file, text);
    return loadConfig(file, { resolveHost: fakeResolver, zone });
  }
  const zoneOf = async (text: string, zone?: string) => {
    const result = await load(text, zone);
    return result.ok ? [result.config.zone, result.config.clusters['a']?.balancer.zone] : brief(result.problems);
  };

  it('comes from the key, and before that from the environment', async () => {
    expect(await zoneOf(withBalancer('{}'))).toEqual([null, null]);
    expect(await zoneOf(`zone: eu-1a\n${withBalancer('{}')}`)).toEqual(['eu-1a', 'eu-1a']);
    expect(await zoneOf(withBalancer('{}'), 'eu-1b')).toEqual(['eu-1b', 'eu-1b']);
    expect(await zoneOf(`zone: eu-1a\n${withBalancer('{}')}`, 'eu-1b')).toEqual(['eu-1b', 'eu-1b']);
  });

  it('is not preferred where a cluster says so', async () => {
    expect(await zoneOf(`zone: eu-1a\n${withBalancer('{ zonePreference: false }')}`)).toEqual(['eu-1a', null]);
    expect(await zoneOf(`zone: eu-1a\n${withBalancer('{ zonePreference: true }')}`)).toEqual(['eu-1a', 'eu-1a']);
  });

  it('must be a name, wherever it comes from', async () => {
    const rule = 'a name of letters, digits, ".", "_" and "-" that starts with a letter or a digit';
    expect(await zoneOf(`zone: "eu 1"\n${withBalancer('{}')}`)).toEqual([`1:7 zone: expected ${rule}, not "eu 1"`]);
    expect(await zoneOf(`zone: eu-1a\n${withBalancer('{}')}`, 'eu 1')).toEqual([`1:7 zone: MILLRACE_ZONE: expected ${rule}`]);
  });
});

describe('problems of balancers', () => {
  it.each([
    ['{ policy: ringhash }', [expect.stringMatching(/^38 policy: expected roundRobin \| .*, not "ringhash" \(did you mean "ringHash"\?\)$/)]],
    ['{ policy: fastest }', [expect.stringMatching(/^38 policy: expected .*maglev.*, not "fastest"$/)]],
    ['{ polcy: random }', ['30 polcy: unknown key "polcy" (did you mean "policy"?)']],
    ['{ hash_on: [path] }', ['30 hash_on: unknown key "hash_on" (did you mean "hashOn"?)']],
    ['{ activeRequestBias: -0.1 }', ['49 activeRequestBias: expected a number from 0 to 10, not -0.1']],
    ['{ activeRequestBias: 10.1 }', ['49 activeRequestBias: expected a number from 0 to 10, not 10.1']],
    ['{ activeRequestBias: 1.2345 }', ['49 activeRequestBias: 1.2345 has more than three decimals']],
    ['{ activeRequestBias: .nan }', ['49 activeRequestBias: expected a number, not NaN']],
    ['{ policy: peakEwma, decay: 0 }', ['55 decay: the duration must be at least 1ms']],
    ['{ policy: peakEwma, decay: 61m }', ['55 decay: the duration must be at most 1h']],
    ['{ policy: leastTime, defaultLatency: 0 }', ['65 defaultLatency: the duration must be at least 1ms']],
    ['{ policy: prequal, failurePenalty: 2h }', ['63 failurePenalty: the duration must be at most 1h']],
    ['{ overprovisioning: 0.9 }', ['48 overprovisioning: the factor must be from 1 to 10']],
    ['{ overprovisioning: 140 }', ['48 overprovisioning: the factor must be from 1 to 10 (write 1.4 or 140%)']],
    ['{ overprovisioning: 1.405 }', ['48 overprovisioning: 1.405 has more than two decimals']],
    ['{ overprovisioning: much }', ['48 overprovisioning: expected a factor such as 1.4 or 140%, not "much"']],
    ['{ panicThreshold: 101% }', ['46 panicThreshold: the percentage must be from 0 to 100']],
    ['{ panicThreshold: 0.5 }', ['46 panicThreshold: expected a percentage such as 50%, or a whole number, not 0.5']],
    ['{ slowStart: {} }', ['30 slowStart.window: required key "window" is missing: expected a duration such as 250ms, 5s, 1m or 2h']],
    ['{ slowStart: { window: 0 } }', ['51 slowStart.window: the duration must be at least 1ms']],
    ['{ slowStart: { window: 1s, aggression: 0 } }', ['67 slowStart.aggression: expected a number from 0.1 to 10, not 0']],
    ['{ slowStart: { window: 1s, aggression: 11 } }', ['67 slowStart.aggression: expected a number from 0.1 to 10, not 11']],
    ['{ slowStart: { window: 1s, minWeight: 0 } }', ['66 slowStart.minWeight: the percentage must be from 1 to 100']],
    ['{ zonePreference: near }', ['46 zonePreference: expected true or false or a mapping, not "near"']],
    ['{ zonePreference: { minEndpoints: 0 } }', ['62 zonePreference.minEndpoints: expected a number from 1, not 0']],
    ['{ zonePreference: { minEndpoint: 3 } }', ['48 zonePreference.minEndpoint: unknown key "minEndpoint" (did you mean "minEndpoints"?)']],
  ])('%s', async (balancer, expected) => {
    expect(await problemsOfBalancer(balancer)).toEqual(expected);
  });

  it('name the policies that have an option', async () => {
    const hash = 'ringHash, maglev, rendezvous';
    const latency = 'peakEwma, leastTime, prequal';
    const options: [option: string, value: string, policies: string][] = [
      ['activeRequestBias', '1', 'leastRequest'],
      ['decay', '1s', latency],
      ['defaultLatency', '1s', latency],
      ['failurePenalty', '1s', latency],
      ['hashOn', '[path]', hash],
      ['hashBalanceFactor', '125', hash],
      ['tableSize', '65537', 'maglev'],
      ['ringSize', '2048', 'ringHash'],
    ];
    for (const [option, value, policies] of options)
      for (const [policy, balancer] of Object.entries(POLICIES)) {
        const written = option === 'hashOn' ? `{ policy: ${policy}, ${option}: ${value} }` : balancer.replace(' }', `, ${option}: ${value} }`);
        const problems = await problemsOfBalancer(written);
        const column = 28 + written.indexOf(option);
        expect(problems, written).toEqual(
          policies.split(', ').includes(policy) ? [] : [`${column} ${option}: "${option}" means nothing to policy ${policy} (only for ${policies})`],
        );
      }
    expect(await problemsOfBalancer('{ tableSize: 101 }')).toEqual(['30 tableSize: "tableSize" means nothing to policy leastRequest (only for maglev)']);
  });

  it('all come at once', async () => {
    expect(await problemsOfBalancer('{ policy: maglev, decay: 1s, tableSize: 100, hashOn: [{}, { header: "x a" }] }')).toEqual([
      '46 decay: "decay" means nothing to policy maglev (only for peakEwma, leastTime, prequal)',
      '68 tableSize: 100 is not a prime (the nearest prime is 101)',
      '82 hashOn[0]: expected one of clientIp, path, header, cookie, query',
      '96 hashOn[1].header: "x a" is not a header name',
    ]);
  });
});

describe('problems of hashOn', () => {
  it.each(['ringHash', 'maglev', 'rendezvous'])('%s needs it', async (policy) => {
    const message = `38 policy: policy ${policy} needs "hashOn": what of a request decides where it goes`;
    expect(await problemsOfBalancer(`{ policy: ${policy} }`)).toEqual([`${message} (such as hashOn: [{ header: x-user }], or hashOn: [clientIp])`]);
  });

  const noSource = 'expected clientIp, path, or a mapping with header, cookie or query';
  it.each([
    ['{}', ['0]: expected one of clientIp, path, header, cookie, query']],
    ['{ terminal: true }', ['0]: expected one of clientIp, path, header, cookie, query']],
    ['{ headr: x-a }', ['0].headr: unknown key "headr" (did you mean "header"?)']],
    [
      '{ header: x-a, cookie: b, query: q }',
      [
        '0].cookie: "cookie" and "header" exclude each other (make it an entry of its own)',
        '0].query: "query" and "header" exclude each other (make it an entry of its own)',
      ],
    ],
    ['{ clientIp: true, path: true }', ['0].path: "path" and "clientIp" exclude each other (make it an entry of its own)']],
    ['{ clientIp: false }', ['0].clientIp: expected true, not false']],
    ['ip', [`0]: ${noSource}, not "ip" (known here: clientIp, path)`]],
    ['clientIP', [`0]: ${noSource}, not "clientIP" (did you mean "clientIp"?)`]],
    ['cookie', [`0]: ${noSource}, not "cookie" (name it: { cookie: … })`]],
    ['7', ['0]: expected a text or a mapping, not 7']],
    ['{ header: "x a" }', ['0].header: "x a" is not a header name']],
    ['{ query: "" }', ['0].query: expected a text that is not empty']],
    ['{ cookie: "a;b" }', ['0].cookie: "a;b" is not a cookie name']],
    ['{ cookie: { ttl: 1h } }', ['0].cookie.name: required key "name" is missing: expected a text']],
    ['{ cookie: { name: "a=b", ttl: 1h } }', ['0].cookie.name: "a=b" is not a cookie name']],
    ['{ cookie: { name: a, ttl: 1500ms } }', ['0].cookie.ttl: the ttl of a cookie is a whole number of seconds']],
    [
      '{ cookie: { name: a, path: /x } }',
      ['0].cookie.path: "path" is that of a generated cookie, and none is generated without "ttl" (add a ttl, such as 1h, or 0 until the browser ends)'],
    ],
    ...['shop', '/a;b', '/a b', '/\\x7f', '/\\r\\nset-cookie: c'].map((path): [string, string[]] => [
      `{ cookie: { name: a, ttl: 1h, path: "${path}" } }`,
      ['0].cookie.path: the path of a cookie starts with "/" and holds visible ASCII characters without ";"'],
    ]),
  ])('%s', async (source, expected) => {
    const problems = await problemsOfBalancer(`{ policy: maglev, hashOn: [${source}] }`);
    expect(problems.map((problem) => problem.replace(/^\d+ hashOn\[/, ''))).toEqual(expected);
  });

  it('has 1 to 16 entries', async () => {
    const sources = (count: number) => `{ policy: maglev, hashOn: [${Array.from({ length: count }, (_, i) => `{ header: x-${i} }`).join(', ')}] }`;
    expect(await problemsOfBalancer(sources(0))).toEqual(['54 hashOn: expected at least 1 entry']);
    expect(await problemsOfBalancer(sources(LIMITS.maxHashSources))).toEqual([]);
    expect(await problemsOfBalancer(sources(LIMITS.maxHashSources + 1))).toEqual([`54 hashOn: expected at most ${LIMITS.maxHashSources} entries`]);
  });
});

describe('problems of tables', () => {
  const bound = 'hashBalanceFactor: expected 0 (no bound) or a percentage from 100 to 100000';
  it.each([
    ['maglev', 'tableSize: 100', 'tableSize: 100 is not a prime (the nearest prime is 101)'],
    ['maglev', 'tableSize: 1', 'tableSize: the table size must be a prime from 2 to 5000011'],
    ['maglev', 'tableSize: 5000012', 'tableSize: the table size must be a prime from 2 to 5000011'],
    ['maglev', 'tableSize: 10.5', 'tableSize: expected a whole number, not 10.5'],
    ['ringHash', 'ringSize: 1023', 'ringSize: expected a number from 1024, not 1023'],
    ['ringHash', 'ringSize: 8388609', 'ringSize: expected a number up to 8388608, not 8388609'],
    ['rendezvous', 'hashBalanceFactor: 99', bound],
    ['rendezvous', 'hashBalanceFactor: 100001%', bound],
    ['rendezvous', 'hashBalanceFactor: 1.25', `${bound} (write 125 for 1.25 times the mean)`],
    ['rendezvous', 'hashBalanceFactor: 2', `${bound} (write 200 for 2 times the mean)`],
    ['rendezvous', 'hashBalanceFactor: 125.5', bound],
    ['rendezvous', 'hashBalanceFactor: some', bound],
  ])('%s, %s', async (policy, option, expected) => {
    const problems = await problemsOfBalancer(`{ policy: ${policy}, hashOn: [path], ${option} }`);
    expect(problems.map((problem) => problem.replace(/^\d+ /, ''))).toEqual([expected]);
  });
});

describe('problems of endpoints', () => {
  it('are placed', async () => {
    expect(
      await problemsOf(withCluster('{ endpoints: [{ address: 127.0.0.1:1, zone: "", priority: 128, maxRequests: -1, metadata: { v: 1 }, zoen: a }], queue: { max: -1, timeout: 0 }, maxRequests: many }')),
    ).toEqual([
      '7:60 clusters.a.endpoints[0].zone: expected a name of letters, digits, ".", "_" and "-" that starts with a letter or a digit, not ""',
      '7:74 clusters.a.endpoints[0].priority: expected a number up to 127, not 128',
      '7:92 clusters.a.endpoints[0].maxRequests: expected a number from 0, not -1',
      '7:111 clusters.a.endpoints[0].metadata.v: expected a text, not 1 (write it in quotes)',
      '7:116 clusters.a.endpoints[0].zoen: unknown key "zoen" (did you mean "zone"?)',
      '7:142 clusters.a.queue.max: expected a number from 0, not -1',
      '7:155 clusters.a.queue.timeout: the duration must be at least 1ms',
      '7:173 clusters.a.maxRequests: expected a number, not "many"',
    ]);
  });

  it('count every address of their names', async () => {
    const file = join(await workDirectory(), 'millrace.yaml');
    const names = Array.from({ length: 256 }, (_, i) => `h${i}.test:80`);
    const load = async (endpoints: string[]) => {
      await writeFile(file, withCluster(`{ endpoints: [${endpoints.join(', ')}] }`));
      const addresses = Array.from({ length: 256 }, (_, i) => ({ address: `192.0.2.${i}`, family: 'ipv4' as const }));
      return loadConfig(file, { resolveHost: () => Promise.resolve({ addresses }) });
    };
    const result = await load(names);
    expect(result.ok ? [] : brief(result.problems)).toEqual([
      '7:29 clusters.a.endpoints: with every address of their names these are 65536 endpoints; a cluster has at most 65535',
    ]);
    const one = await load([...names.slice(1), ...Array.from({ length: 255 }, (_, i) => `127.0.0.1:${i + 1}`)]);
    expect(one.ok && one.config.clusters['a']?.endpoints.length).toBe(LIMITS.maxEndpoints);
    expect(one.ok && imageOf(one.config).count('ENDPOINT')).toBe(LIMITS.maxEndpoints);
  });
});

describe('warnings about balancers', () => {
  const maglev = (count: number, tableSize = '') =>
    withCluster(`{ balancer: { policy: maglev, hashOn: [path]${tableSize} }, endpoints: [${Array.from({ length: count }, (_, i) => `127.0.0.1:${i + 1}`).join(', ')}] }`);

  it('name a Maglev table with less than 100 slots for each endpoint', async () => {
    expect(await warningsOf(maglev(3, ', tableSize: 293'))).toEqual([
      '7:73 clusters.a.balancer.tableSize: a table of 293 slots is small for 3 endpoints: some get noticeably more than their share (use at least 100 per endpoint: tableSize: 307)',
    ]);
    expect(await warningsOf(maglev(3, ', tableSize: 307'))).toEqual([]);
    expect(await warningsOf(maglev(1, ', tableSize: 2'))).toEqual([]);
    expect(await warningsOf(maglev(655))).toEqual([]);
    expect(await warningsOf(maglev(656))).toEqual([
      '7:28 clusters.a.balancer: a table of 65537 slots is small for 656 endpoints: some get noticeably more than their share (use at least 100 per endpoint: tableSize: 65609)',
    ]);
  });

  it('name a slow start that is none', async () => {
    expect(await warningsOf(withBalancer('{ slowStart: { window: 1s, minWeight: 100% } }'))).toEqual([
      '7:66 clusters.a.balancer.slowStart.minWeight: a slow start at 100 % of the weight is none',
    ]);
    expect(await warningsOf(withBalancer('{ slowStart: { window: 1s, minWeight: 99% } }'))).toEqual([]);
  });

  it('name a queue that nobody ever waits in', async () => {
    const queue = (rest: string, endpoint = '127.0.0.1:1') => warningsOf(withCluster(`{ queue: { max: 5 }, endpoints: [${endpoint}]${rest} }`));
    expect(await queue('')).toEqual(['7:18 clusters.a.queue: "queue" has no effect while no endpoint has "maxRequests"']);
    expect(await queue(', maxRequests: 1')).toEqual([]);
    expect(await queue('', '127.0.0.1:2, { address: 127.0.0.1:1, maxRequests: 1 }')).toEqual([]);
    expect(await queue(', maxRequests: 1', '{ address: 127.0.0.1:1, maxRequests: 0 }')).toHaveLength(1);
  });

  it('name a first priority without weight', async () => {
    const endpoints = (list: string) => warningsOf(withCluster(`{ endpoints: [${list}] }`));
    expect(await endpoints('{ address: 127.0.0.1:1, weight: 0 }, { address: 127.0.0.1:2, priority: 3 }, { address: 127.0.0.1:3, priority: 2 }')).toEqual([
      '7:29 clusters.a.endpoints: every endpoint of priority 0 has weight 0: those of priority 2 take all requests',
    ]);
    expect(await endpoints('127.0.0.1:4, { address: 127.0.0.1:1, weight: 0 }, { address: 127.0.0.1:2, priority: 3 }')).toEqual([]);
  });

  it('name a zone in which no endpoint is', async () => {
    const inZone = (balancer: string, endpoints: string) => warningsOf(`zone: eu-1c\n${withCluster(`{ balancer: ${balancer}, endpoints: [${endpoints}] }`)}`);
    const elsewhere = '{ address: 127.0.0.1:1, zone: eu-1a }, { address: 127.0.0.1:2, zone: eu-1b }, { address: 127.0.0.1:3, zone: eu-1a }, 127.0.0.1:4';
    expect(await inZone('{}', elsewhere)).toEqual([
      '8:43 clusters.a.endpoints: no endpoint is in the zone "eu-1c" of this proxy, so that none is preferred (its endpoints are in eu-1a, eu-1b)',
    ]);
    expect(await inZone('{ zonePreference: false }', elsewhere)).toEqual([]);
    expect(await inZone('{}', '127.0.0.1:1')).toEqual([]);
    expect(await inZone('{}', `${elsewhere}, { address: 127.0.0.1:5, zone: eu-1c }`)).toEqual([]);
    expect(await inZone('{}', `${elsewhere}, { address: 127.0.0.1:5, zone: eu-1c, weight: 0 }`)).toHaveLength(1);
  });
});

describe('warnings about what has no effect', () => {
  const ofBalancer = (balancer: string, endpoints = '127.0.0.1:1') =>
    withCluster(`{ balancer: ${balancer}, endpoints: [${endpoints}] }`);

  it('name a wish for a zone that nobody knows', async () => {
    const wish = ofBalancer('{ zonePreference: { minEndpoints: 2 } }');
    expect(await warningsOf(wish)).toEqual([
      '7:46 clusters.a.balancer.zonePreference: this proxy does not know its zone, so that none is preferred (write "zone" at the top level, or set MILLRACE_ZONE)',
    ]);
    expect(await warningsOf(`zone: eu-1a\n${wish}`)).toEqual([
      '8:46 clusters.a.balancer.zonePreference: no endpoint of this cluster has a zone, so that none is preferred',
    ]);
    expect(await warningsOf(ofBalancer('{ zonePreference: false }'))).toEqual([]);
    expect(await warningsOf(`zone: z\n${ofBalancer('{ zonePreference: true }', '{ address: 127.0.0.1:1, zone: z }')}`)).toEqual([]);
  });

  it('name hash sources that are there twice', async () => {
    const list = '{ header: X-A }, clientIp, { header: x-a, terminal: true }, { clientIp: true }, { cookie: a }, { query: a }, { cookie: A }, { cookie: a }, { cookie: { name: a, ttl: 1h } }';
    expect((await warningsOf(ofBalancer(`{ policy: rendezvous, hashOn: [${list}] }`))).map((warning) => warning.replace(/^\S+ /, ''))).toEqual([
      'clusters.a.balancer.hashOn[2]: hashOn[0] is header x-a already, so that this adds nothing to the key',
      'clusters.a.balancer.hashOn[3]: hashOn[1] is clientIp already, so that this adds nothing to the key',
      'clusters.a.balancer.hashOn[3]: hashOn[2] always ends the list, so that nothing behind it is asked',
      'clusters.a.balancer.hashOn[7]: hashOn[4] is cookie a already, so that this adds nothing to the key',
    ]);
  });

  it('name hash sources behind one that always ends the list', async () => {
    const hashOn = (list: string) => warningsOf(ofBalancer(`{ policy: maglev, hashOn: [${list}] }`));
    for (const [list, at] of [
      ['{ clientIp: true, terminal: true }, path', '7:91 clusters.a.balancer.hashOn[1]: hashOn[0]'],
      ['path, { header: a, terminal: true }, clientIp', '7:92 clusters.a.balancer.hashOn[2]: hashOn[1]'],
      ['{ cookie: { name: c, ttl: 0 }, terminal: true }, path', '7:104 clusters.a.balancer.hashOn[1]: hashOn[0]'],
    ] as const)
      expect(await hashOn(list)).toEqual([`${at} always ends the list, so that nothing behind it is asked`]);
    expect(await hashOn('{ header: a, terminal: true }, { cookie: c, terminal: true }, { path: true, terminal: true }')).toEqual([]);
  });
});

describe('primes', () => {
  it('are found', () => {
    expect([0, 1, 2, 3, 4, 9, 25, 97, 65_537, 5_000_011, 65_539 * 3].map(isPrime)).toEqual([false, false, true, true, false, false, false, true, true, true, false]);
    expect([0, 1, 2, 4, 100, 200, 294].map(nextPrime)).toEqual([2, 2, 2, 5, 101, 211, 307]);
    expect([4, 9, 100, 6_000_000].map((value) => nearestPrime(value, LIMITS.maxMaglevTable))).toEqual([3, 7, 101, 5_000_011]);
  });
});

describe('the JSON Schema', () => {
  it('has every key of a balancer', () => {
    const text = JSON.stringify(configJsonSchema());
    const keys = ['policy', 'activeRequestBias', 'decay', 'defaultLatency', 'failurePenalty', 'hashOn', 'hashBalanceFactor', 'tableSize', 'ringSize'];
    const more = ['overprovisioning', 'panicThreshold', 'slowStart', 'window', 'aggression', 'minWeight', 'zonePreference', 'minEndpoints', 'terminal', 'ttl'];
    const ofClusters = ['zone', 'priority', 'metadata', 'maxRequests', 'queue', 'subsets', 'subset', 'keys', 'fallback', 'default'];
    for (const key of [...keys, ...more, ...ofClusters]) expect(text, key).toContain(`"${key}":{`);
    for (const policy of Object.keys(POLICY)) expect(text).toContain(`"${policy}"`);
    expect(text).toContain('"enum":["none","any","default"]');
  });
});
