import * as z from 'zod';
import { LIMITS } from '../binding/abi.ts';
import { LOG_FIELD_NAMES, LOG_TEMPLATES } from './log-fields.ts';
import { parseTemplate } from './log-template.ts';
import { isRefusal, parsing, refuse } from './parsing.ts';
import * as scalar from './schema-scalars.ts';

const LOG_FORMATS = ['json', ...(Object.keys(LOG_TEMPLATES) as (keyof typeof LOG_TEMPLATES)[])] as const;
const RANGE = /^(\d{1,3})(?:-(\d{1,3}))?$/;
const MOST_STATUS = 599;

const path = parsing(scalar.text, (value) => {
  if (scalar.hasControlCharacters(value)) return refuse('a path has no control characters');
  if (Buffer.byteLength(value) > LIMITS.maxLogTextBytes / 2) return refuse('the path is too long');
  return value.endsWith('/') ? refuse(`${JSON.stringify(value)} is a directory`, 'name a file in it') : value;
});

const statusRange = parsing(z.union([z.int(), z.string()], { error: 'expected a status such as 404, or a range such as "500-599"' }), (value) => {
  const [, low, high] = RANGE.exec(String(value)) ?? [];
  if (low === undefined) return refuse(`${JSON.stringify(value)} is no status and no range of them`, 'write 404, or "500-599"; 0 = not answered');
  const range = { from: Number(low), to: Number(high ?? low) };
  if (range.to > MOST_STATUS || range.from > range.to) return refuse(`${JSON.stringify(value)} is not within 0 to ${MOST_STATUS}, the lower one first`);
  return range;
});

const template = parsing(scalar.text, (value) => {
  const steps = parseTemplate(value);
  return isRefusal(steps) ? steps : value;
});

const sink = z.strictObject({
  path: path.describe('stdout, stderr, or a file, relative to the configuration file; its directory must exist'),
  format: z
    .union(
      [
        z.enum(LOG_FORMATS),
        // One of the two: rules-log.ts. (As two schemas, a wrong value of one would be reported as that of the other.)
        z.strictObject({
          text: template.optional().describe('a template such as "%START_TIME% %METHOD% %TARGET% %STATUS%"'),
          fields: z.array(z.enum(LOG_FIELD_NAMES)).min(1).optional().describe('members of a JSON line, in this order'),
        }),
      ],
      { error: `expected ${LOG_FORMATS.join(', ')}, { text: "…" } or { fields: […] }` },
    )
    .default('json')
    .describe('of a line'),
  sample: z.number().min(0).max(1).default(1).describe('share of the requests, from 0 to 1'),
  sampleFailed: z.boolean().default(true).describe('true: failed requests (not answered, status 500 and above, or a response flag that names a failure) are all taken; false: they are sampled like others'),
  statuses: z.array(statusRange).min(1).optional().describe('statuses, or ranges of them, that are taken; 0 = the client was not answered; default: all'),
  minDuration: scalar.duration.prefault(0).describe('only requests that took so long'),
  routes: z.array(scalar.text).min(1).optional().describe('names of routes; default: all, and requests without a route'),
  requestHeaders: z.array(scalar.headerName).max(LIMITS.maxLogHeaders).default([]).describe('more request headers that a JSON line has'),
});

/** One sink, or several. */
export const accessLog = z
  .union([sink, z.array(sink).max(LIMITS.maxLogSinks)])
  .optional()
  .describe('where a line for each request goes; default: nowhere');

export type ParsedAccessLog = z.output<typeof accessLog>;
export type ParsedSink = z.output<typeof sink>;
