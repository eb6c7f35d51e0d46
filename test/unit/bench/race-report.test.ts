import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { between, digits3, duration, memory, ratio, span } from '../../../bench/race/report/format.mjs';
import { html } from '../../../bench/race/report/html.mjs';
import { verdictLines } from '../../../bench/race/report/lines.mjs';
import { linesOf } from '../../../bench/race/report/quantile-plot.mjs';
import { renderReport } from '../../../bench/race/report/report.mjs';
import { apart, fromZero, logarithmic, nines } from '../../../bench/race/report/scale.mjs';
import { sampleRace } from '../../fixtures/bench/race-sample.mjs';
import { temporaryDirectory } from '../../support/millrace.ts';

const MAIN = resolve(import.meta.dirname, '../../../bench/race/report/main.mjs');

describe('markup', () => {
  it('escapes whatever is put into it, and only once', () => {
    const hostile = `<b a="x" c='y'>&amp;`;
    expect(String(html`<i title="${hostile}">${[hostile, html`<u>${1}</u>`, null, undefined, false]}</i>`)).toBe(
      '<i title="&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;amp;">&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;amp;<u>1</u></i>',
    );
  });
});

describe('figures', () => {
  it('have the digits that mean something', () => {
    expect([0, 0.01234, 0.5, 9.994, 9.996, 99.94, 99.96, 123_456.7].map(digits3)).toEqual(['0', '0.012', '0.500', '9.99', '10.0', '99.9', '100', '123,457']);
    expect([87.3, 999.4, 1_240, 2_100_000].map(duration)).toEqual(['87.3 µs', '999 µs', '1.24 ms', '2.10 s']);
    expect([512, 84_000, 3 * 1024 * 1024].map(memory)).toEqual(['512 KiB', '82.0 MiB', '3.00 GiB']);
    expect([0.1467, 0.86, 1, 11.04].map(ratio)).toEqual(['0.147×', '0.86×', '1.00×', '11.0×']);
    expect(between({ low: 1.1, high: 1.25 })).toBe('1.10 – 1.25×');
    expect([59, 600, 6_240].map(span)).toEqual(['1 min', '10 min', '1 h 44 min']);
  });

  it('that are missing are a dash', () => {
    for (const show of [digits3, duration, memory, ratio, span]) expect(show(NaN)).toBe('–');
  });
});

describe('scales', () => {
  it('from zero hold every value, with few ticks', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (max) => {
        const { at, ticks } = fromZero(max);
        expect(at(0)).toBe(0);
        expect(at(max)).toBeLessThanOrEqual(100.0001);
        expect(at(max)).toBeGreaterThan(45);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(6);
      }),
      { seed: 3 },
    );
    expect(fromZero(0).ticks).toEqual(fromZero(1).ticks);
    expect(fromZero(3, { least: 1 }).ticks).toEqual([0, 1, 2, 3]);
  });

  it('logarithmic ones too', () => {
    const positive = fc.double({ min: 1e-3, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(positive, positive, (a, b) => {
        const { at, ticks } = logarithmic(Math.min(a, b), Math.max(a, b));
        for (const value of [a, b]) expect(at(value)).toBeGreaterThanOrEqual(-1e-6);
        for (const value of [a, b]) expect(at(value)).toBeLessThanOrEqual(100 + 1e-6);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
      }),
      { seed: 4 },
    );
  });

  it('of percentiles give every nine the same room', () => {
    expect([0, 0.9, 0.99, 0.999].map((share) => Math.round(nines(share) * 1e9) / 1e9)).toEqual([0, 1, 2, 3]);
  });

  it('keep labels apart and in order, inside', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 240, noNaN: true }), { minLength: 1, maxLength: 15 }), (places) => {
        const moved = apart(places, 15, 4, 240);
        const order = places.map((place, i) => ({ place, to: moved[i]! })).sort((a, b) => a.to - b.to);
        for (const [i, { place, to }] of order.entries()) {
          expect(to).toBeGreaterThanOrEqual(4 - 1e-9);
          expect(to).toBeLessThanOrEqual(240 + 1e-9);
          const next = order[i + 1];
          if (next === undefined) continue;
          expect(next.to - to).toBeGreaterThanOrEqual(15 - 1e-9);
          expect(next.place).toBeGreaterThanOrEqual(place);
        }
      }),
      { seed: 5 },
    );
    expect(apart([100, 50], 15, 4, 240)).toEqual([100, 50]);
  });
});

describe('latency curves', () => {
  const quantiles = (count: number) => ({ p50: 10, p90: 20, p99: 30, p999: 40, p9999: 50, max: 60, count });
  const curve = (of: object) => linesOf([{ name: 'a', title: 'A', kind: 'self' }], { a: of }, '50')[0]!;

  it('leave out the percentiles that too few requests speak for', () => {
    expect(curve({ 50: [quantiles(5_000), quantiles(5_000)] }).points.map(({ name }) => name)).toEqual(['p50', 'p90', 'p99', 'p999']);
    expect(curve({ 50: [quantiles(500_000), null, quantiles(500_000)] }).points).toHaveLength(5);
  });

  it('follow the merged histogram where there is one, as far as ten requests are beyond', () => {
    const histogram = [[10, 500], [20, 400], [30, 90], [40, 9], [50, 1]];
    const { curve: points } = curve({ 50: [quantiles(1000)], histogram: { 50: histogram } });
    expect(points.map(({ share, median }) => [share, median])).toEqual([[0.5, 10], [0.9, 20], [0.99, 30]]);
  });

  it('of a contender without any are none', () => {
    expect(linesOf([{ name: 'constructor', title: 'A', kind: 'self' }], {}, '50')).toEqual([]);
  });
});

describe('the report', () => {
  it('of the same result is the same, byte by byte', () => {
    expect(renderReport(sampleRace())).toBe(renderReport(sampleRace()));
  });

  it('names what was absent, skipped and void, and why', () => {
    const page = renderReport(sampleRace());
    for (const text of ['<b>envoy</b>: not on the PATH', 'skipped: has no rate limit per key', '<b>Caddy</b> round 4 void: 12 connections were reset']) expect(page).toContain(text);
  });

  it('of a single round, or of none at all, can be drawn', () => {
    expect(renderReport(sampleRace({ rounds: 1 }))).toContain('1 round is too few to decide');
    expect(renderReport({ ...sampleRace(), scenarios: [] })).toContain('in 0 scenarios');
    const empty = sampleRace().scenarios.map((scenario) => ({ ...scenario, runs: {}, latency: null, systemCalls: null }));
    expect(renderReport({ ...sampleRace(), machine: {}, scenarios: empty })).toContain('was not measured here');
  });
});

describe('the verdicts as text', () => {
  it('count the goals of the headline, and have a line for each', () => {
    const [count, ...lines] = verdictLines(sampleRace());
    const [, met, lost, undecided] = /^(\d+) goals? met, (\d+) lost, (\d+) undecided:$/.exec(count ?? '') ?? [];
    const ours = lines.filter((line) => !line.includes('listener in the reactor: '));
    expect(ours.filter((line) => line.startsWith('  met ')).length).toBe(Number(met));
    expect(ours.filter((line) => line.startsWith('  lost ')).length).toBe(Number(lost));
    expect(ours).toHaveLength(Number(met) + Number(lost) + Number(undecided));
    expect(ours[0]).toMatch(/^ {2}lost {7}Small keep-alive: throughput at least 1\.25× the best of nginx, HAProxy, H2O: 1\.\d\d× \(1\.\d\d – 1\.\d\d×\) to HAProxy$/);
    expect(lines.find((line) => line.includes('no request fails'))).toMatch(/: 0$/);
  });
});

describe('the program', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });

  it('writes the report beside the result, or where it is told', () => {
    const directory = temporaryDirectory();
    const [file, out] = [join(directory, 'race.json'), join(directory, 'other.html')];
    writeFileSync(file, JSON.stringify(sampleRace({ rounds: 2 })));
    expect(execFileSync(process.execPath, [MAIN, file], { encoding: 'utf8' }).trim()).toBe(join(directory, 'race.html'));
    execFileSync(process.execPath, [MAIN, file, '--out', out]);
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(join(directory, 'race.html'), 'utf8'));
  });

  it('says what is wrong, in one line', () => {
    const file = join(temporaryDirectory(), 'bad.json');
    expect(run(file)).toMatchObject({ status: 1, stderr: expect.stringMatching(/^ENOENT: no such file.*\n$/) as string });
    writeFileSync(file, '{');
    expect(run(file)).toMatchObject({ status: 1, stderr: expect.stringMatching(/^.*bad\.json: this is not JSON: .*\n$/) as string });
    writeFileSync(file, '{"format":1}');
    expect(run(file).stderr).toMatch(/this is not a result of the race:\n {2}date: /);
    expect(run()).toMatchObject({ status: 64, stderr: expect.stringContaining('Usage: ') as string });
    expect(run(file, '--out', file).stderr).toContain('is the result itself');
    expect(run('--nope')).toMatchObject({ status: 64, stderr: expect.stringContaining("'--nope'") as string });
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--out FILE') as string });
  });
});
