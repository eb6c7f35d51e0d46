/** Routes and what they have done. */
import * as z from 'zod';
import { ROUTE_HISTOGRAMS, ROUTE_STATS } from '../../binding/abi.ts';
import { json, versionHeaders } from '../answer.ts';
import { routeNames } from '../names.ts';
import { operation } from '../operation.ts';
import { wholeNumber } from '../operation-query.ts';
import { summarizeAll } from '../summaries.ts';
import { NO_CONFIG, noConfig } from './no-config.ts';
import { countersSchema, histogramsSchema } from './shown-schemas.ts';

const routesSchema = z.object({
  version: z.int(),
  configured: z.int().describe('all routes'),
  used: z.int().describe('those that have taken a request'),
  routes: z.array(z.object({ table: z.string(), virtualHost: z.string(), route: z.string(), stats: countersSchema(ROUTE_STATS).nullable(), histograms: histogramsSchema(ROUTE_HISTOGRAMS) })),
});

/** As many are shown unless ?limit= says otherwise. */
const ROUTES_SHOWN = 1000;
const MOST_SHOWN = 999_999;

export const ROUTES = [
  operation({
    method: 'GET',
    path: '/routes',
    summary: 'routes that have taken a request, with their counters, JSON; ?limit= (1000)',
    access: 'read',
    query: z.object({ limit: wholeNumber(0, MOST_SHOWN).prefault(String(ROUTES_SHOWN)) }),
    body: null,
    answers: [
      { status: 200, description: 'used routes, in the order of the configuration', schema: routesSchema },
      NO_CONFIG,
    ],
    handle({ view: { running, stats }, query: { limit } }) {
      if (running === null) return noConfig();
      const { version } = running;
      const names = routeNames(running.config);
      const used = stats.usedRoutes(version);
      const rows = Array.from(used.subarray(0, limit), (index) => ({
        ...names[index],
        stats: stats.route(version, index),
        histograms: summarizeAll(ROUTE_HISTOGRAMS, (phase) => (phase === 'duration' ? 'ms' : 'bytes'), (phase, windowMs) => stats.routeHistogram(version, index, phase, windowMs)),
      }));
      return json(200, { version, configured: names.length, used: used.length, routes: rows }, versionHeaders(version));
    },
  }),
];
