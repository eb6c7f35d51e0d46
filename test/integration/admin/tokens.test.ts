/** Who may use the admin endpoint of a running proxy, and what becomes of those who may not. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RawClient, request } from '../../support/client.ts';
import { Millrace, temporaryDirectory, type ConfigInput } from '../../support/millrace.ts';
import { eventually, within } from '../../support/wait.ts';

const ROUTES = { routes: { main: [{ hosts: ['*'], routes: [{ respond: { status: 200, body: 'served' } }] }] } };
const OPS = 'correct-horse-battery';
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

const withTokens = (tokens: object[], address = '127.0.0.1:0'): Partial<ConfigInput> => ({ ...ROUTES, admin: { address, tokens } }) as never;

describe('an address beyond loopback', () => {
  it('without tokens refuses to start, and says what to do', async () => {
    const proxy = Millrace.launch({ ...ROUTES, admin: { address: '0.0.0.0:0' } } as never);
    expect(await within(proxy.exited, 'the end')).toEqual({ code: 1, signal: null });
    expect(proxy.stderr).toContain('admin.address: whoever reaches the admin endpoint controls the proxy, and 0.0.0.0 is not a loopback address (use 127.0.0.1, or say who may with tokens: [{ name: ops, file: admin-token }])');
  });

  it('with tokens starts, and a reload that takes them away is refused', async () => {
    const proxy = await Millrace.start(withTokens([{ name: 'ops', token: OPS }], '0.0.0.0:0'));
    expect((await proxy.adminCall('GET', '/config')).status).toBe(401);
    expect((await proxy.adminCall('GET', '/config', undefined, bearer(OPS))).status).toBe(200);
    const from = proxy.log.length;
    proxy.write({ ...ROUTES, admin: { address: '0.0.0.0:0' } } as never);
    proxy.signal('SIGHUP');
    await proxy.logged('configuration refused, the last good one goes on', from);
    expect((await proxy.adminCall('GET', '/config')).status).toBe(401);
  });
});

describe('a token file', () => {
  it('is read again when it changes: the old secret ends, the new one holds, and a bad one changes nothing', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'admin-token');
    writeFileSync(file, `${OPS}\n`);
    const config = withTokens([{ name: 'ops', file: 'admin-token' }, { name: 'screen', token: 'read-only-token-0001', readOnly: true }]);
    const proxy = await Millrace.start(config, { directory });
    expect((await proxy.adminCall('PUT', '/log-level', { level: 'info' }, bearer(OPS))).status).toBe(200);
    expect((await proxy.adminCall('PUT', '/log-level', { level: 'info' }, bearer('read-only-token-0001'))).status).toBe(403);
    expect((await proxy.adminCall('GET', '/log-level', undefined, bearer('read-only-token-0001'))).status).toBe(200);

    let from = proxy.log.length;
    writeFileSync(file, 'another-horse-battery');
    await proxy.logged('configuration reloaded', from);
    expect((await proxy.adminCall('GET', '/log-level', undefined, bearer(OPS))).status).toBe(401);
    expect((await proxy.adminCall('GET', '/log-level', undefined, bearer('another-horse-battery'))).status).toBe(200);

    from = proxy.log.length;
    writeFileSync(file, 'short');
    await proxy.logged('configuration refused, the last good one goes on', from);
    expect((await proxy.adminCall('GET', '/log-level', undefined, bearer('another-horse-battery'))).status).toBe(200);
    for (const secret of [OPS, 'another-horse-battery', 'read-only-token-0001']) {
      expect(JSON.stringify(proxy.log)).not.toContain(secret);
      expect((await proxy.adminCall('GET', '/config', undefined, bearer('another-horse-battery'))).text).not.toContain(secret);
    }
  });
});

describe('a hostile neighbour', () => {
  it('gets no change made from a page of another site, under another name, or by a link', async () => {
    const proxy = await Millrace.start(ROUTES);
    const own = { host: `127.0.0.1:${proxy.adminPort}` };
    for (const headers of [
      { ...own, origin: 'https://evil.example' }, { ...own, origin: 'null' }, { ...own, 'sec-fetch-site': 'cross-site' }, { ...own, 'sec-fetch-site': 'same-site' },
      { host: 'evil.example' }, { host: `evil.example:${proxy.adminPort}`, origin: `http://evil.example:${proxy.adminPort}` }, { host: '127.0.0.1.evil.example' },
    ] as Record<string, string>[]) {
      for (const [method, path] of [['POST', '/shutdown'], ['POST', '/drain'], ['PUT', '/log-level'], ['GET', '/config'], ['OPTIONS', '/shutdown']] as const) {
        const answer = await proxy.adminCall(method, path, method === 'PUT' ? { level: 'silent' } : undefined, headers);
        expect(answer.status, `${method} ${path} ${JSON.stringify(headers)}`).toBe(403);
        expect(answer.all('access-control-allow-origin')).toEqual([]);
      }
    }
    // A link, an image, a form.
    for (const path of ['/shutdown', '/drain']) expect((await proxy.adminCall('GET', path)).status).toBe(405);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await proxy.adminCall('POST', '/shutdown', 'now=1', form)).status).toBe(413);
    expect((await proxy.adminCall('POST', '/shutdown', '', form)).status).toBe(415);
    expect((await proxy.adminCall('PUT', '/log-level', '{"level":"silent"}', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await proxy.admin('/ready')).text).toBe('ready\n');
  });

  it('with 300 connections, slow bodies and wrong tokens keeps nobody from the port, nor from the proxy', async () => {
    const proxy = await Millrace.start(withTokens([{ name: 'ops', token: OPS }]));
    const port = proxy.adminPort;
    const clients = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect({ port })));
    for (const [index, client] of clients.entries()) {
      client.send(index % 3 === 0 ? 'GET /config HT' : index % 3 === 1
        ? `PUT /log-level HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{`
        : `GET /config HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong-wrong-wrong-${index}\r\n\r\n`);
    }
    await eventually(async () => (await proxy.adminCall('GET', '/ready')).status === 200);
    expect((await proxy.adminCall('GET', '/workers', undefined, bearer(OPS))).status).toBe(200);
    expect((await request(proxy.port(), '/')).text).toBe('served');
    // Told once, and counted.
    expect(proxy.log.filter(({ msg }) => msg.startsWith('admin request with'))).toHaveLength(1);
    const metrics = (await proxy.adminCall('GET', '/metrics', undefined, bearer(OPS))).text;
    expect(Number(/millrace_admin_authentication_failures_total\{reason="wrong"\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(10);
    expect(Number(/millrace_admin_connections_refused_total (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(10);
    await Promise.all(clients.map((client) => client.close()));
  });
});

it('the endpoint moves with the configuration while it answers', async () => {
  const proxy = await Millrace.start(withTokens([{ name: 'ops', token: OPS }]));
  const from = proxy.log.length;
  proxy.write(withTokens([{ name: 'ops', token: OPS }], '127.0.0.2:0'));
  const line = await proxy.logged(/^admin on http:\/\/127\.0\.0\.2:/, from);
  expect(line.host).toBe('127.0.0.2');
  await eventually(async () => {
    await expect(RawClient.connect({ port: proxy.adminPort })).rejects.toThrow();
    return true;
  });
});
