/** The exporter of OpenTelemetry, and what it is told of this process. Loaded when something is traced: it takes some MiB. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { hostname } from 'node:os';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import type { TracingConfig } from '../../config/types.ts';
import { VERSION } from '../../core/version.ts';

/** Where batches of spans go. */
export interface SpanSink {
  readonly resource: Resource;
  /** Rejects when the receiver has not taken them within its time. */
  send(spans: ReadableSpan[]): Promise<void>;
  /** Ends its connections, and with them whatever is under way. */
  close(): void;
}

/** Beyond the time of an export: the exporter's own timeout is one of silence, and a receiver may trickle. */
const GRACE_MS = 500;

export function openSink({ otlp, serviceName }: TracingConfig): SpanSink {
  const Agent = otlp.endpoint.startsWith('https:') ? HttpsAgent : HttpAgent;
  const open = () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const exporter = new OTLPTraceExporter({ url: otlp.endpoint, headers: otlp.headers, timeoutMillis: otlp.timeoutMs, httpAgentOptions: () => agent });
    return { agent, exporter };
  };
  let { agent, exporter } = open();
  return {
    resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: serviceName, [ATTR_SERVICE_VERSION]: VERSION, 'host.name': hostname(), 'process.pid': process.pid }),
    send: (spans) =>
      new Promise((done, failed) => {
        const late = setTimeout(() => {
          // What hangs would count among the exporter's exports under way for ever.
          agent.destroy();
          ({ agent, exporter } = open());
          failed(new Error(`no answer within ${otlp.timeoutMs} ms`));
        }, otlp.timeoutMs + GRACE_MS);
        exporter.export(spans, ({ code, error }) => {
          clearTimeout(late);
          if (code === ExportResultCode.SUCCESS) done();
          else failed(error ?? new Error('the receiver did not take the spans'));
        });
      }),
    close: () => agent.destroy(),
  };
}
