import * as z from 'zod';
import { configSchema } from './schema.ts';

/** JSON Schema (draft 2020-12) of what a person may write, for editors: completion, descriptions, and first errors. */
export function configJsonSchema(): object {
  return {
    ...z.toJSONSchema(configSchema, { io: 'input' }),
    title: 'Millrace configuration',
    $comment:
      'Checks that span several keys (unknown clusters, exactly one action, certificates) are made by "millrace check".',
  };
}
