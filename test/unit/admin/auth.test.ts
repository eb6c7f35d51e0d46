import { describe, expect, it } from 'vitest';
import { AdminCounters } from '../../../src/admin/admin-counters.ts';
import { Authenticator } from '../../../src/admin/auth.ts';
import { FailedLogins } from '../../../src/admin/failed-logins.ts';
import { AdminServer } from '../../../src/admin/server.ts';
import { tokenDigest } from '../../../src/config/build-admin.ts';
import { createLogger, silentLogger } from '../../../src/core/logger.ts';
import { adminServer, ask, view } from './support.ts';

const OPS = 'correct-horse-battery-staple';
const SCRAPER = 'incorrect-pony-battery-staple';
const TOKENS = [
  { name: 'ops', digest: tokenDigest(OPS), readOnly: false },
  { name: 'prometheus', digest: tokenDigest(SCRAPER), readOnly: true },
];
const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });

describe('an authenticator', () => {
  it('knows every token by its name', () => {
    const auth = new Authenticator(TOKENS);
    expect(auth.open).toBe(false);
    expect(auth.identify(`Bearer ${OPS}`)).toEqual({ name: 'ops', readOnly: false });
    expect(auth.identify(`bearer   ${SCRAPER} `)).toEqual({ name: 'prometheus', readOnly: true });
  });

  it.each([
    [undefined, 'missing'], ['', 'missing'], [OPS, 'missing'], [`Basic ${OPS}`, 'missing'], ['Bearer', 'missing'], ['Bearer ', 'missing'],
    [`Bearer ${OPS} ${OPS}`, 'missing'], [`Bearer ${OPS},`, 'wrong'], [`Bearer ${OPS.slice(0, -1)}`, 'wrong'], [`Bearer ${OPS}x`, 'wrong'], [`Bearer ${OPS.toUpperCase()}`, 'wrong'],
    [`Bearer ${tokenDigest(OPS)}`, 'wrong'],
  ])('takes %j as %s', (header, reason) => {
    expect(new Authenticator(TOKENS).identify(header)).toBe(reason);
  });

  it('forgets tokens that were replaced', () => {
    const auth = new Authenticator(TOKENS);
    auth.replace(TOKENS.slice(1));
    expect(auth.identify(`Bearer ${OPS}`)).toBe('wrong');
    expect(auth.identify(`Bearer ${SCRAPER}`)).toMatchObject({ name: 'prometheus' });
  });
});

describe('an admin endpoint with tokens', () => {
  it('wants one for everything but the probes and the page, on loopback too', async () => {
    const server = await adminServer(await view(), '127.0.0.1', {}, TOKENS);
    for (const path of ['/', '/ready', '/live', '/ui/uPlot.esm.js']) expect((await ask(server, path)).status, path).toBe(200);
    for (const path of ['/config', '/metrics', '/clusters', '/nothing', '/listeners', '/openapi.json']) {
      const answer = await ask(server, path);
      expect(answer, path).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer realm="millrace"' } });
      expect(JSON.parse(answer.body)).toMatchObject({ error: expect.stringContaining('authorization: Bearer <token>') as string });
    }
    expect(await ask(server, '/config', { headers: bearer('a-wrong-one-of-16') })).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer realm="millrace", error="invalid_token"' } });
    for (const token of [OPS, SCRAPER]) expect((await ask(server, '/config', { headers: bearer(token) })).status).toBe(200);
  });

  it('shows no token and nothing to guess one from', async () => {
    const running = (await view()).running;
    if (running === null) throw new Error('no configuration');
    running.config.admin = { host: '127.0.0.1', port: 1, tokens: TOKENS };
    const server = await adminServer(await view({ running }), '127.0.0.1', {}, TOKENS);
    const { body } = await ask(server, '/config', { headers: bearer(OPS) });
    expect(JSON.parse(body)).toMatchObject({ config: { admin: { tokens: [{ name: 'ops', digest: '<redacted>', readOnly: false }, { name: 'prometheus', readOnly: true }] } } });
    for (const { digest } of TOKENS) expect(body).not.toContain(digest);
  });

  it('refuses pages of other sites even with a token', async () => {
    const server = await adminServer(await view(), '127.0.0.1', {}, TOKENS);
    expect((await ask(server, '/config', { headers: { ...bearer(OPS), origin: 'http://evil.example' } })).status).toBe(403);
    expect((await ask(server, '/config', { headers: { ...bearer(OPS), 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await ask(server, '/config', { headers: { ...bearer(OPS), host: 'evil.example' } })).status).toBe(403);
  });

  it('may be beyond loopback, and keeps its last tokens until it has moved away from there', async () => {
    const server = await adminServer(await view(), '0.0.0.0', {}, TOKENS);
    const headers = { host: 'proxy.example:9901' };
    expect((await ask(server, '/config', { headers })).status).toBe(401);
    expect((await ask(server, '/config', { headers: { ...headers, ...bearer(OPS) } })).status).toBe(200);
    server.replaceTokens([]);
    expect((await ask(server, '/config', { headers })).status).toBe(401);
  });

  it('is not opened beyond loopback without tokens', async () => {
    await expect(AdminServer.open({ host: '0.0.0.0', port: 0, tokens: [] }, await view(), silentLogger())).rejects.toMatchObject({ message: 'admin: 0.0.0.0 is not a loopback address, and there are no tokens', hint: 'use 127.0.0.1, or add admin.tokens' });
  });

  it('takes new tokens and drops old ones between two requests', async () => {
    const server = await adminServer(await view(), '127.0.0.1', {}, TOKENS);
    server.replaceTokens([{ name: 'new', digest: tokenDigest('quite-another-token'), readOnly: false }]);
    expect((await ask(server, '/config', { headers: bearer(OPS) })).status).toBe(401);
    expect((await ask(server, '/config', { headers: bearer('quite-another-token') })).status).toBe(200);
    server.replaceTokens([]);
    expect((await ask(server, '/config')).status).toBe(200);
  });

  it('counts requests by operation and status, and failures by reason', async () => {
    const server = await adminServer(await view(), '127.0.0.1', {}, TOKENS);
    await ask(server, '/config');
    await ask(server, '/config', { headers: bearer('a-wrong-one-of-16') });
    await ask(server, '/nowhere', { headers: bearer(OPS) });
    await ask(server, '/live');
    const { body } = await ask(server, '/metrics', { headers: bearer(SCRAPER) });
    expect(body).toContain('millrace_admin_requests_total{operation="GET /config",code="401"} 2\n');
    expect(body).toContain('millrace_admin_requests_total{operation="GET /live",code="200"} 1\n');
    expect(body).toContain('millrace_admin_requests_total{operation="none",code="404"} 1\n');
    expect(body).toContain('millrace_admin_authentication_failures_total{reason="missing"} 1\n');
    expect(body).toContain('millrace_admin_authentication_failures_total{reason="wrong"} 1\n');
  });
});

describe('failed logins', () => {
  it('fill no log: one line in ten seconds, with the number of the others, and without the token', () => {
    const lines: Record<string, unknown>[] = [];
    const log = createLogger({ pretty: false, destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } });
    let nowMs = 5;
    const failed = new FailedLogins(new AdminCounters(), log, { wallMs: () => 0, monotonicMs: () => nowMs });
    for (let i = 0; i < 1000; i++) failed.note('wrong', '10.0.0.1', 'GET', `/config?${i}\u001b[2J`);
    expect(lines).toMatchObject([{ level: 'warn', peer: '10.0.0.1', reason: 'wrong', method: 'GET', target: '/config?0\\x1b[2J', more: 0, msg: 'admin request with a wrong token refused' }]);
    nowMs += 10_000;
    failed.note('missing', '10.0.0.2', 'GET', '/');
    expect(lines.slice(1)).toMatchObject([{ more: 999, msg: 'admin request with no token refused, and 999 before it' }]);
  });
});
