import { describe, expect, it } from 'vitest';
import { text, type AdminAnswer } from '../../../src/admin/answer.ts';
import { Shared } from '../../../src/admin/shared.ts';

describe('shared answers', () => {
  it('are made once for all who ask meanwhile, and anew for those who come later', async () => {
    const shared = new Shared();
    const owner = {};
    let made = 0;
    const finish: (() => void)[] = [];
    const make = (): Promise<AdminAnswer> => new Promise((resolve) => {
      const answer = text(200, String(++made));
      finish.push(() => resolve(answer));
    });
    const first = shared.get(owner, 'a', make);
    const second = shared.get(owner, 'a', make);
    const otherKey = shared.get(owner, 'b', make);
    const otherOwner = shared.get({}, 'a', make);
    expect(made).toBe(3);
    for (const end of finish) end();
    expect((await first).body).toBe('1');
    expect(await second).toBe(await first);
    expect((await otherKey).body).toBe('2');
    expect((await otherOwner).body).toBe('3');
    const later = shared.get(owner, 'a', make);
    finish[3]?.();
    expect((await later).body).toBe('4');
  });

  it('fail for all who wait, and are tried again', async () => {
    const shared = new Shared();
    const owner = {};
    const failing = shared.get(owner, 'a', () => Promise.reject(new Error('no')));
    const joined = shared.get(owner, 'a', () => Promise.resolve(text(200, 'not asked')));
    await expect(failing).rejects.toThrow('no');
    await expect(joined).rejects.toThrow('no');
    expect((await shared.get(owner, 'a', () => Promise.resolve(text(200, 'again')))).body).toBe('again');
  });
});
