/**
 * What each balancer does about one bad endpoint of ten, through the running proxy under a constant open-loop load.
 *
 *   node bench/policies.mjs [--policies a,b] [--rate 1500] [--seconds 8] [--warmup 3] [--service-ms 10] [--json FILE] [--svg FILE]
 *
 * Two scenarios: "slow", where one endpoint takes ten times as long as the others, and "failing", where one answers 503 at
 * once and so looks idle. Latency is that of the answers with status 200, from the time at which the request was to begin; the
 * share of the bad endpoint is to be read against the fair tenth. bench/README.md has the figures and says how to read them.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLoop, random } from './open-loop.mjs';
import { drawPolicies } from './policies-plot.mjs';
import { LOAD_CORE, PROXY_CORE, REQUEST_HEADERS, directory, freePort, machine, run, start, untilAnswering } from './support.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ENDPOINTS = 10;
const BAD = 0;
const SLOW_FACTOR = 10;
/**
 * The client shares its core with the upstreams, and the machine with others. When it was later than this itself, the run
 * tells about the machine and is made again, so often in all.
 */
const LATE_MS = 20;
const MOST_REPEATS = 10;
/** Keys that hash policies are asked with, all equally often. */
const KEYS = 10_000;
const HASHED = { hashOn: [{ header: 'x-key' }] };

/** Balancer settings by the name that the table shows. */
const POLICIES = {
  roundRobin: { policy: 'roundRobin' },
  random: { policy: 'random' },
  leastRequest: { policy: 'leastRequest' },
  peakEwma: { policy: 'peakEwma' },
  leastTime: { policy: 'leastTime' },
  prequal: { policy: 'prequal' },
  ringHash: { policy: 'ringHash', ...HASHED },
  maglev: { policy: 'maglev', ...HASHED },
  rendezvous: { policy: 'rendezvous', ...HASHED },
  'maglev bounded': { policy: 'maglev', ...HASHED, hashBalanceFactor: 125 },
};

const { values: options } = parseArgs({
  options: {
    policies: { type: 'string', default: Object.keys(POLICIES).join(',') },
    rate: { type: 'string', default: '1500' },
    seconds: { type: 'string', default: '8' },
    warmup: { type: 'string', default: '3' },
    'service-ms': { type: 'string', default: '10' },
    json: { type: 'string' },
    svg: { type: 'string' },
  },
});
const [rate, seconds, warmupSeconds, serviceMs] = [options.rate, options.seconds, options.warmup, options['service-ms']].map(Number);
const names = options.policies.split(',');
for (const name of names) if (POLICIES[name] === undefined) throw new Error(`no policy "${name}"; there are ${Object.keys(POLICIES).join(', ')}`);

const SCENARIOS = {
  slow: { title: `one of ${ENDPOINTS} endpoints is ${SLOW_FACTOR} times as slow`, bad: { serviceMs: serviceMs * SLOW_FACTOR } },
  failing: { title: `one of ${ENDPOINTS} endpoints answers 503 at once`, bad: { fail: true } },
};

async function startUpstreams(bad) {
  const servers = Array.from({ length: ENDPOINTS }, (_, i) => (i === BAD ? bad : { serviceMs }));
  const child = start(LOAD_CORE, process.execPath, [join(root, 'bench/upstreams.mjs'), JSON.stringify(servers)]);
  const [line] = await once(child.stdout, 'data');
  return JSON.parse(line);
}

async function startProxy(balancer, upstreams) {
  const port = await freePort();
  const file = join(directory, `policy-${port}.json`);
  writeFileSync(
    file,
    JSON.stringify({
      workers: 1,
      admin: false,
      listeners: [{ name: 'bench', address: `127.0.0.1:${port}`, routes: 'bench' }],
      routes: {
        bench: [
          {
            hosts: ['*'],
            routes: [
              { match: { path: '/alive' }, respond: { status: 200 } },
              { match: { pathPrefix: '/' }, cluster: 'fleet' },
            ],
          },
        ],
      },
      clusters: { fleet: { balancer, endpoints: upstreams.map((upstream) => `127.0.0.1:${upstream}`) } },
    }),
  );
  const child = start(PROXY_CORE, process.execPath, [join(root, 'dist/cli/main.js'), 'run', file]);
  await untilAnswering(`http://127.0.0.1:${port}/alive`);
  return { child, port };
}

const quantile = (ordered, q) => ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * q))];

async function measure(name, upstreams) {
  const { child, port } = await startProxy(POLICIES[name], upstreams);
  const next = random(11);
  const headers = Object.entries(REQUEST_HEADERS).map(([key, value]) => `${key}: ${value}\r\n`).join('');
  const requestOf = () => `GET /work HTTP/1.1\r\nHost: fleet.example.com\r\n${headers}X-Key: key-${Math.floor(next() * KEYS)}\r\n\r\n`;
  const result = await openLoop({ port, rate, seconds, warmupSeconds, seed: 5, requestOf });
  child.expected = true;
  child.kill('SIGKILL');
  if (result.broken > 0) throw new Error(`${result.broken} connections broke under ${name}, the run is void`);
  const total = result.answers;
  const good = result.latencies.length;
  const shares = upstreams.map((_, i) => (result.upstreams.get(String(i)) ?? 0) / total);
  return {
    policy: name,
    requests: total,
    meanMs: result.latencies.reduce((sum, ms) => sum + ms, 0) / good,
    p50Ms: quantile(result.latencies, 0.5),
    p99Ms: quantile(result.latencies, 0.99),
    errorShare: (total - good) / total,
    /** Answers of the proxy itself, when no endpoint would do. */
    ownShare: (result.upstreams.get('') ?? 0) / total,
    badShare: shares[BAD],
    shares,
    latestStartMs: result.latestStartMs,
  };
}

let repeats = 0;
async function measureInPeace(name, upstreams) {
  let best = await measure(name, upstreams);
  while (best.latestStartMs > LATE_MS && repeats < MOST_REPEATS) {
    repeats++;
    process.stderr.write(`  again, since the client was ${best.latestStartMs.toFixed(0)} ms late\n`);
    const other = await measure(name, upstreams);
    if (other.latestStartMs < best.latestStartMs) best = other;
  }
  return best;
}

const percent = (share) => `${(share * 100).toFixed(1)} %`;

function table(results) {
  const head = ['policy', 'mean ms', 'p50 ms', 'p99 ms', 'errors', 'bad endpoint', 'other endpoints'];
  const rows = results.map(({ policy, meanMs, p50Ms, p99Ms, errorShare, badShare, shares }) => {
    const others = shares.filter((_, i) => i !== BAD);
    return [policy, meanMs.toFixed(2), p50Ms.toFixed(2), p99Ms.toFixed(2), percent(errorShare), percent(badShare), `${percent(Math.min(...others))} .. ${percent(Math.max(...others))}`];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  return [head, ...rows].map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ')).join('\n');
}

await run(async () => {
  execFileSync('taskset', ['-acp', LOAD_CORE, String(process.pid)], { stdio: 'ignore' });
  const summary = { date: new Date().toISOString().slice(0, 10), machine: machine(), loadAverage: loadavg()[0], options: { rate, seconds, warmupSeconds, serviceMs }, scenarios: {} };
  console.log(`${summary.machine}; load average ${summary.loadAverage.toFixed(2)}`);
  console.log(`${rate} requests/s for ${seconds} s after ${warmupSeconds} s of warm-up, Poisson arrivals, service time ${serviceMs} ms; fair share ${percent(1 / ENDPOINTS)}`);
  for (const [scenario, { title, bad }] of Object.entries(SCENARIOS)) {
    const upstreams = await startUpstreams(bad);
    const results = [];
    for (const name of names) {
      process.stderr.write(`${scenario}: ${name}\n`);
      results.push(await measureInPeace(name, upstreams));
    }
    summary.scenarios[scenario] = { title, results };
    console.log(`\n${scenario}: ${title}\n${table(results)}`);
    for (const { policy, latestStartMs } of results) if (latestStartMs > LATE_MS) console.log(`under ${policy} the client itself was up to ${latestStartMs.toFixed(0)} ms late, which is in the figures`);
  }
  if (options.json) writeFileSync(options.json, `${JSON.stringify(summary, null, 2)}\n`);
  if (options.svg) writeFileSync(options.svg, drawPolicies(summary));
});
