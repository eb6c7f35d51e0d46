import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { failed, passed, type Attempt, type Checker, type Result } from '../../../src/health/check.ts';
import { Gate } from '../../../src/health/gate.ts';
import { newFindings, Probe, type Change } from '../../../src/health/probe.ts';
import { StallWatch } from '../../../src/health/stall.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { Origin } from '../../support/origin.ts';
import { checkConfig, clusterOf, http, Watched } from './support.ts';

interface Step {
  /** Null: it hangs. */
  result: 'passed' | 'failed' | 'void' | null;
  afterMs: number;
}

/** Answers as the steps say, one for each check; hangs when they are used up. */
class ScriptedChecker implements Checker {
  readonly begunMs: number[] = [];
  readonly endedMs: number[] = [];
  underWay = 0;
  mostUnderWay = 0;
  closed = 0;
  readonly #steps: Step[];

  constructor(steps: readonly Step[]) {
    this.#steps = [...steps];
  }

  begin(attempt: Attempt): () => string {
    this.begunMs.push(performance.now());
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    const step = this.#steps.shift() ?? { result: null, afterMs: 0 };
    const end = (): void => {
      this.underWay--;
      this.endedMs.push(performance.now());
    };
    const timer = step.result === null ? undefined : setTimeout(() => {
      end();
      const results: Record<string, Result> = { passed: passed('good'), failed: failed('status', 'bad'), void: { kind: 'void', text: 'EMFILE' } };
      attempt.finish(results[step.result ?? '']!);
    }, step.afterMs);
    return () => {
      clearTimeout(timer);
      end();
      return 'no answer';
    };
  }

  close(): void {
    this.closed++;
  }
}

const CONFIG = checkConfig(http(), { intervalMs: 5_000, unhealthyIntervalMs: 9_000, edgeIntervalMs: 1_000, timeoutMs: 800, jitterPercent: 0 });

function probeOf(checker: Checker, { config = CONFIG, gate = new Gate(1), random = 0.5 } = {}): { probe: Probe; results: Result[] } {
  const results: Result[] = [];
  const probe = new Probe(newFindings(systemClock.wallMs()), config, checker, { clock: systemClock, random: () => random, gate, stalls: new StallWatch(systemClock) }, {
    begins: () => undefined,
    result: (result) => results.push(result),
  });
  return { probe, results };
}

describe('a probe', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => vi.useRealTimers());

  it('checks at once, then somewhere in the interval, then every interval', async () => {
    const checker = new ScriptedChecker(Array.from({ length: 4 }, () => ({ result: 'passed', afterMs: 3 })));
    const start = performance.now();
    const { probe } = probeOf(checker);
    probe.start();
    await vi.advanceTimersByTimeAsync(14_000);
    probe.close();
    expect(checker.begunMs.map((ms) => ms - start)).toEqual([0, 2_500, 7_500, 12_500]);
  });

  it('ends a check that hangs, and says what it waited for', async () => {
    const checker = new ScriptedChecker([]);
    const { probe, results } = probeOf(checker);
    probe.start();
    await vi.advanceTimersByTimeAsync(801);
    expect(results).toEqual([failed('timeout', 'no answer within 800ms')]);
    expect(probe.findings.last).toMatchObject({ kind: 'failed', tookMs: 801, text: 'no answer within 800ms' });
    expect(probe.nextAtMs).toBe(Date.now() + 199);
    probe.close();
  });

  it('remembers the last sixteen changes, with what decided', async () => {
    const config = { ...CONFIG, intervalMs: 800, unhealthyIntervalMs: 800, edgeIntervalMs: 800, healthyThreshold: 1, unhealthyThreshold: 1 };
    const checker = new ScriptedChecker(Array.from({ length: 20 }, (_, i) => ({ result: i % 2 === 0 ? 'passed' : 'failed', afterMs: 1 })));
    const { probe } = probeOf(checker, { config });
    probe.start();
    await vi.advanceTimersByTimeAsync(400 + 19 * 800);
    const { history, evidence, sinceMs } = probe.findings;
    probe.close();
    expect(history.length).toBe(16);
    expect(history.at(-1)).toEqual<Change>({ atMs: sinceMs, to: 'unhealthy', text: 'bad' });
    expect(evidence).toBe('bad');
    expect(history.map(({ to }) => to).slice(0, 2)).toEqual(['healthy', 'unhealthy']);
  });

  it('does not count what says nothing, and makes it again at the pace of the edge', async () => {
    const checker = new ScriptedChecker([{ result: 'passed', afterMs: 1 }, ...Array.from({ length: 5 }, () => ({ result: 'void' as const, afterMs: 1 })), { result: 'passed', afterMs: 1 }]);
    const start = performance.now();
    const { probe } = probeOf(checker);
    probe.start();
    await vi.advanceTimersByTimeAsync(8_000);
    expect(checker.begunMs.map((ms) => ms - start)).toEqual([0, 2_500, 3_500, 4_500, 5_500, 6_500, 7_500]);
    expect(probe.findings.verdict).toEqual({ health: 'healthy', against: 0 });
    expect(probe.findings.history.length).toBe(1);
    probe.close();
  });

  it('stops in every state: waiting for the gate, checking, pausing', async () => {
    const gate = new Gate(1);
    const hanging = new ScriptedChecker([]);
    const waiting = new ScriptedChecker([]);
    const [one, two] = [probeOf(hanging, { gate }), probeOf(waiting, { gate })];
    one.probe.start();
    two.probe.start();
    expect([hanging.begunMs.length, waiting.begunMs.length, gate.held]).toEqual([1, 0, 1]);
    two.probe.close();
    one.probe.close();
    expect([hanging.underWay, gate.held]).toEqual([0, 0]);
    const pausing = new ScriptedChecker([{ result: 'passed', afterMs: 1 }]);
    const three = probeOf(pausing, { gate });
    three.probe.start();
    await vi.advanceTimersByTimeAsync(10);
    three.probe.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([hanging, waiting, pausing].map(({ begunMs }) => begunMs.length)).toEqual([1, 0, 1]);
    expect([hanging, waiting, pausing].map(({ closed }) => closed)).toEqual([1, 1, 1]);
    expect([one, two].map(({ results }) => results)).toEqual([[], []]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps to the schedule of the model, whatever checks take; none overlaps another', async () => {
    const step = fc.record({ result: fc.constantFrom<Step['result'][]>('passed', 'failed', 'void', null), afterMs: fc.integer({ min: 0, max: 799 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), fc.integer({ min: 0, max: 99 }), async (steps, percent) => {
        const random = percent / 100;
        const config = { ...CONFIG, jitterPercent: 50 };
        const checker = new ScriptedChecker(steps);
        const start = performance.now();
        const { probe } = probeOf(checker, { config, random });
        probe.start();
        const model = schedule(steps, random);
        await vi.advanceTimersByTimeAsync(model.at(-1)! + 2 * model.length);
        probe.close();
        const begun = checker.begunMs.map((ms) => ms - start);
        expect(begun.length).toBeGreaterThanOrEqual(model.length);
        // A timer of 0 ms takes one, as does the answer that comes after 0 ms.
        model.forEach((ms, i) => expect(Math.abs(begun[i]! - ms)).toBeLessThanOrEqual(2 * i));
        expect(checker.mostUnderWay).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});

/** When checks begin, from the first at 0 to the one after the last step; written without the code under test. */
function schedule(steps: readonly Step[], random: number): number[] {
  const begun = [0];
  let state: 'pending' | 'healthy' | 'unhealthy' = 'pending';
  let good = 0;
  let bad = 0;
  let isFirst = true;
  for (const { result, afterMs } of steps) {
    const began = begun.at(-1)!;
    const ended = began + (result === null ? 801 : afterMs);
    let pause = 1_000;
    if (result !== 'void') {
      good = result === 'passed' ? good + 1 : 0;
      bad = result === 'passed' ? 0 : bad + 1;
      if (good >= (state === 'pending' ? 1 : 2)) state = 'healthy';
      if (bad >= 3) state = 'unhealthy';
      const settled = state === 'healthy' ? bad === 0 : state === 'unhealthy' && good === 0;
      const base = !settled ? 1_000 : state === 'healthy' ? 5_000 : 9_000;
      pause = isFirst && settled ? Math.ceil(base * random) : Math.round(base * (1 + random / 2));
      isFirst = false;
    }
    begun.push(Math.max(ended, began + pause));
  }
  return begun;
}

describe('the gate', () => {
  it('lets so many in, and the others in order as places become free', () => {
    const gate = new Gate(2);
    const entered: number[] = [];
    const undo = [1, 2, 3, 4, 5].map((n) => gate.pass(() => entered.push(n)));
    expect([entered, gate.held]).toEqual([[1, 2], 2]);
    undo[3]?.();
    gate.leave();
    gate.leave();
    expect([entered, gate.held]).toEqual([[1, 2, 3, 5], 2]);
    gate.leave();
    gate.leave();
    expect(gate.held).toBe(0);
    expect(gate.pass(() => undefined)).toBeNull();
  });

  it('holds a large cluster to its number of connects, and checks everyone', async () => {
    const checker = { now: 0, most: 0 };
    const gate = new Gate(256);
    const all: Promise<void>[] = [];
    const probes = Array.from({ length: 2_000 }, () => {
      let done = (): void => undefined;
      all.push(new Promise((resolve) => (done = resolve)));
      const slow: Checker = {
        begin: (attempt) => {
          checker.most = Math.max(checker.most, ++checker.now);
          setImmediate(() => {
            checker.now--;
            attempt.connected();
            setImmediate(() => attempt.finish(passed('good')));
          });
          return () => '';
        },
        close: () => undefined,
      };
      const { probe } = probeOf(slow, { gate });
      const { findings } = probe;
      probe.start();
      const poll = (): void => void (findings.last === null ? setImmediate(poll) : done());
      poll();
      return probe;
    });
    await Promise.all(all);
    for (const probe of probes) probe.close();
    expect(checker.most).toBe(256);
    expect(gate.held).toBe(0);
  });
});

describe('a thread that stands still', () => {
  const stand = (ms: number): void => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };

  it('is told from one that is busy now and then', async () => {
    const stalls = new StallWatch(systemClock);
    const early = stalls.watch();
    await new Promise((resolve) => setTimeout(resolve, 120));
    stand(300);
    const late = stalls.watch();
    expect(early.lostMs()).toBeGreaterThan(200);
    expect(late.lostMs()).toBe(0);
    early.end();
    late.end();
  });

  it('gives checks back what they lost: an answer that has come counts, none is still none', async () => {
    const prompt = await Origin.start();
    const silent = await Origin.start({ answer: () => undefined });
    const config = checkConfig(http(), { timeoutMs: 200, edgeIntervalMs: 200, intervalMs: 600_000 });
    const watched = new Watched({ a: clusterOf([prompt.address, silent.address], config) });
    setImmediate(() => stand(500));
    const results = [await watched.result(1), await watched.result(2)];
    const of = (index: number): Result | undefined => results.find(({ endpoint }) => endpoint.index === index)?.result;
    expect(of(0)?.kind).toBe('passed');
    expect(of(1)).toEqual(failed('timeout', 'no answer within 200ms'));
    expect(watched.checks.endpoint(1)?.findings.last?.tookMs).toBeGreaterThan(600);
  });

  it('is not blamed on an endpoint that gave up meanwhile; but a second time it is', async () => {
    const impatient = await Origin.start({ answer: (_request, connection) => (stand(120), connection.end()) });
    const watched = new Watched({ a: clusterOf([impatient.address], checkConfig(http(), { timeoutMs: 300, edgeIntervalMs: 300 })) });
    const first = (await watched.result(1)).result;
    expect(first.kind).toBe('void');
    expect(first.text).toMatch(/^connection closed without an answer, while this process stood still for \d+ ms$/);
    expect((await watched.result(2)).result).toMatchObject({ kind: 'failed', failure: 'closed' });
    expect((await watched.result(3)).result.kind).toBe('void');
  });

  it('for most of the time says nothing about an endpoint that hangs', async () => {
    vi.useFakeTimers({ now: 1_000_000 });
    try {
      const checker = new ScriptedChecker([]);
      const results: Result[] = [];
      const lost = { lostMs: () => 0.95 * performance.now() - lostBefore, end: () => undefined };
      const lostBefore = 0.95 * performance.now();
      const stalls = { watch: () => lost } as unknown as StallWatch;
      const probe = new Probe(newFindings(0), CONFIG, checker, { clock: systemClock, random: () => 0, gate: new Gate(1), stalls }, { begins: () => undefined, result: (result) => results.push(result) });
      probe.start();
      await vi.advanceTimersByTimeAsync(7_990);
      expect(results).toEqual([]);
      await vi.advanceTimersByTimeAsync(20);
      expect(results).toEqual([{ kind: 'void', text: 'no answer within 800ms, of which this process stood still for most' }]);
      probe.close();
    } finally {
      vi.useRealTimers();
    }
  });
});
