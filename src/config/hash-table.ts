import type { RecordName } from '../binding/abi.ts';
import type { ImageWriter } from './image-writer.ts';

/** Slots for `count` keys: a power of two, at most half of it used, so that a probe ends after 1.5 steps on average. */
export function capacityFor(count: number): number {
  if (count === 0) return 0;
  let capacity = 2;
  while (capacity < count * 2) capacity *= 2;
  return capacity;
}

/**
 * Lays out an open-addressing table with linear probing: slot = hash & (capacity - 1), then the next free one.
 * Reserves the slots with `empty` in every word; `write` stores the entry at the slot it is given.
 */
export function layOutTable(
  writer: ImageWriter,
  record: RecordName,
  hashes: readonly number[],
  empty: number,
  write: (slot: number, entry: number) => void,
): { start: number; capacity: number } {
  const capacity = capacityFor(hashes.length);
  const start = writer.reserve(record, capacity, empty);
  const used = new Uint8Array(capacity);
  for (const [entry, hash] of hashes.entries()) {
    let slot = (hash & (capacity - 1)) >>> 0;
    while (used[slot] === 1) slot = (slot + 1) & (capacity - 1);
    used[slot] = 1;
    write(start + slot, entry);
  }
  return { start, capacity };
}
