#!/usr/bin/env node
/** The origin on the command line: node bench/load/origin.mjs [--port N]; --help says what it answers. */
import { createRequire } from 'node:module';
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildLoad, ORIGIN_ADDON } from '../build.mjs';

const HELP = `usage: node bench/load/origin.mjs [--port N] [--address A] [--delay MS] [--die-with-parent]

A tiny HTTP/1.1 upstream that is never the bottleneck: one thread, one recv and one send per request. Prints
"listening on 127.0.0.1:PORT" and serves until it is ended. Several may share a port (SO_REUSEPORT).

Any path is answered; the query says how, and defaults to 64 bytes at once:
  size=BYTES  chunked=1  chunk=BYTES  status=N  close=1
  delay=MS    before the answer (--delay)  rate=BYTES/s  of the body
  block=MS    the whole origin stands still
  fail=reset|eof|hang|truncate|garbage|framing|longer|pattern
`;

const OPTIONS = {
  port: { type: 'string', default: '0' },
  address: { type: 'string', default: '127.0.0.1' },
  delay: { type: 'string', default: '0' },
  'die-with-parent': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const [port, delay] = [Number(values.port), Number(values.delay)];
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`--port ${values.port}: expected 0 to 65535`);
  if (!(delay >= 0 && delay <= 3_600_000)) throw new Error(`--delay ${values.delay}: expected milliseconds, at most an hour`);
  await buildLoad();
  // The addon blocks this thread for ever, so the line must be out before.
  const ready = (bound) => writeSync(1, `listening on ${values.address}:${bound}\n`);
  createRequire(import.meta.url)(ORIGIN_ADDON).serve(values.address, port, ready, values['die-with-parent'], delay);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`origin: ${error.message}\n`);
  process.exitCode = 1;
}
