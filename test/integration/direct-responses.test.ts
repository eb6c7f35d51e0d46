import { beforeAll, describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace } from '../support/millrace.ts';

let proxy: Millrace;

beforeAll(async () => {
  proxy = await Millrace.start({
    routes: {
      main: [
        {
          hosts: ['*'],
          routes: [
            { match: { path: '/hello' }, respond: { status: 200, body: 'hello\n', headers: { 'content-type': 'text/plain', 'x-from': 'millrace' } } },
            { match: { path: '/empty' }, respond: { status: 204 } },
            { match: { path: '/teapot' }, respond: { status: 418 } },
          ],
        },
      ],
    },
  });
});

describe('direct response', () => {
  it('carries status, headers and body', async () => {
    const answer = await request(proxy.port(), '/hello');
    expect(answer.status).toBe(200);
    expect(answer.header('content-type')).toBe('text/plain');
    expect(answer.header('x-from')).toBe('millrace');
    expect(answer.header('content-length')).toBe('6');
    expect(answer.text).toBe('hello\n');
  });

  it('to HEAD has the length of the body and no body', async () => {
    const answer = await request(proxy.port(), '/hello', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.header('content-length')).toBe('6');
  });

  it('without a body ends at once', async () => {
    const answer = await request(proxy.port(), '/empty');
    expect(answer.status).toBe(204);
    expect(answer.header('content-length')).toBeUndefined();
    expect((await request(proxy.port(), '/teapot')).status).toBe(418);
  });

  it('is 404 when no route matches', async () => {
    const answer = await request(proxy.port(), '/nothing');
    expect(answer.status).toBe(404);
    expect(answer.text).toBe('no route matches this request\n');
  });

  it('names the time and not the software', async () => {
    const answer = await request(proxy.port(), '/hello');
    expect(Date.parse(answer.header('date') ?? '')).not.toBeNaN();
    expect(answer.header('server')).toBeUndefined();
    expect(answer.header('uwebsockets')).toBeUndefined();
    expect(answer.header('via')).toBeUndefined();
  });
});
