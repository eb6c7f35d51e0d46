import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BREAKER_STATE } from '../../../src/binding/abi.ts';
import { BREAKER_EVENT, createBreaker, type Breaker, type BreakerSettings } from '../../../src/binding/breaker.ts';
import { BreakerReference, type Event, type State, type Ticket } from '../../reference/failover/breaker.ts';

const START_MS = 7_000_000;
const STATES = new Map<number, State>(Object.entries(BREAKER_STATE).map(([name, number]) => [number, name as State]));
const EVENTS = new Map<number, Event>(Object.entries(BREAKER_EVENT).map(([name, number]) => [number, name as Event]));

const settings: fc.Arbitrary<BreakerSettings> = fc
  .record({
    thresholdMillis: fc.oneof(fc.constantFrom(1, 500, 1000), fc.integer({ min: 1, max: 1000 })),
    windowMs: fc.oneof(fc.constantFrom(10, 11, 95, 100, 1000, 86_400_000), fc.integer({ min: 10, max: 3000 })),
    minRequests: fc.integer({ min: 1, max: 12 }),
    intervalMs: fc.oneof(fc.constantFrom(1, 86_400_000), fc.integer({ min: 1, max: 400 })),
    factor: fc.oneof(fc.constant(1), fc.double({ min: 1, max: 40, noNaN: true })),
    jitterPercent: fc.constantFrom(0, 10, 100),
    probes: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 5 }), fc.constant(255)),
    successes: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 5 })),
  })
  .map(({ factor, ...rest }) => ({ ...rest, maxIntervalMs: Math.min(Math.round(rest.intervalMs * factor), 86_400_000) }));

/** Time passes as a share of the window, or of the interval; requests end in any order, or never. */
const step = fc.record({
  act: fc.oneof(
    { weight: 8, arbitrary: fc.constant('admit' as const) },
    { weight: 10, arbitrary: fc.constant('record' as const) },
    { weight: 2, arbitrary: fc.constant('giveBack' as const) },
    { weight: 1, arbitrary: fc.constant('halfOpen' as const) },
    { weight: 1, arbitrary: fc.constant('tryProbe' as const) },
  ),
  window: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 4, arbitrary: fc.double({ min: 0, max: 0.3, noNaN: true }) }, { weight: 1, arbitrary: fc.constantFrom(0.1, 1, 1.1, 3) }),
  interval: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 4, arbitrary: fc.constantFrom(0.5, 1, 2, 4) }),
  good: fc.boolean(),
  which: fc.nat(),
  worker: fc.integer({ min: 0, max: 3 }),
  random: fc.integer({ min: 0, max: 0xffff_ffff }),
});
const steps = fc.array(step, { minLength: 1, maxLength: 150 });

interface Holder {
  native: number;
  reference: Ticket;
}

const countsOf = (breaker: Breaker, nowMs: number): { requests: number; failures: number } => {
  const out = new Float64Array(2);
  breaker.counts(nowMs, out);
  return { requests: out[0] ?? NaN, failures: out[1] ?? NaN };
};

describe('the breaker and its reference', () => {
  it('agree on every admission, verdict, transition and count', () => {
    fc.assert(
      fc.property(settings, steps, (of, acts) => {
        const native = createBreaker(of);
        const reference = new BreakerReference(of);
        const holders: Holder[] = [];
        let nowMs = START_MS;
        const take = (ticket: number, expected: Ticket | null): void => {
          expect(ticket !== 0).toBe(expected !== null);
          if (expected === null) return;
          expect((ticket & 2) !== 0).toBe(expected.probe);
          holders.push({ native: ticket, reference: expected });
        };
        for (const { act, window, interval, good, which, worker, random } of acts) {
          nowMs += Math.round(window * of.windowMs + interval * of.intervalMs);
          const holder = holders[which % Math.max(holders.length, 1)];
          if (act === 'admit') take(native.admit(nowMs), reference.admit(nowMs));
          else if (act === 'tryProbe') take(native.tryProbe(nowMs), reference.tryProbe(nowMs));
          else if (act === 'halfOpen') expect(native.halfOpen(nowMs)).toBe(reference.halfOpen(nowMs));
          else if (holder !== undefined) {
            expect(native.permits(holder.native)).toBe(reference.permits(holder.reference));
            // Not taken out of the list: a second outcome of the same request is possible, too.
            if (act === 'record') expect(EVENTS.get(native.record(worker, holder.native, good, nowMs, random))).toBe(reference.record(holder.reference, good, nowMs, random));
            else {
              native.giveBackProbe(holder.native);
              reference.giveBackProbe(holder.reference);
            }
            if ((holder.native & 2) !== 0) holders.splice(holders.indexOf(holder), 1);
          }
          expect(STATES.get(native.state())).toBe(reference.state);
          expect(native.openUntilMs()).toBe(reference.openUntilMs);
          expect(countsOf(native, nowMs)).toEqual(reference.counts(nowMs));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the breaker', () => {
  it('never opens below minRequests in one window', () => {
    fc.assert(
      fc.property(settings, fc.array(fc.record({ gap: fc.double({ min: 0, max: 0.4, noNaN: true }), good: fc.boolean(), worker: fc.integer({ min: 0, max: 3 }) }), { maxLength: 200 }), (of, requests) => {
        const breaker = createBreaker(of);
        const times: number[] = [];
        let nowMs = START_MS;
        for (const { gap, good, worker } of requests) {
          nowMs += Math.round(gap * of.windowMs);
          times.push(nowMs);
          const opened = breaker.record(worker, breaker.admit(nowMs), good, nowMs, 0) === BREAKER_EVENT.opened;
          if (!opened) continue;
          expect(good).toBe(false);
          expect(times.filter((time) => time > nowMs - of.windowMs).length).toBeGreaterThanOrEqual(of.minRequests);
          return;
        }
      }),
    );
  });

  it('has no more probes at once than it may, whatever becomes of them', () => {
    fc.assert(
      fc.property(settings, fc.array(fc.record({ wait: fc.constantFrom(0, 0, 0, 0.2, 0.6), end: fc.constantFrom('none', 'giveBack', 'good'), which: fc.nat() }), { maxLength: 300 }), (of, acts) => {
        const breaker = createBreaker(of);
        let nowMs = START_MS;
        while (breaker.state() === BREAKER_STATE.closed) breaker.record(0, breaker.admit(nowMs), false, nowMs, 0);
        nowMs = breaker.openUntilMs();
        // Since when; a place that has been silent for an interval may be given to another.
        let probing: { ticket: number; sinceMs: number }[] = [];
        for (const { wait, end, which } of acts) {
          nowMs += Math.round(wait * of.intervalMs);
          const ticket = breaker.admit(nowMs);
          if (breaker.state() === BREAKER_STATE.closed) return;
          if (ticket !== 0) probing.push({ ticket, sinceMs: nowMs });
          expect(probing.filter(({ sinceMs }) => nowMs < sinceMs + of.intervalMs).length).toBeLessThanOrEqual(of.probes);
          const probe = probing[which % Math.max(probing.length, 1)];
          if (probe === undefined || end === 'none') continue;
          probing = probing.filter((other) => other !== probe);
          if (end === 'giveBack') breaker.giveBackProbe(probe.ticket);
          else breaker.record(0, probe.ticket, true, nowMs, 0);
        }
      }),
    );
  });

  it('opens for twice as long each time in a row, up to its limit, with no more than its jitter on top', () => {
    fc.assert(
      fc.property(settings, fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: 1, maxLength: 40 }), (of, randoms) => {
        const breaker = createBreaker(of);
        let nowMs = START_MS;
        while (breaker.state() === BREAKER_STATE.closed) breaker.record(0, breaker.admit(nowMs), false, nowMs, 0);
        nowMs = breaker.openUntilMs();
        for (const [i, random] of randoms.entries()) {
          expect(breaker.admit(nowMs - 1)).toBe(0);
          expect(breaker.record(0, breaker.admit(nowMs), false, nowMs, random)).toBe(BREAKER_EVENT.reopened);
          const openMs = Math.min(of.intervalMs * 2 ** (i + 1), of.maxIntervalMs);
          const took = breaker.openUntilMs() - nowMs;
          expect(took).toBeGreaterThanOrEqual(openMs);
          expect(took).toBeLessThanOrEqual(openMs * (1 + of.jitterPercent / 100));
          nowMs = breaker.openUntilMs();
        }
      }),
    );
  });

  it('forgets everything after an idle window, and counts exactly at the borders of its buckets', () => {
    fc.assert(
      fc.property(settings, fc.array(fc.record({ bucket: fc.integer({ min: 0, max: 30 }), side: fc.constantFrom(-1, 0, 1) }), { minLength: 1, maxLength: 40 }), (of, visits) => {
        const breaker = createBreaker({ ...of, minRequests: 1_000_000 });
        const base = Math.ceil(START_MS / of.windowMs);
        const borders = visits.map(({ bucket, side }) => Math.ceil(((base * 10 + bucket) * of.windowMs) / 10) + side).sort((a, b) => a - b);
        const numbers: number[] = [];
        for (const nowMs of borders) {
          breaker.record(0, breaker.admit(nowMs), false, nowMs, 0);
          const number = Math.floor((nowMs * 10) / of.windowMs);
          numbers.push(number);
          expect(countsOf(breaker, nowMs).failures).toBe(numbers.filter((other) => other > number - 10).length);
        }
        const last = borders.at(-1) ?? 0;
        expect(countsOf(breaker, last + of.windowMs)).toEqual({ requests: 0, failures: 0 });
      }),
    );
  });
});
