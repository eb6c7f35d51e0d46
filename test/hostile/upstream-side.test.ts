/** Answers that try to be two answers, or to break the parser: the client must get none of the poison, nor the next client. */
import { beforeAll, describe, expect, it } from 'vitest';
import { RawClient, request } from '../support/client.ts';
import { HOSTILE_CASES, SPLITS, bytesOf, sendPieces, type HostileCase } from '../support/hostile-cases.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok, type OriginConnection } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const CASES = HOSTILE_CASES.filter(({ side }) => side === 'upstream');
let origin: Origin;
let proxy: Millrace;
let script: { item: HostileCase; pieces: Buffer[] } | null = null;
let victim: OriginConnection | undefined;

beforeAll(async () => {
  origin = await Origin.start({
    onConnection: (connection) => {
      let text = '';
      connection.socket.on('data', (bytes) => {
        text += bytes.toString('latin1');
        if (!text.includes('\r\n\r\n')) return;
        const target = text.split(' ')[1];
        text = '';
        if (target !== '/case' || script === null) {
          connection.send(ok('canary'));
          return;
        }
        victim = connection;
        const { item, pieces } = script;
        void sendPieces((piece) => connection.send(piece), pieces, () => !connection.socket.destroyed).then(() => {
          if (item.end === 'close') connection.end();
        });
      });
    },
  });
  proxy = await Millrace.start(proxyTo([origin.address], { route: { timeout: '3s', idleTimeout: '3s', retry: { attempts: 0 } } }));
});

/** What the client gets: a status with a whole body, or how it broke off. */
async function outcome(client: RawClient, method: string): Promise<{ result: number | 'close' | 'abort'; text: string }> {
  for (;;) {
    try {
      const answer = await client.response({ toHead: method === 'HEAD' });
      if (answer.status >= 200) return { result: answer.status, text: answer.head.text + answer.text };
    } catch (error) {
      if (!client.ended) throw error;
      return { result: client.received.length === 0 ? 'close' : 'abort', text: client.received.toString('latin1') };
    }
  }
}

describe.each(Object.entries(SPLITS))('%s', (_split, split) => {
  it.each(CASES.map((item) => [item.id, item.name, item] as const))('%s %s', async (_id, _name, item) => {
    script = { item, pieces: split(bytesOf(item)) };
    victim = undefined;
    const method = item.method ?? 'GET';
    const client = await RawClient.connect({ port: proxy.port() });
    client.send(`${method} /case HTTP/1.1\r\nHost: a.test\r\n${method === 'POST' ? 'Content-Length: 10\r\n' : ''}\r\n${method === 'POST' ? 'half.' : ''}`);
    const { result, text } = await outcome(client, method);
    const served = victim as OriginConnection | undefined;
    expect(item.allow).toContain(result);
    if (item.never !== undefined) expect(text).not.toContain(item.never);
    if (item.reuse === false) await eventually(() => served?.socket.destroyed === true);
    const canary = await request(proxy.port(), '/canary');
    expect([canary.status, canary.text]).toEqual([200, 'canary']);
    if (item.reuse === true) expect(served?.socket.destroyed).toBe(false);
    await client.close();
  });
});

it('leaves the proxy alive, with nothing in flight', async () => {
  expect(proxy.running).toBe(true);
  await eventually(async () => (await proxy.metric('millrace_active_requests')) === 0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
});
