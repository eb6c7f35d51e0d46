/** CPU time and context switches of a contender, as the kernel accounts them to all its threads and processes. */
import { readFileSync } from 'node:fs';
import { threadsOf, treeOf, unlessEnded } from './tree.mjs';

function readThread(pid, thread) {
  return unlessEnded(() => {
    const ns = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    const switches = [...status.matchAll(/ctxt_switches:\s+(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    return { ns, switches };
  }, null);
}

function readTicks(pid) {
  return unlessEnded(() => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return { user: Number(fields[11]), system: Number(fields[12]) };
  }, { user: 0, system: 0 });
}

/**
 * What was used so far: nanoseconds and context switches by thread (threads come and go), clock ticks in user and
 * system mode by process.
 */
export function readCpu(pid) {
  const threads = new Map();
  const ticks = new Map();
  for (const process of treeOf(pid)) {
    ticks.set(process, readTicks(process));
    for (const thread of threadsOf(process)) {
      const read = readThread(process, thread);
      if (read !== null) threads.set(`${process}/${thread}`, read);
    }
  }
  return { threads, ticks, at: performance.now() };
}

/** What was used between two reads, in microseconds. What began after `before` counts from its beginning. */
export function cpuBetween(before, after) {
  let ns = 0;
  let switches = 0;
  let user = 0;
  let system = 0;
  for (const [key, now] of after.threads) {
    const then = before.threads.get(key) ?? { ns: 0, switches: 0 };
    ns += now.ns - then.ns;
    switches += now.switches - then.switches;
  }
  for (const [key, now] of after.ticks) {
    const then = before.ticks.get(key) ?? { user: 0, system: 0 };
    user += now.user - then.user;
    system += now.system - then.system;
  }
  const us = ns / 1000;
  const userShare = user + system === 0 ? 0 : user / (user + system);
  return { us, userUs: us * userShare, systemUs: us * (1 - userShare), switches, wallUs: (after.at - before.at) * 1000 };
}

/** Keeps the last state of threads that end during a run (old workers, after a reload): `later` with what `earlier` knew beside. */
export function mergeCpu(earlier, later) {
  return { threads: new Map([...earlier.threads, ...later.threads]), ticks: new Map([...earlier.ticks, ...later.ticks]), at: later.at };
}
