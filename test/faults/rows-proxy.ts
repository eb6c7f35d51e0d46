/** Faults of what is around the endpoints: configuration, name service, the proxy's own process and machine. */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { proxyTo, temporaryDirectory, type Millrace } from '../support/millrace.ts';
import { request } from '../support/client.ts';
import { eventually } from '../support/wait.ts';
import { Crowd } from './crowd.ts';
import { Load, now } from './load.ts';
import { NameServer } from './name-server.ts';
import { AVOIDED, type Row, type Scene } from './row.ts';
import { fakeClock } from './tools.ts';
import { sum } from './watch.ts';

const CRASH_PRELOAD = resolve(import.meta.dirname, '../support/crash-preload.cjs');
/** Connections of the usual load. */
const CLIENTS = 32;

function endpointRemoved(): Row {
  const SLOW_MS = 300;
  return {
    name: 'endpoint removed by a reload while it answers, added again later',
    begin: async ({ proxy, config, endpoints, faulty, load, beginsNow }) => {
      await faulty.behave({ mode: 'ok', delayMs: SLOW_MS });
      await load.more(200);
      await eventually(async () => (await proxy.metric('millrace_endpoint_active_requests', { endpoint: faulty.address })) > 0);
      beginsNow();
      await proxy.reload({ ...config, ...proxyTo(endpoints.slice(1).map(({ address }) => address)) });
    },
    end: async ({ proxy, config, faulty }) => {
      await faulty.behave({ mode: 'ok' });
      await proxy.reload(config);
    },
    bounds: AVOIDED,
  };
}

/** A reload of the same with a mark, so that there is something to reload. */
async function refusedReload({ proxy, config }: Scene, mark: string): Promise<void> {
  const from = proxy.log.length;
  proxy.write({ ...config, drainTimeout: mark });
  proxy.child.kill('SIGHUP');
  await proxy.logged('configuration refused, the last good one goes on', from);
}

function nameForgotten(): Row {
  let dns: NameServer;
  let names: Record<string, string>;
  return {
    name: 'DNS name of the endpoint stops resolving, then the DNS server is gone; reloads meanwhile',
    needs: ['dnsmasq', 'unshare'],
    prepare: async (endpoints) => {
      names = Object.fromEntries(endpoints.map(({ name, host }) => [`${name}.faults.test`, host]));
      dns = await NameServer.start(names);
      return { addresses: endpoints.map(({ name, port }) => `${name}.faults.test:${port}`), launch: { prefix: dns.prefix } };
    },
    begin: async (scene) => {
      const others = Object.entries(names).filter(([name]) => !name.startsWith(`${scene.faulty.name}.`));
      await dns.know(Object.fromEntries(others));
      await refusedReload(scene, '6s');
      await dns.stop();
      await refusedReload(scene, '7s');
      await scene.load.answersFrom(scene.faulty.name, CLIENTS);
    },
    end: async ({ proxy, config }) => {
      await dns.know(names);
      await proxy.reload({ ...config, drainTimeout: '8s' });
    },
    bounds: {},
  };
}

function workerKilled(): Row {
  let trigger: string;
  return {
    name: 'a worker thread of the proxy dies',
    prepare: () => {
      trigger = join(temporaryDirectory(), 'crash');
      return { launch: { env: { NODE_OPTIONS: `--require ${CRASH_PRELOAD}`, MILLRACE_TEST_CRASH: trigger } } };
    },
    begin: async ({ proxy, endpoints, load, remarks }) => {
      // So that requests are on the way all the time.
      for (const endpoint of endpoints) await endpoint.behave({ mode: 'ok', delayMs: 20 });
      await load.more(200);
      const began = now();
      writeFileSync(trigger, '');
      await eventually(async () => (await proxy.metric('millrace_worker_restarts_total')) === 1 && (await proxy.metric('millrace_workers', { state: 'running' })) === 2);
      remarks.push(`another one after ${Math.round(now() - began)} ms`);
    },
    // What it had in flight is cut; what it had counted goes with it.
    uncounted: true,
    bounds: { failed: CLIENTS, cut: CLIENTS },
  };
}

const descriptors = (proxy: Millrace): number[] => readdirSync(`/proc/${proxy.child.pid}/fd`).map(Number);
const limitDescriptors = (proxy: Millrace, limit: number | string): void => void execFileSync('prlimit', ['--pid', String(proxy.child.pid), `--nofile=${limit}:`]);

function outOfDescriptors(): Row {
  let crowd: Crowd;
  return {
    name: 'the proxy has no file descriptor left, for clients nor for upstream connections',
    needs: ['prlimit'],
    begin: async ({ proxy, faulty }) => {
      limitDescriptors(proxy, Math.max(...descriptors(proxy)) + 1);
      crowd = new Crowd(proxy.port(), 200);
      // It takes new connections to go on with this one, and there are none.
      await faulty.behave({ mode: 'resetAfter' });
    },
    end: async ({ proxy, faulty }) => {
      await crowd.close();
      limitDescriptors(proxy, 4096);
      await faulty.behave({ mode: 'ok' });
    },
    check: (before, after) => {
      // It is no fault of theirs.
      for (const name of ['millrace_cluster_ejections_total', 'millrace_endpoint_connect_failures_total']) expect(sum(after, name), name).toBe(sum(before, name));
    },
    bounds: { failed: Infinity, flags: ['UF'] },
  };
}

function moreClientsThanDescriptors(): Row {
  const LIMIT = 512;
  const CROWD = 1000;
  let crowd: Crowd;
  return {
    name: `${CROWD} more clients than the proxy may open files (${LIMIT})`,
    needs: ['prlimit'],
    prepare: () => ({ launch: { prefix: ['prlimit', `--nofile=${LIMIT}:${LIMIT}`] } }),
    begin: async ({ proxy, remarks }) => {
      crowd = new Crowd(proxy.port(), CROWD);
      // Those beyond its own limit are closed at once.
      await eventually(() => crowd.ended > 0 && crowd.ended + crowd.open.size === CROWD);
      remarks.push(`${CROWD - crowd.ended} of them let in`);
    },
    end: () => crowd.close(),
    bounds: {},
  };
}

function tenThousand(): Row {
  const PROCESSES = 2;
  const EACH = 5_000;
  return {
    name: `${(PROCESSES * EACH).toLocaleString('en')} connections at once`,
    config: { limits: { maxConnections: 12_000 } },
    begin: async ({ proxy, others, remarks }) => {
      for (let i = 0; i < PROCESSES; i++) others.push(Load.start({ port: proxy.port(), connections: EACH, paceMs: 4000, total: 3 * EACH, limitMs: 60_000, name: `crowd${i}` }));
      let most = 0;
      await eventually(async () => {
        most = Math.max(most, others.reduce((sum, { tally }) => sum + tally.connected, 0));
        return most >= PROCESSES * EACH && (await proxy.metric('millrace_downstream_connections')) >= PROCESSES * EACH;
      }, 60_000);
      remarks.push(`${most.toLocaleString('en')} open`);
    },
    end: async ({ others }) => {
      await Promise.all(others.map((other) => other.finished(90_000)));
    },
    bounds: {},
  };
}

function clockStep(): Row {
  let file: string;
  return {
    name: 'wall clock an hour ahead, then two back, while the endpoint is down',
    needs: ['faketime'],
    prepare: () => {
      file = join(temporaryDirectory(), 'clock');
      writeFileSync(file, '+0');
      return { launch: { env: fakeClock(file) } };
    },
    begin: async ({ proxy, faulty, load }) => {
      await faulty.behave({ mode: 'refuse' });
      for (const hours of [1, -1]) {
        writeFileSync(file, `${hours > 0 ? '+' : ''}${hours * 3600}`);
        // Date is the listener's; it says that the step has arrived.
        await eventually(async () => {
          const date = (await request(proxy.port(), '/clock?size=1')).header('date') ?? '';
          expect(Math.abs(Date.parse(date) - Date.now() - hours * 3_600_000)).toBeLessThan(60_000);
        });
        await load.more(1000);
      }
    },
    end: ({ faulty }) => faulty.behave({ mode: 'ok' }),
    // Ejections end by the monotonic clock.
    bounds: AVOIDED,
  };
}

export const PROXY: readonly Row[] = [endpointRemoved(), nameForgotten(), workerKilled(), outOfDescriptors(), moreClientsThanDescriptors(), tenThousand(), clockStep()];
