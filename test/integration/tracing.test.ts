import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { closedAddress } from '../support/closed-port.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { OtlpReceiver, take, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { eventually } from '../support/wait.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const SAMPLED = `00-${TRACE}-${SPAN}-01`;
const roundRobin = { balancer: { policy: 'roundRobin' as const } };

const tracing = (receiver: OtlpReceiver, more: object = {}) => ({ tracing: { otlp: { endpoint: receiver.url, timeout: '2s' }, sample: 1, ...more } });
const serversOf = (spans: readonly ReceivedSpan[]) => spans.filter(({ kind }) => kind === 'server');
const clientsOf = (spans: readonly ReceivedSpan[]) => spans.filter(({ kind }) => kind === 'client');
const traceparentOf = (origin: Origin, index = -1) => origin.requests.at(index)?.all('traceparent').join('|') ?? '';
const spansOf = (receiver: OtlpReceiver, count: number) =>
  eventually(() => {
    if (receiver.spans.length < count) throw new Error(`${receiver.spans.length} spans of ${count}`);
    return receiver.spans;
  });

describe('a sampled request', () => {
  it('has a span of the server side and one of the attempt, in the words of the conventions', async () => {
    const receiver = await OtlpReceiver.start();
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { route: { name: 'items' }, ...tracing(receiver, { serviceName: 'edge', otlp: { endpoint: receiver.url, headers: { 'X-Api-Key': 'k' } } }) }));
    const beforeUs = Date.now() * 1000 - 2000;
    await request(proxy.port(), '/a/b?c=d&sig=secret', { headers: { 'user-agent': 'tests/1', tracestate: 'x=y', traceparent: SAMPLED } });
    const spans = await spansOf(receiver, 2);
    const [server] = serversOf(spans);
    const [client] = clientsOf(spans);
    const port = Number(origin.address.split(':')[1]);
    expect(server).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, traceState: 'x=y', name: 'GET items', status: 0, service: 'edge' });
    expect(server?.attributes).toMatchObject({
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'url.path': '/a/b',
      'url.query': 'c=d&sig=REDACTED',
      'http.route': 'items',
      'http.response.status_code': 200,
      'client.address': '127.0.0.1',
      'user_agent.original': 'tests/1',
      'server.address': 'a.test',
      'millrace.listener': 'web',
      'millrace.cluster': 'up',
      'millrace.endpoint': origin.address,
      'millrace.attempts': 1,
    });
    expect(server?.attributes).not.toHaveProperty('error.type');
    expect(client).toMatchObject({ traceId: TRACE, parentSpanId: server?.spanId, name: 'GET', status: 0 });
    expect(client?.attributes).toMatchObject({
      'server.address': '127.0.0.1',
      'server.port': port,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': port,
      'url.full': `http://${origin.address}/a/b?c=d&sig=REDACTED`,
      'http.response.status_code': 200,
    });
    expect(client?.attributes).not.toHaveProperty('http.request.resend_count');
    expect(client?.events.map(({ name }) => name)).toEqual(['millrace.connected', 'millrace.request_sent', 'millrace.first_byte']);
    expect(traceparentOf(origin)).toBe(`00-${TRACE}-${client?.spanId}-01`);
    expect(origin.last.all('tracestate')).toEqual(['x=y']);
    expect(receiver.headers[0]).toMatchObject({ 'x-api-key': 'k', 'content-type': 'application/json' });
    // Moments lie within each other, and in the present.
    const moments = [beforeUs, server!.startUs, client!.startUs, ...client!.events.map(({ us }) => us), client!.endUs, server!.endUs, Date.now() * 1000 + 2000];
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
  });

  it('has one trace through two proxies', async () => {
    const receiver = await OtlpReceiver.start();
    const origin = await Origin.start();
    const inner = await Millrace.start(proxyTo([origin.address], tracing(receiver, { serviceName: 'inner', sample: 0 })));
    const outer = await Millrace.start(proxyTo([`127.0.0.1:${inner.port()}`], tracing(receiver, { serviceName: 'outer' })));
    await request(outer.port(), '/');
    const spans = await spansOf(receiver, 4);
    const of = (service: string, kind: string) => spans.find((span) => span.service === service && span.kind === kind);
    const chain = [of('outer', 'server'), of('outer', 'client'), of('inner', 'server'), of('inner', 'client')];
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(chain.map((span) => span?.parentSpanId)).toEqual(['', ...chain.slice(0, 3).map((span) => span?.spanId)]);
    expect(traceparentOf(origin)).toContain(chain[3]?.spanId);
  });

  it('has a span for each attempt that is tried again', async () => {
    const receiver = await OtlpReceiver.start();
    const dead = await closedAddress();
    let answers = 0;
    const origin = await Origin.start({ answer: (_message, connection) => connection.send(answers++ === 0 ? 'HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n' : ok()) });
    const proxy = await Millrace.start(proxyTo([dead, origin.address], { cluster: roundRobin, route: { retry: { on: ['connectFailure', '5xx'], attempts: 3 } }, ...tracing(receiver) }));
    expect((await request(proxy.port(), '/')).status).toBe(200);
    await eventually(() => serversOf(receiver.spans).length === 1);
    const [server] = serversOf(receiver.spans);
    const attempts = clientsOf(receiver.spans);
    expect(server?.attributes['millrace.attempts']).toBe(attempts.length);
    expect(server?.status).toBe(0);
    expect(new Set(attempts.map(({ spanId }) => spanId)).size).toBe(attempts.length);
    expect(attempts.every(({ parentSpanId }) => parentSpanId === server?.spanId)).toBe(true);
    expect(attempts.map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([undefined, ...attempts.slice(1).map((_, i) => i + 1)]);
    const refused = attempts.filter(({ attributes }) => attributes['millrace.endpoint'] === dead);
    for (const { status, attributes } of refused) expect([status, attributes['error.type']]).toEqual([2, 'UF']);
    const bad = attempts.filter(({ attributes }) => attributes['http.response.status_code'] === 503);
    expect(bad.map(({ status, attributes }) => [status, attributes['error.type']])).toEqual([[2, '503']]);
    const reached = attempts.filter(({ attributes }) => attributes['millrace.endpoint'] === origin.address);
    expect(origin.requests.map((_, i) => traceparentOf(origin, i))).toEqual(reached.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`));
  });

  it('has a span for a second attempt beside the first', async () => {
    const receiver = await OtlpReceiver.start();
    const slow = await Origin.start({ answer: () => undefined });
    const fast = await Origin.start();
    const proxy = await Millrace.start(proxyTo([slow.address, fast.address], { cluster: roundRobin, route: { hedge: { quantile: 0, minDelay: '30ms', budget: 100 } }, ...tracing(receiver) }));
    while (slow.requests.length === 0) await request(proxy.port(), '/');
    await eventually(() => clientsOf(receiver.spans).some(({ attributes }) => attributes['millrace.endpoint'] === slow.address));
    const lost = clientsOf(receiver.spans).find(({ attributes }) => attributes['millrace.endpoint'] === slow.address);
    const won = clientsOf(receiver.spans).find(({ parentSpanId, spanId }) => parentSpanId === lost?.parentSpanId && spanId !== lost.spanId);
    expect(won?.attributes).toMatchObject({ 'millrace.endpoint': fast.address, 'millrace.hedge': true, 'http.response.status_code': 200, 'http.request.resend_count': 1 });
    expect(lost?.attributes).not.toHaveProperty('http.response.status_code');
    expect(traceparentOf(slow)).toBe(`00-${lost?.traceId}-${lost?.spanId}-01`);
    expect(traceparentOf(fast)).toBe(`00-${won?.traceId}-${won?.spanId}-01`);
  });

  it('that fails is an error, and says why', async () => {
    const receiver = await OtlpReceiver.start();
    const proxy = await Millrace.start(proxyTo([await closedAddress()], { route: { retry: { attempts: 0 } }, ...tracing(receiver) }));
    expect((await request(proxy.port(), '/')).status).toBe(502);
    const [server] = serversOf(await spansOf(receiver, 2));
    expect(server).toMatchObject({ status: 2, attributes: { 'http.response.status_code': 502, 'error.type': '502', 'millrace.flag': 'UF' } });
    expect(server?.message).toMatch(/connect|refused/);
  });

  it('that finds no route is none of the server', async () => {
    const receiver = await OtlpReceiver.start();
    const proxy = await Millrace.start({ routes: { main: [{ hosts: ['*'], routes: [{ match: { path: '/only' }, respond: { status: 200 } }] }] }, ...tracing(receiver) });
    await request(proxy.port(), '/other', { method: 'BREW' });
    const [server, ...more] = await spansOf(receiver, 1);
    expect(more).toEqual([]);
    expect(server).toMatchObject({ name: 'HTTP', status: 0, attributes: { 'http.response.status_code': 404, 'http.request.method': '_OTHER', 'http.request.method_original': 'BREW' } });
  });
});

describe('sampling', () => {
  it('takes its share of the traces that begin here, and all upstreams agree', async () => {
    const receiver = await OtlpReceiver.start();
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], tracing(receiver, { sample: 0.5 })));
    const total = 200;
    for (let i = 0; i < total; i++) await request(proxy.port(), '/');
    const sampled = origin.requests.filter((_, i) => traceparentOf(origin, i).endsWith('-01')).length;
    expect(origin.requests.every((_, i) => /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/.test(traceparentOf(origin, i)))).toBe(true);
    // 1 of 10^9 runs is out of this.
    expect(Math.abs(sampled - total / 2)).toBeLessThan(44);
    await spansOf(receiver, 2 * sampled);
    expect(receiver.spans).toHaveLength(2 * sampled);
    expect(new Set(receiver.spans.map(({ traceId }) => traceId)).size).toBe(sampled);
    // By the lower half of the trace id, as everybody does who samples by the same share.
    expect(receiver.spans.every(({ traceId }) => BigInt(`0x${traceId.slice(16)}`) < 1n << 63n)).toBe(true);
  });

  it('follows the caller, by traceparent and by B3', async () => {
    const receiver = await OtlpReceiver.start();
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], tracing(receiver, { sample: 0 })));
    await request(proxy.port(), '/', { headers: { traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: 'a=b' } });
    expect(traceparentOf(origin)).toBe(`00-${TRACE}-${SPAN}-00`);
    await request(proxy.port(), '/', { headers: { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' } });
    await request(proxy.port(), '/', { headers: { b3: `${TRACE.slice(16)}-${SPAN}-d` } });
    const servers = serversOf(await spansOf(receiver, 4));
    expect(servers.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([[TRACE, SPAN], [`${'0'.repeat(16)}${TRACE.slice(16)}`, SPAN]]);
    expect(receiver.spans).toHaveLength(4);
  });

  it('is turned on and off by a reload, and by a route', async () => {
    const receiver = await OtlpReceiver.start();
    const origin = await Origin.start();
    const off = proxyTo([origin.address]);
    const proxy = await Millrace.start(off);
    const headers = { traceparent: 'nonsense' };
    await request(proxy.port(), '/', { headers });
    expect(traceparentOf(origin)).toBe('nonsense');
    await proxy.reload({ ...off, ...tracing(receiver) });
    await request(proxy.port(), '/', { headers });
    expect(traceparentOf(origin)).toMatch(/-01$/);
    await spansOf(receiver, 2);
    await proxy.reload({ ...proxyTo([origin.address], { route: { tracing: false } }), ...tracing(receiver) });
    await request(proxy.port(), '/', { headers });
    expect(traceparentOf(origin)).toBe('nonsense');
    await proxy.reload({ ...proxyTo([origin.address], { route: { tracing: { sample: 1 } } }), ...tracing(receiver, { sample: 0 }) });
    await request(proxy.port(), '/', { headers });
    await spansOf(receiver, 4);
    await proxy.reload(off);
    await request(proxy.port(), '/', { headers });
    expect(traceparentOf(origin)).toBe('nonsense');
    expect(receiver.spans).toHaveLength(4);
  });
});

describe('a receiver', () => {
  it('that is down is told of once, when it begins and when it is over, and costs spans only', async () => {
    const receiver = await OtlpReceiver.start((response) => response.writeHead(500).end('not for the log'));
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], tracing(receiver)));
    expect((await request(proxy.port(), '/')).status).toBe(200);
    expect((await proxy.logged('spans cannot be exported')).reason).toMatch(/^status 500/);
    expect(await proxy.metric('millrace_tracing_export_failures_total')).toBe(1);
    expect(await proxy.metric('millrace_tracing_spans_dropped_total', { reason: 'export' })).toBe(2);
    receiver.reply = take;
    expect((await request(proxy.port(), '/')).status).toBe(200);
    expect((await proxy.logged('spans are exported again')).dropped).toBe(2);
    expect(await proxy.metric('millrace_tracing_spans_exported_total')).toBe(2);
    expect(proxy.log.filter(({ msg }) => msg.startsWith('spans'))).toHaveLength(2);
    expect(JSON.stringify(proxy.log)).not.toContain('not for the log');
  });

  it.each([
    ['says nothing', () => undefined],
    ['never ends its answer', (response: { write: (text: string) => void }) => void setInterval(() => response.write(' '), 50).unref()],
  ] as const)('that %s is given up, and asked again', async (_, hang) => {
    const receiver = await OtlpReceiver.start(hang as never);
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { tracing: { otlp: { endpoint: receiver.url, timeout: '300ms' }, sample: 1 } }));
    expect((await request(proxy.port(), '/')).status).toBe(200);
    await proxy.logged('spans cannot be exported');
    receiver.reply = take;
    expect((await request(proxy.port(), '/')).status).toBe(200);
    await proxy.logged('spans are exported again');
    expect(receiver.spans).toHaveLength(2);
  });

  it('gets the last spans at the end', async () => {
    const receiver = await OtlpReceiver.start();
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], tracing(receiver)));
    for (let i = 0; i < 20; i++) await request(proxy.port(), '/');
    proxy.signal('SIGTERM');
    expect(await proxy.exited).toEqual({ code: 0, signal: null });
    expect(receiver.spans).toHaveLength(40);
  });

  it('that hangs does not hold up the end for long', async () => {
    const receiver = await OtlpReceiver.start(() => undefined);
    const origin = await Origin.start();
    const proxy = await Millrace.start(proxyTo([origin.address], { tracing: { otlp: { endpoint: receiver.url }, sample: 1 } }));
    await request(proxy.port(), '/');
    const asked = performance.now();
    proxy.signal('SIGTERM');
    expect(await proxy.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(8_000);
    expect(proxy.log.some(({ msg }) => msg === 'spans were not exported before the end')).toBe(true);
  });
});
