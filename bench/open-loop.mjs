/**
 * An open-loop client: requests begin on a schedule of Poisson arrivals whether or not earlier ones have been answered,
 * and latency counts from the scheduled time. A stall of the proxy, or of this client, is in the figures of every request
 * that it delayed, and is not hidden by asking less (coordinated omission).
 *
 * The schedule is kept by a thread that sleeps in Atomics.wait, since timers of Node go by whole milliseconds.
 */
import { connect } from 'node:net';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const DRAIN_MS = 10_000;

/** mulberry32, in [0, 1). */
export function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function keepSchedule({ rate, seconds, seed }) {
  const next = random(seed);
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const endMs = nowMs() + seconds * 1000;
  for (let dueMs = nowMs(); ; ) {
    dueMs += (-Math.log(1 - next()) * 1000) / rate;
    if (dueMs >= endMs) break;
    for (let waitMs = dueMs - nowMs(); waitMs > 0; waitMs = dueMs - nowMs()) Atomics.wait(cell, 0, 0, waitMs);
    parentPort.postMessage(dueMs);
  }
  parentPort.postMessage(null);
}

if (!isMainThread && workerData?.openLoop !== undefined) keepSchedule(workerData.openLoop);

/** A keep-alive connection with one request at a time; answers have a Content-Length. */
class Connection {
  #socket;
  #text = '';
  #settle = null;

  constructor(port) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text) => this.#read(text));
    this.#socket.on('error', () => undefined); // "close" follows
    this.#socket.on('close', () => {
      this.closed = true;
      this.#finish(null);
    });
  }

  /** The head of the answer, or null when the connection ended before it was whole. */
  request(text) {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#socket.write(text);
    });
  }

  destroy() {
    this.#socket.destroy();
  }

  #read(text) {
    this.#text += text;
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#text.slice(0, end);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#text.length < end + 4 + length) return;
    this.#text = '';
    this.#finish(head);
  }

  #finish(head) {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(head);
  }
}

/**
 * Asks `port` at `rate` requests a second. Requests of the first `warmupSeconds` are made and not counted. Returns what was
 * counted: latencies of the answers with status 200 in milliseconds, status codes, how often each upstream answered (by its
 * x-upstream; '' = the proxy itself), how many connections broke, and how late this client was at worst.
 */
export async function openLoop({ port, rate, seconds, warmupSeconds, seed, requestOf }) {
  const idle = [];
  const all = new Set();
  const result = { answers: 0, latencies: [], statuses: new Map(), upstreams: new Map(), broken: 0, latestStartMs: 0 };
  const pending = new Set();
  const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);

  async function one(dueMs, counted) {
    let connection = idle.pop();
    while (connection?.closed) connection = idle.pop();
    if (connection === undefined) all.add((connection = new Connection(port)));
    if (counted) result.latestStartMs = Math.max(result.latestStartMs, nowMs() - dueMs);
    const head = await connection.request(requestOf());
    const latencyMs = nowMs() - dueMs;
    if (!connection.closed) idle.push(connection);
    else all.delete(connection);
    if (!counted) return;
    if (head === null) {
      result.broken++;
      return;
    }
    const status = Number(head.slice(9, 12));
    if (status === 200) result.latencies.push(latencyMs);
    add(result.statuses, status);
    result.answers++;
    add(result.upstreams, /\r\nx-upstream: *(\S+)/i.exec(head)?.[1] ?? '');
  }

  const beginMs = nowMs() + warmupSeconds * 1000;
  const worker = new Worker(new URL(import.meta.url), { workerData: { openLoop: { rate, seconds: warmupSeconds + seconds, seed } } });
  await new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (dueMs) => {
      if (dueMs === null) {
        resolve();
        return;
      }
      const promise = one(dueMs, dueMs >= beginMs).finally(() => pending.delete(promise));
      pending.add(promise);
    });
  });
  const late = setTimeout(() => [...all].forEach((connection) => connection.destroy()), DRAIN_MS);
  await Promise.all(pending);
  clearTimeout(late);
  for (const connection of all) connection.destroy();
  result.latencies.sort((a, b) => a - b);
  return result;
}
