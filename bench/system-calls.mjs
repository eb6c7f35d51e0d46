/**
 * System calls per proxied keep-alive request, counted by strace (which slows the proxy down: only the counts mean something).
 *
 *   node bench/system-calls.mjs [--connections 64] [--seconds 3] [--no-forwarded]
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { directory, freePort, load, run, startMillrace, startUpstream, untilAnswering } from './support.mjs';

const { values: options } = parseArgs({
  options: { connections: { type: 'string', default: '64' }, seconds: { type: 'string', default: '3' }, 'no-forwarded': { type: 'boolean', default: false } },
});

await run(async () => {
  const [upstream, port] = [await freePort(), await freePort()];
  startUpstream(upstream);
  const proxy = startMillrace({ port, upstream, forwarded: !options['no-forwarded'] });
  const url = `http://127.0.0.1:${port}/`;
  await untilAnswering(url);
  load(url, { connections: options.connections, seconds: '1' });
  const file = join(directory, 'strace');
  const tracer = spawn('strace', ['-f', '-c', '-o', file, '-p', String(proxy.pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  await new Promise((resolve) => tracer.stderr.once('data', resolve)); // "attached"
  const { requests } = load(url, options);
  tracer.kill('SIGINT');
  await new Promise((resolve) => tracer.once('exit', resolve));
  const rows = readFileSync(file, 'utf8').split('\n').map((line) => line.trim().split(/\s+/)).filter((row) => /^\d/.test(row[0]) && row.at(-1) !== 'total');
  console.log(`system calls per request (${requests} requests, ${options.connections} connections):`);
  for (const row of rows) {
    const perRequest = Number(row[3]) / requests;
    if (perRequest >= 0.001) console.log(`  ${row.at(-1).padEnd(14)} ${perRequest.toFixed(3)}`);
  }
});
