/** What became of recent requests. */
import * as z from 'zod';
import { RESPONSE_FLAG } from '../../binding/abi.ts';
import { parsing, refuse } from '../../config/parsing.ts';
import { FLAG_SENTENCES, type ResponseFlag } from '../../telemetry/response-flags.ts';
import { json, problem } from '../answer.ts';
import { operation } from '../operation.ts';
import { flag, NO_QUERY, wholeNumber } from '../operation-query.ts';
import { errorSchema } from './no-config.ts';

/** As many are shown unless ?limit= says otherwise. */
const SHOWN = 50;
const MOST_SHOWN = 100_000;

const FLAGS = RESPONSE_FLAG.filter((name): name is Exclude<ResponseFlag, 'none'> => name !== 'none');

const NO_ANSWER: readonly [number, number] = [0, 0];
/** 503 · 5xx · 400-499 · none: no answer. */
const statuses = parsing(z.string().meta({ pattern: '^(none|[1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$', description: 'such as 503, 5xx, 400-499, or none' }), (value) => {
  if (value === 'none') return NO_ANSWER;
  const [, from, to] = /^([1-5]\d{2})(?:-([1-5]\d{2}))?$/.exec(value.replace(/^([1-5])xx$/, '$100-$199')) ?? [];
  const range: readonly [number, number] = [Number(from), Number(to ?? from)];
  return range[0] <= range[1] ? range : refuse(`expected a status such as 503, 5xx, 400-499 or none, not ${JSON.stringify(value)}`);
});

const milliseconds = z.number().nullable();
const shownFlag = z.strictObject({ name: z.enum(RESPONSE_FLAG), text: z.string() }).nullable();

const attemptSchema = z
  .strictObject({
    cluster: z.string(),
    endpoint: z.string(),
    reused: z.boolean().describe('on a connection that had served before'),
    hedge: z.boolean().describe('a second attempt beside a slow one'),
    answered: z.boolean().describe('its answer went to the client'),
    status: z.int().nullable().describe('of its answer'),
    flag: shownFlag,
    ended: z.string().describe('what it ended with'),
    ms: z
      .strictObject({ chosen: milliseconds, connecting: milliseconds, connected: milliseconds, sent: milliseconds, firstByte: milliseconds, ended: milliseconds })
      .describe('since the head of the request was received; null = it never came to that'),
    spanId: z.string().nullable(),
  })
  .meta({ id: 'Attempt' });

const requestSchema = z
  .strictObject({
    id: z.string().describe('its own number, unique while the process lives'),
    requestId: z.string().nullable().describe('x-request-id as it was sent upstream'),
    traceId: z.string().nullable(),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime(),
    outcome: z.string().describe('what became of it, in one sentence'),
    listener: z.string().nullable(),
    tls: z.boolean(),
    client: z.string().nullable().describe('address of the peer'),
    method: z.string(),
    authority: z.string(),
    target: z.string().describe('as received'),
    upstreamTarget: z.string().nullable().describe('where it went on as another one'),
    route: z.string().nullable(),
    cluster: z.string().nullable(),
    endpoint: z.string().nullable(),
    version: z.int().nullable().describe('of the configuration that handled it'),
    status: z.int().nullable().describe('what the client was answered, wholly or not'),
    flag: shownFlag,
    detail: z.string().nullable(),
    aborted: z.boolean().describe('the client got no answer, or not all of it'),
    local: z.boolean().describe('the answer was the own one of the proxy'),
    fallback: z.boolean().describe('another cluster, or an answer of the configuration, stood in'),
    webSocket: z.strictObject({ closeCode: z.int().nullable() }).nullable(),
    ms: z
      .strictObject({ queue: milliseconds, connect: milliseconds, firstByte: milliseconds, backOff: z.number(), faultDelay: z.number(), total: z.number() })
      .describe('phases; connect and firstByte of the attempt that answered, or else the last one; null = it never came to that'),
    bytes: z.strictObject({ request: z.int(), response: z.int(), sent: z.int() }).describe('of bodies; sent: with the head'),
    retries: z.int(),
    attemptCount: z.int(),
    attempts: z.array(attemptSchema),
    cut: z.boolean().describe('a text was too long to be kept as it was'),
  })
  .meta({ id: 'Request' });

export const REQUESTS = [
  operation({
    method: 'GET',
    path: '/requests/recent',
    summary: 'what became of the last requests, and of failed ones, newest first, JSON; ?failed=1 &limit= (50) &route= &cluster= &status= &flag=',
    access: 'read',
    query: z.object({
      failed: flag.default(false).describe('those only that failed: 5xx, no answer, or a flag that says so'),
      limit: wholeNumber(1, MOST_SHOWN).prefault(String(SHOWN)),
      route: z.string().min(1).optional(),
      cluster: z.string().min(1).optional().describe('one of its attempts went there'),
      status: statuses.optional(),
      flag: z.enum(FLAGS).optional().describe(FLAGS.map((name) => `${name}: ${FLAG_SENTENCES[name]}`).join('; ')),
    }),
    body: null,
    answers: [{ status: 200, description: 'requests, the one that ended last first', schema: z.strictObject({ requests: z.array(requestSchema) }) }],
    handle: ({ view, query }) => json(200, { requests: view.requests.find(query) }),
  }),
  operation({
    method: 'GET',
    path: '/requests/{id}',
    summary: 'what became of one request, by its id, its x-request-id or its trace id, JSON',
    access: 'read',
    query: NO_QUERY,
    body: null,
    answers: [
      { status: 200, description: 'the request; of several with this id the newest, and the ids of the others', schema: requestSchema.extend({ others: z.array(z.string()) }) },
      { status: 404, description: 'no worker remembers it', schema: errorSchema },
    ],
    handle({ view, params }) {
      const [found, ...others] = view.requests.find({ id: params.id });
      if (found === undefined) return problem(404, 'no worker remembers a request with this id: each one keeps its last 128 requests, and the last 256 that failed; an access log keeps more');
      return json(200, { ...found, others: others.map(({ id }) => id) });
    },
  }),
];
