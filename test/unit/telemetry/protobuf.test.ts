import { describe, expect, it } from 'vitest';
import { DURATION } from '../../../src/telemetry/histograms.ts';
import { metricsFormat } from '../../../src/telemetry/negotiate.ts';
import { ProtobufExposition } from '../../../src/telemetry/protobuf-exposition.ts';
import { ProtobufMessage } from '../../../src/telemetry/protobuf.ts';
import { histogramData } from '../admin/support.ts';

type Field = [number, bigint | number | Buffer];

/** A reader of the wire format, strict: throws at whatever is cut short. */
function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('cut short');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = take(1)[0] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const value = tag % 8 === 0 ? varint() : tag % 8 === 1 ? take(8).readDoubleLE() : take(Number(varint()));
    if (tag % 8 > 2) throw new TypeError(`wire type ${tag % 8}`);
    fields.push([tag >> 3, value]);
  }
  return fields;
}

const of = (fields: readonly Field[], number: number): Field[1][] => fields.filter(([field]) => field === number).map(([, value]) => value);
const within = (fields: readonly Field[], number: number): Field[][] => of(fields, number).map((value) => fieldsOf(value as Buffer));
const zigzag = (value: Field[1] | undefined): number => {
  const number = value as bigint;
  return Number(number & 1n ? -(number + 1n) / 2n : number / 2n);
};

describe('protobuf', () => {
  it('writes numbers of any size', () => {
    for (const value of [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32, 2 ** 40 + 1, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER]) {
      expect(fieldsOf(new ProtobufMessage().uint(1, value).bytes())).toEqual([[1, BigInt(value)]]);
    }
    for (const value of [0, -1, 1, -64, 64, 2 ** 40, -(2 ** 40) - 1, 2 ** 51, -(2 ** 51)]) {
      expect(zigzag(fieldsOf(new ProtobufMessage().sint(100, value).bytes())[0]?.[1])).toBe(value);
    }
    expect(fieldsOf(new ProtobufMessage().double(2, -1.5).double(3, Infinity).bytes())).toEqual([[2, -1.5], [3, Infinity]]);
  });

  it('writes texts and messages with their length in bytes', () => {
    const long = 'é'.repeat(500);
    const inner = new ProtobufMessage().string(1, long).string(2, '');
    const fields = fieldsOf(new ProtobufMessage().message(4, inner).uint(5, 7).bytes());
    expect(fields[1]).toEqual([5, 7n]);
    expect(within(fields, 4)[0]?.map(([number, value]) => [number, (value as Buffer).toString()])).toEqual([[1, long], [2, '']]);
  });
});

describe('the protobuf exposition', () => {
  const out = new ProtobufExposition();
  out.counter('c_total', 'Help.', [{ labels: { a: 'x', b: 'y' }, value: 3 }]);
  out.gauge('none', 'Help.', []);
  out.histogram('h', 'Help.', DURATION, [{ data: histogramData({ 0: 2, 40: 3, 41: 1, 64: 5 }) }]);
  const bytes = out.bytes();
  const families: Field[][] = [];
  for (let at = 0; at < bytes.length; ) {
    // Every family here is longer than 127 bytes, or shorter: one or two bytes of length.
    const first = bytes[at] ?? 0;
    const length = first < 0x80 ? first : (first & 0x7f) + (bytes[at + 1] ?? 0) * 128;
    const start = at + (first < 0x80 ? 1 : 2);
    families.push(fieldsOf(bytes.subarray(start, start + length)));
    at = start + length;
  }

  it('is a stream of families, without the empty ones', () => {
    expect(families.map((family) => String(of(family, 1)[0]))).toEqual(['c_total', 'h']);
    expect(families.map((family) => of(family, 3)[0])).toEqual([0n, 4n]);
    const [metric] = within(families[0] ?? [], 4);
    expect(within(metric ?? [], 1).map((label) => label.map(([, value]) => String(value)))).toEqual([['a', 'x'], ['b', 'y']]);
    expect(within(metric ?? [], 3)[0]).toEqual([[1, 3]]);
  });

  it('carries a histogram in both forms', () => {
    const [histogram = []] = within(within(families[1] ?? [], 4)[0] ?? [], 7);
    expect(of(histogram, 1)).toEqual([11n]);
    expect(of(histogram, 2)).toEqual([(3 * 40 + 41 + 5 * 64) / 1e6]);
    const buckets = within(histogram, 3);
    expect(buckets).toHaveLength(DURATION.bounds.length + 1);
    expect(buckets[0]).toEqual([[1, 11n], [2, 0.0001]]);
    expect(buckets.at(-1)).toEqual([[1, 11n], [2, Infinity]]);
    expect(zigzag(of(histogram, 5)[0])).toBe(5);
    expect(of(histogram, 7)).toEqual([2n]);
    const spans = within(histogram, 12);
    // 2^(-467/32) s is just above 40 us, and the next bound above 41; 64.5 us is 21 buckets on.
    expect(spans.map((span) => [zigzag(of(span, 1)[0]), of(span, 2)[0]])).toEqual([[-467, 2n], [20, 1n]]);
    expect(of(histogram, 13).map(zigzag)).toEqual([3, -2, 4]);
  });
});

describe('the format of the metrics', () => {
  const protobuf = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
  it.each([
    ['', 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'prometheus'],
    // What Prometheus 2.42 sends without and with native histograms.
    ['application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', 'openmetrics'],
    [`${protobuf},application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`, 'protobuf'],
    [`text/plain;q=0.9, ${protobuf};q=0.4`, 'prometheus'],
    ['application/openmetrics-text;q=0, text/plain;q=0.1', 'prometheus'],
    ['application/vnd.google.protobuf;proto=other.Message;encoding=delimited', 'prometheus'],
    ['application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text', 'prometheus'],
    ['application/openmetrics-text;q=nonsense,;;,=', 'prometheus'],
  ])('for Accept "%s" is %s', (accept, format) => {
    expect(metricsFormat(accept)).toBe(format);
  });
});
