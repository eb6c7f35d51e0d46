/** From the configured listeners to what a worker is told to accept on. */
import { createHash } from 'node:crypto';
import { closeSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { CertificateConfig, Config, ListenerConfig } from '../config/types.ts';
import { StartError, errorMessage } from '../core/errors.ts';
import type { ListenerSpec } from '../worker/protocol.ts';
import type { Engine } from './engine.ts';

/** The listeners that every worker shall have, and the connections that one worker may hold on all of them. */
export interface ListenerPlan {
  listeners: readonly ListenerConfig[];
  maxConnectionsPerWorker: number;
  /** By route table: the largest message of its WebSocket routes, in bytes; a table without such routes is not in it. */
  webSocketMaxMessage: ReadonlyMap<string, number>;
  /** Whoever is logged has an address. */
  hasAccessLog: boolean;
}

/** A listener as it really runs. */
export interface BoundListener {
  name: string;
  host: string;
  port: number;
  tls: boolean;
}

export function planListeners(config: Config, workerCount: number): ListenerPlan {
  const total = config.limits.maxConnections === 0 ? defaultMaxConnections(openFileLimit()) : config.limits.maxConnections;
  const webSocketMaxMessage = new Map<string, number>();
  for (const [table, hosts] of Object.entries(config.routes)) {
    const sizes = hosts.flatMap(({ routes }) => routes.flatMap(({ webSocket }) => webSocket?.maxMessageBytes ?? []));
    if (sizes.length !== 0) webSocketMaxMessage.set(table, Math.max(...sizes));
  }
  return { listeners: config.listeners, maxConnectionsPerWorker: Math.max(1, Math.ceil(total / workerCount)), webSocketMaxMessage, hasAccessLog: config.accessLog.length !== 0 };
}

/** Files of the process itself: libraries, epoll, event and memory files, logs, the admin endpoint. */
const RESERVED_FILES = 256;

/** Every downstream connection may need one upstream connection, so they share the open-file limit by halves. */
export function defaultMaxConnections(openFiles: number): number {
  return Math.max(16, Math.floor((openFiles - RESERVED_FILES) / 2));
}

/** Node raises the soft limit to the hard one when it starts, so this is what the process can really use. */
function openFileLimit(): number {
  const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === undefined ? 1024 : Number(soft);
}

/**
 * Certificates for uWebSockets.js, which reads them from files only: the PEM texts that were checked, not whatever is on the disk
 * by now, in anonymous memory files. They stay open until the workers have read them.
 */
export class MemoryFiles {
  readonly #create: Engine['createMemoryFile'];
  readonly #descriptors: number[] = [];

  constructor(create: Engine['createMemoryFile']) {
    this.#create = create;
  }

  /** Path of a new file with this content. */
  add(name: string, content: string): string {
    const descriptor = this.#create(name, Buffer.from(content));
    this.#descriptors.push(descriptor);
    return `/proc/self/fd/${descriptor}`;
  }

  close(): void {
    for (const descriptor of this.#descriptors.splice(0)) closeSync(descriptor);
  }
}

export function listenerSpec(listener: ListenerConfig, port: number, plan: ListenerPlan, files: MemoryFiles): ListenerSpec {
  const certificates = listener.tls?.certificates.map((certificate) => ({
    certFile: files.add('millrace-cert', certificate.cert),
    keyFile: files.add('millrace-key', certificate.key),
    hosts: certificate.hosts,
  }));
  const tls = listener.tls === null || certificates === undefined ? null : { version: tlsVersion(listener.tls.certificates), certificates };
  const needsPeer = listener.forwarded.headers || listener.forwarded.trust.length !== 0 || plan.hasAccessLog;
  return {
    name: listener.name,
    host: listener.host,
    port,
    maxConnections: plan.maxConnectionsPerWorker,
    needsPeer,
    webSocketMaxMessage: plan.webSocketMaxMessage.get(listener.routes) ?? 0,
    tls,
  };
}

/** Changes when any certificate, key or host name does. */
function tlsVersion(certificates: readonly CertificateConfig[]): string {
  const hash = createHash('sha256');
  for (const { fingerprint, hosts } of certificates) hash.update(`${fingerprint} ${hosts.join(' ')}\n`);
  return hash.digest('hex').slice(0, 16);
}

/** `[::1]:8080`, `127.0.0.1:8080`. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Tries every address with a plain exclusive listen, and lets go of it again. The workers bind with SO_REUSEPORT, which
 * succeeds silently on a port that another such process holds; this one does not. Addresses on a port in `ownPorts`
 * are ours already.
 */
export async function probeAddresses(wanted: readonly { what: string; host: string; port: number }[], ownPorts: ReadonlySet<number> = new Set()): Promise<void> {
  for (const { what, host, port } of wanted) {
    if (port === 0 || !ownPorts.has(port)) await probe(what, host, port);
  }
}

async function probe(what: string, host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw listenError(what, host, port, error);
  }
  const bound = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return bound;
}

/**
 * Ports for listeners that left theirs open. Each is held until `release`: one that were only looked up could be given to the next
 * listener as well, or to another process, and SO_REUSEPORT would let them share it without a word.
 */
export class PortReservations {
  readonly #reserve: Engine['reservePort'];
  readonly #held: number[] = [];

  constructor(reserve: Engine['reservePort']) {
    this.#reserve = reserve;
  }

  take(listener: string, host: string): number {
    const reserved = this.#reserve(host);
    if (typeof reserved === 'number') {
      const code = getSystemErrorName(reserved);
      throw listenError(`listener ${JSON.stringify(listener)}`, host, 0, Object.assign(new Error(code), { code }));
    }
    this.#held.push(reserved.fd);
    return reserved.port;
  }

  /** Once the listeners are open. */
  release(): void {
    for (const fd of this.#held.splice(0)) closeSync(fd);
  }
}

/** A failed bind in words that say what to do. */
export function listenError(what: string, host: string, port: number, cause: unknown): StartError {
  const address = formatAddress(host, port);
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new StartError(`${what}: ${address} is already in use`, `see who has it: ss -ltnp 'sport = :${port}'`, { cause });
    case 'EACCES':
      return new StartError(`${what}: no permission to listen on ${address}`, 'ports below 1024 need root, CAP_NET_BIND_SERVICE or a lower net.ipv4.ip_unprivileged_port_start', { cause });
    case 'EADDRNOTAVAIL':
      return new StartError(`${what}: this machine has no address ${host}`, 'use 0.0.0.0 or [::] for all of its addresses', { cause });
    default:
      return new StartError(`${what}: cannot listen on ${address}: ${errorMessage(cause)}`, undefined, { cause });
  }
}
