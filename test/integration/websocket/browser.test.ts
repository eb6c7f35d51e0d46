import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Browser } from 'playwright-core';
import { beforeAll, expect, it } from 'vitest';
import { startBrowser } from '../../support/browser.ts';
import { makeCertificate } from '../../support/certificates.ts';
import { Millrace, proxyTo, temporaryDirectory } from '../../support/millrace.ts';
import { WebSocketOrigin, echo } from '../../support/websocket-origin.ts';

/** What runs in the page; it gives what the test looks at. */
const SCRIPT = `
async function talk(count) {
  const url = new URL('/ws', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(url, ['chat.v1', 'chat.v2']);
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('no WebSocket')); });
  const messageOf = (n) => {
    const size = [0, 1, 125, 126, 127, 65535, 65536, 262144][n >> 1] ?? (n * 7919) % 5000;
    if (n % 2 === 0) return 'ä水🜄 '.repeat(size / 4) + n;
    return new Uint8Array(size).map((_, i) => i * n);
  };
  const isSame = (sent, back) => typeof sent === 'string' ? sent === back
    : back instanceof ArrayBuffer && back.byteLength === sent.length && new Uint8Array(back).every((byte, i) => byte === sent[i]);
  let back = 0;
  const wrong = [];
  const all = new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      if (!isSame(messageOf(back), data)) wrong.push(back);
      if (++back === count) resolve();
    };
  });
  const closed = new Promise((resolve) => { socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean }); });
  for (let n = 0; n < count; n++) socket.send(messageOf(n));
  await Promise.race([all, closed]);
  socket.onmessage = null;
  const { protocol, extensions } = socket;
  socket.send('close me');
  return { protocol, extensions, back, wrong, closed: await closed };
}`;

function page(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(`<!doctype html><title>A page</title><script>${SCRIPT}</script>`);
}

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});

it.each(['http', 'https'] as const)('a page in Chromium, from %s, talks to its WebSocket', { timeout: 60_000 }, async (scheme) => {
  const origin = await WebSocketOrigin.start({
    plain: page,
    handleProtocols: () => 'chat.v2',
    handle: (peer, request) => {
      echo(peer, request);
      peer.socket.on('message', (data, isBinary) => {
        if (!isBinary && (data as Buffer).toString() === 'close me') peer.socket.close(4321, 'as you wish, Müller');
      });
    },
  });
  const { certFile, keyFile } = makeCertificate(temporaryDirectory(), 'a.test', { names: ['IP:127.0.0.1'] });
  const proxy = await Millrace.start(proxyTo([origin.address], {
    route: { websocket: true },
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main', ...(scheme === 'https' ? { tls: { certificates: [{ cert: certFile, key: keyFile }] } } : {}) }],
  }));
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const tab = await context.newPage();
  await tab.goto(`${scheme}://127.0.0.1:${proxy.port()}/page`);
  expect(await tab.evaluate('talk(1000)')).toEqual({
    protocol: 'chat.v2',
    // The browser offers permessage-deflate; it is not negotiated.
    extensions: '',
    back: 1000,
    wrong: [],
    closed: { code: 4321, reason: 'as you wish, Müller', wasClean: true },
  });
  const [handshake] = origin.handshakes;
  expect(handshake?.headers.origin).toBe(`${scheme}://127.0.0.1:${proxy.port()}`);
  expect(handshake?.headers['x-forwarded-proto']).toBe(scheme);
  expect(handshake?.headers['sec-websocket-extensions']).toBeUndefined();
  await context.close();
});

it('a page whose WebSocket is not for this route sees it fail with 1006', async () => {
  const origin = await WebSocketOrigin.start({ plain: page });
  const proxy = await Millrace.start(proxyTo([origin.address]));
  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${proxy.port()}/page`);
  const code = tab.evaluate("new Promise((resolve) => { new WebSocket(new URL('/ws', location.href.replace('http', 'ws'))).onclose = ({ code }) => resolve(code); })");
  expect(await code).toBe(1006);
  await tab.close();
});
