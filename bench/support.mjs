/** What the bench scripts share: children pinned to a core, an nginx upstream, Millrace from a configuration object. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The proxy under test has a core to itself; upstream and load generator share the other one. */
export const PROXY_CORE = '0';
export const LOAD_CORE = '1';

/** What a browser-like client sends besides Host. */
export const REQUEST_HEADERS = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)',
  Accept: '*/*',
  'Accept-Language': 'en',
  'Accept-Encoding': 'gzip',
  'X-Tenant': '42',
};
export const ANSWER = 'x'.repeat(64);

export const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const children = [];

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address();
        server.close(() => resolve(port));
      });
  });
}

/** Starts a command on one core; taskset replaces itself by it, so the pid is the command's. */
export function start(core, command, args) {
  const child = spawn('taskset', ['-c', core, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  child.on('exit', (code) => {
    if (!child.expected) process.stderr.write(`${command} ended with ${code}:\n${output}\n`);
  });
  children.push(child);
  return child;
}

export async function untilAnswering(url) {
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

/** Starts an nginx of one process with this server block. */
export function startNginx(core, name, server, http = '') {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${directory}/${name}-${kind};`).join(' ');
  const file = join(directory, `${name}.conf`);
  writeFileSync(
    file,
    `worker_processes 1; daemon off; master_process off; pid ${directory}/${name}.pid; error_log stderr error;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; ${temporary} ${http} server { ${server} } }
`,
  );
  return start(core, 'nginx', ['-p', directory, '-c', file]);
}

export function startUpstream(port) {
  return startNginx(LOAD_CORE, 'upstream', `listen 127.0.0.1:${port}; location / { default_type text/plain; return 200 "${ANSWER}"; }`);
}

/** One worker that forwards everything to `upstream`. */
export function startMillrace({ port, upstream, forwarded, tls = null }) {
  const file = join(directory, 'millrace.json');
  const listener = { name: 'bench', address: `127.0.0.1:${port}`, routes: 'bench', forwarded: { headers: forwarded }, requestId: forwarded };
  writeFileSync(
    file,
    JSON.stringify({
      workers: 1,
      admin: false,
      listeners: [{ ...listener, ...(tls === null ? {} : { tls: { certificates: [tls] } }) }],
      routes: { bench: [{ hosts: ['*'], routes: [{ match: { pathPrefix: '/' }, cluster: 'origin' }] }] },
      clusters: { origin: { endpoints: [`127.0.0.1:${upstream}`] } },
    }),
  );
  return start(PROXY_CORE, process.execPath, [join(root, 'dist/cli/main.js'), 'run', file]);
}

/** A closed loop of `connections`; throws when the load generator counted any error. */
export function load(url, { connections, seconds }) {
  const args = ['-c', LOAD_CORE, 'wrk', '-t1', `-c${connections}`, `-d${seconds}`, '--latency'];
  for (const [name, value] of Object.entries(REQUEST_HEADERS)) args.push('-H', `${name}: ${value}`);
  const text = execFileSync('taskset', [...args, url], { encoding: 'utf8' });
  if (/Socket errors|Non-2xx/.test(text)) throw new Error(`a run had errors and is void:\n${text}`);
  const number = (pattern) => Number(pattern.exec(text)[1]);
  return { requests: number(/(\d+) requests in/), rate: number(/Requests\/sec:\s+([\d.]+)/), p99: /^\s+99%\s+(\S+)/m.exec(text)[1] };
}

export const machine = () => `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}`;

export const sorted = (list) => [...list].sort((a, b) => a - b);
export function median(list) {
  const order = sorted(list);
  const middle = order.length >> 1;
  return order.length % 2 === 1 ? order[middle] : (order[middle - 1] + order[middle]) / 2;
}

/** Runs `main`, then ends every child and removes the temporary files, whatever happened. */
export async function run(main) {
  try {
    await main();
  } finally {
    for (const child of children) {
      child.expected = true;
      child.kill('SIGKILL');
    }
    rmSync(directory, { recursive: true, force: true });
  }
}
