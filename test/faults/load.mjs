/**
 * The clients, in a process of their own: keep-alive connections that send one request after the other, at a steady pace, and account for
 * each: one whole and right answer, one whole error, a connection that ended before, or nothing at all. Told what to do by load.ts.
 */
import { connect } from 'node:net';
import { content, hash, now } from './content.mjs';

/** What became of a request; the same in load.ts. */
const OUTCOME = { answered: 0, error: 1, cut: 2, lost: 3, wrong: 4 };
const TALLY_EVERY_MS = 20;
/** Of one client whose connection is refused. */
const RECONNECT_AFTER_MS = 20;

/** Columns of the records. */
const startedMs = [];
const endedMs = [];
const outcomes = [];
const statuses = [];
const origins = [];
const originNames = [''];
const tally = { sent: 0, inFlight: 0, answered: 0, byOrigin: {}, connected: 0, connectErrors: 0 };
/** What went wrong, in words: the first few. */
const complaints = [];

let options;
let running = false;
let nextId = 0;
let ids = '';

function complain(text) {
  if (complaints.length < 20) complaints.push(text);
}

class Client {
  #socket = null;
  #current = null;
  #bytes = '';
  #timer;
  #pace;

  constructor(index) {
    // Paces are spread over the interval.
    this.due = now() + (options.paceMs * index) / options.connections;
    this.idle = true;
  }

  start() {
    if (!running || (options.total > 0 && nextId >= options.total)) {
      this.idle = true;
      this.#socket?.end();
      finished();
      return;
    }
    this.idle = false;
    this.#wait();
  }

  #connect() {
    const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    this.#bytes = '';
    socket.setEncoding('latin1');
    let connected = false;
    socket.on('connect', () => {
      connected = true;
      tally.connected++;
      this.#send();
    });
    socket.on('data', (piece) => this.#received(piece));
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      clearTimeout(this.#pace);
      if (connected) tally.connected--;
      else tally.connectErrors++;
      if (this.#current !== null) this.#done(OUTCOME.cut, 0, this.#bytes.length === 0 ? 'no byte of the answer' : `only ${this.#bytes.length} bytes`);
      else if (!this.idle) this.#pace = setTimeout(() => this.start(), RECONNECT_AFTER_MS);
    });
  }

  #wait() {
    const ms = this.due - now();
    this.#pace = setTimeout(() => this.#send(), Math.max(0, ms));
  }

  #send() {
    if (!running || (options.total > 0 && nextId >= options.total)) {
      this.start();
      return;
    }
    if (this.#socket === null) {
      this.#connect();
      return;
    }
    const index = nextId++;
    const id = `${ids}${index}`;
    // A share of them without randomness: request k is a POST where k * posts passes a whole number.
    const post = Math.floor((index + 1) * options.posts) > Math.floor(index * options.posts);
    const size = options.sizes[index % options.sizes.length];
    const body = post ? content(id, size) : '';
    this.#current = { index, expected: post ? hash(body) : content(id, size), post };
    this.#bytes = '';
    const start = now();
    // No pile of overdue requests: what was late begins a new row of them.
    this.due = Math.max(this.due + options.paceMs, start);
    startedMs.push(start);
    endedMs.push(0);
    outcomes.push(OUTCOME.lost);
    statuses.push(0);
    origins.push(0);
    tally.sent++;
    tally.inFlight++;
    this.#timer = setTimeout(() => {
      this.#done(OUTCOME.lost, 0, `nothing more within ${options.limitMs} ms, after ${this.#bytes.length} bytes`);
    }, options.limitMs);
    this.#socket.write(post
      ? `POST /${id} HTTP/1.1\r\nHost: faults.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      : `GET /${id}?size=${size} HTTP/1.1\r\nHost: faults.test\r\n\r\n`, 'latin1');
  }

  #received(piece) {
    if (this.#current === null) {
      tally.extra = (tally.extra ?? 0) + 1;
      complain(`bytes that nobody asked for: ${JSON.stringify(piece.slice(0, 200))}`);
      return;
    }
    this.#bytes += piece;
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#bytes.slice(0, end);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
    const body = this.#bytes.slice(end + 4);
    if (!(body.length >= length)) return;
    const status = Number(head.slice(9, 12));
    const { expected } = this.#current;
    const origin = /\r\nx-origin: *(\S+)/i.exec(head)?.[1] ?? '';
    const closes = /\r\nconnection: *close/i.test(head);
    if (body.length > length) this.#done(OUTCOME.wrong, status, `more than one answer: ${JSON.stringify(this.#bytes.slice(0, 300))}`, origin);
    else if (status === 200) this.#done(hash(body) === hash(expected) ? OUTCOME.answered : OUTCOME.wrong, status, `another body: ${JSON.stringify(body.slice(0, 100))}`, origin);
    else this.#done(status >= 400 ? OUTCOME.error : OUTCOME.wrong, status, `status ${status}`, origin);
    if (closes && this.#socket !== null) this.#drop();
  }

  /** The connection is of no more use. */
  #drop() {
    const socket = this.#socket;
    clearTimeout(this.#pace);
    this.#socket = null;
    tally.connected--;
    socket.destroy();
    this.#pace = setTimeout(() => this.start(), 0);
  }

  #done(outcome, status, why, origin = '') {
    clearTimeout(this.#timer);
    const { index, post } = this.#current;
    this.#current = null;
    endedMs[index] = now();
    outcomes[index] = outcome;
    statuses[index] = status;
    let at = originNames.indexOf(origin);
    if (at < 0) at = originNames.push(origin) - 1;
    origins[index] = at;
    tally.inFlight--;
    if (outcome === OUTCOME.answered) {
      tally.answered++;
      tally.byOrigin[origin] = (tally.byOrigin[origin] ?? 0) + 1;
    }
    if (outcome >= OUTCOME.lost) complain(`${post ? 'POST' : 'GET'} ${ids}${index}: ${why}`);
    if (outcome >= OUTCOME.cut && this.#socket !== null) this.#drop();
    else this.start();
  }
}

let clients = [];
let ended = false;

function finished() {
  if (ended || !clients.every(({ idle }) => idle)) return;
  ended = true;
  clearInterval(ticking);
  process.send({
    report: {
      startedMs: Float64Array.from(startedMs), endedMs: Float64Array.from(endedMs), outcomes: Uint8Array.from(outcomes),
      statuses: Uint16Array.from(statuses), origins: Uint8Array.from(origins), originNames, complaints, extra: tally.extra ?? 0, connectErrors: tally.connectErrors,
    },
  });
}

let ticking;
process.on('message', (message) => {
  if (message.start !== undefined) {
    options = { connections: 32, paceMs: 16, sizes: [300], posts: 0, limitMs: 15_000, total: 0, ...message.start };
    ids = `${options.name ?? 'r'}-`;
    running = true;
    clients = Array.from({ length: options.connections }, (_, index) => new Client(index));
    for (const client of clients) client.start();
    ticking = setInterval(() => process.send({ tally }), TALLY_EVERY_MS);
  } else if (message.stop === true) {
    running = false;
    // Those that wait for their turn see it then; those in flight are waited for.
  }
});
process.on('disconnect', () => process.exit());
