import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { closedAddress } from '../support/closed-port.ts';
import { request } from '../support/client.ts';
import { HttpOrigin } from '../support/http-origin.ts';
import { MAIN, Millrace, proxyTo, temporaryDirectory } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { Terminal } from '../support/terminal.ts';
import { eventually } from '../support/wait.ts';

const TOKEN = 'correct-horse-battery-staple';
const LEAVES = '\x1b[?7h\x1b[?25h\x1b[?1049l';

const top = (proxy: Millrace, ...more: string[]): string[] => [process.execPath, MAIN, 'top', '--admin', `127.0.0.1:${proxy.adminPort}`, '--interval', '100ms', ...more];

async function started(): Promise<Millrace> {
  const origin = await Origin.start();
  return Millrace.start(proxyTo([origin.address]));
}

/** Requests until `until` holds. */
async function load<T>(proxy: Millrace, until: () => T | Promise<T>): Promise<T> {
  const state = { going: true };
  const sending = (async () => {
    while (state.going) await request(proxy.port(), '/');
  })();
  try {
    return await eventually(until);
  } finally {
    state.going = false;
    await sending;
  }
}

/** Runs it to its end. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Millrace & { code: number | null }> {
  const command = Millrace.command(args, env);
  const { code } = await command.exited;
  return Object.assign(command, { code });
}

it('shows rates that move, and ends with q and the terminal as it was', async () => {
  const proxy = await started();
  const terminal = Terminal.start(top(proxy));
  await load(proxy, () => /^requests [1-9]\d*\/s/.test(terminal.picture[1] ?? ''));
  const { picture } = terminal;
  expect(picture[0]).toMatch(new RegExp(`^millrace 127.0.0.1:${proxy.adminPort}   version 1 `));
  expect(picture.some((line) => /^up +[1-9]\d* .* 1\/1 /.test(line))).toBe(true);
  terminal.type('q');
  expect(await terminal.exited).toBe(0);
  expect(terminal.output.endsWith(LEAVES)).toBe(true);
});

it('switches its view with tab, arrows and digits', async () => {
  const proxy = await started();
  const terminal = Terminal.start(top(proxy));
  const titled = (title: string): Promise<boolean> => eventually(() => terminal.picture.some((line) => line.startsWith(title)));
  await titled('CLUSTER ');
  terminal.type('\t');
  await titled('ENDPOINT ');
  terminal.type('\x1b[C');
  await titled('ROUTE ');
  terminal.type('\x1b[C');
  await titled('LISTENER ');
  terminal.type('\x1b[D\x1b[D');
  await titled('ENDPOINT ');
  terminal.type('1');
  await titled('CLUSTER ');
});

it('fits its window, also when that changes', async () => {
  const proxy = await Millrace.start(proxyTo(Array.from({ length: 60 }, (_, i) => `127.0.1.${i + 1}:9`)));
  const terminal = Terminal.start(top(proxy, '--view', 'endpoints'), { columns: 70, rows: 20 });
  const height = (): number => terminal.picture.length;
  await eventually(() => height() === 20);
  expect(terminal.picture.filter((line) => line.length >= 70)).toEqual([]);
  terminal.resize(40, 12);
  await eventually(() => height() === 12);
  expect(terminal.picture.filter((line) => line.length >= 40)).toEqual([]);
  expect(terminal.picture.join('\n')).toMatch(/127\.0\.1\.1:9 /);
  terminal.type('\x1b[6~'.repeat(40));
  await eventually(() => terminal.picture.some((line) => line.startsWith('127.0.1.60:9')));
});

it.each([['SIGTERM', 143], ['SIGINT', 130], ['SIGHUP', 129]] as const)('puts the terminal back on %s', async (signal, code) => {
  const proxy = await started();
  const terminal = Terminal.start(top(proxy));
  await eventually(() => terminal.picture.length > 5);
  process.kill(terminal.pid, signal);
  expect(await terminal.exited).toBe(code);
  expect(terminal.output.endsWith(LEAVES)).toBe(true);
});

it('says that the proxy is gone, keeps what was known, and goes on when it is back', async () => {
  const proxy = await started();
  const terminal = Terminal.start(top(proxy));
  await eventually(() => terminal.picture.some((line) => line.startsWith('up ')));
  proxy.signal('SIGTERM');
  await proxy.exited;
  await eventually(() => terminal.picture.some((line) => line.startsWith('no admin endpoint at')));
  expect(terminal.picture.some((line) => line.startsWith('up '))).toBe(true);
  const origin = await Origin.start();
  await Millrace.start(proxyTo([origin.address], { admin: { address: `127.0.0.1:${proxy.adminPort}` } }));
  await eventually(() => !terminal.picture.some((line) => line.startsWith('no admin endpoint at')));
});

it('uses no colours with NO_COLOR', async () => {
  const proxy = await started();
  const plain = Terminal.start(top(proxy), { env: { NO_COLOR: '1' } });
  const coloured = Terminal.start(top(proxy), { env: { NO_COLOR: '' } });
  await eventually(() => plain.picture.length > 5 && coloured.picture.length > 5);
  expect(coloured.hasColours).toBe(true);
  expect(plain.hasColours).toBe(false);
});

it('prints one picture as text with --once where there is no terminal', async () => {
  const proxy = await started();
  await request(proxy.port(), '/');
  const { stdout, code } = await run(['top', '--admin', `http://127.0.0.1:${proxy.adminPort}`, '--interval', '100ms', '--once']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^CLUSTER .*\nup .* 1\/1 /m);
  expect(stdout).not.toMatch(/[^\x0a\x20-\x7e]/);
});

it('prints JSON lines, and ends when nobody reads them any more', async () => {
  const proxy = await started();
  const once = await run(['top', '--admin', `127.0.0.1:${proxy.adminPort}`, '--interval', '100ms', '--once', '--json']);
  const shown = JSON.parse(once.stdout) as { version: number; clusters: unknown[]; endpoints: unknown[] };
  expect(shown).toMatchObject({ version: 1, clusters: [{ name: 'up', available: 1 }], endpoints: [{ cluster: 'up', state: 'available' }] });
  const endless = Millrace.command(['top', '--admin', `127.0.0.1:${proxy.adminPort}`, '--interval', '100ms', '--json']);
  await eventually(() => endless.stdout.split('\n').length > 2);
  endless.child.stdout?.destroy();
  expect(await endless.exited).toEqual({ code: 0, signal: null });
});

it('shows an ejected endpoint with its reason and for how long', async () => {
  const [good, bad] = [await HttpOrigin.start((_, response) => response.end('ok')), await HttpOrigin.start((_, response) => response.writeHead(503).end())];
  const proxy = await Millrace.start(proxyTo([good.address, bad.address], { cluster: { outlierDetection: { consecutive5xx: 3, maxEjectionPercent: '100%', baseEjectionTime: '60s', interval: '100ms' } } }));
  const terminal = Terminal.start(top(proxy, '--view', 'endpoints'));
  await load(proxy, () => terminal.picture.some((line) => line.startsWith(bad.address) && /ejected for \d+s, (?:1m00|\d+)s to go/.test(line)));
});

it('tells in one line what is wrong, and ends with 1', async () => {
  const nobody = await closedAddress();
  const gone = await run(['top', '--admin', nobody]);
  expect(gone.stderr).toBe(`millrace: no admin endpoint at http://${nobody}: connection refused (is millrace running, and is this its admin.address? --admin http://host:port names another one)\n`);
  const other = await HttpOrigin.start((_, response) => response.end('\x1b]0;owned\x07<html>'));
  const wrong = await run(['top', '--admin', other.address]);
  expect(wrong.stderr).toBe(`millrace: what ${other.address} answers at /stats is not the numbers of a Millrace (another program listens there, or another version)\n`);
  const rude = await HttpOrigin.start((_, response) => response.writeHead(500).end('\x1b[2Jboo\nmillrace: all is well'));
  const refused = await run(['top', '--admin', rude.address]);
  expect(refused.stderr).toBe(`millrace: ${rude.address} answered 500: \\x1b[2Jboo\\x0amillrace: all is well\n`);
  for (const { code } of [gone, wrong, refused]) expect(code).toBe(1);
});

it('needs the token that the admin endpoint wants', async () => {
  const proxy = await Millrace.start({ ...proxyTo(['127.0.0.1:9']), admin: { address: '127.0.0.1:0', tokens: [{ name: 'ops', token: TOKEN }] } });
  const admin = `127.0.0.1:${proxy.adminPort}`;
  const without = await run(['top', '--admin', admin]);
  expect(without).toMatchObject({ code: 1, stderr: `millrace: ${admin} wants a token (one of admin.tokens of its configuration: --token-file FILE)\n` });
  const file = join(temporaryDirectory(), 'token');
  writeFileSync(file, `${TOKEN}\n`);
  expect((await run(['top', '--admin', admin, '--token-file', file, '--once', '--interval', '100ms'])).code).toBe(0);
  writeFileSync(file, 'another-token-that-is-long');
  expect((await run(['top', '--admin', admin, '--token-file', file])).stderr).toContain('wants another token');
});
