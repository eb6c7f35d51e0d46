import type * as z from 'zod';
import { suggest } from './nearest.ts';
import type { Path } from './source.ts';

/** A problem before it is placed in the text. */
export interface Finding {
  path: Path;
  /** Which part of the pair at `path` is meant. */
  part: 'key' | 'value';
  message: string;
  hint?: string | undefined;
}

type Issue = z.core.$ZodIssue;
type Definition = Record<string, unknown> & { type: string };

const definitionOf = (schema: z.core.$ZodType) => schema._zod.def as unknown as Definition;

/** Steps through wrappers (defaults, transforms) to the schema that a written value meets. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const definition = definitionOf(schema);
  if (definition.type === 'pipe') return unwrap(definition['in'] as z.core.$ZodType);
  const inner = definition['innerType'];
  return inner === undefined ? schema : unwrap(inner as z.core.$ZodType);
}

/** The schemas that may stand behind one: members of a union, else itself. */
function membersOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  const unwrapped = unwrap(schema);
  const definition = definitionOf(unwrapped);
  return definition.type === 'union' ? (definition['options'] as z.core.$ZodType[]).flatMap(membersOf) : [unwrapped];
}

/** Keys that the schema knows at `path`. */
export function knownKeys(schema: z.core.$ZodType, path: Path): string[] {
  let candidates = membersOf(schema);
  for (const step of path) {
    candidates = candidates.flatMap((candidate) => {
      const definition = definitionOf(candidate);
      let next: unknown;
      if (definition.type === 'object') next = (definition['shape'] as Record<string, unknown>)[step];
      else if (definition.type === 'array') next = definition['element'];
      else if (definition.type === 'record') next = definition['valueType'];
      return next === undefined ? [] : membersOf(next as z.core.$ZodType);
    });
  }
  return candidates.flatMap((candidate) => {
    const definition = definitionOf(candidate);
    return definition.type === 'object' ? Object.keys(definition['shape'] as object) : [];
  });
}

const TYPE_NAMES: Record<string, string> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};
const describeType = (type: string) => TYPE_NAMES[type] ?? type;

function describeValue(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  // Only scalars are left; .inf and .nan have no JSON form.
  const written = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return written.length > 60 ? `${written.slice(0, 57)}...` : written;
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** Translates what zod found into words for the person who wrote the file. */
export function findingsOf(schema: z.core.$ZodType, root: unknown, issues: readonly Issue[]): Finding[] {
  return issues.flatMap((issue) => translate(schema, root, issue, issue.path as Path));
}

function translate(schema: z.core.$ZodType, root: unknown, issue: Issue, path: Path): Finding[] {
  const value = valueAt(root, path);
  const finding = (message: string, hint?: string): Finding[] => [{ path, part: 'value', message, hint }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(schema, path);
      return issue.keys.map((key) => ({
        path: [...path, key],
        part: 'key',
        message: `unknown key ${JSON.stringify(key)}`,
        hint: suggest(key, known),
      }));
    }
    case 'invalid_type': {
      if (value === undefined)
        return [
          {
            path,
            part: 'key',
            message: `required key ${JSON.stringify(path.at(-1) ?? '')} is missing: expected ${describeType(issue.expected)}`,
          },
        ];
      const hint = issue.expected === 'string' && typeof value !== 'object' ? 'write it in quotes' : undefined;
      return finding(`expected ${describeType(issue.expected)}, not ${describeValue(value)}`, hint);
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      if (value === undefined)
        return [
          {
            path,
            part: 'key',
            message: `required key ${JSON.stringify(path.at(-1) ?? '')} is missing: expected ${values.join(' | ')}`,
          },
        ];
      return finding(
        `expected ${values.join(' | ')}, not ${describeValue(value)}`,
        typeof value === 'string' ? suggestFrom(value, values) : undefined,
      );
    }
    case 'too_small':
    case 'too_big': {
      const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
      if (issue.origin === 'array')
        return finding(
          `expected at ${issue.code === 'too_small' ? 'least' : 'most'} ${limit} ${Number(limit) === 1 ? 'entry' : 'entries'}`,
        );
      if (issue.origin === 'string') return finding(issue.message);
      return finding(
        `expected a number ${issue.code === 'too_small' ? 'from' : 'up to'} ${limit}, not ${describeValue(value)}`,
      );
    }
    case 'invalid_format':
      return finding(`${issue.message}, not ${describeValue(value)}`);
    case 'invalid_key':
      return issue.issues.map((inner) => ({ path, part: 'key', message: inner.message, hint: hintOf(inner) }));
    case 'invalid_union':
      return unionFindings(schema, root, issue, path);
    default:
      return finding(issue.message, hintOf(issue));
  }
}

/** Reports the member of the union that the value was meant to be: the one it has the type of. */
function unionFindings(
  schema: z.core.$ZodType,
  root: unknown,
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: Path,
): Finding[] {
  const value = valueAt(root, path);
  if (value === undefined)
    return [
      {
        path,
        part: 'key',
        message: `required key ${JSON.stringify(path.at(-1) ?? '')} is missing${issue.message === 'Invalid input' ? '' : `: ${issue.message}`}`,
      },
    ];
  const meant = issue.errors.filter((branch) =>
    branch.every((inner) => inner.path.length > 0 || !isTypeMismatch(inner)),
  );
  const branch = meant[0];
  if (branch !== undefined && (issue.message === 'Invalid input' || branch.some(isWithin))) {
    return branch.flatMap((inner) => translate(schema, root, inner, [...path, ...(inner.path as Path)]));
  }
  const ownMessage =
    issue.message === 'Invalid input'
      ? issue.errors.flat().find((inner) => inner.code === 'invalid_value')?.message
      : issue.message;
  const types = issue.errors
    .flat()
    .flatMap((inner) =>
      inner.code === 'invalid_type' && inner.path.length === 0 ? [describeType(inner.expected)] : [],
    );
  return [
    { path, part: 'value', message: `${ownMessage ?? `expected ${types.join(' or ')}`}, not ${describeValue(value)}` },
  ];
}

/** Found inside a value of the right type, so that it says more than the words for the whole union. */
const isWithin = (issue: Issue) =>
  issue.code === 'custom' || issue.code === 'unrecognized_keys' || issue.path.length > 0;

const isTypeMismatch = (issue: Issue) => issue.code === 'invalid_type' || issue.code === 'invalid_value';

function suggestFrom(word: string, values: string[]): string | undefined {
  const hint = suggest(word, values);
  return hint?.startsWith('did') === true ? hint : undefined;
}

function hintOf(issue: Issue): string | undefined {
  const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined;
  return typeof hint === 'string' ? hint : undefined;
}
