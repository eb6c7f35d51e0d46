/** Every reason not to start is one clear line and exit code 1, and never a stack trace. */
import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo, temporaryDirectory, type ConfigInput } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { within } from '../support/wait.ts';

async function refused(config: Partial<ConfigInput>, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const proxy = Millrace.launch(config, { env });
  expect(await within(proxy.exited, 'the end')).toEqual({ code: 1, signal: null });
  expect(proxy.stderr).not.toMatch(/^\s+at /m);
  const lines = proxy.stderr.trim().split('\n');
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

const listener = (address: string): Partial<ConfigInput> => ({ ...proxyTo(['127.0.0.1:1']), listeners: [{ name: 'web', address, routes: 'main' }] });

describe('one line and exit code 1', () => {
  it('for a port in use', async () => {
    const taken = await Origin.start();
    expect(await refused(listener(taken.address))).toMatch(/listener "web": 127\.0\.0\.1:\d+ is already in use/);
  });

  it('for a port in use by another Millrace, although both could share it', async () => {
    const other = await Millrace.start(proxyTo(['127.0.0.1:1']));
    expect(await refused(listener(`127.0.0.1:${other.port()}`))).toContain('is already in use');
    expect(await request(other.port(), '/').then(({ status }) => status)).toBe(502);
  });

  it('for an admin port in use', async () => {
    const taken = await Origin.start();
    expect(await refused({ ...proxyTo(['127.0.0.1:1']), admin: { address: taken.address } })).toMatch(/admin: .* is already in use/);
  });

  it('for an address that this machine does not have', async () => {
    expect(await refused(listener('192.0.2.1:8080'))).toContain('this machine has no address 192.0.2.1');
  });

  it('for a listener library that cannot be loaded', async () => {
    const preload = resolve(import.meta.dirname, '../support/no-listener-preload.cjs');
    expect(await refused(proxyTo(['127.0.0.1:1']), { NODE_OPTIONS: `--require ${preload}` })).toMatch(/millrace: worker 0 cannot start: .*uws/i);
  });

  it('for a file that is not there', async () => {
    const proxy = Millrace.command(['run', join(temporaryDirectory(), 'missing.yaml')]);
    expect(await proxy.exited).toEqual({ code: 1, signal: null });
    expect(proxy.stderr).toContain('missing.yaml');
    expect(proxy.stderr).not.toMatch(/^\s+at /m);
  });
});

it('problems of a configuration come all at once, each with its place', async () => {
  const file = join(temporaryDirectory(), 'bad.yaml');
  writeFileSync(file, ['listeners:', '  - nmae: web', '    address: 127.0.0.1:0', '    routes: nowhere', 'routes: {}', 'clusters:', '  up: { endpoints: [127.0.0.1:99999] }', ''].join('\n'));
  for (const command of ['run', 'check']) {
    const proxy = Millrace.command([command, file]);
    expect(await proxy.exited).toEqual({ code: 1, signal: null });
    expect(proxy.stderr).toMatch(/bad\.yaml:2:\d+: listeners\[0\].*nmae.*name/);
    expect(proxy.stderr).toMatch(/bad\.yaml:7:\d+: clusters\.up\.endpoints\[0\]/);
    expect(proxy.stderr).not.toMatch(/^\s+at /m);
  }
});

describe('check', () => {
  it('says what a good configuration has, and exits 0', async () => {
    const proxy = Millrace.command(['check', 'examples/quickstart.yaml']);
    expect(await proxy.exited).toEqual({ code: 0, signal: null });
    expect(proxy.stdout).toContain('ok: examples/quickstart.yaml: 1 listener, 1 route table, 5 routes, 1 cluster, 3 endpoints');
  });

  it.each(readdirSync('examples').filter((name) => name.endsWith('.yaml') && name !== 'prometheus-rules.yaml'))('finds nothing wrong with examples/%s but files that are the reader\'s own', async (name) => {
    const proxy = Millrace.command(['check', `examples/${name}`]);
    const { code } = await proxy.exited;
    if (code !== 0) expect(proxy.stderr).toMatch(/cannot be read|no such file/i);
  });
});

/** Whether something listens there, which the quickstart would have to refuse. */
function busy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

it('quickstart serves what it says, or names the port that is taken', async () => {
  const proxy = Millrace.command(['quickstart']);
  await Promise.race([proxy.logged('serving'), proxy.exited]);
  if (!proxy.running) {
    expect(proxy.stderr).toMatch(/is already in use/);
    expect(proxy.stderr).not.toMatch(/^\s+at /m);
    const ports = await Promise.all([8080, 9001, 9002, 9003, 9901].map(busy));
    expect(ports).toContain(true);
    return;
  }
  const [, ...commands] = proxy.stdout.split('Try:')[1]?.match(/curl -i (\S+)/g) ?? ['', ''];
  expect(commands.length).toBeGreaterThan(0);
  expect((await request(8080, '/hello')).text).toBe('Hello from Millrace.\n');
  const items = await request(8080, '/api/items');
  expect(JSON.parse(items.text)).toMatchObject({ target: '/items', method: 'GET' });
  proxy.signal('SIGTERM');
  expect(await proxy.exited).toEqual({ code: 0, signal: null });
});
