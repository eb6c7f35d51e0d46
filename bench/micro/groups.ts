import { breakerRows } from './breaker.ts';
import type { Row } from './harness.ts';
import { histogramRows } from './histogram.ts';
import { outlierRows } from './outlier.ts';
import { pickRows } from './pick.ts';
import { rateRows } from './rate.ts';
import { routeRows } from './route.ts';
import { websocketRows } from './websocket.ts';

/** Each runs in a process of its own. */
export const GROUPS = {
  pick: pickRows,
  histogram: histogramRows,
  rate: rateRows,
  breaker: breakerRows,
  outlier: outlierRows,
  route: routeRows,
  websocket: websocketRows,
} satisfies Record<string, () => AsyncIterable<Row>>;

export const isGroup = (name: string): name is keyof typeof GROUPS => name in GROUPS;
