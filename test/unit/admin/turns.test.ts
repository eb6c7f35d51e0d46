import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Pipeline, Turns } from '../../../src/admin/turns.ts';

describe('turns', () => {
  it('let one through in each turn of the loop, in order', async () => {
    const turns = new Turns();
    let turn = 0;
    let looking = true;
    const look = (): void => {
      turn++;
      if (looking) setImmediate(look);
    };
    setImmediate(look);
    const seen = await Promise.all([0, 1, 2, 3].map(async (index) => (await turns.next(), { index, turn })));
    looking = false;
    expect(seen.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(new Set(seen.map((one) => one.turn)).size).toBe(4);
  });
});

describe('a pipeline', () => {
  it('begins the next request of a connection when the one before has ended, and keeps a few waiting', () => {
    const pipeline = new Pipeline(2);
    const [socket, other] = [new Socket(), new Socket()];
    const began: string[] = [];
    const begin = (at: Socket, name: string): boolean => pipeline.begin(at, () => void began.push(name));
    expect([begin(socket, 'a'), begin(socket, 'b'), begin(socket, 'c'), begin(socket, 'd'), begin(other, 'x')]).toEqual([true, true, true, false, true]);
    expect(began).toEqual(['a', 'x']);
    pipeline.end(socket);
    expect(began).toEqual(['a', 'x', 'b']);
    pipeline.end(socket);
    pipeline.end(socket);
    expect(begin(socket, 'e')).toBe(true);
    expect(began).toEqual(['a', 'x', 'b', 'c', 'e']);
  });
});
