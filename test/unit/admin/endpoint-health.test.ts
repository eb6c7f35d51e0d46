import { describe, expect, it } from 'vitest';
import { clusterBreaker, endpointHealth } from '../../../src/admin/endpoint-health.ts';
import { BREAKER_STATE, HEALTH } from '../../../src/binding/abi.ts';
import type { Transition } from '../../../src/control/transitions.ts';
import type { CheckedEndpoint } from '../../../src/health/health-checks.ts';
import type { Findings } from '../../../src/health/probe.ts';

const at = (ms: number): string => new Date(ms).toISOString();
const transition = (atMs: number, kind: Transition['kind'], text: string, untilMs: number | null = null): Transition => ({ atMs, kind, reason: 'none', text, untilMs });
const checked = (findings: Partial<Findings>, nextAtMs: number | null = 900): CheckedEndpoint =>
  ({ findings: { verdict: { health: 'healthy', against: 0 }, sinceMs: 0, evidence: '', last: null, history: [], ...findings }, nextAtMs }) as CheckedEndpoint;

const EJECTED = transition(300, 'ejected', 'ejected for 30 s: 5 answers of 5xx in a row', 30_300);
const DOWN: Partial<Findings> = {
  verdict: { health: 'unhealthy', against: 0 },
  sinceMs: 200,
  evidence: 'HTTP 503 in 4 ms, expected 200-399',
  last: { atMs: 800, kind: 'failed', tookMs: 1.23456, text: 'connect: connection refused' },
  history: [{ atMs: 100, to: 'healthy', text: 'HTTP 200 in 1 ms' }, { atMs: 200, to: 'unhealthy', text: 'HTTP 503 in 4 ms, expected 200-399' }],
};

describe('the health of an endpoint', () => {
  it('is available since ever when nobody says anything', () => {
    expect(endpointHealth(0, null, [])).toEqual({ state: 'available', reasons: [], since: null, evidence: null, until: null, lastCheck: null, nextCheck: null, history: [] });
  });

  it('says what its checks found, and when', () => {
    expect(endpointHealth(HEALTH.unhealthy, checked(DOWN), [])).toEqual({
      state: 'unavailable',
      reasons: ['unhealthy'],
      since: at(200),
      evidence: 'HTTP 503 in 4 ms, expected 200-399',
      until: null,
      lastCheck: { at: at(800), ok: false, tookMs: 1.235, text: 'connect: connection refused' },
      nextCheck: at(900),
      history: [
        { at: at(100), what: 'healthy', text: 'HTTP 200 in 1 ms' },
        { at: at(200), what: 'unhealthy', text: 'HTTP 503 in 4 ms, expected 200-399' },
      ],
    });
  });

  it('says what the last check found while none has decided', () => {
    const pending = checked({ verdict: { health: 'pending', against: 1 }, sinceMs: 100, last: { atMs: 150, kind: 'failed', tookMs: 1, text: 'no answer within 1s' } }, null);
    expect(endpointHealth(HEALTH.unchecked, pending, [])).toMatchObject({ state: 'unavailable', reasons: ['unchecked'], since: at(100), evidence: 'no answer within 1s', nextCheck: null });
    const void_ = checked({ last: { atMs: 150, kind: 'void', tookMs: 1, text: 'EMFILE' } });
    expect(endpointHealth(0, void_, []).lastCheck?.ok).toBeNull();
  });

  it('names every reason, the oldest one first in time', () => {
    const shown = endpointHealth(HEALTH.unhealthy | HEALTH.ejected, checked(DOWN), [EJECTED]);
    expect(shown).toMatchObject({
      reasons: ['unhealthy', 'ejected'],
      since: at(200),
      evidence: 'HTTP 503 in 4 ms, expected 200-399; ejected for 30 s: 5 answers of 5xx in a row',
      until: at(30_300),
    });
    expect(shown.history.map(({ what }) => what)).toEqual(['healthy', 'unhealthy', 'ejected']);
  });

  it('says since when, and why, it is available again', () => {
    const back = [EJECTED, transition(400, 'unejected', 'back from its ejection: its time has passed'), transition(500, 'notEjected', 'not ejected')];
    expect(endpointHealth(0, null, back)).toMatchObject({ state: 'available', since: at(400), evidence: 'back from its ejection: its time has passed', until: null });
  });

  it('is available to the probes of a half-open breaker', () => {
    expect(endpointHealth(HEALTH.halfOpen, null, [transition(1, 'breakerOpened', 'open', 9), transition(2, 'breakerHalfOpened', 'half-open')])).toMatchObject({
      state: 'available', reasons: ['halfOpen'], since: at(2), evidence: 'half-open', until: null,
    });
  });

  it('remembers the last sixteen changes', () => {
    const many = Array.from({ length: 12 }, (_, i) => transition(2 * i, i % 2 === 0 ? 'ejected' : 'unejected', String(i)));
    const history = Array.from({ length: 12 }, (_, i) => ({ atMs: 2 * i + 1, to: 'healthy' as const, text: '' }));
    const shown = endpointHealth(0, checked({ history }), many).history;
    expect([shown.length, shown[0]?.at, shown.at(-1)?.at]).toEqual([16, at(8), at(23)]);
  });
});

it('the breaker of a cluster says since when it is open, and until when', () => {
  const opened = transition(5, 'breakerOpened', 'circuit breaker open for 5 s: 60 % of 20 requests failed', 5_005);
  expect(clusterBreaker(BREAKER_STATE.open, [opened])).toEqual({
    state: 'open', since: at(5), evidence: opened.text, until: at(5_005), history: [{ at: at(5), what: 'breakerOpened', text: opened.text }],
  });
  expect(clusterBreaker(BREAKER_STATE.closed, [])).toEqual({ state: 'closed', since: null, evidence: null, until: null, history: [] });
});
