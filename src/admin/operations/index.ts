/** Every operation of the admin endpoint, in the order of the list at `/`. */
import type { Operation } from '../operation.ts';
import { CLUSTERS } from './clusters.ts';
import { CONFIG } from './config.ts';
import { CONTROL } from './control.ts';
import { EXPLAIN } from './explain.ts';
import { LOGS } from './logs.ts';
import { METRICS } from './metrics.ts';
import { OPENAPI } from './openapi.ts';
import { PROBES } from './probes.ts';
import { REQUESTS } from './requests.ts';
import { ROOT } from './root.ts';
import { ROUTES } from './routes.ts';
import { RUNNING } from './running.ts';
import { STATS } from './stats.ts';
import { TUNING } from './tuning.ts';

export const OPERATIONS: readonly Operation[] = [
  ...ROOT,
  ...PROBES,
  ...METRICS,
  ...STATS,
  ...CLUSTERS,
  ...ROUTES,
  ...REQUESTS,
  ...RUNNING,
  ...EXPLAIN,
  ...CONFIG,
  ...CONTROL,
  ...OPENAPI,
  ...TUNING,
  ...LOGS,
];
