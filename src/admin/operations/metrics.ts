/** Numbers for Prometheus. */
import * as z from 'zod';
import { MOST_ROUTES, metrics } from '../metrics.ts';
import { METRICS_TYPES, metricsFormat } from '../../telemetry/negotiate.ts';
import { operation } from '../operation.ts';
import { flag } from '../operation-query.ts';
import { Shared } from '../shared.ts';

/** Those who scrape at the same time get the same page. */
const pages = new Shared();

export const METRICS = [
  operation({
    method: 'GET',
    path: '/metrics',
    summary: 'Prometheus metrics (OpenMetrics or protobuf when asked for by Accept); ?endpoints=1 adds their histograms, ?routes=0 leaves routes out, ?routes=1 takes up to 10,000',
    access: 'read',
    query: z.object({
      endpoints: flag.default(false).describe('with the histograms of every endpoint'),
      routes: flag.optional().describe('0: none; 1: up to 10,000; absent: up to 1,000'),
    }),
    body: null,
    answers: [{ status: 200, description: 'all series, in the form that Accept prefers', types: Object.values(METRICS_TYPES) }],
    handle({ view, admin, accept, query: { endpoints, routes } }) {
      const format = metricsFormat(accept);
      const mostRoutes = routes === undefined ? MOST_ROUTES.unasked : routes ? MOST_ROUTES.asked : 0;
      return pages.get(view, JSON.stringify([format, endpoints, mostRoutes]), async () => {
        const body = await metrics(view, format, { endpoints, mostRoutes, admin: admin.counters });
        return { status: 200, type: METRICS_TYPES[format], body };
      });
    },
  }),
];
