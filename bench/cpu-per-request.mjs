/**
 * CPU time per proxied keep-alive request, Millrace against nginx, interleaved on one core with one upstream.
 *
 *   node bench/cpu-per-request.mjs [--pairs 10] [--seconds 4] [--connections 64] [--no-forwarded] [--tls] [--json FILE]
 *
 * CPU is what the kernel accounts to all threads of the proxy (/proc/PID/task/N/schedstat, in nanoseconds), divided by the
 * requests that the load generator counted. Any error voids the run. Medians are over the pairs; the ratio is
 * taken pair by pair, so that a drift of the machine's speed cancels out. bench/README.md says how to read it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ANSWER, PROXY_CORE, REQUEST_HEADERS, directory, freePort, load, machine, median, run, sorted, startMillrace, startNginx, startUpstream, untilAnswering } from './support.mjs';

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    'no-forwarded': { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const pairs = Number(options.pairs);
const forwarded = !options['no-forwarded'];
const scheme = options.tls ? 'https' : 'http';

/** CPU nanoseconds of all threads, and clock ticks in user and system mode. */
function cpuOf(pid) {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error; // the thread ended meanwhile
    }
  }
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { ns, user: Number(fields[11]), system: Number(fields[12]) };
}

function measure({ pid, url }) {
  const before = cpuOf(pid);
  const result = load(url, options);
  const after = cpuOf(pid);
  const user = after.user - before.user;
  const us = (after.ns - before.ns) / 1000 / result.requests;
  return { ...result, us, userUs: (us * user) / (user + after.system - before.system || 1) };
}

/** The same work as Millrace's defaults: the same four headers added, or none. */
function startPeer(port, upstream, tls) {
  const certificate = tls === null ? '' : `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key}; ssl_protocols TLSv1.3;`;
  const headers = forwarded
    ? 'proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Request-Id $request_id;'
    : '';
  const server = `listen 127.0.0.1:${port} ${tls === null ? '' : 'ssl'}; ${certificate} location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; ${headers} }`;
  return startNginx(PROXY_CORE, 'peer', server, `upstream origin { server 127.0.0.1:${upstream}; keepalive 512; keepalive_requests 1000000000; }`);
}

function makeCertificate() {
  const tls = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', tls.key, '-out', tls.cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
  return tls;
}

const summaryOf = (list) => ({ us: median(list.map((r) => r.us)), userUs: median(list.map((r) => r.userUs)), rate: median(list.map((r) => r.rate)) });

await run(async () => {
  const [upstream, port, peerPort] = [await freePort(), await freePort(), await freePort()];
  const tls = options.tls ? makeCertificate() : null;
  startUpstream(upstream);
  const contenders = {
    millrace: { pid: startMillrace({ port, upstream, forwarded, tls }).pid, url: `${scheme}://127.0.0.1:${port}/` },
    nginx: { pid: startPeer(peerPort, upstream, tls).pid, url: `${scheme}://127.0.0.1:${peerPort}/` },
  };
  for (const { url } of Object.values(contenders)) {
    await untilAnswering(url);
    load(url, options); // warm-up, not counted
  }
  const runs = { millrace: [], nginx: [] };
  for (let i = 0; i < pairs; i++) {
    for (const [name, contender] of Object.entries(contenders)) runs[name].push(measure(contender));
    const text = Object.entries(runs).map(([name, list]) => `${name} ${list[i].us.toFixed(2)} us (${list[i].userUs.toFixed(2)} user), ${list[i].rate.toFixed(0)}/s, p99 ${list[i].p99}`);
    console.log(`pair ${i + 1}/${pairs}: ${text.join(' · ')} · ratio ${(runs.millrace[i].us / runs.nginx[i].us).toFixed(3)}`);
  }
  const ratios = sorted(runs.millrace.map((m, i) => m.us / runs.nginx[i].us));
  const summary = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    peer: spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr.trim(),
    options: { ...options, pairs, forwarded },
    millrace: summaryOf(runs.millrace),
    nginx: summaryOf(runs.nginx),
    ratio: { min: ratios[0], median: median(ratios), max: ratios.at(-1) },
  };
  const shown = ({ us, userUs, rate }) => `${us.toFixed(2)} us (${userUs.toFixed(2)} user), ${rate.toFixed(0)} requests/s`;
  console.log(`\nCPU per request on ${summary.machine}, ${summary.peer}`);
  console.log(`${options.tls ? 'TLS 1.3 ' : ''}keep-alive, ${options.connections} connections, ${Object.keys(REQUEST_HEADERS).length + 1} headers, ${ANSWER.length}-byte answers, forwarding headers ${forwarded ? 'on' : 'off'}; median of ${pairs} pairs:`);
  console.log(`  millrace ${shown(summary.millrace)}\n  nginx    ${shown(summary.nginx)}`);
  console.log(`  ratio    ${summary.ratio.median.toFixed(3)} (${summary.ratio.min.toFixed(3)} .. ${summary.ratio.max.toFixed(3)}); below 1: Millrace needs less`);
  if (options.json) {
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, `${JSON.stringify({ ...summary, runs }, null, 2)}\n`);
  }
});
