import { expect, it } from 'vitest';
import { Backoff } from '../../../src/control/backoff.ts';

it('pauses grow with short lives up to a limit, and begin anew after a long life', () => {
  const backoff = new Backoff();
  const lives = [60_000, 10, 10, 10, 10, 10, 10, 10, 10, 1000, 999];
  expect(lives.map((livedMs) => backoff.pauseMs(livedMs))).toEqual([0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 0, 100]);
});
