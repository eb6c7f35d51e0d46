/** From the record of a request to its spans: one of the server side, and one of the client side for each attempt. */
import { SpanKind, SpanStatusCode, TraceFlags, type HrTime, type SpanContext, type SpanStatus, type TraceState } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { NativeAttemptRecord, NativeRequestRecord } from '../../binding/native.ts';
import { VERSION } from '../../core/version.ts';
import { attemptAttributes, attemptError, methodOf, serverAttributes, serverError, textOf } from './attributes.ts';

export interface SpanSource {
  resource: Resource;
  /** Whether connections of a cluster use TLS. */
  isTls: (cluster: string) => boolean;
}

const SCOPE = { name: 'millrace', version: VERSION };
/** Of an attempt that took longer than its moments can count: 71 minutes. */
const MOST_MOMENT_US = 0xffff_fffe;
const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };

function hrTime(us: number): HrTime {
  const seconds = Math.floor(us / 1e6);
  return [seconds, Math.round((us - seconds * 1e6) * 1000)];
}

/** The caller's tracestate goes along with its trace, and says nothing to us. */
function passedOn(text: string): TraceState {
  const state: TraceState = { set: () => state, unset: () => state, get: () => undefined, serialize: () => text };
  return state;
}

interface SpanParts {
  name: string;
  kind: SpanKind;
  context: SpanContext;
  parent: SpanContext | undefined;
  startUs: number;
  endUs: number;
  attributes: ReadableSpan['attributes'];
  error: string | undefined;
  message?: string | undefined;
  events: [name: string, us: number][];
}

function makeSpan(resource: Resource, parts: SpanParts): ReadableSpan {
  const endUs = Math.max(parts.startUs, parts.endUs);
  return {
    name: parts.name,
    kind: parts.kind,
    spanContext: () => parts.context,
    ...(parts.parent === undefined ? {} : { parentSpanContext: parts.parent }),
    startTime: hrTime(parts.startUs),
    endTime: hrTime(endUs),
    duration: hrTime(endUs - parts.startUs),
    status: parts.error === undefined ? UNSET : { code: SpanStatusCode.ERROR, ...(parts.message === undefined ? {} : { message: parts.message }) },
    attributes: parts.attributes,
    events: parts.events.map(([name, us]) => ({ name, time: hrTime(us) })),
    links: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** `wallUs`: since the epoch, when the record's age was taken. */
export function spansOf(record: NativeRequestRecord, wallUs: number, { resource, isTls }: SpanSource): ReadableSpan[] {
  const endUs = wallUs - record.ageUs;
  const startUs = endUs - record.totalUs;
  const state = textOf(record, 'traceState');
  const traceState = state === undefined ? {} : { traceState: passedOn(state) };
  const inTrace = (spanId: string, isRemote: boolean): SpanContext => ({ traceId: record.traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote, ...traceState });
  const server = inTrace(record.span, false);
  const method = methodOf(record);
  const name = method === '_OTHER' ? 'HTTP' : method;
  const route = textOf(record, 'route');
  const error = serverError(record);
  const spans = [
    makeSpan(resource, {
      name: route === undefined ? name : `${name} ${route}`,
      kind: SpanKind.SERVER,
      context: server,
      parent: record.parentSpan === '' ? undefined : inTrace(record.parentSpan, true),
      startUs,
      endUs,
      attributes: serverAttributes(record),
      error,
      message: error === undefined ? undefined : textOf(record, 'detail')?.trimEnd(),
      events: [],
    }),
  ];
  for (const [index, attempt] of record.kept.entries()) {
    // Of more attempts than are told of, the last one is.
    const resend = index === record.kept.length - 1 ? record.attempts - 1 : index;
    spans.push(
      makeSpan(resource, {
        name,
        kind: SpanKind.CLIENT,
        context: inTrace(attempt.span, false),
        parent: server,
        startUs: startUs + Math.max(0, attempt.chosenUs),
        endUs: attempt.endedUs < 0 || attempt.endedUs >= MOST_MOMENT_US ? endUs : startUs + attempt.endedUs,
        attributes: attemptAttributes(record, attempt, Math.max(index, resend), isTls(attempt.cluster)),
        error: attemptError(attempt),
        events: eventsOf(startUs, attempt),
      }),
    );
  }
  return spans;
}

function eventsOf(startUs: number, { connectedUs, sentUs, firstByteUs }: NativeAttemptRecord): [string, number][] {
  const moments = [['millrace.connected', connectedUs], ['millrace.request_sent', sentUs], ['millrace.first_byte', firstByteUs]] as const;
  return moments.filter(([, us]) => us >= 0).map(([name, us]) => [name, startUs + us]);
}
