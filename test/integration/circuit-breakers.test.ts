/** Circuit breakers and fallbacks through the running proxy, with two workers that must agree. */
import { expect, it } from 'vitest';
import { BREAKER_STATE } from '../../src/binding/abi.ts';
import { request } from '../support/client.ts';
import type { Message } from '../support/http-message.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { Origin, ok } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

/** An origin whose mind can be changed: it answers with a status, or holds what comes. */
interface Moody {
  origin: Origin;
  status: number;
  /** While set, requests wait here. */
  held: (() => void)[] | null;
}

async function moody(status = 200, name = 'main'): Promise<Moody> {
  const answerOf = (of: number): string => (of === 200 ? ok(name) : `HTTP/1.1 ${of} Status\r\nContent-Length: 0\r\n\r\n`);
  const moods: Omit<Moody, 'origin'> = { status, held: null };
  const origin = await Origin.start({
    answer: (_message, connection) => {
      const send = (): void => connection.send(answerOf(moody.status));
      if (moody.held === null) send();
      else moody.held.push(send);
    },
  });
  const moody: Moody = Object.assign(moods, { origin });
  return moody;
}

const breaker = (more: object = {}) => ({ threshold: 0.5, window: '30s', minRequests: 10, interval: '300ms', jitter: 0, scope: 'cluster' as const, ...more });
const quiet = { outlierDetection: false as const, balancer: { policy: 'roundRobin' as const } };

/** Requests on connections of their own, so that both workers get some. */
const send = (proxy: Millrace, count: number): Promise<Message[]> => Promise.all(Array.from({ length: count }, () => request(proxy.port(), '/')));
const statuses = (answers: readonly Message[]): Set<number> => new Set(answers.map(({ status }) => status));
const stateOf = (proxy: Millrace): Promise<number> => proxy.metric('millrace_cluster_circuit_breaker_state', { cluster: 'up' });

function withFallback(up: Origin, spare: Origin, more: object = {}): Parameters<typeof Millrace.start>[0] {
  return {
    workers: 2,
    routes: { main: [{ hosts: ['*'], routes: [{ cluster: 'up' }] }] },
    clusters: {
      up: { ...quiet, endpoints: [up.address], circuitBreaker: breaker(more), fallback: { cluster: 'spare' } },
      spare: { ...quiet, endpoints: [spare.address] },
    },
  } as Parameters<typeof Millrace.start>[0];
}

it('opens for all workers, hands everything to the fallback, probes with as many as it may, and closes', async () => {
  const main = await moody(500);
  const spare = await moody(200, 'spare');
  // Long enough for what is looked at while it is open.
  const proxy = await Millrace.start(withFallback(main.origin, spare.origin, { interval: '3s', probes: 3, successes: 3 }));
  expect(statuses(await send(proxy, 10))).toEqual(new Set([500]));
  expect(await stateOf(proxy)).toBe(BREAKER_STATE.open);
  expect(main.origin.requests.length).toBe(10);
  const open = await send(proxy, 40);
  expect(statuses(open)).toEqual(new Set([200]));
  expect(new Set(open.map(({ text }) => text))).toEqual(new Set(['spare']));
  expect(main.origin.requests.length).toBe(10);
  expect(await proxy.metric('millrace_cluster_circuit_breaker_rejected_total', { cluster: 'up' })).toBe(40);
  expect(await proxy.metric('millrace_cluster_fallbacks_total', { cluster: 'up' })).toBe(40);

  main.status = 200;
  main.held = [];
  const probing: Promise<Message>[] = [];
  await eventually(() => {
    probing.push(request(proxy.port(), '/'));
    return main.origin.requests.length > 10;
  });
  // Those that the first probe overtook were let through, or not, like these.
  const half = Array.from({ length: 30 }, () => request(proxy.port(), '/'));
  await eventually(() => main.origin.requests.length === 13);
  await eventually(() => spare.origin.requests.length === 40 + probing.length + half.length - 3);
  expect(await stateOf(proxy)).toBe(BREAKER_STATE.halfOpen);
  for (const answer of main.held) answer();
  main.held = null;
  const texts = (await Promise.all([...probing, ...half])).map(({ text }) => text);
  expect(texts.filter((text) => text === 'main').length).toBe(3);
  expect(await stateOf(proxy)).toBe(BREAKER_STATE.closed);
  expect(new Set((await send(proxy, 10)).map(({ text }) => text))).toEqual(new Set(['main']));
  expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'CB' })).toBe(0);
  expect(await proxy.metric('millrace_cluster_circuit_breaker_opened_total', { cluster: 'up' })).toBe(1);
});

it('answers 503 with the flag CB without a fallback, or what `respond` says, and the log tells why', async () => {
  const main = await moody(500);
  const config = (fallback: object) => proxyTo([main.origin.address], { workers: 2, cluster: { ...quiet, circuitBreaker: breaker({ interval: '1h', maxInterval: '1h' }), ...fallback } });
  const proxy = await Millrace.start(config({}));
  await send(proxy, 10);
  const refused = await request(proxy.port(), '/');
  expect([refused.status, refused.text]).toEqual([503, 'the circuit breaker of the upstream is open\n']);
  const line = await proxy.logged(/circuit breaker open/);
  expect(line).toMatchObject({ level: 'warn', cluster: 'up', reason: 'failureRatio' });

  // The reload leaves the breaker alone: it is open, and its counters go on.
  await proxy.reload(config({ fallback: { respond: { status: 200, body: 'back soon', headers: { 'x-from': 'fallback' } } } }));
  const answered = await send(proxy, 6);
  expect(statuses(answered)).toEqual(new Set([200]));
  expect(answered.every((answer) => answer.text === 'back soon' && answer.header('x-from') === 'fallback')).toBe(true);
  expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'CB' })).toBe(7);
  expect(await proxy.metric('millrace_cluster_circuit_breaker_opened_total', { cluster: 'up' })).toBe(1);
  expect(main.origin.requests.length).toBe(10);

  // Another window takes another breaker, which begins closed.
  await proxy.reload(proxyTo([main.origin.address], { workers: 2, cluster: { ...quiet, circuitBreaker: breaker({ window: '9s' }) } }));
  expect(await stateOf(proxy)).toBe(BREAKER_STATE.closed);
  expect((await request(proxy.port(), '/')).status).toBe(500);
});

it('takes one bad endpoint of three out, while the cluster stays closed, and back in', async () => {
  const bad = await moody(500, 'bad');
  const good = [await moody(), await moody()];
  const proxy = await Millrace.start(
    proxyTo([bad, ...good].map(({ origin }) => origin.address), { workers: 2, cluster: { ...quiet, circuitBreaker: breaker({ threshold: 0.8, scope: 'both' }) } }),
  );
  const stateOfBad = (): Promise<number> => proxy.metric('millrace_endpoint_circuit_breaker_state', { cluster: 'up', endpoint: bad.origin.address });
  // A third of all requests fails, and all of this endpoint. Failures come first where requests run at once: hence the threshold.
  await eventually(async () => {
    await send(proxy, 6);
    return (await proxy.metric('millrace_endpoint_circuit_breaker_opened_total', { cluster: 'up', endpoint: bad.origin.address })) > 0;
  });
  expect(await stateOf(proxy)).toBe(BREAKER_STATE.closed);
  expect(await proxy.metric('millrace_cluster_circuit_breaker_opened_total', { cluster: 'up' })).toBe(0);
  // The control plane half-opens it by its own clock; while it fails, a probe now and then is all that it gets.
  const before = bad.origin.requests.length;
  const answers = await send(proxy, 60);
  expect(answers.filter(({ status }) => status === 500).length).toBe(bad.origin.requests.length - before);
  expect(bad.origin.requests.length - before).toBeLessThanOrEqual(5);

  bad.status = 200;
  await eventually(async () => {
    await send(proxy, 3);
    return (await stateOfBad()) === BREAKER_STATE.closed;
  });
  const after = bad.origin.requests.length;
  await eventually(async () => {
    expect(statuses(await send(proxy, 6))).toEqual(new Set([200]));
    return bad.origin.requests.length - after >= 6;
  });
});

it('a cluster of which nobody can be connected to hands its requests on, bodies and all', async () => {
  const gone = await moody();
  const spare = await moody(200, 'spare');
  const config = withFallback(gone.origin, spare.origin, { minRequests: 1_000 });
  const proxy = await Millrace.start(config);
  await gone.origin.close();
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => request(proxy.port(), '/', { method: 'POST', body: `body ${i}` })));
  expect(statuses(answers)).toEqual(new Set([200]));
  expect(new Set(spare.origin.requests.map(({ text }) => text)).size).toBe(20);
  expect(await proxy.metric('millrace_request_outcomes_total', { flag: 'none' })).toBe(20);
  expect(await proxy.metric('millrace_cluster_fallbacks_total', { cluster: 'up' })).toBe(20);
});
