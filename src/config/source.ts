import {
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
} from 'yaml';
import type { ConfigProblem } from '../core/errors.ts';

export type Path = readonly (string | number)[];
export interface Position {
  line: number;
  column: number;
}

/** A configuration as plain values, and the way back from a path to its place in the text. */
export interface Source {
  file: string;
  value: unknown;
  /** Place of the value at `path`, or of its key; of the deepest ancestor that is there when it is missing. */
  locate(path: Path, part: 'key' | 'value'): Position;
}

export const NO_POSITION: Position = { line: 0, column: 0 };

/** `a.b[0].c`, with quotes where a key is not a plain word. */
export function formatPath(path: Path): string {
  return path
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`;
      if (/^[\w-]+$/.test(part)) return i === 0 ? part : `.${part}`;
      return `[${JSON.stringify(part)}]`;
    })
    .join('');
}

/** Parses YAML 1.2 (of which JSON is a part; also merge keys "<<"). */
export function parseYaml(file: string, text: string): { source: Source } | { problems: ConfigProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const problemAt = (offset: number, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), path: '', message };
  };
  if (document.errors.length > 0) {
    return { problems: document.errors.map((error) => problemAt(error.pos[0], `not valid YAML: ${error.message}`)) };
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // Too many aliases, or an alias inside its own anchor.
    return { problems: [problemAt(0, `not valid YAML: ${error instanceof Error ? error.message : String(error)}`)] };
  }
  const positionOf = (node: unknown): Position | undefined => {
    const range = (node as Node | null | undefined)?.range;
    if (range === null || range === undefined) return undefined;
    const { line, col } = lines.linePos(range[0]);
    return line === 0 ? undefined : { line, column: col };
  };
  return {
    source: { file, value, locate: (path, part) => locate(document, path, part, positionOf) ?? { line: 1, column: 1 } },
  };
}

function locate(
  document: Document,
  path: Path,
  part: 'key' | 'value',
  positionOf: (node: unknown) => Position | undefined,
): Position | undefined {
  let node: unknown = document.contents;
  let key: unknown;
  let found = positionOf(node);
  for (const [depth, step] of path.entries()) {
    const collection = resolve(document, node);
    if (isSeq(collection) && typeof step === 'number') {
      key = undefined;
      node = collection.items[step];
    } else if (isMap(collection)) {
      const pair = findPair(document, collection.items, String(step));
      key = pair?.key;
      node = pair?.value;
      if (pair === undefined) return found;
    } else {
      return found;
    }
    const isLast = depth === path.length - 1;
    const keyPosition = positionOf(key);
    const valuePosition = isEmptyScalar(node) ? undefined : positionOf(node);
    // A missing key is reported at the name of the mapping that lacks it, so ancestors are known by their key.
    found = (isLast && part === 'value' ? valuePosition : undefined) ?? keyPosition ?? valuePosition ?? found;
  }
  return found;
}

function resolve(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

const isEmptyScalar = (node: unknown) =>
  node === null || node === undefined || (isScalar(node) && node.value === null && (node.source ?? '') === '');

interface FoundPair {
  key: unknown;
  value: unknown;
}

function findPair(document: Document, items: readonly unknown[], name: string): FoundPair | undefined {
  let merged: FoundPair | undefined;
  for (const item of items) {
    if (!isPair(item)) continue;
    const key = isScalar(item.key) ? String(item.key.value) : undefined;
    if (key === name) return item;
    if (key !== '<<') continue;
    const origin = resolve(document, item.value);
    const maps = isSeq(origin) ? origin.items.map((entry) => resolve(document, entry)) : [origin];
    for (const map of maps) if (isCollection(map)) merged ??= findPair(document, map.items, name);
  }
  return merged;
}
