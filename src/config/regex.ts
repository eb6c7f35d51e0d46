import { CharSet, ENFA, JS, TooManyNodesError, type Concatenation, type DFA, type Element, type NoParent } from 'refa';
import { errorMessage } from '../core/errors.ts';
import { determinize } from './determinize.ts';
import { refuse, type Refusal } from './parsing.ts';
import { utf8Sequences } from './utf8-ranges.ts';

/**
 * A regular expression as a table over UTF-8 bytes that must match the whole text, minimised and numbered
 * breadth first, so that equal languages give equal tables. State 0 is dead; matching costs one load per byte.
 */
export interface RegexTable {
  stateCount: number;
  classCount: number;
  /** Byte value -> class; 256 entries. */
  classes: Uint8Array;
  /** transitions[state * classCount + class] = next state. */
  transitions: Uint16Array;
  startState: number;
  /** 1 for accepting states. */
  accept: Uint8Array;
}

/** States of one table, the dead one included: at most 2,000 x 256 x 2 bytes = 1 MiB of image. */
export const MAX_REGEX_STATES = 2_000;
/** Nodes of the automaton before it is made deterministic; repetition counts multiply. */
const MAX_NFA_NODES = 40_000;
const MAX_SOURCE_LENGTH = 4_096;
const MAX_BYTE = 0xff;

type Part = NoParent<Element>;
type Sequence = NoParent<Concatenation>;

const concatenation = (elements: Part[]): Sequence => ({ type: 'Concatenation', elements });

/** A set of code points as the byte sequences of their UTF-8 forms. */
function bytesOf(set: CharSet): Part {
  const sequences = set.ranges.flatMap((range) => utf8Sequences(range.min, range.max));
  const single = sequences.filter((sequence) => sequence.length === 1).flat();
  const alternatives = sequences
    .filter((sequence) => sequence.length > 1)
    .map((sequence) =>
      concatenation(
        sequence.map(([min, max]): Part => ({
          type: 'CharacterClass',
          characters: CharSet.fromRange(MAX_BYTE, { min, max }),
        })),
      ),
    );
  const ascii: Part = {
    type: 'CharacterClass',
    characters: CharSet.empty(MAX_BYTE).union(single.map(([min, max]) => ({ min, max }))),
  };
  if (alternatives.length === 0) return ascii;
  return {
    type: 'Alternation',
    alternatives: single.length > 0 ? [concatenation([ascii]), ...alternatives] : alternatives,
  };
}

/** Removes `^` where nothing can be before it and `$` where nothing can be behind it: the match is anchored anyway. */
function withoutAnchors(sequence: Sequence, atStart: boolean, atEnd: boolean): Sequence {
  const elements = [...sequence.elements];
  const isAnchor = (part: Part | undefined, raw: string) => part?.type === 'Unknown' && part.id === raw;
  while (atStart && isAnchor(elements[0], '^')) elements.shift();
  while (atEnd && isAnchor(elements.at(-1), '$')) elements.pop();
  return concatenation(
    elements.map((part, i) => {
      const inner = (alternatives: Sequence[]) =>
        alternatives.map((alternative) =>
          withoutAnchors(alternative, atStart && i === 0, atEnd && i === elements.length - 1),
        );
      return part.type === 'Alternation' ? { ...part, alternatives: inner(part.alternatives) } : part;
    }),
  );
}

function overBytes(sequence: Sequence): Sequence {
  return concatenation(
    sequence.elements.map((part): Part => {
      if (part.type === 'CharacterClass') return bytesOf(part.characters);
      if (part.type === 'Alternation' || part.type === 'Quantifier')
        return { ...part, alternatives: part.alternatives.map(overBytes) };
      if (part.type === 'Unknown')
        throw new SyntaxError(`${part.id} is not supported: a regex here matches the whole text in one pass`);
      throw new SyntaxError('assertions are not supported');
    }),
  );
}

function build(source: string): RegexTable | Refusal {
  const parser = JS.Parser.fromLiteral({ source, flags: 'u' });
  const { expression } = parser.parse({ assertions: 'unknown', backreferences: 'throw', maxNodes: MAX_NFA_NODES });
  const alternatives = expression.alternatives.map((alternative) => overBytes(withoutAnchors(alternative, true, true)));
  const enfa = ENFA.fromRegex(alternatives, { maxCharacter: MAX_BYTE }, {}, new ENFA.LimitedNodeFactory(MAX_NFA_NODES));
  const dfa = determinize(enfa);
  dfa.minimize();
  return tableOf(dfa);
}

function tableOf(dfa: DFA): RegexTable | Refusal {
  // Breadth first from the start, edges by their lowest byte: the numbering depends on the language alone.
  const states: DFA.ReadonlyNode[] = [dfa.initial];
  const indexes = new Map<DFA.ReadonlyNode, number>([[dfa.initial, 1]]);
  const rows: Uint16Array[] = [new Uint16Array(256)];
  for (const state of states) {
    const row = new Uint16Array(256);
    for (const [{ min, max }, to] of state.out) {
      let index = indexes.get(to);
      if (index === undefined) {
        states.push(to);
        index = states.length;
        if (index >= MAX_REGEX_STATES) return tooLarge();
        indexes.set(to, index);
      }
      row.fill(index, min, max + 1);
    }
    rows.push(row);
  }
  const { classes, representatives } = byteClasses(rows);
  const classCount = representatives.length;
  const transitions = new Uint16Array(rows.length * classCount);
  for (const [state, row] of rows.entries()) {
    for (const [index, byte] of representatives.entries()) transitions[state * classCount + index] = row[byte] ?? 0;
  }
  const finals: ReadonlySet<DFA.ReadonlyNode> = dfa.finals;
  const accept = Uint8Array.from([0, ...states.map((state) => (finals.has(state) ? 1 : 0))]);
  return { stateCount: rows.length, classCount, classes, transitions, startState: 1, accept };
}

/** Bytes that lead every state to the same next state share a class, numbered in the order of their lowest byte. */
function byteClasses(rows: readonly Uint16Array[]): { classes: Uint8Array; representatives: number[] } {
  const classes = new Uint8Array(256);
  const representatives: number[] = [];
  const known = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    const column = rows.map((row) => row[byte]).join();
    let index = known.get(column);
    if (index === undefined) {
      index = representatives.length;
      known.set(column, index);
      representatives.push(byte);
    }
    classes[byte] = index;
  }
  return { classes, representatives };
}

function tooLarge(): Refusal {
  return refuse(
    `the regex needs too large a table (limit: ${MAX_REGEX_STATES} states)`,
    'use smaller repetition counts, or several routes with simpler expressions',
  );
}

function buildOrRefuse(source: string): RegexTable | Refusal {
  if (source.length > MAX_SOURCE_LENGTH) return refuse(`the regex is longer than ${MAX_SOURCE_LENGTH} characters`);
  try {
    return build(source);
  } catch (error) {
    if (error instanceof TooManyNodesError) return tooLarge();
    if (error instanceof SyntaxError)
      return refuse(
        `not a usable regex: ${errorMessage(error).replace(/^Invalid regular expression: (\/.*\/u: )?/s, '')}`,
      );
    if (/backreference/i.test(errorMessage(error)))
      return refuse('not a usable regex: backreferences are not supported');
    throw error;
  }
}

/** Tables by source: a regex is checked by the schema and used by the compiler. Cleared when full, so it stays bounded. */
const cache = new Map<string, RegexTable | Refusal>();
const MAX_CACHED = 1_000;

/** Compiles a JavaScript regex (flag u, whole text) without captures, assertions and backreferences; pure. */
export function compileRegex(source: string): RegexTable | Refusal {
  const known = cache.get(source);
  if (known !== undefined) return known;
  const result = buildOrRefuse(source);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(source, result);
  return result;
}

/** Plain interpreter of a table, as the engine does it; for tests and `explain`. */
export function matchTable(table: RegexTable, text: Uint8Array): boolean {
  let state = table.startState;
  for (const byte of text) {
    state = table.transitions[state * table.classCount + (table.classes[byte] ?? 0)] ?? 0;
    if (state === 0) return false;
  }
  return table.accept[state] === 1;
}
