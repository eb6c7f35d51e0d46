import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminKeeper } from '../../../src/cli/admin-keeper.ts';
import { tokenDigest } from '../../../src/config/build-admin.ts';
import type { AdminConfig } from '../../../src/config/types.ts';
import { createLogger, type Logger } from '../../../src/core/logger.ts';
import { eventually } from '../../support/wait.ts';
import { view } from '../admin/support.ts';

const token = (secret: string): AdminConfig['tokens'][number] => ({ name: secret, digest: tokenDigest(secret), readOnly: false });

async function keeper(config: AdminConfig): Promise<{ keeper: AdminKeeper; lines: string[] }> {
  const lines: string[] = [];
  const log: Logger = createLogger({ pretty: false, destination: { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) } });
  const made = new AdminKeeper(await view(), log);
  await made.open(config);
  onTestFinished(() => made.close());
  return { keeper: made, lines };
}

async function takenPort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Status of GET /config there with this token; 0 when nobody listens. */
function statusAt(host: string, port: number, secret = ''): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => socket.write(`GET /config HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${secret === '' ? '' : `Authorization: Bearer ${secret}\r\n`}\r\n`));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1'))).on('error', () => resolve(0)).on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)));
  });
}

describe('the admin endpoint of a new configuration', () => {
  it('has the new tokens at once, where it is', async () => {
    const { keeper: admin } = await keeper({ host: '127.0.0.1', port: 0, tokens: [token('a-first-token-here')] });
    const port = admin.address?.port ?? 0;
    expect(await statusAt('127.0.0.1', port, 'a-first-token-here')).toBe(200);
    admin.move({ host: '127.0.0.1', port: 0, tokens: [token('a-second-token-here')] });
    expect(await statusAt('127.0.0.1', port, 'a-first-token-here')).toBe(401);
    expect(await statusAt('127.0.0.1', port, 'a-second-token-here')).toBe(200);
    expect(admin.address?.port).toBe(port);
  });

  it('is at the new address, and no more at the old one', async () => {
    const { keeper: admin } = await keeper({ host: '127.0.0.1', port: 0, tokens: [] });
    const port = admin.address?.port ?? 0;
    admin.move({ host: '127.0.0.2', port: 0, tokens: [] });
    await eventually(() => admin.address?.host === '127.0.0.2');
    expect(await statusAt('127.0.0.2', admin.address?.port ?? 0)).toBe(200);
    await eventually(async () => (await statusAt('127.0.0.1', port)) === 0);
  });

  it('stays at the old address when the new one is taken', async () => {
    const { keeper: admin, lines } = await keeper({ host: '127.0.0.1', port: 0, tokens: [] });
    const port = admin.address?.port ?? 0;
    admin.move({ host: '127.0.0.2', port: await takenPort('127.0.0.2'), tokens: [] });
    await eventually(() => lines.some((line) => /^the admin endpoint cannot move: admin: 127\.0\.0\.2:\d+ is already in use/.test(line)));
    expect(await statusAt('127.0.0.1', port)).toBe(200);
  });

  it('comes back to the old address, with the new tokens, when the same port of another one is taken', async () => {
    const port = await takenPort('127.0.0.2');
    const { keeper: admin, lines } = await keeper({ host: '127.0.0.1', port, tokens: [token('a-first-token-here')] });
    admin.move({ host: '127.0.0.2', port, tokens: [token('a-second-token-here')] });
    await eventually(() => lines.some((line) => line.startsWith('the admin endpoint cannot move')));
    expect(await statusAt('127.0.0.1', port, 'a-second-token-here')).toBe(200);
    expect(await statusAt('127.0.0.1', port, 'a-first-token-here')).toBe(401);
  });

  it('never stands open beyond loopback while it moves away from there', async () => {
    const port = await takenPort('127.0.0.2');
    const { keeper: admin, lines } = await keeper({ host: '0.0.0.0', port: 0, tokens: [token('a-first-token-here')] });
    const old = admin.address?.port ?? 0;
    admin.move({ host: '127.0.0.2', port, tokens: [] });
    expect(await statusAt('127.0.0.1', old)).toBe(401);
    await eventually(() => lines.some((line) => line.startsWith('the admin endpoint cannot move')));
    expect(await statusAt('127.0.0.1', old)).toBe(401);
  });

  it('goes when there is to be none, and comes again', async () => {
    const { keeper: admin } = await keeper({ host: '127.0.0.1', port: 0, tokens: [] });
    const port = admin.address?.port ?? 0;
    admin.move(null);
    await eventually(async () => (await statusAt('127.0.0.1', port)) === 0);
    expect(admin.address).toBeNull();
    admin.move({ host: '127.0.0.1', port: 0, tokens: [] });
    await eventually(() => admin.address !== null);
    expect(await statusAt('127.0.0.1', admin.address?.port ?? 0)).toBe(200);
  });
});
