import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../stage.mjs';
import { API_HEADERS } from './requests.mjs';

const EVERY_MS = 1000;
const TAKEN_MS = 5000;

/** Replaces the configuration every second until told to stop. Returns how many times. */
async function keepReloading(member, stopped) {
  let count = 0;
  while (!stopped()) {
    member.setup.generation++;
    await member.contender.reload(member.setup, member.child);
    count++;
    await sleep(EVERY_MS);
  }
  return count;
}

/** Waits until the last configuration answers: a proxy that takes none would be spared the work, and have no failures. */
async function untilTaken(member) {
  const wanted = String(member.setup.generation);
  let seen;
  for (const endMs = performance.now() + TAKEN_MS; performance.now() < endMs; await sleep(50)) {
    seen = (await ask(`${member.url}/`).catch(() => null))?.headers['x-generation'];
    if (seen === wanted) return;
  }
  throw new Error(`configuration ${wanted} was not taken within ${TAKEN_MS / 1000} s; the last that answered is ${seen}`);
}

export const reload = {
  id: 'reload',
  title: 'Reload under load',
  what: 'another configuration every second, while 64 keep-alive connections ask for 64 bytes as fast as they can; requests that failed (a connection that ended in place of an answer counts), and memory with all processes that are there meanwhile',
  unit: 'failed requests',
  primary: 'failed',
  weight: 3,
  features: { reload: true },
  sample: true,
  allowErrors: true,
  load: { connections: 64, headers: API_HEADERS, expectBody: 64 },
  /** Around one run: `measure` makes it. */
  async around(member, measure) {
    let over = false;
    const reloading = keepReloading(member, () => over);
    try {
      const run = await measure();
      over = true;
      const reloads = await reloading;
      await untilTaken(member);
      return { ...run, reloads };
    } finally {
      over = true;
      await reloading.catch(() => undefined); // thrown above already, or hidden by the first failure
    }
  },
  goals: [{ text: 'no failed request', metric: 'failed', against: [], ratio: 0, direction: 'atMost' }],
};
