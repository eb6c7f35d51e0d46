/**
 * The uWebSockets.js listener adapter: the only module that imports the package. Rules that it obeys, each of which
 * was measured: `onAborted` before anything else; never an answer from inside the handler; connections capped by the
 * filter, since accepting spins at the open-file limit; every app closed before the thread exits.
 */
import uWS, { type HttpRequest, type HttpResponse, type TemplatedApp, type WebSocketBehavior, type us_listen_socket, type us_socket_context_t } from 'uWebSockets.js';
import { HEAD_LENGTH_WORDS, SUBMIT, SUBMIT_FLAG, WEBSOCKET_OPCODE } from '../binding/abi.ts';
import { addon } from '../binding/load.ts';
import type { ExchangeTable } from './exchange-table.ts';
import type { CertificateFiles, ListenerSpec } from './protocol.ts';
import type { WebSocketData } from './websocket.ts';

const { submit, submitRequest, learnRequest, countConnection } = addon;

/** Part of uWS.js that its typings leave out. */
interface AcceptorApp extends TemplatedApp {
  getDescriptor(): unknown;
  addChildAppDescriptor(descriptor: unknown): void;
  removeChildAppDescriptor(descriptor: unknown): void;
}

// `domain()` prints to standard output.
addon.muteNativeOutput();
/** Nothing but uWS's documented interface, should a build of it, of Node or of the C library not bear the two short cuts below. */
const PLAIN_LISTENER = process.env.MILLRACE_PLAIN_LISTENER === '1';
// Whose request it is, without a system call and an ArrayBuffer per request; false costs just these.
if (!PLAIN_LISTENER) addon.takeOverListenerCalls();
// Removes "uWebSockets: 20" from every answer; per loop, hence per worker.
(uWS as unknown as { _cfg(key: string): void })._cfg('999999990007');

/**
 * Receive buffer of a downstream connection, as setsockopt counts (the kernel doubles it for its own overhead). uWS reads a
 * socket again for as long as a read fills its 512 KiB, even when it was paused meanwhile: with the kernel's own
 * limits one fast upload to a slow upstream was seen to put 190 MiB into memory. Also bounds the window that a client is
 * offered: about 5 MB/s per connection at 50 ms of round trip.
 */
const RECEIVE_BUFFER_BYTES = 256 * 1024;
/**
 * With TLS one read must stay below uWS's 512 KiB, and what is left of a record from the read before (16 KiB) with it: when the
 * plain bytes of one read fill its buffer, uWS hands them out in between, and a write from there makes it forget the rest of what
 * it read ("triggering a write from a read will essentially delete all input data", says a comment in uSockets' openssl.c).
 * A client that sends and receives as fast as it can was cut within a second. The kernel may give one segment of 64 KiB
 * more than twice this number.
 */
const TLS_RECEIVE_BUFFER_BYTES = 192 * 1024;

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
  const target = query === undefined ? req.getUrl() : req.getUrl() + '?' + query;
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
  const target = latin1(query === undefined ? req.getUrl() : req.getUrl() + '?' + query);
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

/**
 * Whether the engine reads request objects where they are, which costs a quarter of a request less than the strings: known after
 * the first request with nothing but ASCII in it.
 */
let inPlace: 'unknown' | 'yes' | 'no' = PLAIN_LISTENER ? 'no' : 'unknown';

function learn(req: HttpRequest): void {
  const learnt = learnRequest(req, head);
  if (learnt !== 0) inPlace = learnt === 1 ? 'yes' : 'no';
}

/** Without `peer` the engine takes the one that it knows, or asks for it. */
function submitHead(handle: number, key: number, req: HttpRequest, peer?: ArrayBuffer): number {
  if (inPlace === 'yes') return submitRequest(handle, key, req, peer);
  readHead(req);
  if (inPlace === 'unknown') learn(req);
  const result = submit(handle, key, head, peer);
  if (result !== SUBMIT.needLatin1) return result;
  readHeadLatin1(req);
  return submit(handle, key | SUBMIT_FLAG.latin1, head, peer);
}

/** Whether handlers read the client's address; a reload may change it on open listeners. */
interface PeerRule {
  needed: boolean;
}

function makeHandler(table: ExchangeTable, listenerKey: number, rule: PeerRule): Handler {
  const leftOut = listenerKey | SUBMIT_FLAG.peerLeftOut;
  return (res, req) => {
    const exchange = table.acquire();
    exchange.begin(res);
    let result = submitHead(exchange.handle, rule.needed ? listenerKey : leftOut, req);
    if (result === SUBMIT.needPeer) result = submitHead(exchange.handle, listenerKey, req, res.getRemoteAddress());
    if (result === SUBMIT.acceptedWithBody) exchange.expectBody();
  };
}

/**
 * uWS closes the socket of a client whose message is larger than it was told, and sends no close frame. Up to this much above
 * the largest message of any route the engine sees it instead, and the client is told 1009.
 */
const OVERSIZE_BYTES = 1024 * 1024;
/** How long an app that is otherwise idle waits for its last clients to see their close frame, and to answer it. */
const WEBSOCKET_LINGER_MS = 2000;

type Handler = (res: HttpResponse, req: HttpRequest) => void;
type UpgradeHandler = (res: HttpResponse, req: HttpRequest, context: us_socket_context_t) => void;

/** Called for every GET with a Sec-WebSocket-Key of the right length; whether that is a handshake is up to the engine. */
function makeUpgradeHandler(table: ExchangeTable, listenerKey: number, rule: PeerRule): UpgradeHandler {
  const keyAndFlag = listenerKey | SUBMIT_FLAG.upgrade;
  return (res, req, context) => {
    const exchange = table.acquire();
    exchange.begin(res);
    exchange.beginUpgrade(req.getHeader('sec-websocket-key'), context);
    let result = submitHead(exchange.handle, rule.needed ? keyAndFlag : keyAndFlag | SUBMIT_FLAG.peerLeftOut, req);
    if (result === SUBMIT.needPeer) result = submitHead(exchange.handle, keyAndFlag, req, res.getRemoteAddress());
    if (result === SUBMIT.acceptedWithBody) exchange.expectBody();
  };
}

/** Nothing is left to uWS that the engine does: timeouts, pings of our own, compression (there is none on either side). */
function webSocketBehavior(maxMessage: number, upgrade: UpgradeHandler, onClose: () => void): WebSocketBehavior<WebSocketData> {
  return {
    maxPayloadLength: maxMessage + OVERSIZE_BYTES,
    maxBackpressure: 0, // never drop
    idleTimeout: 0,
    sendPingsAutomatically: false,
    compression: uWS.DISABLED,
    upgrade,
    open: (ws) => ws.getUserData().bridge.opened(ws),
    message: (ws, payload, isBinary) => ws.getUserData().bridge.fromClient(isBinary ? WEBSOCKET_OPCODE.binary : WEBSOCKET_OPCODE.text, payload),
    ping: (ws, payload) => ws.getUserData().bridge.fromClient(WEBSOCKET_OPCODE.ping, payload),
    pong: (ws, payload) => ws.getUserData().bridge.fromClient(WEBSOCKET_OPCODE.pong, payload),
    drain: (ws) => ws.getUserData().bridge.drained(),
    close: (ws, code, reason) => {
      ws.getUserData().bridge.closedByClient(code, reason);
      onClose();
    },
  };
}

/** An app and the connections on it; a retired one stays until the last of them is gone. */
class Branch {
  readonly app: AcceptorApp;
  connections = 0;
  readonly #listenerKey: number;
  readonly #cap: ConnectionCap;
  readonly #hosts: readonly string[];
  readonly #onIdle: () => void;
  #maxMessage = 0;

  constructor(app: TemplatedApp, listenerKey: number, handler: Handler, cap: ConnectionCap, hosts: readonly string[], onIdle: () => void) {
    this.app = app as AcceptorApp;
    this.#listenerKey = listenerKey;
    this.#cap = cap;
    this.#hosts = hosts;
    this.#onIdle = onIdle;
    app.any('/*', handler);
    for (const host of hosts) app.domain(host).any('/*', handler);
    app.filter((res, change) => {
      const step = Number(change);
      this.#count(step);
      if (step > 0 && cap.max !== 0 && cap.open > cap.max) res.close();
    });
  }

  get takesUpgrades(): boolean {
    return this.#maxMessage !== 0;
  }

  /**
   * From now on, also on connections that are open. For a larger message than before the route is made anew, for
   * sockets to come; never for a smaller one, since the engine keeps each route's own limit.
   */
  takeUpgrades(maxMessage: number, handler: UpgradeHandler): void {
    if (maxMessage <= this.#maxMessage) return;
    this.#maxMessage = maxMessage;
    // uWS calls its filter when a connection opens and when it closes, but not when one closes that was upgraded.
    const behavior = webSocketBehavior(maxMessage, handler, () => this.#count(-1));
    for (const host of this.#hosts) this.app.domain(host).ws('/*', behavior);
    // Back to the routes of every other name: `domain` stays where it was, unless it does not know the name.
    if (this.#hosts.length !== 0) this.app.domain('');
    this.app.ws('/*', behavior);
  }

  #count(step: number): void {
    this.connections += step;
    this.#cap.open += step;
    countConnection(this.#listenerKey, step > 0);
    if (step < 0 && this.connections === 0) this.#onIdle();
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
  readonly #upgradeHandler: UpgradeHandler;
  readonly #peerRule: PeerRule;

  constructor(spec: ListenerSpec, table: ExchangeTable, cap: ConnectionCap) {
    this.spec = spec;
    this.#table = table;
    this.#cap = cap;
    this.#tlsVersion = spec.tls?.version ?? null;
    this.#peerRule = { needed: spec.needsPeer };
    this.#upgradeHandler = makeUpgradeHandler(table, addon.listenerKey(spec.name), this.#peerRule);
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
    addon.limitReceiveBuffer(this.port, this.spec.tls === null ? RECEIVE_BUFFER_BYTES : TLS_RECEIVE_BUFFER_BYTES);
    return true;
  }

  /** Takes new certificates for new connections. Throws when they are not usable; nothing has changed then. */
  update(spec: ListenerSpec): void {
    this.#peerRule.needed = spec.needsPeer;
    if (spec.tls === null || spec.tls.version === this.#tlsVersion) {
      this.#branch.takeUpgrades(spec.webSocketMaxMessage, this.#upgradeHandler);
      return;
    }
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
    const listenerKey = addon.listenerKey(spec.name);
    const handler = makeHandler(this.#table, listenerKey, this.#peerRule);
    if (spec.tls === null) {
      const plain = new Branch(uWS.App(), listenerKey, handler, this.#cap, [], () => undefined);
      plain.takeUpgrades(spec.webSocketMaxMessage, this.#upgradeHandler);
      return plain;
    }
    const [first, ...others] = spec.tls.certificates;
    if (first === undefined) throw new Error(`listener ${spec.name} has no certificate`);
    const app = uWS.SSLApp(files(first));
    for (const certificate of others) {
      for (const host of certificate.hosts) app.addServerName(host, files(certificate));
    }
    const branch: Branch = new Branch(app, listenerKey, handler, this.#cap, others.flatMap((certificate) => certificate.hosts), () => this.#onIdle(branch));
    branch.takeUpgrades(spec.webSocketMaxMessage, this.#upgradeHandler);
    return branch;
  }

  #onIdle(branch: Branch): void {
    if (!this.#retired.has(branch)) return;
    // Not from inside its own filter: the connection that made it idle is still being closed.
    const close = (): void => {
      if (this.#retired.delete(branch)) branch.app.close();
    };
    if (branch.takesUpgrades) setTimeout(close, WEBSOCKET_LINGER_MS);
    else setImmediate(close);
  }
}

function files(certificate: CertificateFiles): { cert_file_name: string; key_file_name: string } {
  return { cert_file_name: certificate.certFile, key_file_name: certificate.keyFile };
}
