/** Where a text stops being JSON. `JSON.parse` says so for some errors only, in words that differ between versions of Node. */
export interface JsonPlace {
  /** 1-based. */
  line: number;
  /** 1-based, in UTF-16 units. */
  column: number;
  message: string;
}

const WHITE = /[ \t\n\r]*/y;
const LITERAL = /true|false|null/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// The body of a string without its quotes, as far as it is valid.
const STRING = /(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

/** Null when `text` is JSON. Keeps its own stack: depth is the sender's to choose. */
export function jsonError(text: string): JsonPlace | null {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const string = (): string | null => {
    at++;
    skip(STRING);
    if (text[at] === '"') {
      at++;
      return null;
    }
    if (at >= text.length) return 'the text ends inside a string';
    return text[at] === '\\' ? 'this is no escape of JSON' : 'a control character in a string is written as \\n, \\t or \\u0000';
  };
  /** What may stand next: a value, a value or "]", a key or "}", a key, or what comes behind a value. */
  let expected: 'value' | 'valueOrEnd' | 'keyOrEnd' | 'key' | 'behind' = 'value';
  const stack: ('{' | '[')[] = [];
  for (;;) {
    skip(WHITE);
    const character = text[at];
    if (expected === 'behind' && stack.length === 0) return character === undefined ? null : place(text, at, `unexpected ${shown(character)} behind the end of the value`);
    if (character === undefined) return place(text, at, text.trim() === '' ? 'there is nothing' : `the text ends before ${stack.at(-1) === '{' ? '"}"' : stack.at(-1) === '[' ? '"]"' : 'its value'}`);
    if (expected === 'behind') {
      const inside = stack.at(-1);
      if (character === ',') expected = inside === '{' ? 'key' : 'value';
      else if (character === (inside === '{' ? '}' : ']')) stack.pop();
      else return place(text, at, `expected "," or "${inside === '{' ? '}' : ']'}", not ${shown(character)}`);
      at++;
    } else if (expected === 'key' || expected === 'keyOrEnd') {
      if (character === '}' && expected === 'keyOrEnd') {
        stack.pop();
        at++;
        expected = 'behind';
        continue;
      }
      if (character !== '"') return place(text, at, `expected a key in double quotes${expected === 'keyOrEnd' ? ' or "}"' : ''}, not ${shown(character)}`);
      const wrong = string();
      if (wrong !== null) return place(text, at, wrong);
      skip(WHITE);
      if (text[at] !== ':') return place(text, at, `expected ":" behind a key, not ${shown(text[at])}`);
      at++;
      expected = 'value';
    } else if (character === ']' && expected === 'valueOrEnd') {
      stack.pop();
      at++;
      expected = 'behind';
    } else if (character === '{' || character === '[') {
      stack.push(character);
      at++;
      expected = character === '{' ? 'keyOrEnd' : 'valueOrEnd';
    } else {
      const wrong = character === '"' ? string() : skip(LITERAL) || skip(NUMBER) ? null : `expected a value, not ${shown(character)}`;
      if (wrong !== null) return place(text, at, wrong);
      expected = 'behind';
    }
  }
}

const shown = (character: string | undefined): string => (character === undefined ? 'the end' : JSON.stringify(character));

function place(text: string, offset: number, message: string): JsonPlace {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: offset - lastBreak, message };
}
