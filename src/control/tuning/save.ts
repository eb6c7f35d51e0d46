/** Writes a tuned configuration back: as the text that it came from, with the tuned values in it and everything else as it was. */
import { chmod, chown, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Document, isAlias, isMap, isNode, isPair, isScalar, isSeq, parseDocument, visit, type YAMLMap } from 'yaml';
import { valueAt } from '../../config/schema-problems.ts';
import { formatPath, type Path } from '../../config/source.ts';
import { errorMessage } from '../../core/errors.ts';
import type { RunningDocument } from './history.ts';
import { expanded, pathOf } from './overrides.ts';
import { splice, type TextChange } from './splice.ts';
import { placeOf } from './targets.ts';
import { isMapping, isSame } from './tree.ts';

export interface Saved {
  ok: true;
  version: number;
  file: string;
  yaml: string;
  written: boolean;
  /** Why it was not written. */
  why: string | null;
}

/** Where the document of a running configuration has to change to say what is running. */
export function changesOf({ base, overrides, value }: RunningDocument): TextChange[] {
  const root = base.source.value;
  const whole = new Set<string>();
  return overrides.flatMap((override): TextChange[] => {
    const { target } = override;
    const place = placeOf(root, target);
    if (place === undefined) return [];
    // An endpoint that was written as its address alone becomes a mapping, once.
    if (expanded(target, valueAt(root, place)) !== valueAt(root, place)) {
      const text = formatPath(place);
      if (whole.has(text)) return [];
      whole.add(text);
      return [{ path: place, value: valueAt(value, place) }];
    }
    return entriesOf(pathOf(root, override), override.was, override.value);
  });
}

/** Of a list that has as many entries as before, only those that differ. */
function entriesOf(path: Path, was: unknown, value: unknown): TextChange[] {
  if (isSame(was, value)) return [];
  if (Array.isArray(was) && Array.isArray(value) && was.length === value.length) return value.flatMap((entry, i) => entriesOf([...path, i], was[i], entry));
  if (isMapping(was) && isMapping(value)) return [...new Set([...Object.keys(was), ...Object.keys(value)])].flatMap((key) => entriesOf([...path, key], was[key], value[key]));
  return [{ path, value }];
}

/** The text with these changes; `text` null: there is none. */
export function textWith(text: string | null, whole: unknown, changes: readonly TextChange[]): { text: string } | { refused: string } {
  if (text === null) return { text: new Document(whole, { aliasDuplicateObjects: false }).toString({ lineWidth: 0 }) };
  if (changes.length === 0) return { text };
  const indent = jsonIndent(text);
  if (indent !== null) return { text: `${JSON.stringify(whole, null, indent)}${text.endsWith('\n') ? '\n' : ''}` };
  const spliced = splice(text, changes);
  if (spliced !== undefined && says(spliced, whole)) return { text: spliced };
  const document = parseDocument(text, { merge: true });
  const shared = sharedAnchors(document);
  for (const { path, value } of changes) {
    const refused = change(document, path, value, whole, shared);
    if (refused !== null) return { refused };
  }
  const changed = document.toString({ lineWidth: 0, indent: blockIndent(text), indentSeq: indentsLists(text), flowCollectionPadding: !/[{[][^\s{}[\]]/.test(flowLines(text)) });
  // Whatever aliases and merge keys do: the text must say what is running, or it is not written.
  if (!says(changed, whole)) {
    return { refused: `${changes.map(({ path }) => formatPath(path)).join(', ')}: with these values the file would say something else elsewhere, too (aliases or "<<"); change it by hand` };
  }
  return { text: changed };
}

function says(text: string, whole: unknown): boolean {
  const document = parseDocument(text, { merge: true });
  return document.errors.length === 0 && isSame(document.toJS(), whole);
}

/** Null: it is no JSON. */
function jsonIndent(text: string): number | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  return /^\s*\{\r?\n( +)"/.exec(text)?.[1]?.length ?? (text.trim().includes('\n') ? 2 : 0);
}

const blockIndent = (text: string): number => /^[\w"-][^\n]*:[^\S\n]*(?:#[^\n]*)?\n(?:\s*#[^\n]*\n)*( +)[^\s-]/m.exec(text)?.[1]?.length ?? 2;
const indentsLists = (text: string): boolean => !/^( *)[\w"-][^\n]*:[^\S\n]*(?:#[^\n]*)?\n\1- /m.test(text);
const flowLines = (text: string): string => text.split('\n').filter((line) => /[:-] *[{[]/.test(line) && !/^\s*#/.test(line)).join('\n').replaceAll(/"[^"\n]*"|'[^'\n]*'/g, '""').replaceAll('[', '').replaceAll(']', '');

/** Anchors that something refers to. */
function sharedAnchors(document: Document): Set<string> {
  const shared = new Set<string>();
  visit(document, { Alias: (_key, node) => void shared.add(node.source) });
  return shared;
}

/** Why it cannot be done; null: it is done. */
function change(document: Document, path: Path, value: unknown, whole: unknown, shared: ReadonlySet<string>): string | null {
  let node: unknown = document.contents;
  for (const [depth, step] of path.entries()) {
    const here = formatPath(path.slice(0, depth));
    if (isAlias(node)) return `${here} is the alias *${node.source}, so that ${formatPath(path)} cannot be set without changing it elsewhere; change it by hand`;
    if ((isMap(node) || isSeq(node)) && node.anchor !== undefined && shared.has(node.anchor)) return `${here} is used elsewhere as *${node.anchor}, so that ${formatPath(path)} cannot be set here alone; change it by hand`;
    const isLast = depth === path.length - 1;
    if (isSeq(node) && typeof step === 'number') {
      if (isLast) node.items[step] = document.createNode(value);
      else node = node.items[step];
    } else if (isMap(node)) {
      const map: YAMLMap = node;
      const key = String(step);
      const pair = map.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === key);
      if (isLast || pair === undefined) {
        // What is not written here itself comes from a merge key, or is not there: it is written in full.
        setKey(document, map, key, isLast ? value : valueAt(whole, path.slice(0, depth + 1)));
        return null;
      }
      node = pair.value;
    } else {
      return `${here} is not what it was when it was loaded`;
    }
  }
  return null;
}

function setKey(document: Document, map: YAMLMap, key: string, value: unknown): void {
  const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  if (value === undefined) {
    if (pair !== undefined) map.items.splice(map.items.indexOf(pair), 1);
  } else if (pair === undefined) {
    const added = document.createPair(key, value);
    if (map.flow === true && isNode(added.value)) (added.value as { flow?: boolean }).flow = true;
    map.items.push(added);
  } else if (isScalar(pair.value) && (typeof value !== 'object' || value === null)) {
    // The comment behind it stays.
    pair.value.value = value;
    delete pair.value.source;
    delete pair.value.format;
  } else {
    const made = document.createNode(value);
    const old = pair.value;
    if (isNode(old) && isNode(made)) {
      made.comment = old.comment ?? null;
      made.commentBefore = old.commentBefore ?? null;
      if ((isMap(old) || isSeq(old)) && (isMap(made) || isSeq(made)) && old.flow === true) made.flow = true;
    }
    pair.value = made;
  }
}

/** Replaces a file in one step, as long as it still holds `expected`. Follows symlinks; mode and owner stay. */
export async function saveFile(file: string, expected: string, text: string): Promise<{ saved: true } | { refused: string }> {
  let temporary: string | undefined;
  try {
    const path = await realpath(file);
    if ((await readFile(path, 'utf8')) !== expected) return { refused: `${file} has changed since it was loaded: reload it first (SIGHUP), then save` };
    const { mode, uid, gid } = await stat(path);
    temporary = join(dirname(path), `.${basename(path)}.${process.pid}.new`);
    const handle = await open(temporary, 'wx', mode & 0o7777);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(temporary, mode & 0o7777);
    // Only root may give files away.
    await chown(temporary, uid, gid).catch(() => undefined);
    await rename(temporary, path);
    return { saved: true };
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => undefined);
    return { refused: `${file} cannot be written: ${errorMessage(error)}; POST /config/save?dryRun=1 gives the text to store` };
  }
}
