import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request } from '../../support/client.ts';
import { closedAddress } from '../../support/closed-port.ts';
import { Millrace, proxyTo } from '../../support/millrace.ts';
import { Origin, ok } from '../../support/origin.ts';
import { eventually } from '../../support/wait.ts';
import { KEY, OPCODE, frame } from '../../support/websocket-frames.ts';
import { WebSocketOrigin } from '../../support/websocket-origin.ts';
import { Peer } from '../../support/websocket-peer.ts';
import { RawWebSocketClient, RawWebSocketOrigin, acceptance, handshake, handshakeBytes, type HandshakeOptions } from '../../support/websocket-raw.ts';

const webSocket = { route: { websocket: true } };
const refusedBy = async (options: HandshakeOptions) => {
  const { answer, client } = await handshake(options);
  await client.close();
  return answer;
};

describe('the sub-protocol', () => {
  const choosing = (choice: string | false): Promise<WebSocketOrigin> => WebSocketOrigin.start({ handleProtocols: () => choice });

  it.each([['first', 'chat.v1'], ['second', 'chat.v2']])('that the upstream chooses reaches the client: the %s', async (_which, choice) => {
    const origin = await choosing(choice);
    const proxy = await Millrace.start(proxyTo([origin.address], webSocket));
    const client = await Peer.open(`ws://127.0.0.1:${proxy.port()}/`, { protocols: ['chat.v1', 'chat.v2'] });
    expect(client.socket.protocol).toBe(choice);
    expect(origin.handshakes[0]?.headers['sec-websocket-protocol']?.replaceAll(' ', '')).toBe('chat.v1,chat.v2');
    await client.echoed('hello');
  });

  it('may be none of those offered', async () => {
    const origin = await choosing(false);
    const proxy = await Millrace.start(proxyTo([origin.address], webSocket));
    const client = await RawWebSocketClient.open({ port: proxy.port(), headers: { 'Sec-WebSocket-Protocol': 'chat.v1, chat.v2' } });
    expect(client.answer.header('sec-websocket-protocol')).toBeUndefined();
    client.send(frame(OPCODE.text, 'hello'));
    expect((await client.frame(0)).payload.toString()).toBe('hello');
  });
});

describe('an upstream that accepts wrongly is 502', () => {
  let origin: RawWebSocketOrigin;
  let proxy: Millrace;
  beforeAll(async () => {
    origin = await RawWebSocketOrigin.start();
    proxy = await Millrace.start(proxyTo([origin.address], webSocket));
    await request(proxy.port(), '/');
  });
  // A reason is there once it was counted.
  const errors = (): Promise<number> => proxy.metric('millrace_upstream_protocol_errors_total').catch(() => 0);

  it.each<[string, (good: string) => string]>([
    ['with a sub-protocol that was not offered', (good) => good.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: chat.v3\r\n\r\n')],
    ['with part of one that was offered', (good) => good.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: chat\r\n\r\n')],
    ['with two sub-protocols', (good) => good.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: chat.v1\r\nSec-WebSocket-Protocol: chat.v2\r\n\r\n')],
    ['with an extension', (good) => good.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n')],
    ['without Upgrade', (good) => good.replace('Upgrade: websocket\r\n', '')],
    ['with another Upgrade', (good) => good.replace('Upgrade: websocket', 'Upgrade: h2c')],
    ['without Connection', (good) => good.replace('Connection: Upgrade\r\n', '')],
    ['without Sec-WebSocket-Accept', (good) => good.replace(/Sec-WebSocket-Accept: .*\r\n/, '')],
    ['with the accept of another key', (good) => good.replace(/Sec-WebSocket-Accept: .*\r\n/, 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n')],
    ['with the accept in other letters', (good) => good.replace(/Accept: (.*)\r\n/, (_, accept: string) => `Accept: ${accept.toLowerCase()}\r\n`)],
  ])('%s', async (_name, change) => {
    origin.accept = (message) => change(acceptance(message));
    const before = await errors();
    const from = origin.connections.length;
    const answer = await refusedBy({ port: proxy.port(), headers: { 'Sec-WebSocket-Protocol': 'chat.v1, chat.v2' } });
    expect(answer.status).toBe(502);
    expect(await errors()).toBe(before + 1);
    await (await origin.connection(from)).end();
    // Another connection serves whoever comes next.
    expect((await request(proxy.port(), '/')).status).toBe(200);
  });

  it('with a sub-protocol although none was offered', async () => {
    origin.accept = (message) => acceptance(message, 'Sec-WebSocket-Protocol: chat.v1\r\n');
    expect((await refusedBy({ port: proxy.port() })).status).toBe(502);
  });

  it('with 101 to a request that asked for nothing', async () => {
    const unasked = await Origin.start({ answer: (_message, connection) => connection.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n') });
    const other = await Millrace.start(proxyTo([unasked.address], webSocket));
    expect((await request(other.port(), '/')).status).toBe(502);
  });
});

describe('an upstream that accepts', () => {
  let origin: RawWebSocketOrigin;
  let proxy: Millrace;
  beforeAll(async () => {
    origin = await RawWebSocketOrigin.start((connection) => connection.send(frame(OPCODE.text, 'hello', { masked: false })));
    proxy = await Millrace.start(proxyTo([origin.address], webSocket));
  });

  it.each<[string, (good: string) => string[]]>([
    ['byte by byte', (good) => [...good]],
    ['after 100 and 103', (good) => ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', good]],
    ['in other letters', (good) => [good.replace('Upgrade: websocket', 'UPGRADE:WebSocket').replace('Connection: Upgrade', 'connection:  keep-alive, UPGRADE')]],
    ['with a reason of its own', (good) => [good.replace('Switching Protocols', 'Come In')]],
    ['without a reason', (good) => [good.replace('Switching Protocols', '')]],
  ])('%s is understood', async (_name, change) => {
    origin.accept = (message) => change(acceptance(message));
    const client = await RawWebSocketClient.open({ port: proxy.port() });
    expect((await client.frame(0)).payload.toString()).toBe('hello');
  });
});

describe('headers', () => {
  it('of the client reach the upstream, but for those of the handshake, which is made anew', async () => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], webSocket));
    const client = await Peer.open(`ws://127.0.0.1:${proxy.port()}/room/7?token=a%20b`, {
      perMessageDeflate: true,
      origin: 'https://shop.test',
      headers: { Cookie: 'session=abc; theme=dark', Authorization: 'Bearer xyz', 'X-Tenant': 'acme', 'User-Agent': 'test/1', Host: 'chat.test' },
    });
    await client.echoed('hello');
    expect(client.socket.extensions).toBe('');
    const [seen] = origin.handshakes;
    expect(seen?.url).toBe('/room/7?token=a%20b');
    expect(seen?.headers).toMatchObject({
      host: 'chat.test', origin: 'https://shop.test', cookie: 'session=abc; theme=dark', authorization: 'Bearer xyz', 'x-tenant': 'acme', 'user-agent': 'test/1',
      upgrade: 'websocket', 'sec-websocket-version': '13', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'chat.test',
    });
    expect(seen?.headers.connection?.toLowerCase()).toBe('upgrade');
    expect(seen?.headers['sec-websocket-extensions']).toBeUndefined();
    expect(seen?.headers['sec-websocket-protocol']).toBeUndefined();
    const names = seen?.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()) ?? [];
    expect(new Set(names).size, 'no header twice').toBe(names.length);
  });

  it('make a key of our own for every handshake', async () => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], webSocket));
    for (let i = 0; i < 3; i++) await (await RawWebSocketClient.open({ port: proxy.port() })).socket.destroy();
    const keys = origin.handshakes.map(({ headers }) => headers['sec-websocket-key']);
    expect(new Set([...keys, KEY]).size).toBe(4);
  });

  it('of the 101 reach the client', async () => {
    const origin = await WebSocketOrigin.start({ headers: ['Set-Cookie: a=1; Path=/', 'Set-Cookie: b=2', 'X-Served-By: origin-1', 'Server: chatd', 'X-Umlaut: M\u00fchle'] });
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: true, responseHeaders: { set: { 'x-added': 'yes' } } } }));
    const { answer } = await RawWebSocketClient.open({ port: proxy.port() });
    expect(answer.head.startLine).toBe('HTTP/1.1 101 Switching Protocols');
    expect(answer.all('set-cookie')).toEqual(['a=1; Path=/', 'b=2']);
    expect([answer.header('x-served-by'), answer.header('server'), answer.header('x-added')]).toEqual(['origin-1', 'chatd', 'yes']);
    expect([answer.header('upgrade')?.toLowerCase(), answer.header('connection')?.toLowerCase()]).toEqual(['websocket', 'upgrade']);
    expect(answer.all('sec-websocket-accept')).toHaveLength(1);
    expect(answer.all('sec-websocket-extensions')).toEqual([]);
  });
});

describe('an upstream that refuses', () => {
  let origin: Origin;
  let proxy: Millrace;
  beforeAll(async () => {
    origin = await Origin.start();
    proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: true, timeout: '500ms', retry: { attempts: 0 } } }));
  });

  it.each([
    ['401', 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 9\r\n\r\nwho there', 401, 'who there', ['www-authenticate', 'Bearer']],
    ['404 with a chunked body', 'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nno room\r\n0\r\n\r\n', 404, 'no room', ['content-type', 'text/plain']],
    ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0\r\n\r\n', 302, '', ['location', 'https://elsewhere.test/']],
    ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200, 'hello', ['content-length', '5']],
    ['503', 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n', 503, '', ['retry-after', '7']],
  ] as const)('is passed through: %s', async (_name, bytes, status, body, [name, value]) => {
    origin.answer = (message, connection) => connection.send(message.target === '/after' ? ok('after') : bytes);
    const { answer, client } = await handshake({ port: proxy.port() });
    expect([answer.status, answer.text, answer.header(name)]).toEqual([status, body, value]);
    // The connection is an ordinary one still, on both sides.
    client.send('GET /after HTTP/1.1\r\nHost: a.test\r\n\r\n');
    expect((await client.response()).text).toBe('after');
    expect(origin.connections).toBe(1);
    await client.close();
  });

  it('by closing is 502', async () => {
    origin.answer = (_message, connection) => connection.end();
    expect((await refusedBy({ port: proxy.port() })).status).toBe(502);
  });

  it('by saying nothing is 504 after the timeout of the route', async () => {
    origin.answer = () => undefined;
    expect((await refusedBy({ port: proxy.port() })).status).toBe(504);
    await eventually(() => origin.open.size === 0);
  });
});

describe('a handshake that is none', () => {
  let origin: WebSocketOrigin;
  let proxy: Millrace;
  beforeAll(async () => {
    origin = await WebSocketOrigin.start();
    proxy = await Millrace.start(proxyTo([origin.address], webSocket));
  });

  it.each([['8', '8'], ['none', null], ['13, 8', '13, 8'], ['013', '013']])('for its version (%s) is 426 and says which one is spoken', async (_name, version) => {
    const answer = await refusedBy({ port: proxy.port(), headers: { 'Sec-WebSocket-Version': version } });
    expect([answer.status, answer.header('sec-websocket-version')]).toEqual([426, '13']);
  });

  it.each([
    ['none', null], ['empty', ''], ['23 characters', 'dGhlIHNhbXBsZSBub25jZQ='], ['28 characters', 'dGhlIHNhbXBsZSBub25jZWFh'.slice(0, 20) + 'YWFhYWFh'],
    ['24 characters that are 18 bytes', 'dGhlIHNhbXBsZSBub25jZWFh'], ['24 characters that are 17 bytes', 'dGhlIHNhbXBsZSBub25jZWE='], ['not base64', 'dGhlIHNhbXBsZSBub25!ZQ=='],
  ])('for its key (%s) is 400', async (_name, key) => {
    expect((await refusedBy({ port: proxy.port(), headers: { 'Sec-WebSocket-Key': key } })).status).toBe(400);
  });

  it('for two different keys is 400', async () => {
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(handshakeBytes().toString('latin1').replace('\r\n\r\n', '\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'));
    expect((await client.response()).status).toBe(400);
  });

  it('for its body is 400 and reaches nobody', async () => {
    const before = origin.handshakes.length + origin.plain.length;
    expect((await refusedBy({ port: proxy.port(), headers: { 'Content-Length': '5' } })).status).toBe(400);
    expect(origin.handshakes.length + origin.plain.length).toBe(before);
  });

  it('for its method (POST) is forwarded without Upgrade', async () => {
    const answer = await refusedBy({ port: proxy.port(), method: 'POST', headers: { 'Content-Length': '0' } });
    expect([answer.status, answer.text]).toEqual([200, 'plain POST']);
    expect(origin.plain.at(-1)?.headers.upgrade).toBeUndefined();
  });

  it.each([
    ['without Upgrade', { Upgrade: null }],
    ['without Connection: upgrade', { Connection: 'keep-alive' }],
    ['to another protocol', { Upgrade: 'h2c' }],
  ])('%s is a plain GET, forwarded without Upgrade', async (_name, headers) => {
    const answer = await refusedBy({ port: proxy.port(), headers });
    expect([answer.status, answer.text]).toEqual([200, 'plain GET']);
    const seen = origin.plain.at(-1);
    expect(seen?.headers.upgrade).toBeUndefined();
    expect(seen?.headers.connection ?? '').not.toMatch(/upgrade/i);
  });

  it.each([
    ['Upgrade in other letters', { Upgrade: 'WebSocket' }],
    ['Connection as Firefox sends it', { Connection: 'keep-alive, Upgrade' }],
    ['Connection in other letters', { Connection: 'upgrade' }],
    ['Upgrade with other protocols', { Upgrade: 'h2c, websocket' }],
  ])('is accepted with %s', async (_name, headers) => {
    const client = await RawWebSocketClient.open({ port: proxy.port(), headers });
    client.send(frame(OPCODE.text, 'hello'));
    expect((await client.frame(0)).payload.toString()).toBe('hello');
    client.socket.destroy();
  });
});

describe('a route', () => {
  it('without websocket forwards a handshake as a plain GET', async () => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start({
      routes: { main: [{ hosts: ['*'], routes: [{ match: { pathPrefix: '/ws' }, cluster: 'up', websocket: true }, { match: { path: '/direct' }, respond: { status: 403, body: 'no' } }, { cluster: 'up' }] }] },
      clusters: { up: { endpoints: [origin.address] } },
    });
    const answer = await refusedBy({ port: proxy.port(), target: '/plain' });
    expect([answer.status, answer.text]).toEqual([200, 'plain GET']);
    expect(origin.plain[0]?.headers.upgrade).toBeUndefined();
    expect(origin.handshakes).toHaveLength(0);
    const direct = await refusedBy({ port: proxy.port(), target: '/direct' });
    expect([direct.status, direct.text]).toEqual([403, 'no']);
    expect((await refusedBy({ port: proxy.port(), target: '/ws' })).status).toBe(101);
  });

  it('anywhere on a listener without WebSocket routes does the same', async () => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start(proxyTo([origin.address]));
    const answer = await refusedBy({ port: proxy.port() });
    expect([answer.status, answer.text]).toEqual([200, 'plain GET']);
    expect(origin.handshakes).toHaveLength(0);
  });

  it('with websocket serves ordinary requests too', async () => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], webSocket));
    expect((await request(proxy.port(), '/')).text).toBe('plain GET');
    expect((await request(proxy.port(), '/', { method: 'POST', body: 'x' })).text).toBe('plain POST');
  });

  it('rewrites the path and the headers of a handshake like those of any request', async () => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { match: { pathPrefix: '/chat' }, rewrite: { prefix: '/' }, requestHeaders: { set: { 'x-via': 'millrace' }, remove: ['cookie'] }, websocket: true } }));
    await Peer.open(`ws://127.0.0.1:${proxy.port()}/chat/room`, { headers: { Cookie: 'a=1' } });
    expect(origin.handshakes[0]?.url).toBe('/room');
    expect(origin.handshakes[0]?.headers).toMatchObject({ 'x-via': 'millrace' });
    expect(origin.handshakes[0]?.headers.cookie).toBeUndefined();
  });
});

describe('handshakes', () => {
  it('are shared out over the endpoints', async () => {
    const origins = [await WebSocketOrigin.start(), await WebSocketOrigin.start()];
    const proxy = await Millrace.start(proxyTo(origins.map(({ address }) => address), { ...webSocket, cluster: { balancer: { policy: 'roundRobin' } } }));
    const clients = [];
    for (let i = 0; i < 10; i++) clients.push(await Peer.open(`ws://127.0.0.1:${proxy.port()}/`));
    expect(origins.map(({ peers }) => peers.length)).toEqual([5, 5]);
    for (const client of clients) await client.echoed('hello');
  });

  it('count as requests in flight for the balancer, as long as the WebSocket lives', async () => {
    const origins = [await WebSocketOrigin.start(), await WebSocketOrigin.start()];
    const proxy = await Millrace.start(proxyTo(origins.map(({ address }) => address), { ...webSocket, cluster: { balancer: { policy: 'leastRequest' } } }));
    for (let i = 0; i < 8; i++) await Peer.open(`ws://127.0.0.1:${proxy.port()}/`);
    expect(origins.map(({ peers }) => peers.length)).toEqual([4, 4]);
    expect(await proxy.metric('millrace_active_requests')).toBe(8);
  });

  it('are tried at another endpoint when one refuses the connection', async () => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start(proxyTo([await closedAddress(), origin.address], { ...webSocket, cluster: { balancer: { policy: 'roundRobin' } } }));
    for (let i = 0; i < 6; i++) await (await Peer.open(`ws://127.0.0.1:${proxy.port()}/`)).echoed('hello');
    expect(origin.peers).toHaveLength(6);
    expect(await proxy.metric('millrace_upstream_retries_total')).toBeGreaterThanOrEqual(3);
  });

  it('to nobody are 502', async () => {
    const proxy = await Millrace.start(proxyTo([await closedAddress()], webSocket));
    expect((await refusedBy({ port: proxy.port() })).status).toBe(502);
  });

  it('on a pooled connection that the upstream has closed get a new one', async () => {
    const origin = await Origin.start({
      answer: (message, connection) => {
        if (message.header('upgrade') === undefined) connection.send(ok());
        else if (connection.requests > 1) connection.reset();
        else connection.send(acceptance(message));
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address], webSocket));
    await request(proxy.port(), '/');
    await RawWebSocketClient.open({ port: proxy.port() });
    expect(origin.connections).toBe(2);
  });

  it('are limited: 429', async () => {
    const origin = await WebSocketOrigin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { websocket: true, rateLimit: { requests: 2, window: '1h' } } }));
    const open = [await RawWebSocketClient.open({ port: proxy.port() }), await RawWebSocketClient.open({ port: proxy.port() })];
    const answer = await refusedBy({ port: proxy.port() });
    expect(answer.status).toBe(429);
    expect(answer.header('retry-after')).toBeDefined();
    // Messages do not count.
    for (const client of open) {
      for (let i = 0; i < 5; i++) client.send(frame(OPCODE.text, 'hello'));
      await client.frame(4);
    }
  });

  it('are given up when the client goes away before the answer', async () => {
    const origin = await Origin.start({ answer: () => undefined });
    const proxy = await Millrace.start(proxyTo([origin.address], webSocket));
    const socket = connect(proxy.port(), '127.0.0.1');
    socket.write(handshakeBytes());
    await eventually(() => origin.requests.length === 1);
    socket.destroy();
    await eventually(() => origin.open.size === 0);
    await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  });
});
