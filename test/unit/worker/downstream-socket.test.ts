/**
 * Pins what native/api/downstream_socket_api.cc and src/worker/websocket.ts expect of the pinned uWebSockets.js and of libuv, without
 * a proxy around them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import uWS, { type TemplatedApp, type WebSocket as ClientSocket } from 'uWebSockets.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { addon } from '../../../src/binding/load.ts';
import { makeCertificate, type Certificate } from '../../support/certificates.ts';

interface Data {
  side: Side;
}

/** uWS's side of one connection. */
class Side {
  socket = 0;
  stopped = false;
  ws!: ClientSocket<Data>;
  messages = 0;
  closed: { code: number; text: string } | null = null;
  wake: () => void = () => undefined;

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.wake = resolve));
  }
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-socket-'));
let certificate: Certificate;
beforeAll(() => {
  addon.muteNativeOutput(); // uWS warns of writes outside of its cork
  certificate = makeCertificate(directory, 'localhost');
});
afterAll(() => rmSync(directory, { recursive: true }));

async function listen(tls: boolean): Promise<{ connect: () => Promise<{ side: Side; client: WebSocket }> }> {
  const app: TemplatedApp = tls ? uWS.SSLApp({ cert_file_name: certificate.certFile, key_file_name: certificate.keyFile }) : uWS.App();
  let accepted: (side: Side) => void = () => undefined;
  app.ws<Data>('/*', {
    maxPayloadLength: 64 * 1024,
    maxBackpressure: 0,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade: (res, req, context) => {
      const key = req.getHeader('sec-websocket-key');
      res.onAborted(() => undefined);
      setImmediate(() => {
        const side = new Side();
        res.pause();
        res.resume();
        side.socket = addon.findSocket();
        res.pause();
        side.stopped = addon.isSocketStopped(side.socket);
        res.resume();
        addon.holdSocket(side.socket, true);
        res.writeStatus('101 Switching Protocols').upgrade({ side }, key, '', '', context);
        addon.holdSocket(side.socket, false);
      });
    },
    open: (ws) => {
      ws.getUserData().side.ws = ws;
      accepted(ws.getUserData().side);
    },
    message: (ws) => {
      ws.getUserData().side.messages++;
      ws.getUserData().side.wake();
    },
    close: (ws, code, text) => {
      const { side } = ws.getUserData();
      side.closed = { code, text: Buffer.from(text).toString() };
      addon.resumeSocket(side.socket); // harmless on a socket that is being closed
      addon.forgetSocket(side.socket);
      side.wake();
    },
  });
  let port = 0;
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket) port = uWS.us_socket_local_port(socket);
  });
  onTestFinished(() => void app.close());
  const connect = async (): Promise<{ side: Side; client: WebSocket }> => {
    const side = new Promise<Side>((resolve) => (accepted = resolve));
    const client = new WebSocket(`${tls ? 'wss' : 'ws'}://127.0.0.1:${port}/`, { rejectUnauthorized: false, perMessageDeflate: false });
    client.on('error', () => undefined);
    onTestFinished(() => client.terminate());
    await new Promise((resolve) => client.once('open', resolve));
    return { side: await side, client };
  };
  return { connect };
}

const sent = (client: WebSocket, bytes: number): Promise<void> => new Promise((resolve) => client.send(Buffer.alloc(bytes), () => resolve()));

describe.each([['plain', false], ['TLS', true]])('the poll of a %s socket', (_name, tls) => {
  it('is found before the upgrade, and stops and starts reading after it', async () => {
    const { connect } = await listen(tls);
    const { side, client } = await connect();
    const { side: other, client: otherClient } = await connect();
    expect({ side: side.stopped, other: other.stopped, same: side.socket === other.socket, closed: side.closed }).toEqual({ side: true, other: true, same: false, closed: null });

    addon.pauseSocket(side.socket);
    addon.pauseSocket(side.socket); // twice is once
    await sent(client, 10);
    // Whatever was sent to the paused one before would have been read before these.
    for (let i = 1; i <= 20; i++) {
      await sent(otherClient, 10);
      await other.until(() => other.messages === i);
    }
    expect(side.messages).toBe(0);
    addon.resumeSocket(side.socket);
    await side.until(() => side.messages === 1);
  });

  it('goes on writing while it does not read', async () => {
    const { connect } = await listen(tls);
    const { side, client } = await connect();
    addon.pauseSocket(side.socket);
    let received = 0;
    const all = 200 * 100_000;
    const complete = new Promise<void>((resolve) => {
      client.on('message', (data: Buffer) => {
        if ((received += data.length) === all) resolve();
      });
    });
    client.pause();
    let failed = false;
    for (let i = 0; i < 200; i++) {
      if (side.ws.send(Buffer.alloc(100_000), true) !== 1) failed = true;
      addon.pauseSocket(side.socket); // a write that fails makes uWS wait for both directions
    }
    expect(failed).toBe(true);
    await sent(client, 10);
    client.resume();
    await complete;
    addon.resumeSocket(side.socket);
    await side.until(() => side.messages === 1);
  });

  it('may be told anything when its socket is closed', async () => {
    const { connect } = await listen(tls);
    const { side, client } = await connect();
    client.terminate();
    await side.until(() => side.closed !== null);
    for (const call of [addon.pauseSocket, addon.resumeSocket, addon.forgetSocket, addon.isSocketStopped]) call(side.socket);
    expect(addon.isSocketStopped(side.socket)).toBe(false);
    const next = await connect();
    expect(next.side.socket).toBe(side.socket); // the row is free again, once
    expect((await connect()).side.socket).not.toBe(side.socket);
  });
});

/** A client frame; the mask is zero, so that the payload is itself. */
const frame = (first: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0]), payload]);

describe('uWebSockets.js says of a connection', () => {
  it.each([
    ['whose text is not UTF-8', frame(0x81, Buffer.from([0xff])), 1006, 'Received invalid UTF-8'],
    ['whose frame has a reserved bit', frame(0xa1, Buffer.from('a')), 1006, 'Received invalid WebSocket frame'],
    ['whose frame says that it is too big', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]), 1006, 'Received too big message'],
    ['that closes with a code that nobody may send', frame(0x88, Buffer.from([3, 0xed])), 1006, 'Received invalid close payload'],
    ['that closes with a registered code, all the same', frame(0x88, Buffer.from([0x0b, 0xb8])), 1006, 'Received invalid close payload'],
    ['that closes without a code', frame(0x88, Buffer.alloc(0)), 1005, ''],
    ['that closes with a code of its own', frame(0x88, Buffer.from([0x0f, 0xa0, 0x61])), 4000, 'a'],
  ])('%s', async (_name, bytes, code, text) => {
    const { connect } = await listen(false);
    const { side, client } = await connect();
    (client as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(bytes);
    await side.until(() => side.closed !== null);
    expect(side.closed).toEqual({ code, text });
  });
});

it('a socket that was never found is nobody', () => {
  for (const id of [0, -1, 1_000_000]) {
    expect(addon.isSocketStopped(id)).toBe(false);
    expect([addon.pauseSocket(id), addon.resumeSocket(id), addon.holdSocket(id, false), addon.forgetSocket(id)]).toEqual([undefined, undefined, undefined, undefined]);
  }
});
