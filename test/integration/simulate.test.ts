/** `millrace simulate` as a person runs it, and truths about policies that the literature and the running proxy know, too. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { millrace, workDirectory } from '../unit/cli/support.ts';

interface Row {
  policy: string;
  load: number;
  failedShare: number;
  goodput: number;
  latency: { p50: number; p99: number };
  groups: { name: string; share: number }[];
}

async function results(args: string[], scenario?: object): Promise<(policy: string, load?: number) => Row> {
  const directory = workDirectory();
  const file = join(directory, 'scenario.json');
  if (scenario !== undefined) writeFileSync(file, JSON.stringify(scenario));
  const { code, stdout, stderr } = await millrace(['simulate', ...(scenario === undefined ? [] : [file]), ...args, '--json'], directory);
  expect([code, stderr]).toEqual([0, '']);
  const { results: rows } = JSON.parse(stdout) as { results: Row[] };
  return (policy, load) => {
    const row = rows.find((candidate) => candidate.policy === policy && (load === undefined || candidate.load === load));
    if (row === undefined) throw new Error(`no row ${policy} ${load}`);
    return row;
  };
}

const exponential = (ms: number) => ({ exponential: `${ms}ms` });

describe('millrace simulate', () => {
  it('answers something useful when it is asked nothing', async () => {
    const { code, stdout, stderr } = await millrace(['simulate', '--requests', '20k', '--load', '0.5,0.8']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('a tenth of the endpoints is ten times as slow');
    expect(stdout).toContain('At 80 % load, 29,120 requests/s');
    expect(stdout).toMatch(/^\* (leastTime|peakEwma|leastRequest): at 80 % load it fails 0 %.*, where (roundRobin|random) fails \d/m);
  });

  it('gives the same bytes for the same seed on any number of threads, and others for another seed', async () => {
    const run = async (seed: string, threads: string) => {
      const { code, stdout } = await millrace(['simulate', '--endpoints', '20', '--slow', '2', '--requests', '5k', '--load', '0.6..1:0.2', '--proxies', '3', '--policies', 'roundRobin,random,leastRequest,peakEwma,leastTime,prequal,maglev', '--seed', seed, '--threads', threads, '--json']);
      expect(code).toBe(0);
      return stdout;
    };
    const [first, alone, other] = [await run('7', '4'), await run('7', '1'), await run('8', '4')];
    expect(alone).toBe(first);
    expect(other.replace('"seed": 8', '"seed": 7')).not.toBe(first);
  });

  it('writes a page and a picture, and prints the scenario that leads to them', async () => {
    const directory = workDirectory();
    const { code, stderr } = await millrace(['simulate', '--scenario', 'failing', '--duration', '8s', '--report', 'page.html', '--svg', 'picture.svg'], directory);
    expect([code, stderr]).toEqual([0, 'written: page.html\nwritten: picture.svg\n']);
    const [page, picture] = [readFileSync(join(directory, 'page.html'), 'utf8'), readFileSync(join(directory, 'picture.svg'), 'utf8')];
    expect(page.match(/<figure/g)?.length).toBe(8);
    expect(page).toContain('Failed requests meanwhile');
    expect(picture.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
    const printed = await millrace(['simulate', '--scenario', 'failing', '--duration', '8s', '--seed', '3', '--print'], directory);
    writeFileSync(join(directory, 'mine.yaml'), printed.stdout);
    const [direct, again] = [await millrace(['simulate', '--scenario', 'failing', '--duration', '8s', '--seed', '3', '--json'], directory), await millrace(['simulate', 'mine.yaml', '--json'], directory)];
    expect(again.stdout).toBe(direct.stdout);
    expect(await millrace(['simulate', '--scenario', 'failing', '--requests', '1000', '--svg', 'no/such/directory.svg'], directory)).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot write no/such/directory.svg') });
  });

  it('compares a cluster of a configuration with other policies', async () => {
    const directory = workDirectory();
    writeFileSync(
      join(directory, 'millrace.yaml'),
      'listeners: [{ name: web, address: 127.0.0.1:0, routes: t }]\nroutes: { t: [{ hosts: ["*"], routes: [{ match: { pathPrefix: / }, cluster: items }] }] }\n' +
        'clusters: { items: { balancer: { policy: maglev, hashOn: [clientIp] }, endpoints: [{ address: 127.0.0.1:1, weight: 3 }, 127.0.0.1:2, 127.0.0.1:3, 127.0.0.1:4] } }\n',
    );
    const { code, stdout, stderr } = await millrace(['simulate', '--config', 'millrace.yaml', '--cluster', 'items', '--slow', '1', '--requests', '5k', '--load', '0.5'], directory);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('cluster items\n');
    expect(stdout).toContain('items as it is (maglev)');
    expect(stdout).toContain('1 good weight 3 (mean 10 ms, 4 at once, weight 3) + 2 good weight 1 (mean 10 ms, 4 at once) + 1 slow weight 1 (mean 100 ms, 4 at once)');
  });

  it('says what is wrong, where, and what to do, and starts nothing', async () => {
    const directory = workDirectory();
    writeFileSync(join(directory, 'bad.yaml'), 'policies: [roundRobin]\nendpoints:\n  - { serviceTime: { fixed: 10ms }, conncurrency: 4 }\n');
    const wrong = async (...args: string[]) => {
      const { code, stdout, stderr } = await millrace(['simulate', ...args], directory);
      expect([code, stdout]).toEqual([1, '']);
      return stderr;
    };
    expect(await wrong('bad.yaml')).toBe('bad.yaml:3:37: endpoints[0].conncurrency: unknown key "conncurrency" (did you mean "concurrency"?)\n1 problem\n');
    expect(await wrong('none.yaml')).toContain('none.yaml: there is no such file');
    expect(await wrong('--scenario', 'overlod')).toContain('did you mean "overload"?');
    expect(await wrong('--load', '0.5-1')).toContain('--load: "0.5-1" is no load');
    expect(await wrong('--policies', 'rr')).toMatch(/^--policies: policies\[0\]: "rr" is no policy \(known here: roundRobin, /);
    expect(await wrong('bad.yaml', '--scenario', 'failing')).toContain('exclude each other');
    expect(await wrong('bad.yaml', '--slow', '2')).toContain('the scenario file says what endpoints there are');
    expect(await wrong('--cluster', 'x')).toContain('--cluster needs the configuration');
    expect(await wrong('--threads', '0')).toContain('--threads: expected a number from 1 to 256');
    expect(await wrong('--slow', '200')).toContain('more than there are, 100');
  });

  it('has help that is worth reading', async () => {
    const { code, stdout } = await millrace(['simulate', '--help']);
    expect(code).toBe(0);
    for (const word of ['--slow <n>', '--report <file>', 'on virtual time', '--scenario failing --report failing.html', 'What it leaves out']) expect(stdout).toContain(word);
    const list = await millrace(['simulate', '--list']);
    expect(list.stdout.trim().split('\n').map((line) => line.split(/\s/)[0])).toEqual(['failing', 'many-proxies', 'overload', 'rate-limit', 'slow-endpoint', 'thundering-herd']);
  });
});

describe('what is known of the policies', () => {
  const LOAD = { load: 0.7, requests: 40_000, timeout: '1s' };

  it('leastRequest beats roundRobin when a tenth of the endpoints is slow, and those that measure beat both', async () => {
    const of = await results([], {
      ...LOAD,
      requests: 60_000,
      policies: ['roundRobin', 'random', 'leastRequest', 'peakEwma', 'leastTime', { policy: 'roundRobin', outlierDetection: {}, label: 'ejecting' }],
      outlierDetection: false,
      endpoints: [{ name: 'good', count: 45, serviceTime: exponential(10) }, { name: 'slow', count: 5, serviceTime: exponential(100) }],
    });
    const slow = (policy: string) => of(policy).groups.find(({ name }) => name === 'slow')?.share ?? 1;
    expect(of('roundRobin').latency.p99).toBeGreaterThan(3 * of('leastRequest').latency.p99);
    expect(of('leastRequest').latency.p99).toBeGreaterThan(1.3 * of('peakEwma').latency.p99);
    expect(of('roundRobin').failedShare).toBeGreaterThan(0.01);
    expect(of('leastRequest').failedShare).toBeLessThan(0.001);
    expect(slow('random')).toBeGreaterThan(0.09);
    expect(slow('roundRobin')).toBeCloseTo(0.1, 4);
    expect(slow('ejecting')).toBeLessThan(0.09);
    expect(slow('leastRequest')).toBeLessThan(0.03);
    expect(slow('peakEwma')).toBeLessThan(slow('leastRequest'));
    expect(slow('leastTime')).toBeLessThan(slow('leastRequest'));
  });

  it('an endpoint that fails fast takes in leastRequest, not peakEwma, unless failures cost nothing', async () => {
    const of = await results([], {
      ...LOAD,
      policies: ['roundRobin', 'leastRequest', 'peakEwma', { policy: 'peakEwma', failurePenalty: 0, label: 'fearless' }, { policy: 'leastRequest', outlierDetection: { interval: '1s' }, label: 'ejecting' }],
      outlierDetection: false,
      endpoints: [{ name: 'good', count: 9, serviceTime: exponential(10) }, { name: 'bad', count: 1, serviceTime: { fixed: '0.5ms' }, fails: 1 }],
    });
    expect(of('roundRobin').failedShare).toBeCloseTo(0.1, 2);
    expect(of('leastRequest').failedShare).toBeGreaterThan(1.3 * of('roundRobin').failedShare);
    expect(of('fearless').failedShare).toBeGreaterThan(of('roundRobin').failedShare);
    expect(of('peakEwma').failedShare).toBeLessThan(0.02);
    expect(of('ejecting').failedShare).toBeLessThan(0.02);
  });

  it('roundRobin gives way first when the load rises and endpoints differ', async () => {
    const loads = [0.5, 0.7, 0.9];
    const of = await results([], {
      ...LOAD,
      load: loads,
      policies: ['roundRobin', 'leastRequest', 'leastTime'],
      endpoints: [{ name: 'large', count: 10, serviceTime: exponential(10), concurrency: 16, queue: 200 }, { name: 'small', count: 10, serviceTime: exponential(10), concurrency: 4, queue: 200 }],
    });
    const breaks = (policy: string) => loads.find((load) => of(policy, load).failedShare > 0.01) ?? Number.POSITIVE_INFINITY;
    expect(breaks('roundRobin')).toBeLessThan(breaks('leastRequest'));
    for (const load of loads) expect(of('roundRobin', load).goodput).toBeLessThan(of('leastRequest', load).goodput);
    expect(of('leastTime', 0.9).latency.p99).toBeLessThan(of('leastRequest', 0.9).latency.p99);
  });

  it('what only counts its own requests gets worse the more proxies there are; what measures does not', async () => {
    const scenario = (proxies: number) => ({ ...LOAD, proxies, policies: ['leastRequest', 'peakEwma'], endpoints: [{ name: 'good', count: 27, serviceTime: exponential(10) }, { name: 'slow', count: 3, serviceTime: exponential(50) }] });
    const [one, fifty] = [await results([], scenario(1)), await results([], scenario(50))];
    expect(fifty('leastRequest').latency.p99).toBeGreaterThan(1.3 * one('leastRequest').latency.p99);
    expect(fifty('peakEwma').latency.p99).toBeLessThan(fifty('leastRequest').latency.p99);
  });

  it('the queue of a single place has the waiting time that M/M/1 says', async () => {
    const of = await results([], { load: 0.8, requests: 400_000, network: 0, timeout: '1h', policies: ['random'], endpoints: [{ serviceTime: exponential(10), concurrency: 1, queue: 100_000 }] });
    // Response times are exponential with mean s / (1 - load).
    expect(of('random').latency.p50).toBeCloseTo(0.05 * Math.LN2, 2);
    expect(of('random').latency.p99 / (0.05 * Math.log(100))).toBeCloseTo(1, 0);
    expect(Math.abs(of('random').latency.p99 / (0.05 * Math.log(100)) - 1)).toBeLessThan(0.1);
  });
});
