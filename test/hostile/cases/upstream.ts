/** Every case that an upstream sends, by group. */
import type { Group, UpstreamCase } from './case.ts';
import { UPSTREAM_CHUNKED } from './upstream/chunked.ts';
import { UPSTREAM_FRAMING } from './upstream/framing.ts';
import { HEADERS } from './upstream/headers.ts';
import { INTERIM } from './upstream/interim.ts';
import { UPSTREAM_REUSE } from './upstream/reuse.ts';
import { STATUS_LINE } from './upstream/status-line.ts';
import { TRUNCATION } from './upstream/truncation.ts';

export const UPSTREAM_GROUPS: readonly Group<UpstreamCase>[] = [STATUS_LINE, HEADERS, UPSTREAM_FRAMING, UPSTREAM_CHUNKED, INTERIM, UPSTREAM_REUSE, TRUNCATION];
