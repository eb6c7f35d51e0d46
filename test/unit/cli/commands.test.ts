import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { millrace, workDirectory } from './support.ts';

const yaml = (more = '', port = 0): string => `admin: false
listeners: [{ name: web, address: "127.0.0.1:${port}", routes: t }]
routes: { t: [{ hosts: ["*"], routes: [{ cluster: a }] }] }
clusters: { a: { endpoints: [127.0.0.1:9001, 127.0.0.1:9002] } }
${more}`;

function project(text: string): string {
  const directory = workDirectory();
  writeFileSync(join(directory, 'my.yaml'), text);
  return directory;
}

describe('millrace check', () => {
  it('sums up a good configuration', async () => {
    expect(await millrace(['check', 'my.yaml'], project(yaml()))).toEqual({
      code: 0, signal: null, stdout: 'ok: my.yaml: 1 listener, 1 route table, 1 route, 1 cluster, 2 endpoints\n', stderr: '',
    });
  });

  it('prints every problem with its place and ends with 1', async () => {
    const { code, stdout, stderr } = await millrace(['check', 'my.yaml'], project(yaml('drainTimout: 5s\nworkers: many\n')));
    expect(code).toBe(1);
    expect(stdout).toBe('');
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^my\.yaml:5:1: drainTimout: .*drainTimeout/);
    expect(lines[1]).toMatch(/^my\.yaml:6:10: workers: /);
    expect(lines[2]).toBe('my.yaml: 2 problems');
  });

  it('prints warnings and still passes', async () => {
    const shadowed = yaml().replace('[{ cluster: a }]', '[{ cluster: a }, { cluster: a }]');
    const { code, stdout, stderr } = await millrace(['check', 'my.yaml'], project(shadowed));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok: /);
    expect(stderr).toMatch(/^warning: my\.yaml:3:\d+: routes\.t\[0\]\.routes\[1\]/);
  });

  it('speaks JSON to programs', async () => {
    const bad = await millrace(['check', '--json', 'my.yaml'], project(yaml('drainTimout: 5s\n')));
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({ ok: false, file: 'my.yaml', problems: [{ line: 5, column: 1, path: 'drainTimout' }], warnings: [] });
    const good = await millrace(['check', '--json', 'my.yaml'], project(yaml()));
    expect(JSON.parse(good.stdout)).toMatchObject({ ok: true, problems: [], summary: { endpoints: 2 } });
  });

  it('passes the configuration of the README, but for a host name that is made up', async () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const text = /```yaml\n([^]*?)```/.exec(readme)?.[1] ?? '';
    const directory = project(text.replace('canary.internal:443', '127.0.0.1:443').replaceAll('tls/api', 'shop'));
    for (const file of ['shop.pem', 'shop.key']) copyFileSync(new URL(`../../fixtures/config/${file}`, import.meta.url), join(directory, file));
    const { code, stdout, stderr } = await millrace(['check', 'my.yaml'], directory);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ok: my\.yaml: 2 listeners, 1 route table, 3 routes, 3 clusters/);
  });

  it('tells a file that is not there', async () => {
    expect(await millrace(['check', 'nope.yaml'], workDirectory())).toMatchObject({ code: 1, stderr: 'nope.yaml: there is no such file\nnope.yaml: 1 problem\n' });
  });
});

describe('millrace run', () => {
  it('tells a missing file in a line, without a stack', async () => {
    expect(await millrace(['run', 'nope.yaml'], workDirectory())).toEqual({
      code: 1, signal: null, stdout: '', stderr: 'nope.yaml: there is no such file\nmillrace: nope.yaml has a problem\n',
    });
  });

  it('tells a port that is taken in one line, and ends with 1', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await millrace(['run', 'my.yaml'], project(yaml('', port)))).toEqual({
      code: 1, signal: null, stdout: '', stderr: `millrace: listener "web": 127.0.0.1:${port} is already in use (see who has it: ss -ltnp 'sport = :${port}')\n`,
    });
  });

  it('tells an address that this machine does not have in one line', async () => {
    const { code, stderr } = await millrace(['run', 'my.yaml'], project(yaml().replace('127.0.0.1:0', '192.0.2.1:0')));
    expect(code).toBe(1);
    expect(stderr).toBe('millrace: listener "web": this machine has no address 192.0.2.1 (use 0.0.0.0 or [::] for all of its addresses)\n');
  });
});

describe('millrace', () => {
  it('explains itself with examples', async () => {
    const { code, stdout } = await millrace(['--help']);
    expect(code).toBe(0);
    for (const word of ['run', 'check', 'quickstart', 'config', 'Examples:', 'SIGTERM']) expect(stdout).toContain(word);
  });

  it('suggests the command that was meant', async () => {
    expect(await millrace(['chek', 'a.yaml'])).toMatchObject({ code: 1, stderr: expect.stringContaining('Did you mean check?') as string });
  });

  it('prints its version and that of Node', async () => {
    expect((await millrace(['version'])).stdout).toMatch(/^millrace \d+\.\d+\.\d+ \(Node \d+\./);
  });

  it('prints the schema and the compiled tables as JSON', async () => {
    expect(JSON.parse((await millrace(['config', 'schema'])).stdout)).toMatchObject({ type: 'object' });
    const dump = await millrace(['config', 'dump', 'my.yaml'], project(yaml()));
    expect(JSON.stringify(JSON.parse(dump.stdout))).toContain('127.0.0.1:9002');
  });

  it('takes the zone of the proxy from MILLRACE_ZONE, before that of the file', async () => {
    const directory = project(`zone: eu-1a\n${yaml()}`);
    const zoneIn = async (zone: string) => (await millrace(['config', 'dump', 'my.yaml'], directory, { MILLRACE_ZONE: zone })).stdout.match(/"zone": "(eu-[^"]*)"/)?.[1];
    expect([await zoneIn('eu-1b'), await zoneIn('')]).toEqual(['eu-1b', 'eu-1a']);
    const refused = await millrace(['check', 'my.yaml'], directory, { MILLRACE_ZONE: 'eu 1' });
    expect(refused.code).toBe(1);
    expect(refused.stdout + refused.stderr).toContain('MILLRACE_ZONE: expected a name');
  });
});
