import * as z from 'zod';
import * as scalar from './schema-scalars.ts';

/** An answer that the proxy makes itself: of a route, or of a cluster that cannot answer. */
export const respond = z.strictObject({
  status: z.int().min(200).max(599),
  body: z.string().optional(),
  bodyFile: scalar.text.optional().describe('relative to the configuration file'),
  headers: z.record(scalar.editableResponseHeader, scalar.headerValue).default({}),
});

export type ParsedRespond = z.output<typeof respond>;
