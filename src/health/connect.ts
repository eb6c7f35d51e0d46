import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, createSecureContext, type ConnectionOptions, type SecureContext, type TLSSocket } from 'node:tls';
import type { EndpointConfig, UpstreamTlsConfig } from '../config/types.ts';
import { printable } from '../core/printable.ts';
import { failed, type Attempt, type Failure, type Result } from './check.ts';

/** Where an endpoint is checked. */
export interface Target {
  socket: { host: string; port: number } | { path: string };
  /** As a Host header has it: what the endpoint is called, with the port that is connected to. */
  authority: string;
  tls: TlsTarget | null;
}

export interface TlsTarget {
  /** Shared by the endpoints of a cluster: reading certificates takes milliseconds. */
  context: SecureContext;
  /** Sent and verified, name or address; empty only where nothing is verified. */
  serverName: string;
  verify: boolean;
}

export function tlsContext({ ca, cert, key }: UpstreamTlsConfig): SecureContext {
  return createSecureContext({ minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca }), ...(cert === null || key === null ? {} : { cert, key }) });
}

/** `port` 0 is that of the endpoint. */
export function targetOf(endpoint: EndpointConfig, port: number, tls: UpstreamTlsConfig | null, context: SecureContext | null): Target {
  const used = port === 0 ? endpoint.port : port;
  return {
    socket: endpoint.family === 'unix' ? { path: endpoint.address } : { host: endpoint.address, port: used },
    authority: endpoint.family === 'unix' ? 'localhost' : authorityOf(endpoint.serverName, used, tls === null ? 80 : 443),
    tls: tls === null || context === null ? null : { context, serverName: tls.serverName ?? endpoint.serverName, verify: !tls.insecureSkipVerify },
  };
}

function authorityOf(host: string, port: number, usualPort: number): string {
  const text = isIP(host) === 6 ? `[${host}]` : host;
  return port === usualPort ? text : `${text}:${port}`;
}

/** A socket that is connecting. Events tell the rest; the caller listens to `error` before it lets go of the thread. */
export function open({ socket, tls }: Target, protocols: readonly string[] = []): Socket | TLSSocket {
  if (tls === null) return connectTcp({ ...socket, noDelay: true });
  const { serverName, context, verify } = tls;
  const options: ConnectionOptions = {
    ...socket,
    secureContext: context,
    rejectUnauthorized: verify,
    // An address is verified, but never sent as a name: RFC 6066 section 3.
    ...(isIP(serverName) === 0 && serverName !== '' ? { servername: serverName } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
  };
  return connectTls(options).setNoDelay(true);
}

/** Tells the attempt when the connection stands, and how far it has come. */
export class Phases {
  #phase: 'connect' | 'tls' | 'answer' = 'answer';

  follow(socket: Socket, attempt: Attempt): void {
    const stands = (): void => {
      this.#phase = 'answer';
      attempt.connected();
    };
    if (!socket.connecting) {
      stands();
      return;
    }
    this.#phase = 'connect';
    if ('encrypted' in socket) socket.once('connect', () => (this.#phase = 'tls')).once('secureConnect', stands);
    else socket.once('connect', stands);
  }

  get isConnected(): boolean {
    return this.#phase === 'answer';
  }

  /** What is being waited for. */
  get text(): string {
    return { connect: 'connect: no answer', tls: 'TLS handshake: not finished', answer: 'no answer' }[this.#phase];
  }

  failure(error: unknown): Result {
    return connectionFailure(error, this.#phase);
  }
}

/** This process or this machine has none left: no fault of the endpoint. */
const OWN = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);
const TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ENOENT: 'no such socket',
  EACCES: 'permission denied',
  EAGAIN: 'the queue of the socket is full',
};
const MAX_TEXT = 160;

function connectionFailure(error: unknown, phase: 'connect' | 'tls' | 'answer'): Result {
  const { code = '', message = '', reason } = (error ?? {}) as { code?: string; message?: string; reason?: unknown };
  if (OWN.has(code)) return { kind: 'void', text: `${code}: this process has nothing left to connect with` };
  if (phase === 'connect') return failed('connect', `connect: ${TEXTS[code] ?? shown(message)}`);
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|ERR_OSSL|EPROTO)/.test(code) || phase === 'tls') {
    // Node's own text for a connection that ends within the handshake is a sentence with the same meaning.
    return failed('tls', `TLS: ${code === 'ECONNRESET' ? 'connection closed in the handshake' : (TEXTS[code] ?? shown(typeof reason === 'string' ? reason : message))}`);
  }
  if (code.startsWith('HPE_')) return failed('protocol', `not HTTP: ${shown(typeof reason === 'string' ? reason : message)}`);
  const failure: Failure = 'closed';
  return failed(failure, code === 'ECONNRESET' && message === 'socket hang up' ? 'connection closed without an answer' : (TEXTS[code] ?? shown(message)));
}

/** Text that an endpoint may have chosen. */
export function shown(text: string, most = MAX_TEXT): string {
  const visible = printable(text.slice(0, most));
  return text.length > most ? `${visible}...` : visible;
}

/** The beginning of an answer, as evidence. */
export function excerpt(bytes: Buffer): string {
  return `"${shown(bytes.toString('latin1'))}"`;
}
