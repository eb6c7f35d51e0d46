/** Parameters behind the "?": what operations use in their `query`, and how a request's are checked. */
import * as z from 'zod';
import { suggest } from '../config/nearest.ts';
import { parsing, refuse } from '../config/parsing.ts';
import { findingsOf } from '../config/schema-problems.ts';
import type { RequestProblem } from './answer.ts';

/** 0 or 1. */
export const flag = z.enum(['0', '1']).transform((value) => value === '1');

/** A whole number, such as a number of rows. */
export function wholeNumber(min: number, max: number) {
  return parsing(z.string().meta({ pattern: '^[0-9]+$', description: `from ${min} to ${max}` }), (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : refuse(`expected a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`);
  });
}

/** A share or factor, such as 0.05. */
export function decimalNumber(min: number, max: number) {
  return parsing(z.string().meta({ pattern: '^[0-9]+(\\.[0-9]+)?$', description: `from ${min} to ${max}` }), (value) => {
    const number = /^\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : refuse(`expected a number from ${min} to ${max}, not ${JSON.stringify(value)}`);
  });
}

/** No parameters. */
export const NO_QUERY = z.object({});

export type QueryOutcome = { ok: true; query: unknown } | { ok: false; problems: RequestProblem[] };

export function checkQuery(schema: z.ZodObject, text: string): QueryOutcome {
  const problems: RequestProblem[] = [];
  const known = Object.keys(schema.shape);
  const values: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const path = `?${name}`;
    if (!known.includes(name)) problems.push({ path, message: `unknown parameter ${JSON.stringify(name)}`, ...hint(known.length === 0 ? 'this operation takes none' : suggest(name, known)) });
    else if (Object.hasOwn(values, name)) problems.push({ path, message: 'it is given twice' });
    else values[name] = value;
  }
  const result = schema.safeParse(values);
  if (!result.success) {
    for (const { path, message, hint: help } of findingsOf(schema, values, result.error.issues)) problems.push({ path: `?${path.join('.')}`, message, ...hint(help) });
  }
  return result.success && problems.length === 0 ? { ok: true, query: result.data } : { ok: false, problems };
}

const hint = (text: string | undefined): { hint?: string } => (text === undefined ? {} : { hint: text });
