import { describe, expect, it } from 'vitest';
import { checked } from '../../../bench/race/report/check.mjs';
import { judge, tally } from '../../../bench/race/report/judge.mjs';

const ROUNDS = 10;
const DRIFT = [1, 1.2, 0.8, 1.5, 1, 0.7, 1.1, 1.3, 0.9, 1];
/** Rounds that drift together, with half a thousandth of noise of their own. */
const rounds = (metric: string, base: number, count = ROUNDS): Record<string, number>[] => Array.from({ length: count }, (_, i) => ({ [metric]: base * (DRIFT[i % DRIFT.length] ?? 1) * (1 + Math.sin(i * base) * 0.0005) }));

interface Options {
  runs: Record<string, unknown[]>;
  goal: Record<string, unknown>;
  more?: object;
  others?: object[];
  absent?: object[];
}
function judged({ runs, goal, more = {}, others = [], absent = [] }: Options) {
  const names = [...new Set(['us', ...Object.keys(runs)])];
  const result = checked({
    format: 1,
    date: '2026-11-21T00:00:00Z',
    contenders: names.map((name) => ({ name, title: name.toUpperCase(), kind: name.startsWith('us') ? 'self' : 'native' })),
    absent,
    scenarios: [{ id: 'plain', title: 'Plain', primary: 'rate', runs, goals: [{ text: 'a goal', direction: 'atLeast', metric: 'rate', ...goal }], ...more }, ...others],
  });
  return judge(result);
}
const one = (options: Options) => judged(options)[0]!;
const best = { against: ['a', 'b'], ratio: 1.25 };

describe('a goal against the best of several', () => {
  it('is met when it holds against each, and shows the ratio to the strongest', () => {
    const { verdict, strongest, why } = one({ runs: { us: rounds('rate', 140), a: rounds('rate', 100), b: rounds('rate', 110) }, goal: best });
    expect(verdict).toBe('met');
    expect(strongest?.name).toBe('b');
    expect(strongest?.interval.value).toBeCloseTo(140 / 110, 2);
    expect(why).toBe('');
  });

  it('is lost when one of them is too good', () => {
    const { verdict, strongest } = one({ runs: { us: rounds('rate', 130), a: rounds('rate', 100), b: rounds('rate', 110) }, goal: best });
    expect(verdict).toBe('lost');
    expect(strongest?.name).toBe('b');
  });

  it('names the peer that was not there, and goes by the others', () => {
    const { verdict, why } = one({ runs: { us: rounds('rate', 140), a: rounds('rate', 100) }, goal: { against: ['a', 'b', 'c'], ratio: 1.25 }, more: { skipped: { b: 'cannot do it' } }, absent: [{ name: 'c', why: 'not on the PATH' }] });
    expect(verdict).toBe('met');
    expect(why).toBe('without b (cannot do it); without c (not on the PATH)');
  });

  it('is undecided when none was there', () => {
    const { verdict, strongest, why } = one({ runs: { us: rounds('rate', 140) }, goal: best });
    expect({ verdict, strongest, why }).toEqual({ verdict: 'undecided', strongest: undefined, why: 'nothing to compare with; without a; without b' });
  });

  it('is undecided when we did not take part', () => {
    expect(one({ runs: { a: rounds('rate', 100), b: rounds('rate', 100) }, goal: best }).why).toMatch(/^US was not measured here/);
  });

  it('takes less for better where it says so', () => {
    const of = (cpuUs: number): string => one({ runs: { us: rounds('cpuUs', cpuUs), a: rounds('cpuUs', 10), b: rounds('cpuUs', 12) }, goal: { metric: 'cpuUs', against: ['a', 'b'], ratio: 0.8, direction: 'atMost' } }).verdict;
    expect([of(7.9), of(8.001), of(8.2)]).toEqual(['met', 'undecided', 'lost']);
  });

  it('of a quantile of the open loop looks there', () => {
    const at = (p99: number, count = 1000): object => ({ '50': Array.from({ length: ROUNDS }, (_, i) => ({ p50: 1, p90: 1, p99: p99 + i / 100, count })) });
    const { verdict, strongest, why } = one({ runs: { us: [], a: [] }, goal: { metric: 'p99@50', against: ['a'], ratio: 1, direction: 'atMost' }, more: { latency: { us: at(90), a: at(100) } } });
    expect(verdict).toBe('met');
    expect(strongest?.interval.value).toBeCloseTo(0.9, 2);
    expect(why).toBe('');
    const few = one({ runs: { us: [], a: [] }, goal: { metric: 'latency.50.p99', against: ['a'], ratio: 1, direction: 'atMost' }, more: { latency: { us: at(90, 400), a: at(100, 400) } } });
    expect(few).toMatchObject({ verdict: 'met', why: 'p99 of a round rests on 4 requests beyond it' });
  });

  it('is not decided by five rounds, however clear', () => {
    const { verdict, why } = one({ runs: { us: rounds('rate', 900, 5), a: rounds('rate', 100, 5) }, goal: { against: ['a'], ratio: 1 } });
    expect(verdict).toBe('undecided');
    expect(why).toBe('5 rounds are too few to decide');
  });

  it('leaves a void round out of the pairs', () => {
    const theirs: unknown[] = rounds('rate', 100);
    theirs[3] = null;
    expect(one({ runs: { us: rounds('rate', 140), a: theirs }, goal: { against: ['a'], ratio: 1 } }).strongest?.interval.n).toBe(ROUNDS - 1);
  });
});

describe('other goals', () => {
  const other = (cpuUs: number) => ({ id: 'bare', title: 'Bare', primary: 'cpuUs', runs: { us: rounds('cpuUs', cpuUs) } });
  const own = { metric: 'cpuUs', againstScenario: 'bare', ratio: 1.1, direction: 'atMost' };

  it('against its own figures in another scenario', () => {
    expect(one({ runs: { us: rounds('cpuUs', 10.8) }, goal: own, others: [other(10)] }).verdict).toBe('met');
    expect(one({ runs: { us: rounds('cpuUs', 11.2) }, goal: own, others: [other(10)] }).verdict).toBe('lost');
    expect(one({ runs: { us: rounds('cpuUs', 11.2) }, goal: own }).why).toBe('nothing to compare with; the scenario “bare” was not run');
  });

  it('of a limit of failures are lost by a single round, and need no six of them', () => {
    const failed = (list: number[]) => one({ runs: { us: list.map((n) => ({ failed: n })) }, goal: { metric: 'failed', limit: 0, direction: 'atMost' } });
    expect(failed([0, 0, 0]).verdict).toBe('met');
    expect(failed([0, 0, 0, 0, 0, 0, 0, 1])).toMatchObject({ verdict: 'lost', why: 'in 1 of 8 rounds' });
    expect(failed([]).verdict).toBe('undecided');
    const ratio = one({ runs: { us: [{ failed: 0 }] }, goal: { metric: 'failed', against: [], ratio: 0, direction: 'atMost' } });
    expect(ratio.verdict).toBe('met');
  });

  it('are asked of every contender of ours that took part, the headline first', () => {
    const all = judged({ runs: { us: rounds('rate', 100), 'us-spike': rounds('rate', 140), a: rounds('rate', 100) }, goal: { against: ['a'], ratio: 1.25 } });
    expect(all.map(({ contender, verdict }) => [contender.name, verdict])).toEqual([['us', 'lost'], ['us-spike', 'met']]);
    expect(tally(all)).toEqual({ met: 1, lost: 1, undecided: 0 });
  });
});

describe('a result file', () => {
  const scenario = { id: 'a', title: 'A', primary: 'rate', runs: {} };
  const file = (more: object): object => ({ format: 1, date: '', contenders: [{ name: 'us', title: 'Us', kind: 'self' }], scenarios: [scenario], ...more });
  it.each([
    [{ format: 2 }, 'format: is not 1, the only format that this program reads'],
    [{ contenders: [] }, 'contenders: '],
    [{ scenarios: [{ ...scenario, runs: { us: [{ rate: 'fast' }] } }] }, 'scenarios[0].runs.us[0].rate: '],
    [{ scenarios: [{ ...scenario, primary: 'beauty' }] }, 'scenarios[0].primary: is not a metric (rate, gbps, '],
    [{ scenarios: [{ ...scenario, latency: { us: { 50: [{ p50: 1 }] } } }] }, 'scenarios[0].latency.us.50[0].p90: '],
    [{ scenarios: [{ ...scenario, goals: [{ text: '', metric: 'rate', direction: 'atLeast' }] }] }, 'scenarios[0].goals[0]: needs either a ratio or a limit'],
  ])('with %o is refused with the place', (more, expected) => {
    expect(() => checked(file(more))).toThrow(expected);
  });

  it('that is none is refused', () => {
    for (const value of [null, 7, 'x', []]) expect(() => checked(value)).toThrow('this is not a result of the race');
    expect(checked(file({})).scenarios[0]?.skipped).toEqual({});
  });
});
