/** Active health checks through the running proxy: who gets traffic, and what the operator is told. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { closedAddress } from '../support/closed-port.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { ok, Origin } from '../support/origin.ts';
import { eventually, turn } from '../support/wait.ts';

/** As often as the timeout allows, which leaves a busy machine its time. */
const FAST = { interval: '400ms', timeout: '400ms' };
const OFTEN = { interval: '30ms', timeout: '30ms' };

interface ShownEndpoint {
  address: string;
  health: {
    state: string;
    reasons: string[];
    since: string | null;
    evidence: string | null;
    until: string | null;
    lastCheck: { at: string; ok: boolean | null; tookMs: number; text: string } | null;
    nextCheck: string | null;
    history: { at: string; what: string; text: string }[];
  };
}

async function endpoints(proxy: Millrace): Promise<ShownEndpoint[]> {
  const { clusters } = JSON.parse((await proxy.admin('/clusters')).text) as { clusters: { endpoints: ShownEndpoint[] }[] };
  return clusters.flatMap((cluster) => cluster.endpoints);
}

const states = async (proxy: Millrace): Promise<string[]> => (await endpoints(proxy)).map(({ health }) => [health.state, ...health.reasons].join(' '));

/** An origin whose health is told apart from its traffic. */
class Checked {
  readonly origin: Origin;
  healthy = true;
  checks = 0;
  served = 0;

  private constructor(origin: Origin) {
    this.origin = origin;
  }

  static async start(name: string): Promise<Checked> {
    const checked: Checked = new Checked(await Origin.start({
      answer: (message, connection) => {
        if (message.target === '/healthz') {
          checked.checks++;
          connection.send(checked.healthy ? ok('fine') : 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n');
        } else {
          checked.served++;
          connection.send(ok(name));
        }
      },
    }));
    return checked;
  }

  get address(): string {
    return this.origin.address;
  }

  /** Waits for so many more checks. */
  async checked(count: number): Promise<void> {
    const target = this.checks + count;
    await eventually(() => this.checks >= target);
  }
}

describe('an endpoint that fails its checks', () => {
  it('gets no more traffic, until it passes them again; nothing is lost meanwhile', async () => {
    const [good, bad] = [await Checked.start('good'), await Checked.start('bad')];
    const proxy = await Millrace.start(proxyTo([good.address, bad.address], { cluster: { healthCheck: { http: { path: '/healthz' }, ...FAST } } }));
    await eventually(async () => expect(await states(proxy)).toEqual(['available', 'available']));
    const answers: Record<string, number> = {};
    const ask = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        const { status, text } = await request(proxy.port(), '/');
        expect(status).toBe(200);
        answers[text] = (answers[text] ?? 0) + 1;
      }
    };
    await ask(20);
    expect(Object.keys(answers).sort()).toEqual(['bad', 'good']);
    const { bad: before = 0 } = answers;

    bad.healthy = false;
    const failing = bad.checks;
    const down = await proxy.logged('endpoint is unhealthy');
    expect(down).toMatchObject({ level: 'warn', cluster: 'up', endpoint: bad.address, evidence: expect.stringMatching(/^HTTP 503 in \d+ ms, expected 200-399$/) as string });
    // Three failures decide; one more check may have begun before the log was read.
    expect(bad.checks - failing).toBeLessThanOrEqual(5);
    await ask(20);
    expect(answers.bad).toBe(before);

    const [, shown] = await endpoints(proxy);
    expect(shown?.health).toMatchObject({ state: 'unavailable', reasons: ['unhealthy'], evidence: down.evidence, lastCheck: { ok: false } });
    expect(shown?.health.history.map(({ what }) => what)).toEqual(['healthy', 'unhealthy']);
    expect(shown?.health.since).toBe(shown?.health.history.at(-1)?.at);

    bad.healthy = true;
    expect(await proxy.logged('endpoint is healthy')).toMatchObject({ level: 'info', endpoint: bad.address });
    await ask(20);
    expect(answers.bad).toBeGreaterThan(before);
    expect((await endpoints(proxy))[1]?.health.history.map(({ what }) => what)).toEqual(['healthy', 'unhealthy', 'healthy']);
  });

  it('stays when its failures are not in a row', async () => {
    const one = await Checked.start('one');
    const proxy = await Millrace.start(proxyTo([one.address], { cluster: { healthCheck: { http: { path: '/healthz' }, ...FAST } } }));
    await eventually(async () => expect(await states(proxy)).toEqual(['available']));
    for (let i = 0; i < 3; i++) {
      one.healthy = false;
      await one.checked(1);
      one.healthy = true;
      await one.checked(2);
    }
    expect(await states(proxy)).toEqual(['available']);
    expect(proxy.log.filter(({ msg }) => msg === 'endpoint is unhealthy')).toEqual([]);
  });

  it('is asked all the same when no other one is left', async () => {
    const one = await Checked.start('one');
    one.healthy = false;
    const proxy = await Millrace.start(proxyTo([one.address, await closedAddress()], { cluster: { healthCheck: { http: { path: '/healthz' }, ...FAST } } }));
    await eventually(async () => expect(await states(proxy)).toEqual(['unavailable unhealthy', 'unavailable unhealthy']));
    for (let i = 0; i < 5; i++) expect((await request(proxy.port(), '/')).text).toBe('one');
  });
});

describe('an endpoint that was not checked yet', () => {
  it('takes no traffic', async () => {
    const good = await Checked.start('good');
    // Accepts, and never answers its check.
    const silent = await Origin.start({ answer: (message, connection) => (message.target === '/healthz' ? undefined : connection.send(ok('silent'))) });
    const proxy = await Millrace.start(proxyTo([good.address, silent.address], { cluster: { healthCheck: { http: { path: '/healthz' }, interval: '20s', edgeInterval: '20s', timeout: '20s' } } }));
    await eventually(async () => expect(await states(proxy)).toEqual(['available', 'unavailable unchecked']));
    for (let i = 0; i < 20; i++) expect((await request(proxy.port(), '/')).text).toBe('good');
  });

  it('keeps the proxy from being ready, but not for ever', async () => {
    const silent = await Origin.start({ answer: () => undefined });
    const proxy = await Millrace.start(proxyTo([silent.address], { cluster: { healthCheck: { http: {}, interval: '1s', timeout: '1s' } } }));
    const first = await proxy.admin('/ready');
    expect([first.status, first.text]).toEqual([503, 'not ready: the first health check of an endpoint has not come back\n']);
    await eventually(async () => (await proxy.admin('/ready')).status === 200);
    expect((await endpoints(proxy))[0]?.health).toMatchObject({ state: 'unavailable', reasons: ['unchecked'], lastCheck: { ok: false, text: 'no answer within 1s' } });
  });

  it('is not waited for by a proxy that has no checks', async () => {
    const proxy = await Millrace.start(proxyTo([await closedAddress()]));
    expect((await proxy.admin('/ready')).status).toBe(200);
    expect((await endpoints(proxy))[0]?.health).toEqual({ state: 'available', reasons: [], since: null, evidence: null, until: null, lastCheck: null, nextCheck: null, history: [] });
  });
});

describe('a reload', () => {
  it('keeps what is known of the endpoints that stay, and lets new ones in after their first good answer', async () => {
    const [one, two, three] = [await Checked.start('one'), await Checked.start('two'), await Checked.start('three')];
    two.healthy = false;
    three.healthy = false;
    const healthCheck = { http: { path: '/healthz' }, ...FAST };
    const proxy = await Millrace.start(proxyTo([one.address, two.address], { cluster: { healthCheck, balancer: { panicThreshold: 0 } } }));
    await eventually(async () => expect(await states(proxy)).toEqual(['available', 'unavailable unhealthy']));
    const before = await endpoints(proxy);

    await proxy.reload(proxyTo([three.address, two.address, one.address], { cluster: { healthCheck, balancer: { panicThreshold: 0 } } }));
    const after = await endpoints(proxy);
    expect(after[1]?.health.since).toBe(before[1]?.health.since);
    expect(after[1]?.health.history).toEqual(before[1]?.health.history);
    expect(after.map(({ health }) => health.state)).toEqual(['unavailable', 'unavailable', 'available']);
    for (let i = 0; i < 20; i++) expect((await request(proxy.port(), '/')).text).toBe('one');

    three.healthy = true;
    two.healthy = true;
    await eventually(async () => expect(await states(proxy)).toEqual(['available', 'available', 'available']));
  });

  it('that takes the checks away makes every endpoint available; one that adds them disturbs nobody', async () => {
    const [one, two] = [await Checked.start('one'), await Checked.start('two')];
    two.healthy = false;
    const checked = { cluster: { healthCheck: { http: { path: '/healthz' }, ...FAST } } };
    const proxy = await Millrace.start(proxyTo([one.address, two.address], checked));
    await eventually(async () => expect(await states(proxy)).toEqual(['available', 'unavailable unhealthy']));
    await proxy.reload(proxyTo([one.address, two.address]));
    expect(await states(proxy)).toEqual(['available', 'available']);
    const checks = one.checks;
    for (let i = 0; i < 20; i++) await request(proxy.port(), '/');
    expect(Math.min(one.served, two.served)).toBeGreaterThan(0);
    expect(one.checks).toBe(checks);

    await proxy.reload(proxyTo([one.address, two.address], checked));
    expect((await states(proxy))[0]).toBe('available');
    await eventually(async () => expect(await states(proxy)).toEqual(['available', 'unavailable unhealthy']));
  });
});

describe('a proxy that is at fault itself', () => {
  it('does not blame endpoints for the time in which it stood still', async () => {
    let stops = 0;
    let checks = 0;
    const origin: Origin = await Origin.start({
      answer: (_message, connection) => {
        checks++;
        if (stops === 0) return connection.send(ok());
        // The answer is there at once; but when the proxy goes on, the time of this check is long over.
        stops--;
        proxy.child.kill('SIGSTOP');
        connection.send(ok());
        setTimeout(() => proxy.child.kill('SIGCONT'), 800);
      },
    });
    const proxy = await Millrace.start(proxyTo([origin.address], { cluster: { healthCheck: { http: {}, ...FAST, unhealthyThreshold: 2 } } }));
    await eventually(async () => expect(await states(proxy)).toEqual(['available']));
    stops = 3;
    const target = checks + 6;
    await eventually(() => checks >= target);
    expect(proxy.log.filter(({ msg }) => msg === 'endpoint is unhealthy')).toEqual([]);
    expect(await proxy.metric('millrace_health_checks_total', { result: 'failed' })).toBe(0);
  });

  it('does not blame endpoints when it has no descriptors left', async () => {
    const one = await Checked.start('one');
    const proxy = await Millrace.start(proxyTo([one.address], { cluster: { healthCheck: { http: { path: '/healthz' }, ...FAST, reuseConnection: false } } }));
    await eventually(async () => expect(await states(proxy)).toEqual(['available']));
    const limit = (files: number): void => void execFileSync('prlimit', ['--pid', String(proxy.child.pid), `--nofile=${files}:`]);
    limit(10);
    const said = await proxy.logged('health checks that say nothing are not counted, and made again');
    expect(said).toMatchObject({ level: 'warn', cluster: 'up', endpoint: one.address, reason: 'EMFILE: this process has nothing left to connect with' });
    const { checks } = one;
    // As long as three failures would take.
    await turn(1_500);
    expect(one.checks).toBe(checks);
    limit(1_024);
    await one.checked(2);
    expect(proxy.log.filter(({ msg }) => msg === 'endpoint is unhealthy')).toEqual([]);
    expect(await proxy.metric('millrace_health_checks_total', { result: 'void' })).toBeGreaterThanOrEqual(2);
    expect(await states(proxy)).toEqual(['available']);
  });
});

it('counts checks by what became of them', async () => {
  const one = await Checked.start('one');
  const refused = await closedAddress();
  const proxy = await Millrace.start(proxyTo([one.address, refused], { cluster: { healthCheck: { http: { path: '/healthz' }, ...OFTEN } } }));
  await one.checked(3);
  expect(await proxy.metric('millrace_health_checks_total', { cluster: 'up', result: 'passed' })).toBeGreaterThanOrEqual(3);
  await eventually(async () => (await proxy.metric('millrace_health_check_failures_total', { cluster: 'up', reason: 'connect' })) >= 3);
  expect(await proxy.metric('millrace_endpoint_available', { endpoint: refused })).toBe(0);
});

it('2,000 endpoints are checked, and those that are down are left out', async () => {
  const good = await Origin.start({ host: '0.0.0.0' });
  const count = 2_000;
  const refused = await closedAddress();
  const addresses = Array.from({ length: count }, (_, i) => (i % 4 === 0 ? refused.replace('127.0.0.1', `127.2.${i >> 8}.${i & 255}`) : `127.1.${i >> 8}.${i & 255}:${good.port}`));
  const proxy = await Millrace.start(proxyTo(addresses, { cluster: { healthCheck: { http: { path: '/healthz' }, interval: '2s', timeout: '1s', edgeInterval: '1s', unhealthyThreshold: 1 }, balancer: { policy: 'roundRobin' } }, route: { retry: { attempts: 0 } } }));
  await eventually(async () => (await proxy.admin('/ready')).status === 200, 20_000);
  await eventually(async () => (await states(proxy)).filter((state) => state === 'unavailable unhealthy').length === count / 4, 20_000);
  expect((await states(proxy)).filter((state) => state === 'available').length).toBe((count * 3) / 4);
  for (let i = 0; i < 300; i++) expect((await request(proxy.port(), '/')).status).toBe(200);
  // So many lines of a kind in a second, and their number.
  const more = await proxy.logged(/more of these: endpoint is unhealthy$/);
  expect(Number(more.count)).toBeGreaterThan(0);
});
