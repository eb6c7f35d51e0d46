/**
 * A client that asks for the end of the connection is told that it ends (RFC 9112 section 9.6): once, with every kind of whole
 * answer. uWS says it only where the client has not, and looks no further than the length of the first Connection field.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

let proxy: Millrace;

beforeAll(async () => {
  const origin = await Origin.start();
  origin.answer = (_message, connection) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  proxy = await Millrace.start({
    listeners: [{ name: 'plain', address: '127.0.0.1:0', routes: 'main' }],
    routes: { main: [{ hosts: ['*'], routes: [{ match: { path: '/here' }, respond: { status: 200, body: 'here' } }, { cluster: 'up' }] }] },
    clusters: { up: { endpoints: [origin.address] } },
  });
});

const WAYS = {
  close: 'Connection: close\r\n',
  Close: 'Connection: Close\r\n',
  'close among others': 'Connection: keep-alive, close\r\n',
  'close in a second field': 'Connection: keep-alive\r\nConnection: close\r\n',
  'a first field of five letters, which uWS takes for close': 'Connection: x-foo\r\n',
};

describe.each(Object.entries(WAYS))('%s', (_name, field) => {
  it.each([
    ['an upstream answer', 'GET /there', 200],
    ['an answer of the proxy', 'GET /here', 200],
    ['an answer without a body', 'HEAD /here', 200],
    ['a refusal', 'TRACE /there', 405],
  ])('%s says so once, and ends the connection', async (_kind, line, status) => {
    const client = await RawClient.connect({ port: proxy.port('plain') });
    client.send(`${line} HTTP/1.1\r\nHost: a.test\r\n${field}\r\n`);
    await client.end();
    expect(client.received.toString('latin1')).toMatch(new RegExp(`^HTTP/1.1 ${String(status)} `));
    expect(client.received.toString('latin1').match(/connection: close/gi)).toHaveLength(1);
  });
});

it('a client that does not ask for it keeps its connection', async () => {
  const client = await RawClient.connect({ port: proxy.port('plain') });
  client.send('GET /there HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n');
  await client.until(() => client.received.toString('latin1').endsWith('ok'), 'the answer');
  expect(client.received.toString('latin1').toLowerCase()).not.toContain('connection:');
  client.send('GET /here HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await client.until(() => client.received.toString('latin1').endsWith('here'), 'the next answer');
  await client.close();
});
