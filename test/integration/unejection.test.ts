/** Outlier detection and active health checks together: a passed check ends an ejection. */
import { describe, expect, it } from 'vitest';
import { request } from '../support/client.ts';
import { Millrace, proxyTo } from '../support/millrace.ts';
import { ok, Origin } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

interface Health {
  state: string;
  reasons: string[];
  until: string | null;
  evidence: string | null;
  history: { what: string; text: string }[];
}

async function healthOf(proxy: Millrace, index: number): Promise<Health> {
  const { clusters } = JSON.parse((await proxy.admin('/clusters')).text) as { clusters: { endpoints: { health: Health }[] }[] };
  const health = clusters.flatMap(({ endpoints }) => endpoints)[index]?.health;
  if (health === undefined) throw new Error(`no endpoint ${index}`);
  return health;
}

describe.each([true, false])('with unejectOnHealthyCheck: %s', (unejectOnHealthyCheck) => {
  it('an ejected endpoint that passes its checks is back', async () => {
    let faults = 3;
    let checks = 0;
    // Its traffic fails as often as it takes, its checks pass.
    const broken = await Origin.start({
      answer: (message, connection) => {
        if (message.target !== '/healthz') return connection.send(faults-- > 0 ? 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n' : ok('back'));
        checks++;
        connection.send(ok());
      },
    });
    const good = await Origin.start();
    const proxy = await Millrace.start(proxyTo([broken.address, good.address], {
      cluster: {
        healthCheck: { http: { path: '/healthz' }, interval: '400ms', timeout: '400ms' },
        outlierDetection: { consecutive5xx: 3, baseEjectionTime: '1h', maxEjectionTime: '1h', maxEjectionPercent: 50, unejectOnHealthyCheck },
        balancer: { panicThreshold: 0 },
      },
    }));
    await eventually(async () => (await healthOf(proxy, 0)).state === 'available');
    await eventually(async () => {
      await request(proxy.port(), '/');
      return (await proxy.metric('millrace_cluster_ejections_total')) === 1;
    });
    const ejected = await healthOf(proxy, 0);
    expect(ejected.history.map(({ what }) => what).slice(0, 2)).toEqual(['healthy', 'ejected']);
    const before = checks;
    await eventually(() => checks >= before + 4);
    const after = await healthOf(proxy, 0);
    if (unejectOnHealthyCheck) {
      expect(after).toMatchObject({ state: 'available', reasons: [], until: null, evidence: 'back from its ejection: a health check passed' });
      expect(after.history.map(({ what }) => what)).toEqual(['healthy', 'ejected', 'unejected']);
      await eventually(async () => (await request(proxy.port(), '/')).text === 'back');
    } else {
      expect(after).toMatchObject({ state: 'unavailable', reasons: ['ejected'], evidence: ejected.evidence });
      expect(Date.parse(after.until ?? '') - Date.now()).toBeGreaterThan(3_000_000);
      for (let i = 0; i < 20; i++) expect((await request(proxy.port(), '/')).text).toBe('ok');
    }
  });
});
