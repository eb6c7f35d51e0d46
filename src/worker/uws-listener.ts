/**
 * The uWebSockets.js listener adapter: the only module that imports the package. Rules that it obeys, each of which
 * was measured: `onAborted` before anything else; never an answer from inside the handler; connections capped by the
 * filter, since accepting spins at the open-file limit; every app closed before the thread exits.
 */
import uWS, { type HttpRequest, type HttpResponse, type TemplatedApp, type us_listen_socket } from 'uWebSockets.js';
import { HEAD_LENGTH_WORDS, SUBMIT, SUBMIT_FLAG } from '../binding/abi.ts';
import { addon } from '../binding/load.ts';
import type { ExchangeTable } from './exchange-table.ts';
import type { CertificateFiles, ListenerSpec } from './protocol.ts';

const { submit, countConnection } = addon;

/** Part of uWS.js that its typings leave out. */
interface AcceptorApp extends TemplatedApp {
  getDescriptor(): unknown;
  addChildAppDescriptor(descriptor: unknown): void;
  removeChildAppDescriptor(descriptor: unknown): void;
}

// `domain()` prints to standard output.
addon.muteNativeOutput();
// Removes "uWebSockets: 20" from every answer; per loop, hence per worker.
(uWS as unknown as { _cfg(key: string): void })._cfg('999999990007');

/**
 * Receive buffer of a downstream connection, as setsockopt counts (the kernel doubles it for its own overhead). uWS reads a
 * socket again for as long as a read fills its 512 KiB, even when it was paused meanwhile: with the kernel's own
 * limits one fast upload to a slow upstream was seen to put 190 MiB into memory. Also bounds the window that a client is
 * offered: about 5 MB/s per connection at 50 ms of round trip.
 */
const RECEIVE_BUFFER_BYTES = 256 * 1024;

export interface ConnectionCap {
  max: number;
  open: number;
}

/** Lengths of the strings in the head that is being read; the engine reads them from the same memory. */
export const headLengths = new Int32Array(HEAD_LENGTH_WORDS);

// All strings of the request head in one, by one closure for all requests: no object per header, and one string to pass.
let head = '';
let pieces = 0;
const appendHeader = (name: string, value: string): void => {
  head += name + value;
  headLengths[++pieces] = name.length;
  headLengths[++pieces] = value.length;
};

function readHead(req: HttpRequest): void {
  const method = req.getCaseSensitiveMethod();
  const query = req.getQuery() as string | undefined;
  const target = query === undefined || query === '' ? req.getUrl() : req.getUrl() + '?' + query;
  head = method + target;
  headLengths[1] = method.length;
  headLengths[2] = target.length;
  pieces = 2;
  req.forEach(appendHeader);
  headLengths[0] = pieces;
}

/**
 * The same as latin1 characters that stand for the bytes. uWS decodes values as UTF-8, which loses what is not UTF-8 and
 * shows as U+FFFD; `getHeader` gives those bytes, but only of the first field of a name: a repeated one is given
 * a NUL, and refused for it.
 */
function readHeadLatin1(req: HttpRequest): void {
  const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
  const names = new Map<string, number>();
  req.forEach((name) => names.set(name, (names.get(name) ?? 0) + 1));
  const method = latin1(req.getCaseSensitiveMethod());
  const query = req.getQuery() as string | undefined;
  const target = latin1(query === undefined || query === '' ? req.getUrl() : req.getUrl() + '?' + query);
  head = method + target;
  headLengths[1] = method.length;
  headLengths[2] = target.length;
  pieces = 2;
  req.forEach((name, value) => {
    if (!value.includes('\ufffd')) appendHeader(name, latin1(value));
    else appendHeader(name, names.get(name) === 1 ? req.getHeader(name) : '\0');
  });
  headLengths[0] = pieces;
}

function makeHandler(table: ExchangeTable, listenerKey: number, needsPeer: boolean): (res: HttpResponse, req: HttpRequest) => void {
  const keyAndFlags = listenerKey | (needsPeer ? 0 : SUBMIT_FLAG.peerLeftOut);
  return (res, req) => {
    const exchange = table.acquire();
    exchange.begin(res);
    readHead(req);
    let peer = needsPeer ? res.getRemoteAddress() : undefined;
    let key = keyAndFlags;
    let result = submit(exchange.handle, key, head, peer);
    if (result === SUBMIT.needLatin1) {
      readHeadLatin1(req);
      key |= SUBMIT_FLAG.latin1;
      result = submit(exchange.handle, key, head, peer);
    }
    if (result === SUBMIT.needPeer) {
      peer = res.getRemoteAddress();
      result = submit(exchange.handle, key & ~SUBMIT_FLAG.peerLeftOut, head, peer);
    }
    if (result === SUBMIT.acceptedWithBody) exchange.expectBody();
  };
}

/** An app and the connections on it; a retired one stays until the last of them is gone. */
class Branch {
  readonly app: AcceptorApp;
  connections = 0;

  constructor(app: TemplatedApp, handler: (res: HttpResponse, req: HttpRequest) => void, cap: ConnectionCap, hosts: readonly string[], onIdle: () => void) {
    this.app = app as AcceptorApp;
    app.any('/*', handler);
    for (const host of hosts) app.domain(host).any('/*', handler);
    app.filter((res, change) => {
      const step = Number(change);
      this.connections += step;
      cap.open += step;
      countConnection(step > 0);
      if (step > 0 && cap.max !== 0 && cap.open > cap.max) res.close();
      if (step < 0 && this.connections === 0) onIdle();
    });
  }
}

/**
 * One listen socket of one worker. TLS has an acceptor app that owns the socket, and a child app that owns the
 * certificates and gets the connections: new certificates are a new child, so the socket is never closed
 * and no connection in its queue is lost. (Replacing a name on a live app is a use-after-free in uWS.)
 */
export class UwsListener {
  readonly spec: ListenerSpec;
  port = 0;
  readonly #table: ExchangeTable;
  readonly #cap: ConnectionCap;
  readonly #acceptor: AcceptorApp;
  #branch: Branch;
  readonly #retired = new Set<Branch>();
  #socket: us_listen_socket | false = false;
  #tlsVersion: string | null;

  constructor(spec: ListenerSpec, table: ExchangeTable, cap: ConnectionCap) {
    this.spec = spec;
    this.#table = table;
    this.#cap = cap;
    this.#tlsVersion = spec.tls?.version ?? null;
    this.#branch = this.#makeBranch(spec);
    if (spec.tls === null) {
      this.#acceptor = this.#branch.app;
    } else {
      this.#acceptor = uWS.SSLApp({}) as AcceptorApp;
      this.#acceptor.addChildAppDescriptor(this.#branch.app.getDescriptor());
    }
  }

  /** False when the kernel refuses; uWS does not say why. */
  listen(): boolean {
    this.#acceptor.listen(this.spec.host, this.spec.port, (socket) => {
      this.#socket = socket;
      if (socket) this.port = uWS.us_socket_local_port(socket);
    });
    if (this.#socket === false) return false;
    addon.limitReceiveBuffer(this.port, RECEIVE_BUFFER_BYTES);
    return true;
  }

  /** Takes new certificates for new connections. Throws when they are not usable; nothing has changed then. */
  update(spec: ListenerSpec): void {
    if (spec.tls === null || spec.tls.version === this.#tlsVersion) return;
    const next = this.#makeBranch(spec);
    this.#acceptor.addChildAppDescriptor(next.app.getDescriptor());
    this.#acceptor.removeChildAppDescriptor(this.#branch.app.getDescriptor());
    const old = this.#branch;
    this.#branch = next;
    this.#tlsVersion = spec.tls.version;
    if (old.connections === 0) old.app.close();
    else this.#retired.add(old);
  }

  /** No new connections; the open ones go on. */
  stopAccepting(): void {
    if (this.#socket !== false) uWS.us_listen_socket_close(this.#socket);
    this.#socket = false;
  }

  get connections(): number {
    let sum = this.#branch.connections;
    for (const branch of this.#retired) sum += branch.connections;
    return sum;
  }

  /** Cuts everything. Idempotent. */
  close(): void {
    this.stopAccepting();
    this.#acceptor.close();
    this.#branch.app.close();
    for (const branch of this.#retired) branch.app.close();
    this.#retired.clear();
  }

  #makeBranch(spec: ListenerSpec): Branch {
    const handler = makeHandler(this.#table, addon.listenerKey(spec.name), spec.needsPeer);
    if (spec.tls === null) return new Branch(uWS.App(), handler, this.#cap, [], () => undefined);
    const [first, ...others] = spec.tls.certificates;
    if (first === undefined) throw new Error(`listener ${spec.name} has no certificate`);
    const app = uWS.SSLApp(files(first));
    for (const certificate of others) {
      for (const host of certificate.hosts) app.addServerName(host, files(certificate));
    }
    const branch: Branch = new Branch(app, handler, this.#cap, others.flatMap((certificate) => certificate.hosts), () => this.#onIdle(branch));
    return branch;
  }

  #onIdle(branch: Branch): void {
    // Not from inside its own filter: the connection that made it idle is still being closed.
    if (this.#retired.delete(branch)) setImmediate(() => branch.app.close());
  }
}

function files(certificate: CertificateFiles): { cert_file_name: string; key_file_name: string } {
  return { cert_file_name: certificate.certFile, key_file_name: certificate.keyFile };
}
