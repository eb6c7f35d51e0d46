const UNIT_BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

/** Written form of a size with its unit; a plain number counts bytes. */
export const SIZE_PATTERN = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)$/;

/** Bytes of `64KiB`, `1.5MiB`, `100B` or a plain number; undefined when it is none of these or not a whole number. */
export function parseSize(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isSafeInteger(text) && text >= 0 ? text : undefined;
  const match = SIZE_PATTERN.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * UNIT_BYTES[match[2] as keyof typeof UNIT_BYTES];
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Largest unit that keeps the number whole, the inverse of `parseSize`. */
export function formatSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    if (bytes > 0 && bytes % UNIT_BYTES[unit] === 0) return `${bytes / UNIT_BYTES[unit]}${unit}`;
  }
  return `${bytes}B`;
}
