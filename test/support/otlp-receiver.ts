/** A receiver of OTLP over HTTP: it takes the exports as they are defined, in JSON, and gives the spans that they hold. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { keep } from './keep.ts';

interface AnyValue {
  stringValue?: string;
  intValue?: number | string;
  doubleValue?: number;
  boolValue?: boolean;
}
interface KeyValue {
  key: string;
  value: AnyValue;
}
interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: KeyValue[];
  events: { name: string; timeUnixNano: string }[];
  status: { code?: number; message?: string };
}
interface OtlpRequest {
  resourceSpans: { resource: { attributes: KeyValue[] }; scopeSpans: { scope: { name: string; version?: string }; spans: OtlpSpan[] }[] }[];
}

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty = a root. */
  parentSpanId: string;
  traceState: string;
  name: string;
  kind: 'server' | 'client';
  /** Microseconds since the epoch. */
  startUs: number;
  endUs: number;
  attributes: Record<string, string | number | boolean>;
  events: { name: string; us: number }[];
  /** 0 unset, 2 error. */
  status: number;
  message: string;
  service: unknown;
}

/** What becomes of an export: the default takes it. Its body has come already. */
export type Reply = (response: ServerResponse, taken: () => void) => void;
export const take: Reply = (response, taken) => {
  taken();
  response.setHeader('content-type', 'application/json').end('{}');
};

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Exports that came, whatever became of them. */
  exports = 0;
  readonly headers: IncomingMessage['headers'][] = [];
  reply: Reply = take;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((message, response) => this.#receive(message, response));
  }

  static async start(reply: Reply = take): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.reply = reply;
    await new Promise<void>((done) => receiver.#server.listen(0, '127.0.0.1', done));
    return keep(receiver);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(() => done()));
  }

  #receive(message: IncomingMessage, response: ServerResponse): void {
    const pieces: Buffer[] = [];
    message.on('data', (piece: Buffer) => pieces.push(piece));
    message.on('end', () => {
      this.exports++;
      this.headers.push(message.headers);
      const body = JSON.parse(Buffer.concat(pieces).toString()) as OtlpRequest;
      this.reply(response, () => this.spans.push(...spansOf(body)));
    });
  }
}

function valuesOf(attributes: readonly KeyValue[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? (value.intValue === undefined ? value.doubleValue! : Number(value.intValue))]),
  );
}

const usOf = (nanoseconds: string): number => Number(BigInt(nanoseconds) / 1000n);

function spansOf({ resourceSpans }: OtlpRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span): ReceivedSpan => {
        if (span.kind !== 2 && span.kind !== 3) throw new Error(`a span of kind ${span.kind}`);
        return {
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId ?? '',
          traceState: span.traceState ?? '',
          name: span.name,
          kind: span.kind === 2 ? 'server' : 'client',
          startUs: usOf(span.startTimeUnixNano),
          endUs: usOf(span.endTimeUnixNano),
          attributes: valuesOf(span.attributes),
          events: span.events.map(({ name, timeUnixNano }) => ({ name, us: usOf(timeUnixNano) })),
          status: span.status.code ?? 0,
          message: span.status.message ?? '',
          service: valuesOf(resource.attributes)['service.name'],
        };
      }),
    ),
  );
}
