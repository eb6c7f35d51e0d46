/** The access log of the real program: one line for each request, whatever happens to its files meanwhile. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DEFAULT_LOG_FIELDS } from '../../src/config/log-fields.ts';
import { RawClient, request, requestBytes } from '../support/client.ts';
import { Millrace, temporaryDirectory, type ConfigInput } from '../support/millrace.ts';
import { eventually } from '../support/wait.ts';

type AccessLog = ConfigInput['accessLog'];

/** Answers by itself: the log is what is tried. */
const answering = (accessLog: AccessLog, more: Partial<ConfigInput> = {}): Partial<ConfigInput> => ({
  accessLog,
  routes: {
    main: [
      {
        hosts: ['*'],
        routes: [
          { name: 'teapot', match: { pathPrefix: '/tea' }, respond: { status: 418, body: 'short and stout\n' } },
          { name: 'ok', respond: { status: 200, body: 'ok\n' } },
        ],
      },
    ],
  },
  ...more,
});

const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);

/** Sends requests over several connections until it is told to stop; their targets. */
function traffic(port: number, connections = 8): { stop: () => Promise<string[]> } {
  let going = true;
  const targets: string[] = [];
  const crowd = Array.from({ length: connections }, async (_, c) => {
    const client = await RawClient.connect({ port });
    for (let i = 0; going; i++) {
      const target = `/${c}/${i}`;
      client.send(requestBytes(target));
      const { status } = await client.response();
      if (status !== 200) throw new Error(String(status));
      targets.push(target);
    }
    await client.close();
  });
  return {
    stop: async () => {
      going = false;
      await Promise.all(crowd);
      return targets;
    },
  };
}

it('every request is one line, across reloads, SIGUSR1, POST /logs/reopen and the end', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'access.log');
  const main = { path: file, format: { text: '%TARGET%' } };
  const proxy = await Millrace.start(answering([main], { workers: 2 }), { directory });
  const load = traffic(proxy.port());
  let rotated = 0;
  const rotate = (): void => {
    if (existsSync(file)) renameSync(file, `${file}.${++rotated}`);
  };
  for (let round = 0; round < 6; round++) {
    await proxy.reload(answering(round % 2 === 0 ? [{ path: `other-${round}.log` }, main] : [main], { workers: 2 }));
    rotate();
    const from = proxy.log.length;
    proxy.child.kill('SIGUSR1');
    await proxy.logged('access log reopened', from);
    expect(existsSync(file)).toBe(true);
    rotate();
    const answer = await proxy.adminCall('POST', '/logs/reopen');
    expect([answer.status, (JSON.parse(answer.text) as { reopened: string[] }).reopened.includes(file)]).toEqual([200, true]);
    expect(existsSync(file)).toBe(true);
  }
  const targets = await load.stop();
  await proxy.close();
  const names = readdirSync(directory).filter((name) => name.startsWith('access.log'));
  expect(names.length).toBeGreaterThan(6);
  const lines = names.flatMap((name) => linesOf(join(directory, name)));
  expect(targets.length).toBeGreaterThan(100);
  expect(lines.sort()).toEqual(targets.sort());
});

it('a file that was removed is made again', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'a.log');
  const proxy = await Millrace.start(answering({ path: 'a.log' }), { directory });
  rmSync(file);
  await proxy.adminCall('POST', '/logs/reopen');
  await request(proxy.port(), '/x');
  await eventually(() => expect(linesOf(file)).toHaveLength(1));
});

it('a JSON line has every field, and each sink what it asks for', async () => {
  const directory = temporaryDirectory();
  const proxy = await Millrace.start(
    answering([
      { path: 'all.json', requestHeaders: ['x-tenant'] },
      { path: 'tea.json', routes: ['teapot'], format: { fields: ['status', 'route', 'client'] } },
      { path: 'good.log', statuses: ['200-299'], format: { text: '%STATUS%' } },
    ]),
    { directory },
  );
  const hostile = 'a"b\\c';
  await request(proxy.port(), '/tea?milk=1', { headers: { 'x-tenant': hostile, 'user-agent': hostile } });
  await request(proxy.port(), '/else');
  await proxy.close();
  const [tea, other] = linesOf(join(directory, 'all.json')).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(Object.keys(tea ?? {})).toEqual([...DEFAULT_LOG_FIELDS, 'requestHeaders']);
  expect(tea).toMatchObject({ client: '127.0.0.1', listener: 'web', tls: false, method: 'GET', target: '/tea?milk=1', status: 418, flag: 'DI', route: 'teapot', cluster: null, connectMs: null, userAgent: hostile, requestHeaders: { 'x-tenant': hostile } });
  expect(other).toMatchObject({ target: '/else', status: 200, route: 'ok', requestHeaders: {} });
  expect(linesOf(join(directory, 'tea.json'))).toEqual(['{"status":418,"route":"teapot","client":"127.0.0.1"}']);
  expect(linesOf(join(directory, 'good.log'))).toEqual(['200']);
});

/** Apache's "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\"". */
const COMBINED = /^(\S+) (\S+) (\S+) \[(\d{2}\/[A-Z][a-z]{2}\/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "([A-Z]+ \S+ HTTP\/\d\.\d)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?$/;

it('common and combined are read by what reads those of Apache and nginx', async () => {
  const directory = temporaryDirectory();
  const proxy = await Millrace.start(answering([{ path: 'common.log', format: 'common' }, { path: 'combined.log', format: 'combined' }]), { directory });
  await request(proxy.port(), '/a?b=c', { headers: { referer: 'http://r.example/', 'user-agent': 'Mozilla/5.0 (X11) "q" \\' } });
  for (let i = 0; i < 20; i++) await request(proxy.port(), `/page/${i}`);
  await proxy.close();
  const combined = linesOf(join(directory, 'combined.log')).map((line) => COMBINED.exec(line));
  expect(combined).toHaveLength(21);
  expect(combined.every((match) => match !== null && match[1] === '127.0.0.1' && match[6] === '200' && match[7] === '3')).toBe(true);
  expect(combined[0]?.[8]).toBe('http://r.example/');
  expect(combined[0]?.[9]).toBe('Mozilla/5.0 (X11) \\x22q\\x22 \\x5C');
  for (const line of linesOf(join(directory, 'common.log'))) expect(COMBINED.exec(line)?.[8] ?? null).toBe(null);
  expect(linesOf(join(directory, 'common.log'))).toHaveLength(21);
});

const goaccess = ((): boolean => {
  try {
    execFileSync('goaccess', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
it.runIf(goaccess)('goaccess reads combined without a failed line', async () => {
  const directory = temporaryDirectory();
  const proxy = await Millrace.start(answering({ path: 'combined.log', format: 'combined' }), { directory });
  for (let i = 0; i < 20; i++) await request(proxy.port(), `/page/${i}`, { headers: { 'user-agent': 'a "b"' } });
  await proxy.close();
  const report = execFileSync('goaccess', [join(directory, 'combined.log'), '--log-format=COMBINED', '-o', 'json', '--no-global-config'], { encoding: 'utf8' });
  const { general } = JSON.parse(report) as { general: { total_requests: number; failed_requests: number } };
  expect([general.total_requests, general.failed_requests]).toEqual([20, 0]);
});

it('standard output that nobody reads delays no request, and has every line when somebody does', async () => {
  const proxy = await Millrace.start(answering({ path: 'stdout', format: { text: '%TARGET% %USER_AGENT%' } }));
  proxy.child.stdout?.pause();
  const long = 'x'.repeat(1000);
  const client = await RawClient.connect({ port: proxy.port() });
  const targets: string[] = [];
  // Far more than a pipe holds.
  for (let i = 0; i < 1000; i++) {
    client.send(requestBytes(`/${i}`, { headers: { 'user-agent': long } }));
    expect((await client.response()).status).toBe(200);
    targets.push(`/${i} ${long}`);
  }
  await eventually(async () => expect(await proxy.metric('millrace_access_log_pending_bytes', { sink: 'stdout' })).toBeGreaterThan(100_000));
  proxy.child.stdout?.resume();
  await eventually(() => expect(proxy.stdout.split('\n')).toHaveLength(1001));
  expect(proxy.stdout).toBe(`${targets.join('\n')}\n`);
  expect(await proxy.metric('millrace_access_log_lines_dropped_total')).toBe(0);
});

it('a device that is full is told once, counted, and harms nobody', async () => {
  const directory = temporaryDirectory();
  const proxy = await Millrace.start(answering([{ path: '/dev/full' }, { path: 'good.log' }]), { directory });
  for (let i = 0; i < 50; i++) expect((await request(proxy.port(), '/x')).status).toBe(200);
  const told = await proxy.logged(/^access log \/dev\/full: no space is left/);
  expect(told).toMatchObject({ level: 'error', error: 'ENOSPC' });
  await eventually(() => expect(linesOf(join(directory, 'good.log'))).toHaveLength(50));
  expect(await proxy.metric('millrace_access_log_failing', { sink: '/dev/full' })).toBe(1);
  expect(await proxy.metric('millrace_access_log_failing', { sink: join(directory, 'good.log') })).toBe(0);
  await proxy.reload(answering([{ path: 'good.log' }]));
  await proxy.logged(/^access log \/dev\/full: given up with 50 lines/);
  expect(proxy.log.filter(({ msg }) => msg.startsWith('access log /dev/full: no space'))).toHaveLength(1);
});

it('a directory that is not there is an error with its fix, at the start and at a reload', async () => {
  const directory = temporaryDirectory();
  const refused = Millrace.launch(answering({ path: 'logs/a.log' }), { directory });
  expect((await refused.exited).code).toBe(1);
  expect(refused.stderr).toContain(`access log ${directory}/logs/a.log: there is no directory ${directory}/logs`);
  expect(refused.stderr).toContain(`mkdir -p ${directory}/logs`);
  const proxy = await Millrace.start(answering({ path: 'a.log' }), { directory });
  proxy.write(answering({ path: 'logs/a.log' }));
  proxy.child.kill('SIGHUP');
  await proxy.logged(/there is no directory/);
  await request(proxy.port(), '/x');
  await eventually(() => expect(linesOf(join(directory, 'a.log'))).toHaveLength(1));
});
