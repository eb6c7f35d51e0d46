import * as z from 'zod';
import { problem, type AdminAnswer } from '../answer.ts';
import type { AnswerRule } from '../operation.ts';

export const errorSchema = z
  .object({
    error: z.string().describe('a sentence that holds the fix'),
    problems: z.array(z.object({ path: z.string(), message: z.string(), hint: z.string().optional() })).optional().describe('each thing that is wrong'),
  })
  .meta({ id: 'Error' });

/** The answer while the proxy starts. */
export const noConfig = (): AdminAnswer => problem(503, 'no configuration is in service yet: ask again when /ready answers 200');

export const NO_CONFIG: AnswerRule = { status: 503, description: 'no configuration is in service yet', schema: errorSchema };
