import * as z from 'zod';

/** Why a scalar was not understood; a value, since a configuration may have many of them. */
export interface Refusal {
  refused: string;
  hint?: string;
}

export function refuse(refused: string, hint?: string): Refusal {
  return hint === undefined ? { refused } : { refused, hint };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value;
}

/** A schema whose text is turned into a value by `parse`; a refusal becomes an issue with its hint. */
export function parsing<S extends z.ZodType, T>(input: S, parse: (value: z.output<S>) => T | Refusal) {
  return input.transform((value, context): T => {
    const result = parse(value);
    if (!isRefusal(result)) return result;
    context.issues.push({ code: 'custom', message: result.refused, input: value, params: { hint: result.hint } });
    return z.NEVER;
  });
}
