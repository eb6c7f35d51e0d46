/** What the engine reads of trace headers, against OpenTelemetry's own propagator, and against a plain reading of B3. */
import { ROOT_CONTEXT, trace, type TextMapGetter } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CALLER_DECISION, readTrace, TRACE_SOURCE } from '../../../src/binding/trace-headers.ts';
import { readB3 } from '../../reference/tracing/b3.ts';

type Fields = [name: string, value: string][];
const RUNS = { numRuns: 20_000, seed: 20_240_607 };

const propagator = new W3CTraceContextPropagator();
const getter: TextMapGetter<Fields> = {
  keys: (fields) => fields.map(([name]) => name),
  get: (fields, key) => fields.filter(([name]) => name === key).map(([, value]) => value),
};
const extract = (fields: Fields) => trace.getSpanContext(propagator.extract(ROOT_CONTEXT, fields, getter));

function read(fields: Fields, b3: boolean) {
  const seen = readTrace(fields, b3);
  if (seen.error !== undefined) throw new Error(seen.error);
  return { ...seen, source: TRACE_SOURCE[seen.source], decision: CALLER_DECISION[seen.decision] };
}

const digits = (length: number) => fc.oneof({ weight: 8, arbitrary: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length }) }, { weight: 1, arbitrary: fc.constant('0'.repeat(length)) }, { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...'0aAfFg-'), minLength: Math.max(0, length - 2), maxLength: length + 1 }) });
/** Mostly right, and wrong in every way that one byte can be. */
const damaged = (value: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 3, arbitrary: value },
    {
      weight: 2,
      arbitrary: fc.tuple(value, fc.nat(70), fc.string({ unit: fc.constantFrom(...'0f-gA,= @~', '\x80'), maxLength: 2 }), fc.nat(2)).map(([text, at, put, cut]) => (text.slice(0, at) + put + text.slice(at + cut)).trim()),
    },
  );
const traceparent = damaged(
  fc.tuple(fc.oneof({ weight: 4, arbitrary: fc.constant('00') }, digits(2)), digits(32), digits(16), digits(2), fc.constantFrom('', '', '', '-', '-more', 'x')).map(([version, id, span, flags, more]) => `${version}-${id}-${span}-${flags}${more}`),
);
const member = fc.tuple(fc.string({ unit: fc.constantFrom(...'abz019_-*/@A.'), maxLength: 12 }), fc.string({ unit: fc.constantFrom(...'aZ0~! ,='), maxLength: 8 })).map(([key, value]) => `${key}=${value}`);
const tracestate = fc.array(fc.oneof(member, fc.constantFrom('', ' ', 'a=1', 'b@c=2', 'zz=y x')), { maxLength: 40 }).map((members) => members.join(',').trim());
const b3 = damaged(
  fc.oneof(
    fc.constantFrom('0', '1', 'd'),
    fc.tuple(fc.oneof(digits(16), digits(32)), digits(16), fc.constantFrom('', '-0', '-1', '-d', '-2'), fc.constantFrom('', `-${'1'.repeat(16)}`, `-${'0'.repeat(16)}`, '-1')).map(([id, span, state, parent]) => `${id}-${span}${state}${parent}`),
  ),
);

describe('traceparent', () => {
  it('is read as OpenTelemetry reads it', () => {
    let valid = 0;
    fc.assert(
      fc.property(traceparent, (value) => {
        const fields: Fields = [['traceparent', value]];
        const expected = extract(fields);
        const seen = read(fields, false);
        if (expected === undefined) {
          expect(seen.source).toBe('none');
          return;
        }
        valid++;
        expect(seen).toMatchObject({ source: 'traceparent', decision: (expected.traceFlags & 1) === 1 ? 'sampled' : 'notSampled', trace: expected.traceId, span: expected.spanId, flags: expected.traceFlags & 3 });
      }),
      RUNS,
    );
    expect(valid).toBeGreaterThan(RUNS.numRuns / 10);
  });
});

describe('tracestate', () => {
  it('that is passed on means the same to OpenTelemetry, member by member', () => {
    let passed = 0;
    fc.assert(
      fc.property(fc.array(tracestate, { minLength: 1, maxLength: 3 }), (lines) => {
        const { state } = read(lines.map((line) => ['tracestate', line]), false);
        if (state === '') return;
        passed++;
        expect(state).toBe(lines.filter((line) => line !== '').join(','));
        const members = state.split(',').map((text) => text.trim()).filter((text) => text !== '').map((text) => text.split('='));
        expect(members.length).toBeLessThanOrEqual(32);
        const theirs = extract([['traceparent', `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`], ['tracestate', state]])?.traceState;
        for (const [key = '', value] of members) {
          // Keys that only level 2 of the specification knows, and keys that come twice, are another matter.
          const levelOne = /^([a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13})$/.test(key);
          if (levelOne && members.filter(([other]) => other === key).length === 1) expect(theirs?.get(key), state).toBe(value);
        }
      }),
      RUNS,
    );
    expect(passed).toBeGreaterThan(RUNS.numRuns / 50);
  });
});

describe('B3', () => {
  it('is read as its description says', () => {
    const seenDecisions = new Map<string, number>();
    const field = fc.oneof(
      fc.tuple(fc.constant('b3'), b3),
      fc.tuple(fc.constant('x-b3-traceid'), fc.oneof(digits(16), digits(32))),
      fc.tuple(fc.constant('x-b3-spanid'), digits(16)),
      fc.tuple(fc.constant('x-b3-sampled'), fc.constantFrom('0', '1', 'd', 'true', 'false', 'True', '')),
      fc.tuple(fc.constant('x-b3-flags'), fc.constantFrom('0', '1', '')),
      fc.tuple(fc.constant('x-b3-parentspanid'), digits(16)),
    );
    fc.assert(
      fc.property(fc.oneof(fc.tuple(field), fc.array(field, { maxLength: 6 })), (fields) => {
        const expected = readB3(fields);
        const seen = read(fields, true);
        const decision = expected.sampled === undefined ? 'none' : expected.sampled ? 'sampled' : 'notSampled';
        const source = expected.trace === undefined ? 'none' : 'b3';
        seenDecisions.set(`${source} ${decision}`, 1 + (seenDecisions.get(`${source} ${decision}`) ?? 0));
        expect(seen).toMatchObject({ source, decision, ...(expected.trace === undefined ? {} : { trace: expected.trace.id, span: expected.trace.span }) });
        expect(read(fields, false)).toMatchObject({ source: 'none', decision: 'none' });
      }),
      RUNS,
    );
    for (const kind of ['none', 'b3'].flatMap((source) => CALLER_DECISION.map((decision) => `${source} ${decision}`))) expect(seenDecisions.get(kind) ?? 0, kind).toBeGreaterThan(50);
  });
});
