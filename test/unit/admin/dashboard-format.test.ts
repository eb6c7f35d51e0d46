import { describe, expect, it } from 'vitest';
import { age, bytes, configuredAddress, count, ms, percent, rate } from '../../../src/admin/dashboard/format.js';

describe('what the dashboard shows', () => {
  it.each([
    ['10.0.0.1:80', '10.0.0.1:80'],
    ['[::1]:80', '[::1]:80'],
    ['items.internal:80@10.0.0.1', 'items.internal:80'],
    ['items.internal:80@fd00::7', 'items.internal:80'],
    ['unix:/run/a@b', 'unix:/run/a@b'],
  ])('endpoint %s is tuned as %s', (address, configured) => expect(configuredAddress(address)).toBe(configured));

  it('numbers have few digits and their unit', () => {
    expect([count(0), count(99_999), count(123_456), count(5_000_000), count(null)]).toEqual(['0', '99,999', '123 k', '5.0 M', '–']);
    expect([rate(0), rate(0.5), rate(9.9), rate(1_234.5), rate(250_000), rate(undefined)]).toEqual(['0', '0.50', '9.9', '1,235', '250.0 k', '–']);
    expect([ms(0.04), ms(1.234), ms(45.67), ms(450), ms(2_345), ms(Number.NaN)]).toEqual(['40 µs', '1.23 ms', '45.7 ms', '450 ms', '2.35 s', '–']);
    expect([bytes(0), bytes(1_536), bytes(20 * 1024 * 1024)]).toEqual(['0 B', '1.5 KiB', '20 MiB']);
    expect([percent(0), percent(0.00001), percent(0.0042), percent(0.5)]).toEqual(['0 %', '< 0.01 %', '0.42 %', '50 %']);
    expect([age(42_000), age(200_000), age(18_600_000), age(1_051_200_000)]).toEqual(['42 s', '3 min 20 s', '5 h 10 min', '12 d 4 h']);
  });
});
