/**
 * Memory of idle downstream connections: resident set of the proxy before and after N keep-alive connections, each of
 * which has made one request.
 *
 *   node bench/idle-connections.mjs [--connections 10000] [--workers 2]
 *
 * The listener closes a connection that was idle for 8 to 12 s, so the figure is taken as soon as all are open.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: options } = parseArgs({ options: { connections: { type: 'string', default: '10000' }, workers: { type: 'string', default: '2' } } });
const count = Number(options.connections);

const residentKiB = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

const upstream = createServer((_, res) => res.end('ok')).listen(0, '127.0.0.1');
await new Promise((resolve) => upstream.once('listening', resolve));
const directory = mkdtempSync(join(tmpdir(), 'millrace-idle-'));
const file = join(directory, 'millrace.json');
writeFileSync(
  file,
  JSON.stringify({
    workers: Number(options.workers),
    admin: false,
    limits: { maxConnections: count + 100 },
    listeners: [{ name: 'idle', address: '127.0.0.1:0', routes: 'all' }],
    routes: { all: [{ hosts: ['*'], routes: [{ match: { pathPrefix: '/' }, cluster: 'origin' }] }] },
    clusters: { origin: { endpoints: [`127.0.0.1:${upstream.address().port}`], pool: { maxConnections: 64, maxPending: count } } },
  }),
);
const proxy = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'run', file], { stdio: ['ignore', 'ignore', 'pipe'] });
const port = await new Promise((resolve, reject) => {
  let text = '';
  proxy.stderr.on('data', (piece) => {
    text += piece;
    const found = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(text);
    if (found !== null && text.includes('serving')) resolve(Number(found[1]));
  });
  proxy.once('exit', (code) => reject(new Error(`the proxy ended with ${code}: ${text}`)));
});

const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const open = () =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request));
    socket.once('data', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('a connection was closed: is the open-file limit (ulimit -n) above twice the connections?')));
  });

try {
  (await open()).destroy();
  const before = residentKiB(proxy.pid);
  const sockets = [];
  while (sockets.length < count) sockets.push(...(await Promise.all(Array.from({ length: Math.min(200, count - sockets.length) }, open))));
  const after = residentKiB(proxy.pid);
  console.log(`${count} idle connections: resident set ${(before / 1024).toFixed(1)} MiB before, ${(after / 1024).toFixed(1)} MiB after, ${((after - before) / count).toFixed(2)} KiB each`);
  for (const socket of sockets) socket.destroy();
} finally {
  proxy.kill('SIGKILL');
  upstream.closeAllConnections();
  upstream.close();
  rmSync(directory, { recursive: true, force: true });
}
