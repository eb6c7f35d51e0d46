/**
 * CPU time per proxied keep-alive request, Millrace against nginx, interleaved on one core with one upstream.
 *
 *   node bench/cpu-per-request.mjs [--pairs 10] [--seconds 4] [--connections 64] [--no-forwarded] [--tls] [--json FILE]
 *
 * Needs nginx and wrk on the PATH and two cores: the proxy under test has core 0 to itself, upstream and load
 * generator share core 1. CPU is what the kernel accounts to all threads of the proxy (/proc/PID/task/N/schedstat, in
 * nanoseconds), divided by the requests that wrk counted. Any error of wrk voids the run. Medians are over the pairs;
 * the ratio is taken pair by pair, so that a drift of the machine's speed cancels out.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
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
const forwarded = !options['no-forwarded'];
const PROXY_CORE = '0';
const LOAD_CORE = '1';
const HEADERS = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)', Accept: '*/*', 'Accept-Language': 'en', 'Accept-Encoding': 'gzip', 'X-Tenant': '42' };
const BODY = 'x'.repeat(64);

const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const children = [];

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function start(core, command, args, name) {
  const child = spawn('taskset', ['-c', core, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (child.output += text));
  child.on('exit', (code) => {
    if (!child.expected) process.stderr.write(`${name} ended with ${code}:\n${child.output}\n`);
  });
  children.push(child);
  return child;
}

async function untilAnswering(url) {
  for (let tries = 0; tries < 100; tries++) {
    try {
      execFileSync('curl', ['-skf', '-o', '/dev/null', '--max-time', '1', url]);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`nothing answers on ${url}`);
}

const temporaryPaths = (name) => ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${directory}/${name}-${kind};`).join(' ');

function nginxConf(name, server, extra = '') {
  const file = join(directory, `${name}.conf`);
  writeFileSync(file, `worker_processes 1; daemon off; master_process off; pid ${directory}/${name}.pid; error_log stderr error;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; ${temporaryPaths(name)} ${extra} server { ${server} } }
`);
  return file;
}

/** CPU nanoseconds of all threads, and user and system clock ticks. */
function cpuOf(pid) {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // the thread ended meanwhile
    }
  }
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { ns, user: Number(fields[11]), system: Number(fields[12]) };
}

function load(port) {
  const args = ['-c', LOAD_CORE, 'wrk', '-t1', `-c${options.connections}`, `-d${options.seconds}`, '--latency'];
  for (const [name, value] of Object.entries(HEADERS)) args.push('-H', `${name}: ${value}`);
  const text = execFileSync('taskset', [...args, `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}/`], { encoding: 'utf8' });
  if (/Socket errors|Non-2xx/.test(text)) throw new Error(`a run had errors and is void:\n${text}`);
  const requests = Number(/(\d+) requests in/.exec(text)[1]);
  return { requests, rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)[1]), p99: /99%\s+(\S+)/.exec(text)[1] };
}

function measure(contender) {
  const before = cpuOf(contender.pid);
  const run = load(contender.port);
  const after = cpuOf(contender.pid);
  const ticks = after.user - before.user + after.system - before.system || 1;
  const us = (after.ns - before.ns) / 1000 / run.requests;
  return { ...run, us, userUs: (us * (after.user - before.user)) / ticks, systemUs: (us * (after.system - before.system)) / ticks };
}

const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => sorted(list)[Math.floor(list.length / 2)];

async function main() {
  const [upstream, millracePort, nginxPort] = [await freePort(), await freePort(), await freePort()];
  start(LOAD_CORE, 'nginx', ['-p', directory, '-c', nginxConf('upstream', `listen 127.0.0.1:${upstream}; location / { default_type text/plain; return 200 "${BODY}"; }`)], 'upstream');

  const certificate = join(directory, 'cert.pem');
  const key = join(directory, 'key.pem');
  if (options.tls) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
  }
  const nginxTls = options.tls ? `ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;` : '';
  const nginxForwarded = forwarded
    ? 'proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Request-Id $request_id;'
    : '';
  const nginxFile = nginxConf(
    'proxy',
    `listen 127.0.0.1:${nginxPort} ${options.tls ? 'ssl' : ''}; ${nginxTls} location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; ${nginxForwarded} }`,
    `upstream origin { server 127.0.0.1:${upstream}; keepalive 512; keepalive_requests 1000000000; }`,
  );
  const nginx = start(PROXY_CORE, 'nginx', ['-p', directory, '-c', nginxFile], 'nginx');

  const millraceFile = join(directory, 'millrace.json');
  writeFileSync(
    millraceFile,
    JSON.stringify({
      workers: 1,
      admin: false,
      listeners: [
        {
          name: 'bench', address: `127.0.0.1:${millracePort}`, routes: 'bench', forwarded: { headers: forwarded }, requestId: forwarded,
          ...(options.tls ? { tls: { certificates: [{ cert: certificate, key }] } } : {}),
        },
      ],
      routes: { bench: [{ hosts: ['*'], routes: [{ match: { pathPrefix: '/' }, cluster: 'origin' }] }] },
      clusters: { origin: { endpoints: [`127.0.0.1:${upstream}`] } },
    }),
  );
  const millrace = start(PROXY_CORE, process.execPath, [join(root, 'dist/cli/main.js'), 'run', millraceFile], 'millrace');

  const scheme = options.tls ? 'https' : 'http';
  await untilAnswering(`${scheme}://127.0.0.1:${millracePort}/`);
  await untilAnswering(`${scheme}://127.0.0.1:${nginxPort}/`);
  const contenders = { millrace: { pid: millrace.pid, port: millracePort }, nginx: { pid: nginx.pid, port: nginxPort } };
  for (const contender of Object.values(contenders)) load(contender.port); // warm-up, not counted

  const runs = { millrace: [], nginx: [] };
  const pairs = Number(options.pairs);
  for (let i = 0; i < pairs; i++) {
    for (const [name, contender] of Object.entries(contenders)) runs[name].push(measure(contender));
    const [m, n] = [runs.millrace[i], runs.nginx[i]];
    console.log(`pair ${i + 1}/${pairs}: millrace ${m.us.toFixed(2)} us (${m.userUs.toFixed(2)} user), ${m.rate.toFixed(0)}/s, p99 ${m.p99} · nginx ${n.us.toFixed(2)} us (${n.userUs.toFixed(2)} user), ${n.rate.toFixed(0)}/s, p99 ${n.p99} · ratio ${(m.us / n.us).toFixed(3)}`);
  }
  const ratios = sorted(runs.millrace.map((m, i) => m.us / runs.nginx[i].us));
  const summary = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0].model}, ${cpus().length} cores`,
    node: process.version,
    nginx: execFileSync('nginx', ['-v'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim() || 'see nginx -v',
    options: { ...options, pairs, forwarded },
    millrace: { us: median(runs.millrace.map((r) => r.us)), userUs: median(runs.millrace.map((r) => r.userUs)), rate: median(runs.millrace.map((r) => r.rate)) },
    nginxResult: { us: median(runs.nginx.map((r) => r.us)), userUs: median(runs.nginx.map((r) => r.userUs)), rate: median(runs.nginx.map((r) => r.rate)) },
    ratio: { min: ratios[0], median: median(ratios), max: ratios.at(-1) },
  };
  console.log(`\nCPU per request, median of ${pairs} interleaved pairs (${options.tls ? 'TLS 1.3 ' : ''}keep-alive, ${options.connections} connections, ${Object.keys(HEADERS).length + 1} headers, ${BODY.length}-byte answers):`);
  console.log(`  millrace ${summary.millrace.us.toFixed(2)} us (${summary.millrace.userUs.toFixed(2)} user)   nginx ${summary.nginxResult.us.toFixed(2)} us (${summary.nginxResult.userUs.toFixed(2)} user)`);
  console.log(`  ratio    ${summary.ratio.median.toFixed(3)} (${summary.ratio.min.toFixed(3)} .. ${summary.ratio.max.toFixed(3)}); below 1 means that Millrace needs less`);
  if (options.json) {
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, `${JSON.stringify({ ...summary, runs }, null, 2)}\n`);
  }
}

try {
  await main();
} finally {
  for (const child of children) {
    child.expected = true;
    child.kill('SIGKILL');
  }
  rmSync(directory, { recursive: true, force: true });
}
