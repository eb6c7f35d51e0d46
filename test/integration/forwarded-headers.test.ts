/** Who the client is, as told to the upstream: X-Forwarded-* and x-request-id, for peers that are trusted and others. */
import { Agent, get } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';

const SAID = { 'X-Forwarded-For': '192.0.2.7, 198.51.100.1', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'shop.example', 'X-Request-Id': 'abc-1' };
const ID = /^[0-9a-f]{32}$/;
let origin: Origin;
let proxy: Millrace;

beforeAll(async () => {
  origin = await Origin.start();
  const listener = { address: '127.0.0.1:0', routes: 'main' };
  proxy = await Millrace.start(
    proxyTo([origin.address], {
      listeners: [
        { name: 'open', ...listener },
        { name: 'trusting', ...listener, forwarded: { trust: ['10.0.0.0/8', '127.0.0.0/8'] } },
        { name: 'silent', ...listener, forwarded: { headers: false }, requestId: false },
        { name: 'six', address: '[::1]:0', routes: 'main' },
        { name: 'underscored', ...listener, underscoresInHeaders: true },
      ],
    }),
  );
});

const seen = (names: string[]): (string | undefined)[] => names.map((name) => origin.last.header(name));
const NAMES = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'];

describe('forwarded headers', () => {
  it('name the peer, the scheme and the host', async () => {
    await request(proxy.port('open'), '/');
    expect(seen(NAMES)).toEqual(['127.0.0.1', 'http', 'a.test']);
  });

  it('name each peer of many whose connections come and go', async () => {
    const before = origin.requests.length;
    const visit = async (address: string): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let i = 0; i < 3; i++) {
        await new Promise<void>((resolve, reject) => {
          get({ host: '127.0.0.1', port: proxy.port('open'), localAddress: address, agent, headers: { 'x-claimed': address } }, (res) => res.resume().on('end', resolve)).on('error', reject);
        });
      }
      agent.destroy();
    };
    for (let wave = 1; wave <= 4; wave++) await Promise.all(Array.from({ length: 40 }, (_, i) => visit(`127.0.${wave}.${i + 1}`)));
    const told = origin.requests.slice(before);
    expect(told).toHaveLength(480);
    expect(told.filter((message) => message.header('x-forwarded-for') !== message.header('x-claimed'))).toEqual([]);
  });

  it('of a peer that is not trusted are replaced', async () => {
    await request(proxy.port('open'), '/', { headers: SAID });
    expect(seen(NAMES)).toEqual(['127.0.0.1', 'http', 'a.test']);
  });

  it('of a trusted peer are kept, and the peer is appended', async () => {
    await request(proxy.port('trusting'), '/', { headers: SAID });
    expect(seen(NAMES)).toEqual(['192.0.2.7, 198.51.100.1, 127.0.0.1', 'https', 'shop.example']);
  });

  it('of a trusted peer on several lines become one, in order', async () => {
    await request(proxy.port('trusting'), '/', { headers: [['X-Forwarded-For', '192.0.2.1'], ['X-Forwarded-For', '192.0.2.2']] });
    expect(seen(NAMES)).toEqual(['192.0.2.1, 192.0.2.2, 127.0.0.1', 'http', 'a.test']);
  });

  it('are left alone when they are switched off', async () => {
    await request(proxy.port('silent'), '/', { headers: SAID });
    expect(seen([...NAMES, 'x-request-id'])).toEqual(['192.0.2.7, 198.51.100.1', 'https', 'shop.example', 'abc-1']);
    await request(proxy.port('silent'), '/');
    expect(seen([...NAMES, 'x-request-id'])).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('request id', () => {
  it('is made, another one each time', async () => {
    await request(proxy.port('open'), '/');
    const first = origin.last.header('x-request-id');
    await request(proxy.port('open'), '/');
    const second = origin.last.header('x-request-id');
    expect(first).toMatch(ID);
    expect(second).toMatch(ID);
    expect(first).not.toBe(second);
  });

  it('of a peer that is not trusted is replaced', async () => {
    await request(proxy.port('open'), '/', { headers: SAID });
    expect(origin.last.header('x-request-id')).toMatch(ID);
  });

  it('of a trusted peer is kept', async () => {
    await request(proxy.port('trusting'), '/', { headers: SAID });
    expect(origin.last.header('x-request-id')).toBe('abc-1');
  });
});

it('names with an underscore pass when the listener allows them', async () => {
  await request(proxy.port('underscored'), '/', { headers: { X_Own: '1' } });
  expect(origin.last.header('x_own')).toBe('1');
});

it('an IPv6 peer is written in its short form', async () => {
  const { RawClient, requestBytes } = await import('../support/client.ts');
  const client = await RawClient.connect({ port: proxy.port('six'), host: '::1' });
  client.send(requestBytes('/'));
  expect((await client.response()).status).toBe(200);
  expect(origin.last.header('x-forwarded-for')).toBe('::1');
});
