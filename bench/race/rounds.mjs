/** Runs one scenario: contenders take turns, A B C A B C, and every run that counts or is void is in the result. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { drive, measure, startOrigin } from './client.mjs';
import { measureLatency, slowestRate } from './latency.mjs';
import { countInstructions, countSystemCalls, counters } from './measure/counts.mjs';
import { enter } from './stage.mjs';

const MOST_VOID = 3; // in a row: then a contender is left out of the rest of a scenario
const JIT_WARMUP_S = 2;
const COUNT_S = 2; // so that connecting is a small part of what strace counts

/** Who takes part, and why the others do not. */
export function entriesOf(scenario, contenders) {
  const skipped = {};
  const entries = [];
  for (const contender of contenders) {
    const lacking = Object.keys(scenario.features ?? {}).find((feature) => scenario.features[feature] && contender.lacks[feature] !== undefined);
    if (lacking !== undefined) skipped[contender.name] = contender.lacks[lacking];
    else if (scenario.fastOnly && contender.slow) skipped[contender.name] = 'the fast ones among themselves';
    else entries.push({ contender, name: contender.name, features: scenario.features });
    if (scenario.plainBeside?.includes(contender.name)) entries.push({ contender, name: `${contender.name}-plain`, features: {} });
  }
  return { entries, skipped };
}

/** How many rounds an entry takes part in. */
export function roundsOf(scenario, contender, options) {
  const rounds = Math.min(options.pairs, scenario.maxRounds ?? Infinity);
  return contender.slow ? Math.min(rounds, options.slowRounds) : rounds;
}

export const latencyRounds = (scenario, options) => Math.max(1, Math.min(options.pairs, Math.ceil(options.pairs * (scenario.latency.rounds ?? 0.3))));
export const secondsOf = (scenario, options) => options.seconds * (scenario.weight ?? 1);
const countSeconds = ({ quick }) => (quick ? COUNT_S / 4 : COUNT_S);
const warmupOf = (scenario, options) => Math.max(options.warmup, (scenario.warmup ?? 0) * (options.quick ? 0.5 : 1));

/** Every run that the scenario will take, for the time that is left. */
export function planOf(scenario, contenders, options) {
  const { entries } = entriesOf(scenario, contenders);
  const seconds = secondsOf(scenario, options) + warmupOf(scenario, options);
  const plan = entries.flatMap(({ contender }) => [
    ...(options.quick ? [] : [{ seconds: 0.7 + (contender.kind === 'node' ? JIT_WARMUP_S : options.settle) }]),
    ...Array.from({ length: roundsOf(scenario, contender, options) }, () => ({ seconds })),
    ...(scenario.systemCalls && options.counts ? Array.from({ length: 2 }, () => ({ seconds: countSeconds(options) + 0.5 })) : []),
  ]);
  if (scenario.latency === undefined || !options.latency) return plan;
  const each = options.seconds * (scenario.latency.weight ?? 2) + options.warmup;
  return [...plan, ...Array.from({ length: latencyRounds(scenario, options) * 2 * (entries.length + 1) }, () => ({ seconds: each }))];
}

/** The origins of a scenario: `{ addresses, stop() }`. */
async function openOrigins(scenario, common, core) {
  if (scenario.endpoints === undefined) return { addresses: [`127.0.0.1:${common.port}`], stop: async () => undefined };
  const started = [];
  try {
    for (const options of scenario.endpoints) started.push(await startOrigin({ core, ...options }));
  } catch (error) {
    await Promise.all(started.map((origin) => origin.stop()));
    throw error;
  }
  return { addresses: started.map(({ port }) => `127.0.0.1:${port}`), stop: () => Promise.all(started.map((origin) => origin.stop())) };
}

class ScenarioRun {
  constructor(scenario, context) {
    this.scenario = { ...scenario, load: { ...scenario.load, ...scenario.prepare?.(context.directory) } };
    this.context = context;
    this.options = context.options;
    this.runs = {};
    this.voids = [];
    this.inARow = new Map();
  }

  void(name, why, round) {
    this.voids.push({ contender: name, round, why: why.slice(0, 600) });
    console.log(`  void: ${name}, round ${round + 1}: ${why.split('\n')[0]}`);
  }

  /** Starts a contender and lets it get warm; null when it does not come up. */
  async enter(entry, endpoints, round) {
    const { directory, certificate, cores } = this.context;
    try {
      const member = await enter({ ...entry, endpoints, directory: join(directory, this.scenario.id), certificate, core: cores.contender });
      member.slow = entry.contender.slow;
      return member;
    } catch (error) {
      this.void(entry.name, error.message, round);
      return null;
    }
  }

  async warmUp(member) {
    const seconds = member.contender.kind === 'node' && !this.options.quick ? JIT_WARMUP_S : this.options.settle;
    const more = this.scenario.load.mode === 'open' ? {} : { idle: 0, slow: 0 };
    await drive({ url: member.url, scenario: { ...this.scenario, allowErrors: true }, core: this.context.cores.load, seconds, more });
  }

  /** One run, tried twice; null when both were void. */
  async one(member, round) {
    const { cores, progress } = this.context;
    const seconds = secondsOf(this.scenario, this.options);
    const warmup = warmupOf(this.scenario, this.options);
    for (let attempt = 0; attempt < 2; attempt++) {
      const at = Number(((performance.now() - this.context.begun) / 1000).toFixed(1));
      const run = () => measure({ member, scenario: this.scenario, core: cores.load, seconds, warmup, seed: round + 1 });
      try {
        const measured = await (this.scenario.around === undefined ? run() : this.scenario.around(member, run));
        progress.ran(seconds + warmup);
        return { ...measured, at };
      } catch (error) {
        this.void(member.name, member.child.ended === null ? error.message : `it ended with ${member.child.ended}: ${member.child.output}`, round);
        if (member.child.ended !== null) return null;
      }
    }
    return null;
  }

  keep(name, run) {
    this.runs[name] ??= [];
    this.runs[name].push(run);
    this.inARow.set(name, run === null ? (this.inARow.get(name) ?? 0) + 1 : 0);
  }

  takesPart = (entry, round) => round < roundsOf(this.scenario, entry.contender, this.options) && (this.inARow.get(entry.name) ?? 0) < MOST_VOID;

  async rounds(entries, members, endpoints) {
    const rounds = Math.max(0, ...entries.map(({ contender }) => roundsOf(this.scenario, contender, this.options)));
    for (let round = 0; round < rounds; round++) {
      for (const entry of entries) {
        if (!this.takesPart(entry, round)) continue;
        const fresh = this.scenario.freshEachRound;
        const member = fresh ? await this.enter(entry, endpoints, round) : members.find(({ name }) => name === entry.name);
        if (member === undefined) continue; // it did not come up; that is in the list of void runs
        this.keep(entry.name, member === null ? null : await this.one(member, round));
        if (fresh) await member?.leave();
      }
      this.context.progress.line(`  ${this.scenario.id} ${round + 1}/${rounds}: ${this.shown(round)}`);
    }
  }

  shown(round) {
    const { primary } = this.scenario;
    const show = (run) => {
      if (run === null) return 'void';
      if (primary === 'rssKiB') return `${(run.rssKiB / 1024).toFixed(1)} MiB`;
      if (primary === 'gbps') return `${run.gbps.toFixed(2)} Gbit/s`;
      if (primary === 'failed') return `${run.failed} failed of ${(run.rate / 1000).toFixed(1)} k/s, ${run.reloads} reloads`;
      if (primary === 'p99' && this.scenario.load.mode === 'open') return `p99 ${(run.latencyUs.p99 / 1000).toFixed(1)} ms`;
      return `${(run.rate / 1000).toFixed(1)} k/s ${run.cpuUs.toFixed(1)} us`;
    };
    return Object.entries(this.runs).filter(([, list]) => list.length > round).map(([name, list]) => `${name} ${show(list[round])}`).join(' · ');
  }

  async latency(members) {
    const { scenario, options } = this;
    const taking = members.filter(({ slow }) => scenario.latency.of === 'all' || !slow);
    const capacity = slowestRate(taking, this.runs);
    if (capacity === null) return undefined; // without a peer there is no rate to agree on
    const seconds = options.seconds * (scenario.latency.weight ?? 2);
    const rounds = latencyRounds(scenario, options);
    return measureLatency({
      members: taking,
      direct: scenario.features?.tls ? null : this.context.direct,
      scenario,
      rounds,
      seconds,
      warmup: options.warmup,
      core: this.context.cores.load,
      capacity,
      onVoid: (name, why, round) => this.void(name, why, round),
      onRun: (name, percent, round) => {
        this.context.progress.ran(seconds + options.warmup);
        if (name === taking.at(-1).name) this.context.progress.line(`  ${scenario.id}, open loop at ${percent} %: ${round + 1}/${rounds}`);
      },
    });
  }

  /** Counts per request by `count` (system calls, instructions), for each contender. */
  async counts(members, count, what) {
    const counted = {};
    for (const { name, pid, url } of members) {
      const work = async () => (await drive({ url, scenario: this.scenario, core: this.context.cores.load, seconds: countSeconds(this.options) })).requests;
      try {
        counted[name] = await count({ pid, directory: this.context.directory, work });
      } catch (error) {
        this.void(name, `${what}: ${error.message}`, 0);
      }
      this.context.progress.ran(countSeconds(this.options) + 0.5);
    }
    return counted;
  }

  /** Load generator straight to the origin: what no proxy can be faster than. */
  async direct() {
    if (this.scenario.features?.tls || this.scenario.endpoints !== undefined || this.scenario.load.mode === 'open') return undefined;
    const { seconds } = this.options;
    try {
      const result = await drive({ url: this.context.direct, scenario: this.scenario, core: this.context.cores.load, seconds: Math.min(seconds, 1), more: { idle: 0, slow: 0 } });
      return { rate: Number((result.counted / result.seconds).toFixed(1)), latencyUs: result.latencyUs };
    } catch (error) {
      this.void('direct', error.message, 0);
      return undefined;
    }
  }

  /** All contenders of a scenario, started and warm. A quick race keeps them for the scenarios that want the same of them. */
  async enterAll(entries, endpoints) {
    const kept = this.context.kept;
    const shared = this.options.quick && this.scenario.endpoints === undefined;
    const members = [];
    for (const entry of entries) {
      const key = JSON.stringify([entry.name, entry.features ?? {}]);
      const known = shared ? kept.get(key) : undefined;
      const member = known?.child.ended === null ? known : await this.enter(entry, endpoints, 0);
      if (member === null) continue;
      members.push(member);
      if (kept.get(key) !== member) {
        await this.warmUp(member);
        if (!this.options.quick) this.context.progress.ran(0.7 + (entry.contender.kind === 'node' ? JIT_WARMUP_S : this.options.settle));
      }
      if (shared) kept.set(key, member);
    }
    return { members, leave: () => (shared ? undefined : Promise.all(members.map((member) => member.leave()))) };
  }

  async run() {
    const { scenario, options } = this;
    const { entries, skipped } = entriesOf(scenario, this.context.contenders);
    console.log(`\n${scenario.title}: ${scenario.what}`);
    mkdirSync(join(this.context.directory, scenario.id), { recursive: true, mode: 0o755 });
    const origins = await openOrigins(scenario, this.context.origin, this.context.cores.origin);
    const more = {};
    let stage = { members: [], leave: () => undefined };
    try {
      if (!scenario.freshEachRound) stage = await this.enterAll(entries, origins.addresses);
      const { members } = stage;
      more.direct = await this.direct();
      await this.rounds(entries, members, origins.addresses);
      if (scenario.latency !== undefined && options.latency) more.latency = await this.latency(members);
      if (scenario.systemCalls && options.counts && counters.strace) more.systemCalls = await this.counts(members, countSystemCalls, 'system calls');
      if (scenario.systemCalls && options.counts && counters.perf) more.instructions = await this.counts(members, countInstructions, 'instructions');
    } finally {
      await stage.leave();
      await origins.stop();
    }
    const { id, title, what, unit, primary, goals } = scenario;
    return { id, title, what, unit, primary, runs: this.runs, ...more, skipped, void: this.voids, goals };
  }
}

/** @returns the scenario's part of the result */
export const runScenario = (scenario, context) => new ScenarioRun(scenario, context).run();
