import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { reservePort } from '../../../src/binding/addon.ts';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ListenerConfig, RouteConfig, VirtualHostConfig } from '../../../src/config/types.ts';
import { MemoryFiles, defaultMaxConnections, PortReservations, formatAddress, listenerSpec, planListeners, probeAddresses } from '../../../src/control/listeners.ts';
import { StartError } from '../../../src/core/errors.ts';
import { plainConfig, workDirectory } from './support.ts';

async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const probed = (host: string, port: number, own?: Set<number>): Promise<unknown> => probeAddresses([{ what: 'listener "web"', host, port }], own).then(() => 'free', (error: unknown) => error);

describe('probing an address', () => {
  it('tells a port that is taken, in one line with advice', async () => {
    const port = await takenPort();
    const error = await probed('127.0.0.1', port);
    expect(error).toBeInstanceOf(StartError);
    expect((error as StartError).message).toBe(`listener "web": 127.0.0.1:${port} is already in use`);
    expect((error as StartError).hint).toContain('ss -ltnp');
  });

  it('leaves out ports that are ours', async () => {
    const port = await takenPort();
    expect(await probed('127.0.0.1', port, new Set([port]))).toBe('free');
  });

  it('tells an address that this machine does not have', async () => {
    expect(await probed('192.0.2.1', 0)).toMatchObject({ message: 'listener "web": this machine has no address 192.0.2.1' });
  });

  it('lets go of what it tried', async () => {
    const port = await takenPort();
    await expect(probed('127.0.0.1', port)).resolves.toBeInstanceOf(StartError);
    expect(await probed('127.0.0.1', 0)).toBe('free');
  });
});

describe('a port that is reserved', () => {
  it('is given to nobody else, is no hindrance to a listener of ours, and is free once it is released', async () => {
    const ports = new PortReservations(reservePort);
    const taken = Array.from({ length: 500 }, () => ports.take('web', '127.0.0.1'));
    expect(new Set(taken).size).toBe(taken.length);
    const port = taken[0] as number;
    expect(await probed('127.0.0.1', port)).toBeInstanceOf(StartError);
    ports.release();
    expect(await probed('127.0.0.1', port)).toBe('free');
  });

  it('is of IPv6, too, and cannot be had of an address that is not ours', () => {
    const ports = new PortReservations(reservePort);
    expect(ports.take('web', '::1')).toBeGreaterThan(0);
    ports.release();
    expect(() => ports.take('web', '192.0.2.1')).toThrow('listener "web": this machine has no address 192.0.2.1');
  });
});

describe('a listener for the workers', () => {
  const files = (): { files: MemoryFiles; path: string } => {
    const path = join(workDirectory(), 'memory');
    return { path, files: new MemoryFiles((name, bytes) => {
      writeFileSync(`${path}-${name}`, bytes);
      return openSync(`${path}-${name}`, 'r');
    }) };
  };
  const listener = plainConfig().listeners[0] as ListenerConfig;
  const plan = { listeners: [listener], maxConnectionsPerWorker: 50, webSocketMaxMessage: new Map<string, number>(), hasAccessLog: false };
  const certificate = { certFile: 'a.pem', keyFile: 'a.key', cert: 'CERT', key: 'KEY', hosts: ['a.example'], fingerprint: 'f1', notAfterMs: 0 };
  const withTls = (changes: Partial<typeof certificate> = {}): ListenerConfig => ({ ...listener, tls: { certificates: [{ ...certificate, ...changes }] } });

  it('needs no files without TLS', () => {
    expect(listenerSpec(listener, 8080, plan, files().files)).toEqual({ name: 'web', host: '127.0.0.1', port: 8080, maxConnections: 50, needsPeer: true, webSocketMaxMessage: 0, tls: null });
  });

  it('hands over certificates as files of this process', () => {
    const memory = files();
    const { tls } = listenerSpec(withTls(), 8443, plan, memory.files);
    const [first] = tls?.certificates ?? [];
    expect(first?.hosts).toEqual(['a.example']);
    expect(first?.certFile).toMatch(/^\/proc\/self\/fd\/\d+$/);
    expect([first?.certFile, first?.keyFile].map((path) => readFileSync(path ?? '', 'utf8'))).toEqual(['CERT', 'KEY']);
    memory.files.close();
  });

  it('has a new version exactly when a certificate or its names change', () => {
    const memory = files();
    const version = (changes?: Partial<typeof certificate>): string | undefined => listenerSpec(withTls(changes), 1, plan, memory.files).tls?.version;
    expect(version()).toBe(version({ certFile: 'moved.pem' }));
    expect(version()).not.toBe(version({ fingerprint: 'f2' }));
    expect(version()).not.toBe(version({ hosts: ['b.example'] }));
    memory.files.close();
  });

  it('reads the client address only where a rule needs it', () => {
    const memory = files();
    const needsPeer = (forwarded: ListenerConfig['forwarded']): boolean => listenerSpec({ ...listener, forwarded }, 1, plan, memory.files).needsPeer;
    expect(needsPeer({ headers: false, trust: [] })).toBe(false);
    expect(needsPeer({ headers: false, trust: [{ family: 'ipv4', prefixBits: 8, words: [0x0a000000, 0, 0, 0] }] })).toBe(true);
    expect(listenerSpec({ ...listener, forwarded: { headers: false, trust: [] } }, 1, { ...plan, hasAccessLog: true }, memory.files).needsPeer).toBe(true);
  });

  it('is ready for the largest WebSocket message of its own routes', () => {
    const config = plainConfig();
    const route = (maxMessageBytes: number | null): RouteConfig =>
      ({ webSocket: maxMessageBytes === null ? null : { maxMessageBytes, idleTimeoutMs: 0 } }) as RouteConfig;
    const host = (routes: RouteConfig[]): VirtualHostConfig => ({ name: 'h', hosts: ['*'], rateLimits: [], routes });
    config.routes = { t: [host([route(null), route(3)]), host([route(7), route(5)])], plain: [host([route(null)])] };
    const planned = planListeners(config, 1);
    const size = (routes: string): number => listenerSpec({ ...listener, routes }, 1, planned, files().files).webSocketMaxMessage;
    expect([size('t'), size('plain')]).toEqual([7, 0]);
  });

  it('gets its share of the connections', () => {
    expect(planListeners(plainConfig(), 3).maxConnectionsPerWorker).toBe(34);
    expect(defaultMaxConnections(1_048_576)).toBe(524_160);
    expect(defaultMaxConnections(64)).toBe(16);
  });
});

it('addresses are written as they are configured', () => {
  expect(formatAddress('127.0.0.1', 80)).toBe('127.0.0.1:80');
  expect(formatAddress('::1', 80)).toBe('[::1]:80');
});
