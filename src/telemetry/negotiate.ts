/** Which of the offered forms an Accept header prefers. */
import { CONTENT_TYPES } from './exposition.ts';
import { PROTOBUF_CONTENT_TYPE } from './protobuf-exposition.ts';

export const METRICS_TYPES = { ...CONTENT_TYPES, protobuf: PROTOBUF_CONTENT_TYPE } as const;
export type MetricsFormat = keyof typeof METRICS_TYPES;

/** The supported type with the largest q; of equals the first one named. Text 0.0.4 when nothing fits: a browser, curl. */
export function metricsFormat(accept: string): MetricsFormat {
  let best: MetricsFormat = 'prometheus';
  let bestQuality = 0;
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const format = formatOf(type, parameters);
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    if (format === undefined || !(quality > bestQuality)) continue;
    best = format;
    bestQuality = quality;
  }
  return best;
}

function formatOf(type: string, parameters: readonly string[]): MetricsFormat | undefined {
  if (type === 'application/openmetrics-text') return 'openmetrics';
  if (type === 'text/plain') return 'prometheus';
  const isFamilies = parameters.includes('proto=io.prometheus.client.metricfamily') && parameters.includes('encoding=delimited');
  return type === 'application/vnd.google.protobuf' && isFamilies ? 'protobuf' : undefined;
}
