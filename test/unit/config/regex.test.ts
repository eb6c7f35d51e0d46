import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRegex, matchTable, MAX_REGEX_STATES, type RegexTable } from '../../../src/config/regex.ts';
import { utf8Sequences } from '../../../src/config/utf8-ranges.ts';

function table(source: string): RegexTable {
  const result = compileRegex(source);
  if ('refused' in result) throw new Error(`${source}: ${result.refused}`);
  return result;
}

const matches = (source: string, text: string) => matchTable(table(source), Buffer.from(text));
const wholeMatch = (source: string, text: string) => new RegExp(`^(?:${source})$`, 'u').test(text);

/** Expressions over a small alphabet, so that random texts hit them often; é and 😀 have 2 and 4 bytes. */
const expression = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom('a', 'b', 'é', '😀', '.', '[ab]', '[^a]', '[é-😀]', '\\w', '\\S', '/', '[a-cé]', '\\p{Nd}'),
    fc.tuple(tie('node'), tie('node')).map(([x, y]) => x + y),
    fc.tuple(tie('node'), tie('node')).map(([x, y]) => `(?:${x}|${y})`),
    fc.tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '*?', '{0}')).map(([x, q]) => `(${x})${q}`),
  ),
})).node;

const subject = fc
  .array(fc.constantFrom('a', 'b', 'c', 'é', '😀', '/', '0', ' ', '\n', '€'), { maxLength: 8 })
  .map((characters) => characters.join(''));

describe('regex tables', () => {
  it('accept exactly what a JavaScript regex with flag u matches as a whole', () => {
    fc.assert(
      fc.property(expression, fc.array(subject, { minLength: 20, maxLength: 20 }), (source, texts) => {
        const compiled = compileRegex(source);
        if ('refused' in compiled) return /too large/.test(compiled.refused);
        for (const text of texts)
          expect(matchTable(compiled, Buffer.from(text)), `${source} on ${JSON.stringify(text)}`).toBe(
            wholeMatch(source, text),
          );
        return true;
      }),
      { numRuns: 300 },
    );
  });

  it('need no anchors, and take them where they mean nothing', () => {
    for (const source of ['/v1/[a-z]+', '^/v1/[a-z]+$', '^/v1/[a-z]+', '(?:^/v1)/[a-z]+', '^(?:/v1/[a-z]+)$']) {
      expect(
        ['/v1/abc', '/v1/', 'x/v1/abc', '/v1/abc/'].map((text) => matches(source, text)),
        source,
      ).toEqual([true, false, false, false]);
    }
    expect(['a', 'b', 'ab', ''].map((text) => matches('^a|b$', text))).toEqual([true, true, false, false]);
  });

  it('are equal for equal languages', () => {
    expect(table('(a|b)*')).toEqual(table('[ab]*?'));
    expect(table('x(y|z)')).toEqual(table('xy|xz'));
  });

  it('have a dead state 0 and share classes between bytes that are alike', () => {
    const compiled = table('[a-z]+');
    expect({
      ...compiled,
      classes: [compiled.classes[0x61], compiled.classes[0x7a], compiled.classes[0x41]],
    }).toMatchObject({
      stateCount: 3,
      classCount: 2,
      startState: 1,
      classes: [1, 1, 0],
    });
    expect([...compiled.accept]).toEqual([0, 0, 1]);
    expect([...compiled.transitions.subarray(0, 2)]).toEqual([0, 0]);
  });

  it('do not match bytes that are not UTF-8', () => {
    expect(matchTable(table('.*'), Uint8Array.of(0xc3))).toBe(false);
    expect(matchTable(table('.*'), Uint8Array.of(0xed, 0xa0, 0x80))).toBe(false); // a surrogate
    expect(matchTable(table('.*'), Uint8Array.of(0xc0, 0xaf))).toBe(false); // an overlong slash
  });

  it('take expressions that make backtracking engines explode', () => {
    const evil = table('(a+)+b');
    expect(matchTable(evil, Buffer.from('a'.repeat(1_000_000)))).toBe(false);
    expect(matchTable(evil, Buffer.from(`${'a'.repeat(1_000_000)}b`))).toBe(true);
    expect(matches('(x+x+)+y', 'x'.repeat(50_000))).toBe(false);
  });

  it('are refused when they would be too large', () => {
    for (const source of [
      '(?:a|b)*a(?:a|b){20}',
      '(x{1,1000}){1,1000}',
      '\\p{L}{1,200}',
      '((a{1,99}){1,99}){1,99}',
      '((a?){100}){100}',
      '(.*a){30}b{3000}',
      '.{2000}',
      'a'.repeat(5_000),
    ]) {
      const result = compileRegex(source);
      expect(result, source.slice(0, 40)).toHaveProperty('refused');
    }
    expect(table('(?:a|b)*a(?:a|b){9}').stateCount).toBeLessThan(MAX_REGEX_STATES);
  });

  it('are refused when they are not regular, or not an expression at all', () => {
    const refusals = ['(', '[', 'a**', '(?=a)b', '(?<!a)b', '\\bfoo', 'a$b', 'a^b', '(?<x>a*)b\\k<x>', '\\-'].map(
      (source) => compileRegex(source),
    );
    for (const refusal of refusals)
      expect(refusal).toHaveProperty('refused', expect.stringContaining('not a usable regex'));
  });
});

describe('UTF-8 sequences', () => {
  const encodes = (sequences: ReturnType<typeof utf8Sequences>, codePoint: number) => {
    const bytes = Buffer.from(String.fromCodePoint(codePoint));
    return sequences.filter(
      (sequence) =>
        sequence.length === bytes.length &&
        sequence.every(([min, max], i) => (bytes[i] ?? 0) >= min && (bytes[i] ?? 0) <= max),
    ).length;
  };

  it('hold each code point of a range once, and no other', () => {
    const codePoint = fc.integer({ min: 0, max: 0x10ffff }).filter((value) => value < 0xd800 || value > 0xdfff);
    fc.assert(
      fc.property(codePoint, codePoint, fc.array(codePoint), (a, b, others) => {
        const [min, max] = [Math.min(a, b), Math.max(a, b)];
        const sequences = utf8Sequences(min, max);
        for (const value of [min, max, ...others])
          expect(encodes(sequences, value)).toBe(value >= min && value <= max ? 1 : 0);
      }),
    );
  });

  it('of everything are nine, as the standard lists them', () => {
    expect(utf8Sequences(0, 0x10ffff)).toHaveLength(9);
  });
});
