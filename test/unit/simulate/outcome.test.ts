import { beforeAll, describe, expect, it } from 'vitest';
import { adviceOf, evenShares } from '../../../src/simulate/advice.ts';
import { count, percent, shortTime, time } from '../../../src/simulate/format.ts';
import { outcomeJson } from '../../../src/simulate/json.ts';
import { outcomePicture } from '../../../src/simulate/plot/picture.ts';
import { reportPage } from '../../../src/simulate/plot/report.ts';
import { escaped, linearTicks, logTicks, spread } from '../../../src/simulate/plot/svg.ts';
import { failedShare, type Outcome } from '../../../src/simulate/result.ts';
import { outcomeText } from '../../../src/simulate/table.ts';
import { SMALL, outcomeOf, scenarioOf } from './support.ts';

describe('numbers', () => {
  it('have three digits that count and a unit', () => {
    expect([0.0142, 1, 0.9996, 0.00025, 12.34, 0.1].map(time)).toEqual(['14.2 ms', '1.00 s', '1.00 s', '250 us', '12.3 s', '100 ms']);
    expect([0, Number.NaN, Number.POSITIVE_INFINITY].map(time)).toEqual(['-', '-', '-']);
    expect([0.01, 0.0005, 1.5, 0.1].map(shortTime)).toEqual(['10 ms', '500 us', '1.5 s', '100 ms']);
    expect([0, 0.00001, 0.005, 0.5, 0.9999, 1].map(percent)).toEqual(['0 %', '<0.01 %', '0.50 %', '50.0 %', '>99.9 %', '100 %']);
    expect([72_800, 12_345_678, 3.44, 0.05, 0].map(count)).toEqual(['72,800', '12.3M', '3.4', '0.05', '0']);
  });
});

describe('ticks and labels', () => {
  it('are round numbers within the range', () => {
    expect(logTicks(0.004, 0.3)).toEqual([0.01, 0.03, 0.1, 0.3]);
    expect(logTicks(0.009, 0.2)).toEqual([0.01, 0.02, 0.05, 0.1, 0.2]);
    expect(logTicks(0.09, 0.31)).toEqual([0.1, 0.15, 0.2, 0.3]);
    expect(logTicks(1e-5, 10)).toEqual([1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10]);
    expect(linearTicks(0, 1.08, 5)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  });

  it('are moved apart without changing their order or leaving the picture', () => {
    const placed = spread([100, 100, 100, 5, 300], 15, 10, 290);
    expect([...placed].sort((a, b) => a - b).every((value, index, all) => index === 0 || value - (all[index - 1] ?? 0) >= 14.9)).toBe(true);
    expect(Math.min(...placed)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...placed)).toBeLessThanOrEqual(290);
    expect(placed[3]).toBeLessThan(placed[0] ?? 0);
    expect(placed[4]).toBeGreaterThan(placed[2] ?? 0);
  });
});

describe('an outcome', () => {
  let outcome: Outcome;
  beforeAll(() => {
    outcome = outcomeOf(scenarioOf(SMALL));
  });

  it('is one table at the load in focus, two over the load, and advice', () => {
    const text = outcomeText(outcome);
    const titles = text.split('\n').filter((line) => /^(At|p99|Failed)/.test(line));
    expect(titles).toEqual(['At 80 % load, 2,912 requests/s', 'p99 by load', 'Failed by load']);
    const { best } = adviceOf(outcome);
    const marked = text.split('\n').filter((line) => line.startsWith('*  '));
    expect(marked).toHaveLength(3);
    expect(marked.every((line) => line.includes(outcome.scenario.candidates[best]?.label ?? '?'))).toBe(true);
    // Columns stand under each other.
    const lines = text.split('\n');
    const start = lines.indexOf('At 80 % load, 2,912 requests/s') + 1;
    expect(new Set(lines.slice(start, start + 4).map((line) => line.length)).size).toBe(1);
  });

  it('prefers what loses nothing, then what has the shorter tail', () => {
    const { best, sentences } = adviceOf(outcome);
    expect(outcome.scenario.candidates[best]?.label).not.toBe('roundRobin');
    expect(sentences[0]).toMatch(/^(leastRequest|peakEwma): at 80 % load .*, where roundRobin|, against .* with roundRobin/);
    expect(sentences.join(' ')).toContain('to slow, where an even share is 10.0 %');
  });

  it('says so when there is nothing to tell policies apart, and names the simplest', () => {
    const same = outcomeOf(scenarioOf('{ requests: 20000, load: 0.3, policies: [peakEwma, roundRobin], endpoints: [{ count: 10, serviceTime: { fixed: 10ms } }] }'));
    const { best, asGood, sentences } = adviceOf(same);
    expect([same.scenario.candidates[best]?.label, asGood]).toEqual(['roundRobin', [0]]);
    expect(sentences[0]).toBe('roundRobin: at 30 % load all of these do equally well, and it is the simplest of them.');
  });

  it('counts every request once', () => {
    for (const { requests, answered, failed, timedOut, refused, unfinished } of outcome.cells.flat())
      expect(answered + failed + timedOut + unfinished + refused.breaker + refused.queue + refused.rateLimit + refused.noEndpoint).toBe(requests);
    for (const result of outcome.cells.flat()) expect(failedShare(result)).toBeCloseTo(1 - result.answered / result.requests, 12);
    expect(evenShares(outcome.scenario)).toEqual([0.9, 0.1]);
  });

  it('as JSON knows nothing of the machine', () => {
    const json = outcomeJson(outcome) as { results: { policy: string; load: number }[]; advice: { policy: string } };
    expect(json.results.map(({ policy, load }) => [policy, load])).toEqual(['roundRobin', 'leastRequest', 'peakEwma'].flatMap((policy) => [0.5, 0.8, 1.1].map((load) => [policy, load])));
    expect(JSON.stringify(json)).not.toMatch(/threads|"date"/);
    expect(JSON.stringify(outcomeJson(outcomeOf(scenarioOf(SMALL))))).toBe(JSON.stringify(json));
  });
});

describe('plots', () => {
  const HOSTILE = `</style></svg><script>alert(1)</script>"'&`;
  const hostile = (): Outcome =>
    outcomeOf(
      scenarioOf(
        JSON.stringify({
          title: HOSTILE,
          requests: 2000,
          load: [0.5, 1],
          policies: [{ policy: 'random', label: HOSTILE }, 'leastRequest'],
          endpoints: [{ name: HOSTILE, count: 3, serviceTime: { exponential: '10ms' } }, { name: 'b', serviceTime: { fixed: '10ms' } }],
          changes: [{ at: '1s', for: '2s', group: HOSTILE, fails: 0.5 }],
        }),
      ),
    );

  it('take names for what they are', () => {
    const outcome = hostile();
    const page = reportPage(outcome, `title: ${HOSTILE}`);
    const picture = outcomePicture(outcome);
    for (const document of [page, picture]) {
      expect(document).not.toContain('<script');
      expect(document).not.toContain(HOSTILE);
      expect(document).toContain('&lt;/style&gt;&lt;/svg&gt;');
      expect(document.match(/<\/style>/g)).toHaveLength(1);
      expect(document).not.toMatch(/NaN|undefined|Infinity/);
      // Nothing from elsewhere.
      expect(document.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|src=|href=/);
    }
    expect(page).toContain("default-src 'none'");
    expect(escaped('a\u0000\u001b\ud800b\u{1f600}<')).toBe('a???b\u{1f600}&lt;');
  });

  it('can be drawn of anything: one policy, one load, one group, nothing answered', () => {
    const bare = outcomeOf(scenarioOf('{ requests: 1, load: 0.5, policies: [random], endpoints: [{ serviceTime: { fixed: 10ms } }] }'));
    const dead = outcomeOf(scenarioOf('{ requests: 500, load: [0.5, 1], policies: [random, peakEwma], endpoints: [{ serviceTime: { fixed: 10ms } }], changes: [{ at: 0, group: group 1, down: true }] }'));
    for (const outcome of [bare, dead]) {
      for (const document of [reportPage(outcome, ''), outcomePicture(outcome), outcomeText(outcome)]) expect(document).not.toMatch(/NaN|undefined|Infinity/);
    }
    expect(outcomeText(bare)).toContain('stands alone here');
    expect(outcomeText(dead)).toContain('* At 100 % load none of these copes: each fails about 100 % of the requests. random is the simplest of them.');
  });

  it('have a line for each of many policies, dashed from the eleventh on', () => {
    const policies = Array.from({ length: 12 }, (_, index) => ({ policy: 'leastRequest', activeRequestBias: 1 + index / 10 }));
    const page = reportPage(outcomeOf(scenarioOf(SMALL.replace('[roundRobin, leastRequest, peakEwma]', JSON.stringify(policies)).replace('4000', '500'))), '');
    expect(page).toMatch(/class="series s1 dashed/);
    expect(page).toContain('leastRequest, bias 2.1');
  });
});
