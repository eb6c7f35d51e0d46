import { describe, expect, it } from 'vitest';
import { latencyLoad, observed, UNMEASURED } from '../../reference/balancer/latency.ts';
import { peakEwmaOf } from '../../reference/balancer/peak-ewma.ts';
import { hotCold, prequalDraws, type Report, RifHistory } from '../../reference/balancer/prequal.ts';
import { choiceOdds } from '../../reference/balancer/random-draw.ts';
import { settingsOf } from '../../reference/balancer/settings.ts';
import { effectiveWeights } from '../../reference/balancer/slow-start.ts';
import {
  type Balancer,
  balancerOf,
  chiSquare,
  countPicks,
  endpointsOf,
  equalEndpoints,
  pick,
  randomFrom,
  START_MS,
} from './support.ts';

const settings = settingsOf('prequal');
const PICKS = 40_000;

function reportAll(balancer: Balancer, reports: readonly Report[], nowMs = START_MS): void {
  for (const [slot, { rif, latencyUs }] of reports.entries()) balancer.report(slot, rif, latencyUs, nowMs);
}

/** Chances of each endpoint when `choose` takes one of those that a pick looks at. */
function oddsOf(weights: readonly number[], choose: (drawn: readonly number[]) => Map<number, number>): number[] {
  const effective = effectiveWeights(settings, endpointsOf(weights), START_MS);
  const odds = weights.map(() => 0);
  for (const { drawn, chance } of prequalDraws(effective))
    for (const [slot, part] of choose(drawn)) odds[slot]! += chance * part;
  return odds;
}

const always = (slot: number) => new Map([[slot, 1]]);

describe('prequal', () => {
  it.each([
    ['equal weights', [1, 1, 1, 1, 1, 1]],
    ['weights', [5, 1, 2, 4, 3]],
    ['one far heavier', [100, 1, 1, 1]],
    ['two endpoints', [1, 3]],
  ])('takes the least latency of the cold ones that it draws: %s', (_, weights) => {
    const reports = weights.map((_, i) => ({ rif: 4, latencyUs: 1000 + ((i * 7) % weights.length) * 50 }));
    const balancer = balancerOf(settings, endpointsOf(weights));
    const counts = countPicks(weights.length, PICKS, () => {
      reportAll(balancer, reports); // a pick counts itself in the report of its choice
      return pick(balancer);
    });
    const odds = oddsOf(weights, (drawn) => always(hotCold(reports, drawn, 4)));
    const { statistic, critical } = chiSquare(counts, odds);
    expect(statistic).toBeLessThan(critical);
  });

  it('takes the fewest requests in flight when all are hot', () => {
    const calm = [1, 1, 1, 1, 1].map((rif) => ({ rif, latencyUs: 1000 }));
    const hot = [30, 50, 20, 40, 20].map((rif, i) => ({ rif, latencyUs: 1000 - i }));
    const balancer = balancerOf(settings, equalEndpoints(5));
    const counts = [0, 0, 0, 0, 0];
    for (let round = 0; round < 600; round++) {
      // The threshold is taken anew at every 16th pick, from the last 64 reports: 16 picks fill those with 1.
      for (let i = 0; i < 33; i++) {
        reportAll(balancer, calm);
        pick(balancer);
      }
      for (let i = 0; i < 15; i++) {
        reportAll(balancer, hot);
        counts[pick(balancer)]!++;
      }
    }
    const { statistic, critical } = chiSquare(counts, oddsOf([1, 1, 1, 1, 1], (drawn) => always(hotCold(hot, drawn, 1))));
    expect(statistic).toBeLessThan(critical);
  });

  it('avoids a hot endpoint, however fast it says it is', () => {
    const reports = Array.from({ length: 20 }, (_, i) => (i === 3 ? { rif: 90, latencyUs: 1 } : { rif: 2, latencyUs: 500 }));
    const balancer = balancerOf(settings, equalEndpoints(20));
    const counts = countPicks(20, 20_000, () => {
      reportAll(balancer, reports);
      return pick(balancer);
    });
    // By latency alone it would have a quarter. It counts as cold while it is more than 16 % of the last 64 reports.
    expect(counts[3]! / 20_000).toBeLessThan(0.01);
  });

  it('takes the 84 % quantile of what it heard last', () => {
    const history = new RifHistory();
    expect(history.threshold()).toBe(0);
    for (let i = 1; i <= 64; i++) history.push(i);
    expect(history.threshold()).toBe(54);
    for (let i = 0; i < 53; i++) history.push(0);
    expect(history.threshold()).toBe(54);
    history.push(0);
    expect(history.threshold()).toBe(0);
    for (let i = 0; i < 64; i++) history.push(7);
    expect(history.threshold()).toBe(7);
  });

  it('chooses between two endpoints as the reference, threshold and all', () => {
    // Two endpoints are both drawn every time, so nothing is left to chance.
    const random = randomFrom(23);
    const balancer = balancerOf(settings, endpointsOf([1, 3]));
    const history = new RifHistory();
    let threshold = 0;
    const counts = countPicks(2, 5000, (i) => {
      const busy = Math.floor(i / 500) % 3; // quiet and busy times, so that all of hot and cold comes up
      const reports = [0, 1].map((slot) => ({ rif: Math.floor(random() * 20) + busy * 8, latencyUs: 1 + 2 * Math.floor(random() * 999) + slot }));
      reportAll(balancer, reports);
      for (const { rif } of reports) history.push(rif);
      if (i % 16 === 0) threshold = history.threshold();
      const slot = pick(balancer);
      expect(slot, `pick ${i}`).toBe(hotCold(reports, [0, 1], threshold));
      return slot;
    });
    expect(Math.min(...counts)).toBeGreaterThan(1000);
  });

  it('counts its own request in the report of the chosen one', () => {
    const balancer = balancerOf(settings, equalEndpoints(2));
    reportAll(balancer, [
      { rif: 3, latencyUs: 700 },
      { rif: 3, latencyUs: 700 },
    ]);
    for (let i = 1; i <= 40; i++) {
      const slot = pick(balancer);
      expect(balancer.load(0).rif + balancer.load(1).rif).toBe(6 + i);
      expect(Math.abs(balancer.load(0).rif - balancer.load(1).rif), `pick ${i} took ${slot}`).toBeLessThanOrEqual(1);
    }
  });

  it.each([
    ['no endpoint ever reported', [], 0],
    ['only one did', [{ rif: 0, latencyUs: 1 }], 0],
    ['the reports are older than a second', [1, 2, 3, 4].map((rif) => ({ rif, latencyUs: rif })), 1001],
  ])('chooses as peakEwma when %s', (_, reports, ageMs) => {
    const weights = [1, 2, 3, 4];
    const rtts = [9000, 20_000, 15_000, 40_000];
    const balancer = balancerOf(settings, endpointsOf(weights));
    for (const [slot, rtt] of rtts.entries()) {
      balancer.observe(slot, rtt, false, 0, START_MS);
      balancer.begin(slot);
    }
    const loads = rtts.map((rtt) => latencyLoad(observed(UNMEASURED, settings, rtt, START_MS), 1, settings, START_MS + ageMs));
    const counts = countPicks(4, PICKS, () => {
      reportAll(balancer, reports);
      return pick(balancer, START_MS + ageMs);
    });
    const effective = effectiveWeights(settings, endpointsOf(weights), START_MS);
    const { statistic, critical } = chiSquare(counts, choiceOdds(effective, 2, (drawn) => peakEwmaOf(loads, drawn)));
    expect(statistic).toBeLessThan(critical);
  });

  it('believes a report for a second and not longer, also where its clock wraps around', () => {
    for (const start of [START_MS, 2 ** 24 - 500, 2 ** 24 - 1000, 2 ** 24, 5 * 2 ** 24 - 1, 2 ** 40 - 3]) {
      const choiceAfter = (ageMs: number) => {
        const balancer = balancerOf(settings, equalEndpoints(2));
        reportAll(balancer, [{ rif: 1, latencyUs: 10 }, { rif: 1, latencyUs: 99 }], start);
        balancer.begin(0); // by our own count, 1 is the better choice
        return countPicks(2, 10, () => {
          const slot = pick(balancer, start + ageMs);
          reportAll(balancer, [{ rif: 1, latencyUs: 10 }, { rif: 1, latencyUs: 99 }], start);
          return slot;
        });
      };
      expect(choiceAfter(0), `${start}`).toEqual([10, 0]);
      expect(choiceAfter(1000), `${start}`).toEqual([10, 0]);
      expect(choiceAfter(1001), `${start}`).toEqual([0, 10]);
      // The clock of the worker that heard it may be ahead of ours.
      expect(choiceAfter(-1000), `${start}`).toEqual([10, 0]);
      expect(choiceAfter(-1001), `${start}`).toEqual([0, 10]);
    }
  });

  it('tries an idle endpoint that says nothing once in eight times, so that its report comes back', () => {
    const weights = [1, 1, 1, 1];
    const reports = [5, 4, 3].map((latencyUs) => ({ rif: 1, latencyUs }));
    const odds = oddsOf(weights, (drawn) => {
      const fresh = drawn.filter((slot) => slot !== 3);
      if (fresh.length < 2) return always(3); // too little for the rule: peakEwma, and 3 was never measured
      const chosen = hotCold(reports, fresh, 1);
      return drawn.includes(3) ? new Map([[3, 1 / 8], [chosen, 7 / 8]]) : always(chosen);
    });
    const balancer = balancerOf(settings, equalEndpoints(4));
    for (let slot = 0; slot < 3; slot++) balancer.observe(slot, 1000, false, 0, START_MS);
    const counts = countPicks(4, PICKS, () => {
      reportAll(balancer, reports);
      return pick(balancer);
    });
    const { statistic, critical } = chiSquare(counts, odds);
    expect(statistic).toBeLessThan(critical);
    // One that is busy with a request of ours will report anyway.
    balancer.begin(3);
    const busy = countPicks(4, PICKS, () => {
      reportAll(balancer, reports);
      return pick(balancer);
    });
    expect(busy[3]).toBe(0);
  });

  it('does not try one that fails, idle and silent as it is (trap 2)', () => {
    const balancer = balancerOf(settings, equalEndpoints(4));
    const reports = [1, 2, 3, 4].map((latencyUs) => ({ rif: 1, latencyUs: latencyUs * 100 }));
    reportAll(balancer, reports);
    for (let slot = 1; slot < 4; slot++) balancer.observe(slot, 1000, false, 0, START_MS);
    balancer.observe(0, 50, true, 0, START_MS);
    // What it said of itself is forgotten ...
    expect(balancer.load(0)).toMatchObject({ rif: 0, latencyUs: 0 });
    const counts = countPicks(4, 5000, () => {
      reportAll(balancer, [reports[3]!, reports[1]!, reports[2]!, reports[3]!]);
      balancer.observe(0, 50, true, 0, START_MS);
      return pick(balancer);
    });
    expect(counts[0]).toBe(0);
    // ... and once the penalty has faded, it is tried again.
    const later = START_MS + 120_000;
    for (let slot = 1; slot < 4; slot++) balancer.observe(slot, 1000, false, 0, later);
    const again = countPicks(4, 5000, () => {
      for (let slot = 1; slot < 4; slot++) balancer.report(slot, 1, 500, later);
      return pick(balancer, later);
    });
    expect(again[0]! / 5000).toBeGreaterThan(0.08);
    expect(again[0]! / 5000).toBeLessThan(0.13);
  });

  it('saturates what does not fit into a report', () => {
    const balancer = balancerOf(settings, equalEndpoints(1));
    balancer.report(0, 4_000_000_000, 2 ** 40, START_MS);
    expect(balancer.load(0)).toMatchObject({ rif: 65_535, latencyUs: 2 ** 24 - 1 });
    pick(balancer);
    expect(balancer.load(0).rif).toBe(65_535);
    balancer.report(0, 0, 0, START_MS);
    expect(balancer.load(0)).toMatchObject({ rif: 0, latencyUs: 1 });
  });
});
