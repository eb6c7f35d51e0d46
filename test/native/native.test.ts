/** Builds the C++ unit tests under sanitizers and runs every case of them as a test of its own. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/config/compile.ts';
import { hash32 } from '../../src/config/hash.ts';
import { loadConfig } from '../../src/config/load.ts';
import { buildSuites } from './build.ts';
import { writeSeeds } from './seeds.ts';
import { HASH_FILTER, IMAGE_FILTER, SUITES } from './suites.ts';

const ROOT = join(import.meta.dirname, '../..');
const CASE_TIMEOUT_MS = 120_000;
await writeSeeds();
/** While one part is worked on: MILLRACE_NATIVE_SUITES=reactor,image builds and runs only the suites whose names contain one of these. */
const chosen = process.env['MILLRACE_NATIVE_SUITES']?.split(',');
const suites = SUITES.filter(({ name }) => chosen === undefined || chosen.some((part) => name.includes(part)));
const [hashFilter, imageFilter, ...programs] = await buildSuites([HASH_FILTER, IMAGE_FILTER, ...suites]);

/** Every feature that has rows of its own in an image. */
const FULL_CONFIG = `
listeners:
  - name: web
    address: 127.0.0.1:0
    routes: site
    forwarded: { trust: [10.0.0.0/8, "2001:db8::/33", 192.0.2.7] }
    rateLimit: { requests: 1000000, window: 24h, key: [], status: 503, body: "", shadow: true }
routes:
  site:
    - hosts: [shop.example.com, "*.shop.example.com", "*.example.com"]
      rateLimit: [{ requests: 1, window: 1ms, key: [{ clientIp: { v4: 24 }, missing: skip }, host, path, route, { header: x-a }, { cookie: A }] }]
      routes:
        - { match: { path: /healthz }, respond: { status: 200, body: ok, headers: { cache-control: no-store } } }
        - { match: { path: /healthz, methods: [POST] }, respond: { status: 204 } }
        - { match: { pathRegex: "/v[12]/items/[0-9]{1,12}", methods: [GET, HEAD] }, cluster: one, rateLimit: [{ requests: 128, window: 1m, algorithm: slidingLog, headers: always, xHeaders: true }, { requests: 1, window: 24h, algorithm: gcra, burst: 7, headers: never, body: '{}', contentType: application/json }] }
        - { match: { pathRegex: "/(a|b)*/\u00e9.*" }, cluster: two }
        - match:
            pathPrefix: /cart
            headers: { x-a: { present: true }, x-b: { regex: "[a-z]+", not: true }, x-c: exact, x-d: { contains: z } }
            query: { q: { prefix: x }, r: { suffix: "y z" } }
          weightedClusters: [{ cluster: one, weight: 90 }, { cluster: two, weight: 10 }]
        - match: { pathPrefix: /old }
          rewrite: { prefix: /new, host: other.internal }
          requestHeaders: { set: { x-a: b }, add: { x-b: [c, d] }, remove: [x-c] }
          responseHeaders: { set: { x-a: "" } }
          maxRequestBody: 5GiB
          cluster: one
        - { match: { pathPrefix: /fixed }, rewrite: { path: /x }, cluster: one }
        - { match: { pathPrefix: /${'long/'.repeat(20)} }, redirect: { status: 301, prefix: /short, stripQuery: true } }
        - { match: { pathPrefix: / }, redirect: { scheme: https, host: www.example.com, port: 8443 } }
    - hosts: ["*"]
      routes: [{ cluster: two }]
clusters:
  one:
    balancer: { policy: roundRobin }
    endpoints: [{ address: 127.0.0.1:9001, weight: 1000000 }, { address: "[::1]:9002", weight: 1 }, { address: "unix:/run/app.sock", weight: 0 }]
  two:
    endpoints: [{ address: "unix:/run/app.sock", weight: 0 }]
    tls: { serverName: two.internal, insecureSkipVerify: true }
`;

interface Outcome {
  code: number | string;
  output: string;
}

function runCase(program: string, name: string): Promise<Outcome> {
  return new Promise((done) => {
    execFile(program, ['--case', name], { cwd: ROOT, env: { ...process.env, UBSAN_OPTIONS: 'print_stacktrace=1' }, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : (error.code ?? error.signal ?? 'unknown'), output: `${stdout}${stderr}` });
    });
  });
}

for (const [i, suite] of suites.entries()) {
  const program = programs[i];
  describe(`${suite.name} (${suite.sanitizer} sanitizer)`, () => {
    if (typeof program !== 'string') {
      it('compiles', () => {
        throw program ?? new Error('not built');
      });
      return;
    }
    const names = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n');
    it.each(names)('%s', { timeout: CASE_TIMEOUT_MS }, async (name) => {
      const { code, output } = await runCase(program, name);
      if (code !== 0) throw new Error(`ended with ${code}:\n${output}`);
      expect(output).toContain(`ok ${name}`);
    });
  });
}

describe('hash', () => {
  it('is the same function in TypeScript and in C++', () => {
    if (typeof hashFilter !== 'string') throw hashFilter ?? new Error('not built');
    const texts = Array.from({ length: 300 }, (_, n) => Uint8Array.from({ length: n % 67 }, (_, i) => (n * 31 + i * i * 7 + (n >> 3) * i) & 0xff));
    const lines = texts.map((text, n) => `${n % 4} x${Buffer.from(text).toString('hex')}`);
    const { stdout, status } = spawnSync(hashFilter, { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout.trim().split('\n').map(Number)).toEqual(texts.map((text, n) => hash32(text, n % 4)));
  });
});

describe('compiled image', () => {
  it('passes the checks of the engine', async () => {
    if (typeof imageFilter !== 'string') throw imageFilter ?? new Error('not built');
    const folder = await mkdtemp(join(tmpdir(), 'millrace-'));
    try {
      const file = join(folder, 'millrace.yaml');
      await writeFile(file, FULL_CONFIG);
      const result = await loadConfig(file, { resolveHost: () => Promise.reject(new Error('no name is to be resolved')) });
      if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 2));
      const { stdout } = spawnSync(imageFilter, { input: Buffer.from(compile(result.config).image), encoding: 'utf8' });
      expect(stdout).toBe('ok\n');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
