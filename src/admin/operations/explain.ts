/** What would happen to a request. */
import { endpointHealth } from '../endpoint-health.ts';
import { json, problem, versionHeaders, type AdminAnswer } from '../answer.ts';
import { operation } from '../operation.ts';
import { NO_QUERY } from '../operation-query.ts';
import { explainRequest } from '../../control/explain/explain.ts';
import { explainBody, isBadQuestion, type ExplainInput } from '../../control/explain/input.ts';
import { explanation } from '../../control/explain/schema.ts';
import { systemClock } from '../../core/clock.ts';
import type { ControlView } from '../../control/view.ts';
import { errorSchema, NO_CONFIG, noConfig } from './no-config.ts';

/** Headers of 64 KiB, written as JSON, and room to spare. */
const MAX_BODY = 512 * 1024;

export const EXPLAIN = [
  operation({
    method: 'POST',
    path: '/explain',
    summary: 'what would happen to a request: every decision, with its near misses; nothing is sent or counted',
    access: 'read',
    query: NO_QUERY,
    body: { kind: 'json', schema: explainBody, maxBytes: MAX_BODY },
    answers: [
      { status: 200, description: 'the decisions, also where the request would be refused', schema: explanation },
      { status: 422, description: 'there is no such listener, or the url is none', schema: errorSchema },
      NO_CONFIG,
    ],
    handle: ({ view, body }) => explain(view, body),
  }),
];

function explain(view: ControlView, input: ExplainInput): AdminAnswer {
  const { running } = view;
  if (running === null) return noConfig();
  const explained = explainRequest(
    {
      ...running,
      engine: view.engine,
      bound: view.listeners,
      live: true,
      evidence: (cluster, endpoint, index, bits) => {
        const { since, evidence, until } = endpointHealth(bits, view.health.endpoint(index), view.failover.historyOf(cluster, endpoint));
        return { evidence: evidence === null ? null : since === null ? evidence : `${evidence} (since ${since})`, until };
      },
      nowMs: systemClock.wallMs(),
    },
    input,
  );
  if (explained === null) return problem(503, 'the configuration is being changed: ask again');
  if (isBadQuestion(explained)) return problem(422, `${explained.message}: ${explained.hint ?? 'change it'}`, [explained]);
  return json(200, explained, versionHeaders(running.version));
}
