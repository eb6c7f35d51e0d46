/** Small changes of a YAML text, made in the text itself: every other byte of it stays. */
import { isMap, isNode, isPair, isScalar, isSeq, parseDocument, stringify, type Node, type Pair, type YAMLMap } from 'yaml';
import type { Path } from '../../config/source.ts';

export interface TextChange {
  path: Path;
  /** Undefined: the key goes away. */
  value: unknown;
}

interface Edit {
  at: number;
  remove: number;
  insert: string;
}

/** Undefined: a change is not of the kind that can be made so. Whoever calls checks what the new text says. */
export function splice(text: string, changes: readonly TextChange[]): string | undefined {
  const document = parseDocument(text, { merge: true, keepSourceTokens: true });
  const edits: Edit[] = [];
  for (const { path, value } of changes) {
    const edit = editOf(text, document.contents, path, value);
    if (edit === undefined) return undefined;
    edits.push(edit);
  }
  // From the end to the beginning, so that places stay what they are; insertions at one place in their order.
  const sorted = edits.map((edit, order) => ({ ...edit, order })).sort((a, b) => b.at - a.at || b.order - a.order);
  return sorted.reduce((result, { at, remove, insert }) => result.slice(0, at) + insert + result.slice(at + remove), text);
}

function editOf(text: string, root: Node | null, path: Path, value: unknown): Edit | undefined {
  const key = path.at(-1);
  const parent = nodeAt(root, path.slice(0, -1));
  if (isSeq(parent) && typeof key === 'number') return value === undefined ? undefined : replacing(parent.items[key], value);
  if (!isMap(parent) || typeof key !== 'string') return undefined;
  const pair = parent.items.find((item) => nameOf(item) === key);
  if (pair === undefined) return value === undefined ? undefined : adding(text, parent, key, value);
  return value === undefined ? removing(text, parent, pair) : replacing(pair.value, value);
}

function nodeAt(root: Node | null, path: Path): unknown {
  let node: unknown = root;
  for (const step of path) {
    if (isSeq(node) && typeof step === 'number') node = node.items[step];
    else if (isMap(node)) node = node.items.find((item) => nameOf(item) === String(step))?.value;
    else return undefined;
  }
  return node;
}

const nameOf = (item: Pair): string | undefined => (isScalar(item.key) ? String(item.key.value) : undefined);

/** Scalars and flow collections stand between two places of the text; block collections do not end before their comments. */
function replacing(node: unknown, value: unknown): Edit | undefined {
  if (!isNode(node) || node.range === null || node.range === undefined) return undefined;
  const isFlow = (isMap(node) || isSeq(node)) && node.flow === true;
  const isPlain = isScalar(node) && (node.type === 'PLAIN' || node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE') && node.range[0] < node.range[1];
  if ((!isFlow && !isPlain) || node.anchor !== undefined || node.tag !== undefined) return undefined;
  const [start, end] = node.range;
  return { at: start, remove: end - start, insert: flowText(value) };
}

function adding(text: string, map: YAMLMap, key: string, value: unknown): Edit | undefined {
  const added = `${flowText(key)}: ${flowText(value)}`;
  const last = map.items.at(-1);
  if (map.flow === true) {
    if (map.range === null || map.range === undefined) return undefined;
    if (last === undefined) return { at: map.range[0], remove: map.range[1] - map.range[0], insert: `{ ${added} }` };
    const end = endOf(last);
    return end === undefined ? undefined : { at: end, remove: 0, insert: `, ${added}` };
  }
  const column = last === undefined ? undefined : columnOf(text, last);
  const end = last === undefined ? undefined : endOf(last);
  if (column === undefined || end === undefined) return undefined;
  const at = lineEnd(text, end);
  return { at, remove: 0, insert: `\n${' '.repeat(column)}${added}` };
}

function removing(text: string, map: YAMLMap, pair: Pair): Edit | undefined {
  const start = startOf(pair);
  const end = endOf(pair);
  if (map.flow === true || map.items.length < 2 || start === undefined || end === undefined) return undefined;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  // The first key of an entry of a list stands behind its dash.
  if (text.slice(lineStart, start).trim() !== '') return undefined;
  return { at: lineStart, remove: lineEnd(text, end) + 1 - lineStart, insert: '' };
}

const startOf = (pair: Pair): number | undefined => (isNode(pair.key) ? pair.key.range?.[0] : undefined);

/** Behind the last character of what the pair says. */
function endOf(pair: Pair): number | undefined {
  let node: unknown = pair.value;
  for (;;) {
    if ((isMap(node) || isSeq(node)) && node.flow !== true) {
      const last: unknown = node.items.at(-1);
      node = isPair(last) ? (last.value ?? last.key) : last;
    } else {
      const end = isNode(node) ? node.range?.[1] : isNode(pair.key) ? pair.key.range?.[1] : undefined;
      return end;
    }
  }
}

function columnOf(text: string, pair: Pair): number | undefined {
  const start = startOf(pair);
  return start === undefined ? undefined : start - (text.lastIndexOf('\n', start - 1) + 1);
}

/** Of the line that holds the character before `end`: a block scalar ends behind its line break. */
function lineEnd(text: string, end: number): number {
  const from = text[end - 1] === '\n' ? end - 1 : end;
  const at = text.indexOf('\n', from);
  return at < 0 ? text.length : at;
}

/** On one line, good in block and in flow. */
function flowText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, inner]) => `${flowText(key)}: ${flowText(inner)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  // A comma or a bracket would end a plain text inside a flow collection.
  if (typeof value === 'string' && !/^[\w./:%*@+-]+$/.test(value)) return JSON.stringify(value);
  return stringify(value, { lineWidth: 0 }).trimEnd();
}
