import { describe, expect, it } from 'vitest';
import { Turns } from '../../../src/core/turns.ts';

describe('turns', () => {
  it('let others run once they have lasted long enough, and not before', async () => {
    let now = 0;
    const turns = new Turns({ wallMs: () => 0, monotonicMs: () => now }, 5);
    let others = 0;
    const other = (): void => {
      others++;
    };
    setImmediate(other);
    now = 4;
    await turns.pause();
    expect(others).toBe(0);
    now = 5;
    expect(turns.isOver).toBe(true);
    await turns.pause();
    expect(others).toBe(1);
    // A turn begins when the thread is back.
    expect(turns.isOver).toBe(false);
    setImmediate(other);
    now = 9;
    await turns.pause();
    expect(others).toBe(1);
    now = 10;
    await turns.pause();
    expect(others).toBe(2);
  });
});
