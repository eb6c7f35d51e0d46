/**
 * An endpoint, in a process of its own: it answers /<id>?size=<n>, and misbehaves as it is told over IPC (endpoint.ts). It is plain
 * JavaScript on raw sockets, since the Node of the tests runs no TypeScript, and since node:http would be too polite.
 */
import { openSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { content, hash } from './content.mjs';

const [name, host, journal] = process.argv.slice(2);
const DRIP_EVERY_MS = 1000;
/** Bytes sent just before a reset are given the time to leave. */
const RESET_AFTER_MS = 5;
const FLAP_EVERY_MS = 1000;
const BACKLOG = 511;

/** Appended to before a POST is answered, so that a SIGKILL forgets none. */
const processed = journal === undefined ? undefined : openSync(journal, 'a');
const open = new Set();
let port = 0;
let behaviour = { mode: 'ok', delayMs: 0 };
let requests = 0;
let flapping;

const head = (status, length, more = '') => `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nx-origin: ${name}\r\nContent-Length: ${length}\r\n${more}\r\n`;

const MODES = {
  ok: (socket, body) => socket.write(head('200 OK', body.length) + body, 'latin1'),
  resetBefore: (socket) => socket.resetAndDestroy(),
  resetInside: (socket, body) => {
    socket.write(head('200 OK', body.length) + body.slice(0, body.length >> 1), 'latin1');
    setTimeout(() => socket.resetAndDestroy(), RESET_AFTER_MS);
  },
  resetAfter: (socket, body) => {
    socket.write(head('200 OK', body.length) + body, 'latin1', () => socket.resetAndDestroy());
  },
  endInside: (socket, body) => socket.end(head('200 OK', body.length) + body.slice(0, body.length >> 1), 'latin1'),
  hang: () => undefined,
  drip: (socket, body) => {
    const bytes = head('200 OK', body.length) + body;
    let at = 0;
    const drop = () => {
      if (socket.destroyed || at === bytes.length) return;
      socket.write(bytes[at++], 'latin1');
      setTimeout(drop, DRIP_EVERY_MS);
    };
    drop();
  },
  halfClose: (socket) => socket.end(),
  fail: (socket) => socket.write(head('500 Internal Server Error', 6) + 'broken', 'latin1'),
  failPercent: (socket, body) => (requests % 100 < behaviour.percent ? MODES.fail(socket) : MODES.ok(socket, body)),
  garbage: (socket) => socket.end('\x16\x03\x01 this is no HTTP\r\n\r\n', 'latin1'),
};

function answer(socket, method, target, body) {
  requests++;
  const [, id = '', size = '0'] = /^\/([^?]*)(?:\?size=(\d+))?/.exec(target) ?? [];
  if (method === 'POST' && processed !== undefined) writeSync(processed, `${id}\n`);
  const text = method === 'POST' ? hash(body) : content(id, Number(size));
  // A request knows how it is answered when it comes: a delay is not cut short by the next behaviour.
  const { mode, delayMs } = behaviour;
  const reply = () => socket.destroyed || MODES[mode](socket, text);
  if (delayMs > 0) setTimeout(reply, delayMs);
  else reply();
}

function accept(socket) {
  open.add(socket);
  socket.on('close', () => open.delete(socket));
  socket.on('error', () => undefined);
  socket.on('end', () => behaviour.mode !== 'halfClose' && socket.end());
  let bytes = '';
  socket.setEncoding('latin1').on('data', (piece) => {
    bytes += piece;
    for (;;) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      const text = bytes.slice(0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
      if (bytes.length < end + 4 + length) return;
      const body = bytes.slice(end + 4, end + 4 + length);
      bytes = bytes.slice(end + 4 + length);
      const [method, target] = text.split(' ', 2);
      answer(socket, method, target, body);
    }
  });
}

let server = null;
function listen() {
  if (server !== null) return Promise.resolve();
  server = createServer({ noDelay: true, allowHalfOpen: true }, accept);
  return new Promise((resolve, reject) => server.once('error', reject).listen({ port, host, backlog: BACKLOG }, () => {
    port = server.address().port;
    resolve();
  }));
}

/** Nothing listens, and what was connected is reset. */
function refuse() {
  server?.close();
  server = null;
  for (const socket of open) socket.resetAndDestroy();
}

async function behave(next) {
  clearInterval(flapping);
  behaviour = { delayMs: 0, ...next };
  if (next.mode === 'refuse') refuse();
  else await listen();
  if (next.mode === 'flap') {
    // Down first: the fault begins now.
    let up = true;
    const flip = () => {
      up = !up;
      behaviour.mode = 'ok';
      if (up) void listen();
      else refuse();
    };
    flip();
    flapping = setInterval(flip, FLAP_EVERY_MS);
  }
  if (next.mode === 'freeze') {
    behaviour.mode = 'ok'; // when it wakes up
    if (next.disconnect === true) for (const socket of open) socket.resetAndDestroy();
    process.send({ done: true }, () => process.kill(process.pid, 'SIGSTOP'));
    return;
  }
  process.send({ done: true });
}

process.on('message', (message) => {
  if (message.listen !== undefined) {
    port = message.listen;
    listen().then(() => process.send({ port }), (error) => process.send({ error: String(error) }));
  } else if (message.behave !== undefined) {
    void behave(message.behave);
  } else if (message.requests === true) {
    process.send({ requests, connections: open.size });
  }
});
// The end of the test process is the end of this one; SIGTERM ends in order.
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => {
  server?.close();
  behaviour = { mode: 'ok', delayMs: 0 };
  // Idle connections are told by a FIN, as servers do; requests that come all the same find a closed connection.
  for (const socket of open) socket.end();
  setTimeout(() => process.exit(), 100);
});
