import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TRANSITION_KIND, TRANSITION_REASON } from '../../../src/binding/abi.ts';
import type { NativeTransition } from '../../../src/binding/native.ts';
import { FailoverControl, LINES_PER_REASON, LINE_PERIOD_MS, REMEMBERED } from '../../../src/control/failover.ts';
import { describeTransition, type TransitionKind, type TransitionReason } from '../../../src/control/transitions.ts';
import { createLogger } from '../../../src/core/logger.ts';

const NOW_MS = Date.UTC(2026, 0, 1);

function transition(kind: TransitionKind, reason: TransitionReason, more: Partial<NativeTransition> = {}): NativeTransition {
  return { kind: TRANSITION_KIND[kind], reason: TRANSITION_REASON.indexOf(reason), cluster: 'up', endpoint: '10.0.0.1:80', value: 0, limit: 0, requests: 0, ageMs: 0, leftMs: -1, ...more };
}

const text = (from: NativeTransition): string | undefined => describeTransition(from, NOW_MS)?.text;

describe('a transition in words', () => {
  it.each<[NativeTransition, string]>([
    [transition('ejected', 'consecutive5xx', { value: 5, limit: 5, ageMs: 1, leftMs: 29_999 }), 'ejected for 30 s: 5 answers of 5xx in a row'],
    [transition('ejected', 'consecutiveGatewayErrors', { value: 3, leftMs: 1_500 }), 'ejected for 1.5 s: 3 answers of 502, 503 or 504 in a row'],
    [transition('ejected', 'consecutiveLocalErrors', { value: 5, leftMs: 250 }), 'ejected for 250 ms: 5 attempts without an answer in a row'],
    [transition('wouldEject', 'successRate', { value: 0.5, limit: 0.9512, requests: 120 }), 'would be ejected, but for shadow: 50 % of 120 requests succeeded, below 95.1 %'],
    [transition('notEjected', 'failurePercentage', { value: 0.91, limit: 0.85, requests: 200 }), 'not ejected, as too few would be left: 91 % of 200 requests failed, the limit is 85 %'],
    [transition('ejected', 'latency', { value: 95_250, limit: 30_000, requests: 1200, leftMs: 30_000 }), 'ejected for 30 s: 95.25 ms to the first byte, above 30 ms, by 1200 requests'],
    [transition('unejected', 'ejectionEnded'), 'back from its ejection: its time has passed'],
    [transition('breakerOpened', 'failureRatio', { value: 0.6, limit: 0.5, requests: 20, leftMs: 5_000 }), 'circuit breaker open for 5 s: 60 % of 20 requests failed, the limit is 50 %'],
  ])('%#', (from, expected) => {
    expect(text(from)).toBe(expected);
  });

  it('exists for every kind and reason', () => {
    for (const kind of Object.keys(TRANSITION_KIND) as TransitionKind[]) {
      for (const reason of TRANSITION_REASON) expect(text(transition(kind, reason)), `${kind} ${reason}`).toMatch(reason === 'none' ? /^[a-z, -]+$/ : /^[a-z, -]+: [^:]+$/);
    }
  });

  it('has wall times', () => {
    expect(describeTransition(transition('ejected', 'consecutive5xx', { ageMs: 40, leftMs: 960 }), NOW_MS)).toMatchObject({ atMs: NOW_MS - 40, untilMs: NOW_MS + 960 });
    expect(describeTransition(transition('unejected', 'ejectionEnded'), NOW_MS)).toMatchObject({ untilMs: null });
  });

  it('is nothing for a kind or reason of another version', () => {
    expect(describeTransition({ ...transition('ejected', 'none'), kind: 99 }, NOW_MS)).toBeNull();
    expect(describeTransition({ ...transition('ejected', 'none'), reason: 99 }, NOW_MS)).toBeNull();
  });
});

/** An engine that only does what the test says. */
class Script {
  news: NativeTransition[] = [];
  dropped = 0;
  dueMs = 0;
  ticks = 0;
  wake: (() => void) | undefined;

  onFailover(callback: () => void): () => void {
    this.wake = callback;
    return () => void (this.wake = undefined);
  }
  failoverTick(): number {
    this.ticks++;
    return this.dueMs;
  }
  takeTransitions() {
    return { dropped: this.dropped, transitions: this.news.splice(0) };
  }
}

describe('the control of failover', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function controlled() {
    const script = new Script();
    const lines: Record<string, unknown>[] = [];
    const log = createLogger({ pretty: false, destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } });
    let changes = 0;
    const control = new FailoverControl(script, log, { wallMs: () => NOW_MS, monotonicMs: () => 0 }, () => changes++);
    return { script, lines, control, changes: () => changes };
  }

  it('ticks when it starts, when it is woken, and when the engine wants to', () => {
    const { script, control } = controlled();
    script.dueMs = 500;
    control.start();
    expect(script.ticks).toBe(1);
    vi.advanceTimersByTime(499);
    expect(script.ticks).toBe(1);
    script.wake?.();
    expect(script.ticks).toBe(2);
    vi.advanceTimersByTime(499);
    expect(script.ticks).toBe(2);
    script.dueMs = 0;
    vi.advanceTimersByTime(1);
    expect(script.ticks).toBe(3);
    vi.advanceTimersByTime(100_000);
    expect(script.ticks).toBe(3);
    control.close();
    expect(script.wake).toBeUndefined();
    control.tick();
    expect(script.ticks).toBe(3);
  });

  it('logs what happened, remembers it, and tells that health changed', () => {
    const { script, lines, control, changes } = controlled();
    control.start();
    expect(changes()).toBe(0);
    script.news = [transition('ejected', 'consecutive5xx', { value: 5, leftMs: 30_000 }), transition('unejected', 'ejectionEnded'), transition('breakerOpened', 'failureRatio', { endpoint: '', leftMs: 1_000 })];
    script.wake?.();
    expect(changes()).toBe(1);
    expect(lines.map(({ level, msg, endpoint }) => [level, msg, endpoint])).toEqual([
      ['warn', 'endpoint ejected for 30 s: 5 answers of 5xx in a row', '10.0.0.1:80'],
      ['info', 'endpoint back from its ejection: its time has passed', '10.0.0.1:80'],
      ['warn', 'cluster circuit breaker open for 1 s: 0 % of 0 requests failed, the limit is 0 %', undefined],
    ]);
    expect(control.historyOf('up', '10.0.0.1:80').map(({ kind }) => kind)).toEqual(['ejected', 'unejected']);
    expect(control.historyOf('up', null).map(({ kind }) => kind)).toEqual(['breakerOpened']);
    expect(control.historyOf('up', 'other')).toEqual([]);
  });

  it('remembers the last ones of what is configured', () => {
    const { script, control } = controlled();
    control.start();
    script.news = Array.from({ length: REMEMBERED + 4 }, (_, i) => transition('ejected', 'consecutive5xx', { value: i, leftMs: 1_000 }));
    script.wake?.();
    const history = control.historyOf('up', '10.0.0.1:80');
    expect(history).toHaveLength(REMEMBERED);
    expect(history[0]?.text).toContain('4 answers');
    const endpoints = [{ name: '10.0.0.1:80' }];
    type Clusters = Parameters<FailoverControl['configure']>[0]['clusters'];
    control.configure({ clusters: { up: { endpoints } } as unknown as Clusters });
    expect(control.historyOf('up', '10.0.0.1:80')).toHaveLength(REMEMBERED);
    control.configure({ clusters: { other: { endpoints } } as unknown as Clusters });
    expect(control.historyOf('up', '10.0.0.1:80')).toHaveLength(0);
  });

  it('logs a few of a kind and counts the others', () => {
    const { script, lines, control } = controlled();
    control.start();
    script.news = Array.from({ length: LINES_PER_REASON + 7 }, () => transition('ejected', 'latency', { leftMs: 1_000 }));
    script.wake?.();
    expect(lines).toHaveLength(LINES_PER_REASON);
    vi.advanceTimersByTime(LINE_PERIOD_MS);
    expect(lines.at(-1)).toMatchObject({ level: 'warn', msg: '7 more changes of health (ejected: latency)', count: 7 });
    script.news = [transition('ejected', 'latency', { leftMs: 1_000 })];
    script.wake?.();
    expect(lines).toHaveLength(LINES_PER_REASON + 2);
  });

  it('says what was lost, and loses nothing at the end', () => {
    const { script, lines, control } = controlled();
    control.start();
    script.dropped = 3;
    script.news = [transition('unejected', 'ejectionEnded')];
    control.close();
    expect(lines.map(({ msg }) => msg)).toEqual(['endpoint back from its ejection: its time has passed', 'changes of health were neither logged nor kept: too many at once']);
  });
});
