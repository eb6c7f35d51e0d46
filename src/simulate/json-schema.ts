import * as z from 'zod';
import { scenarioSchema } from './schema.ts';

/** JSON Schema (draft 2020-12) of a scenario, for editors. */
export function scenarioJsonSchema(): object {
  return {
    ...z.toJSONSchema(scenarioSchema, { io: 'input' }),
    title: 'Millrace scenario',
    $comment: 'Checks that span several keys (unknown groups, one kind of service time) are made by "millrace simulate".',
  };
}
