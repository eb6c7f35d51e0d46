/** Draws from a seeded generator, so that every message can be made again from its seed. */
export class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** mulberry32: a number in [0, n). */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  of<T>(all: readonly T[]): T {
    return all[this.below(all.length)]!;
  }

  /** Mostly one of the usual ones, once in `n` times one of the others. */
  mostly<T>(usual: readonly T[], n: number, others: readonly T[]): T {
    return this.once(n) ? this.of(others) : this.of(usual);
  }

  times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  shuffled<T>(list: readonly T[]): T[] {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }

  /** Where `length` bytes are cut: up to six places, ascending. */
  cuts(length: number): number[] {
    return this.times(6, () => this.below(length + 1)).sort((a, b) => a - b);
  }
}

/** Bytes that parsers look out for. */
const SHARP = ['\r', '\n', '\r\n', '\0', ' ', '\t', ':', ',', ';', '"', '=', '\x7f', '\x80', '\xff', '0', '5', 'a', 'g', '\v', '\f', '\x1b', '+', '-', '_', '(', '@'];

/** Changes up to three places: a byte put in, taken out, replaced or repeated, or a line again or gone. */
export function mutated(text: string, draw: Draw): string {
  let out = text;
  for (let n = 1 + draw.below(3); n > 0; n--) {
    const at = draw.below(out.length + 1);
    switch (draw.below(6)) {
      case 0:
        out = out.slice(0, at) + draw.of(SHARP) + out.slice(at);
        break;
      case 1:
        out = out.slice(0, at) + out.slice(at + 1);
        break;
      case 2:
        out = out.slice(0, at) + draw.of(SHARP) + out.slice(at + 1);
        break;
      case 3:
        out = out.slice(0, at) + out.slice(Math.max(0, at - draw.below(8)), at) + out.slice(at);
        break;
      default: {
        const lines = out.split('\r\n');
        const line = draw.below(lines.length);
        lines.splice(line, draw.below(2), ...draw.times(1, () => lines[draw.below(lines.length)]!));
        out = lines.join('\r\n');
      }
    }
  }
  return out;
}
