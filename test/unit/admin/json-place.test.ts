import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonError } from '../../../src/admin/json-place.ts';

describe('the place of an error in JSON', () => {
  it.each([
    ['', 1, 1, 'there is nothing'],
    [' \n ', 2, 2, 'there is nothing'],
    ['{"a": 1,}', 1, 9, 'expected a key in double quotes, not "}"'],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, 'expected "," or "}", not "\\""'],
    ['{"a" 1}', 1, 6, 'expected ":" behind a key, not "1"'],
    ["{'a': 1}", 1, 2, 'expected a key in double quotes or "}", not "\'"'],
    ['[1, 2', 1, 6, 'the text ends before "]"'],
    ['{"a": {"b": 1}', 1, 15, 'the text ends before "}"'],
    ['{"a":', 1, 6, 'the text ends before "}"'],
    ['[1,]', 1, 4, 'expected a value, not "]"'],
    ['{"a": tru}', 1, 7, 'expected a value, not "t"'],
    ['{"a": 01}', 1, 8, 'expected "," or "}", not "1"'],
    ['"abc', 1, 5, 'the text ends inside a string'],
    ['"a\nb"', 1, 3, 'a control character in a string is written as \\n, \\t or \\u0000'],
    ['"\\x"', 1, 2, 'this is no escape of JSON'],
    ['{} {}', 1, 4, 'unexpected "{" behind the end of the value'],
    ['{"weight": 3} // three', 1, 15, 'unexpected "/" behind the end of the value'],
    ['\ufeff{}', 1, 1, 'expected a value, not "\ufeff"'],
  ])('%j is line %i, column %i', (text, line, column, message) => {
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(jsonError(text)).toEqual({ line, column, message });
  });

  it('is found exactly where JSON.parse finds an error', () => {
    const piece = fc.oneof(fc.json(), fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '0', '-', '1.5e3', '.', 'e', 'true', 'nul', ' ', '\n', '\u0001', '"a"', '"\\u00e9"', '\\u12'));
    fc.assert(
      fc.property(fc.oneof(fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')), fc.tuple(fc.json(), fc.nat(), fc.string({ maxLength: 2 })).map(([json, at, text]) => {
        const cut = at % (json.length + 1);
        return json.slice(0, cut) + text + json.slice(cut + 1);
      })), (text) => {
        let good = true;
        try {
          JSON.parse(text);
        } catch {
          good = false;
        }
        expect(jsonError(text) === null).toBe(good);
      }),
      { numRuns: 3000, seed: 20_240_601 },
    );
  });

  it('does not depend on the depth or the length of the text', () => {
    expect(jsonError('['.repeat(1_000_000))).toMatchObject({ line: 1, column: 1_000_001 });
    expect(jsonError(`"${'a'.repeat(5_000_000)}`)).toMatchObject({ message: 'the text ends inside a string' });
    expect(jsonError(`"${'\\n'.repeat(2_000_000)}" x`)).toMatchObject({ message: 'unexpected "x" behind the end of the value' });
  });
});
