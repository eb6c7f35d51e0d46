/** Changes of the running configuration: PATCH, POST /config, rollback, save, confirmation; what was changed and by whom. */
import * as z from 'zod';
import { parseYaml, NO_POSITION, type Source } from '../../config/source.ts';
import * as scalar from '../../config/schema-scalars.ts';
import type { ControlView } from '../../control/view.ts';
import { DEFAULT_BOUNDS } from '../../control/tuning/guard.ts';
import type { Saved } from '../../control/tuning/save.ts';
import type { TargetName } from '../../control/tuning/targets.ts';
import { TUNABLE } from '../../control/tuning/tunables.ts';
import type { Changed, ChangeRequest, Refusal } from '../../control/tuning/tuning.ts';
import { errorMessage, formatProblem, type ConfigProblem } from '../../core/errors.ts';
import { json, problem, versionHeaders, type AdminAnswer, type RequestProblem } from '../answer.ts';
import { versionMatches, type IfMatch } from '../if-match.ts';
import { operation, type AnswerRule } from '../operation.ts';
import { decimalNumber, flag, NO_QUERY, wholeNumber } from '../operation-query.ts';
import { errorSchema, NO_CONFIG, noConfig } from './no-config.ts';

const MOST_PATCH_BYTES = 1024 * 1024;
const MOST_CONFIG_BYTES = 16 * 1024 * 1024;

const isoTime = z.iso.datetime();
const problemRow = z.object({ path: z.string(), message: z.string(), hint: z.string().optional() });
const difference = z.object({ path: z.string().describe('in the words of the file'), from: z.unknown().optional().describe('absent: there was nothing'), to: z.unknown().optional().describe('absent: it is gone') });
const pendingSchema = z.object({
  version: z.int(),
  what: z.string(),
  who: z.string(),
  untilMs: z.number().describe('milliseconds since the epoch: then it is rolled back'),
  guard: z.object({
    timeMs: z.int().describe('how long it waits for a confirmation'),
    maxErrorRate: z.number(),
    maxP99: z.number(),
    minRequests: z.int(),
    watched: z.array(z.object({ name: z.string(), requests: z.number().describe('finished in the minute before the change'), errorRate: z.number(), p99Ms: z.number().nullable().describe('null: too few requests to tell') })),
  }),
});
const changedSchema = z.object({ version: z.int(), diff: z.array(difference), warnings: z.array(problemRow), confirm: pendingSchema.optional() });

const CONFIRM = {
  confirm: scalar.positiveDuration.optional().describe('roll back after this time, such as 60s, unless POST /config/confirm comes first; at most 1h'),
  maxErrorRate: decimalNumber(0, 1).default(DEFAULT_BOUNDS.maxErrorRate).describe('with confirm: roll back when the share of failed requests of the changed objects grows by more'),
  maxP99: decimalNumber(1, 1000).default(DEFAULT_BOUNDS.maxP99).describe('with confirm: roll back when their p99 grows by more than this factor'),
  minRequests: wholeNumber(1, 1_000_000).default(DEFAULT_BOUNDS.minRequests).describe('with confirm: fewer requests since the change decide nothing'),
};
const CHANGE_QUERY = z.object({ dryRun: flag.default(false).describe('1: answer with what would change, and change nothing'), ...CONFIRM });
type ChangeQuery = z.output<typeof CHANGE_QUERY>;
const MOST_CONFIRM_MS = 3_600_000;

const CHANGED: AnswerRule = { status: 200, description: 'what changed; an unchanged version and an empty diff: it was so already', schema: changedSchema };
const MISSING: AnswerRule = { status: 404, description: 'there is no such object; with the nearest name', schema: errorSchema };
const CONFLICT: AnswerRule = { status: 409, description: 'ambiguous, or another change awaits its confirmation, or a listener cannot be opened', schema: errorSchema };
const CHANGE_ANSWERS: readonly AnswerRule[] = [CHANGED, MISSING, CONFLICT, NO_CONFIG];

interface Asked {
  view: ControlView;
  who: string;
  ifMatch: IfMatch;
}

function requestOf({ who, ifMatch }: Asked, query: Partial<ChangeQuery>): ChangeRequest {
  const { dryRun = false, confirm, maxErrorRate = 0, maxP99 = 0, minRequests = 0 } = query;
  return { who, dryRun, matches: (version) => versionMatches(ifMatch, version), confirm: confirm === undefined ? null : { timeMs: confirm, maxErrorRate, maxP99, minRequests } };
}

/** Checks what is the same for all changes, then answers with what came of it. */
async function change(asked: Asked, query: ChangeQuery, make: (request: ChangeRequest) => Promise<Changed | Refusal>): Promise<AdminAnswer> {
  if (asked.view.running === null) return noConfig();
  if (query.confirm !== undefined && query.confirm > MOST_CONFIRM_MS) return problem(400, 'confirm is at most 1h');
  return answerOf(await make(requestOf(asked, query)), asked.view);
}

function answerOf(outcome: Changed | Refusal, view: ControlView): AdminAnswer {
  if (!outcome.ok) return refused(outcome, view);
  const { version, diff, warnings, confirm } = outcome;
  return json(200, { version, diff, warnings: warnings.map(shown), ...(confirm === null ? {} : { confirm }) }, versionHeaders(version));
}

function refused({ status, error, problems }: Refusal, view: ControlView): AdminAnswer {
  return problem(status, error, problems.length === 0 ? undefined : problems.map(shown), versionHeaders(view.tuning.version));
}

const shown = ({ path, message, hint, line, column }: ConfigProblem & { hint?: string }): RequestProblem => ({
  path,
  message: path === '' && line > 0 ? `line ${line}, column ${column}: ${message}` : message,
  ...(hint === undefined ? {} : { hint }),
});

/** A merge patch: what the values may be, the schema of the configuration says when it is merged. */
function patchSchema(kind: TargetName['kind']): z.ZodObject {
  return z.looseObject(Object.fromEntries(TUNABLE[kind].map((key) => [key, z.unknown().optional().describe(`as in the configuration file; null: the default`)])));
}

function patchOperation(path: string, kind: TargetName['kind'], summary: string, query: typeof CHANGE_QUERY, nameOf: (params: Readonly<Record<string, string>>, query: Record<string, unknown>) => TargetName) {
  return operation({
    method: 'PATCH',
    path,
    summary,
    description: `A JSON merge patch (RFC 7396) in the words of the configuration file: ${TUNABLE[kind].join(', ')}. In effect on all workers when it is answered; nothing in flight is disturbed. Stays until the file says something else there, or until DELETE /config/overrides.`,
    access: 'change',
    query,
    body: { kind: 'json', types: ['application/json', 'application/merge-patch+json'], schema: patchSchema(kind), maxBytes: MOST_PATCH_BYTES },
    answers: CHANGE_ANSWERS,
    handle: ({ view, who, ifMatch, params, query: asked, body }) =>
      change({ view, who, ifMatch }, asked, (request) => view.tuning.patch(nameOf(params, asked), body, request)),
  });
}

const param = (params: Readonly<Record<string, string>>, name: string): string => params[name] ?? '';
const ROUTE_QUERY = z.object({ ...CHANGE_QUERY.shape, table: z.string().optional().describe('the route table, where routes of several tables have that name') });

export const TUNING = [
  patchOperation('/clusters/{cluster}', 'cluster', 'tunes a cluster: balancer, limits, circuit breaker, ...', CHANGE_QUERY, (params) => ({ kind: 'cluster', cluster: param(params, 'cluster') })),
  patchOperation('/clusters/{cluster}/endpoints/{endpoint}', 'endpoint', 'tunes an endpoint: weight, drain, ...', CHANGE_QUERY, (params) => ({ kind: 'endpoint', cluster: param(params, 'cluster'), endpoint: param(params, 'endpoint') })),
  patchOperation('/routes/{route}', 'route', 'tunes a route: timeouts, retries, rate limits, weights of its clusters, faults, ...; ?table=', ROUTE_QUERY, (params, query) => ({ kind: 'route', route: param(params, 'route'), table: typeof query['table'] === 'string' ? query['table'] : null })),
  patchOperation('/listeners/{listener}', 'listener', 'tunes a listener: its rate limits', CHANGE_QUERY, (params) => ({ kind: 'listener', listener: param(params, 'listener') })),
  operation({
    method: 'POST',
    path: '/config',
    summary: 'takes a whole configuration, JSON or YAML, until the file changes; ?dryRun=1 only tells what it would change; ?confirm=60s',
    description: 'Needs If-Match with the running version, or "*", unless it is a dry run. Paths in it are relative to the directory of the configuration file. What was tuned before is replaced, too.',
    access: 'change',
    query: CHANGE_QUERY,
    body: { kind: 'text', types: ['application/json', 'application/yaml'], maxBytes: MOST_CONFIG_BYTES },
    answers: [...CHANGE_ANSWERS, { status: 428, description: 'If-Match is missing', schema: errorSchema }],
    handle({ view, who, ifMatch, query, body }) {
      if (view.running === null) return noConfig();
      if (ifMatch === null && !query.dryRun) {
        const { version } = view.running;
        return problem(428, `a whole configuration replaces what others may have changed meanwhile: say which version you have seen, If-Match: "${version}", or * for any`, undefined, versionHeaders(version));
      }
      const parsed = parseDocument(body.type, body.text);
      if ('problems' in parsed) return problem(422, parsed.problems.map((one) => formatProblem(one)).join('; '), parsed.problems.map(shown));
      return change({ view, who, ifMatch }, query, (request) => view.tuning.replace({ source: parsed.source, text: body.text }, request));
    },
  }),
  operation({
    method: 'POST',
    path: '/config/confirm',
    summary: 'a change that was made with ?confirm= stays',
    access: 'change',
    query: NO_QUERY,
    body: null,
    answers: [{ status: 200, description: 'it stays', schema: z.object({ version: z.int() }) }, { ...CONFLICT, description: 'nothing awaits a confirmation' }, NO_CONFIG],
    async handle({ view, who, ifMatch }) {
      if (view.running === null) return noConfig();
      const outcome = await view.tuning.confirm({ who, matches: (version) => versionMatches(ifMatch, version) });
      return outcome.ok ? json(200, { version: outcome.version }, versionHeaders(outcome.version)) : refused(outcome, view);
    },
  }),
  operation({
    method: 'POST',
    path: '/config/rollback',
    summary: 'goes back to the configuration before this one, or to ?to=version of the history; undoes a change that awaits its confirmation',
    access: 'change',
    query: z.object({ to: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional().describe('a version of GET /config/history'), dryRun: flag.default(false) }),
    body: null,
    answers: CHANGE_ANSWERS,
    async handle({ view, who, ifMatch, query: { to, dryRun } }) {
      if (view.running === null) return noConfig();
      return answerOf(await view.tuning.rollback(to ?? null, requestOf({ view, who, ifMatch }, { dryRun })), view);
    },
  }),
  operation({
    method: 'POST',
    path: '/config/save',
    summary: 'writes what was tuned into the file that the configuration came from, comments and order kept; ?dryRun=1 answers with the text',
    description: 'The text is complete and holds tokens that stand in the configuration. A configuration that is a program, or did not come from the file, is answered with the text to store.',
    access: 'change',
    query: z.object({ dryRun: flag.default(false) }),
    body: null,
    answers: [
      { status: 200, description: 'what the file says now, or should say', schema: z.object({ version: z.int(), file: z.string(), written: z.boolean(), why: z.string().nullable().describe('why it was not written'), yaml: z.string() }) },
      { ...CONFLICT, description: 'the file has changed since it was loaded, cannot be written, or cannot be changed safely' },
      NO_CONFIG,
    ],
    async handle({ view, who, ifMatch, query: { dryRun } }) {
      if (view.running === null) return noConfig();
      const outcome: Saved | Refusal = await view.tuning.save({ who, dryRun, matches: (version) => versionMatches(ifMatch, version) });
      if (!outcome.ok) return refused(outcome, view);
      const { version, file, written, why, yaml } = outcome;
      return json(200, { version, file, written, why, yaml }, versionHeaders(version));
    },
  }),
  operation({
    method: 'GET',
    path: '/config/history',
    summary: 'the last 20 configurations that were in service, newest first, and the one that awaits its confirmation',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [
      {
        status: 200,
        description: 'newest first',
        schema: z.object({
          version: z.int(),
          pending: pendingSchema.nullable(),
          history: z.array(z.object({ version: z.int(), at: isoTime, who: z.string(), what: z.string(), hash: z.string(), overrides: z.int().describe('values that were tuned') })),
        }),
      },
    ],
    handle({ view: { tuning } }) {
      const history = tuning.history.map(({ version, atMs, who, what, hash, running }) => ({ version, at: new Date(atMs).toISOString(), who, what, hash, overrides: running.overrides.length }));
      return json(200, { version: tuning.version, pending: tuning.pending, history: history.reverse() }, versionHeaders(tuning.version));
    },
  }),
  operation({
    method: 'GET',
    path: '/config/overrides',
    summary: 'values that were tuned and are not in the file',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [
      {
        status: 200,
        description: 'in the words of the file',
        schema: z.object({
          version: z.int(),
          overrides: z.array(z.object({ path: z.string(), value: z.unknown().optional().describe('absent: the key was taken away'), was: z.unknown().optional().describe('what the file says; absent: nothing'), at: isoTime, who: z.string() })),
        }),
      },
    ],
    handle({ view: { tuning } }) {
      const overrides = tuning.overrides.map(({ atMs, ...override }) => ({ ...override, at: new Date(atMs).toISOString() }));
      return json(200, { version: tuning.version, overrides }, versionHeaders(tuning.version));
    },
  }),
  operation({
    method: 'DELETE',
    path: '/config/overrides',
    summary: 'back to what the file says, everywhere or at ?path= and below it',
    access: 'change',
    query: z.object({ ...CHANGE_QUERY.shape, path: z.string().min(1).optional().describe('as GET /config/overrides has it') }),
    body: null,
    answers: CHANGE_ANSWERS,
    handle: ({ view, who, ifMatch, query }) => change({ view, who, ifMatch }, query, (request) => view.tuning.dropOverrides(query.path ?? null, request)),
  }),
  operation({
    method: 'GET',
    path: '/audit',
    summary: 'who changed what, newest first; ?limit= (100)',
    access: 'read',
    query: z.object({ limit: wholeNumber(1, 1000).prefault('100') }),
    body: null,
    answers: [
      {
        status: 200,
        description: 'newest first; the last 1000 are kept, all are in the log',
        schema: z.object({
          audit: z.array(
            z.object({
              at: isoTime,
              who: z.string(),
              what: z.string(),
              outcome: z.enum(['applied', 'refused', 'rolledBack', 'confirmed']),
              version: z.int().nullable(),
              diff: z.array(difference),
              more: z.int().describe('differences that are not listed'),
              why: z.string().nullable(),
            }),
          ),
        }),
      },
    ],
    handle: ({ view: { tuning }, query: { limit } }) => json(200, { audit: tuning.audit.entries.slice(-limit).reverse() }, versionHeaders(tuning.version)),
  }),
];

function parseDocument(type: string, text: string): { source: Source } | { problems: ConfigProblem[] } {
  const file = 'POST /config';
  if (type === 'application/yaml') return parseYaml(file, text);
  try {
    return { source: { file, value: JSON.parse(text) as unknown, locate: () => NO_POSITION } };
  } catch (error) {
    return { problems: [{ file, ...NO_POSITION, path: '', message: `not valid JSON: ${errorMessage(error)}` }] };
  }
}
