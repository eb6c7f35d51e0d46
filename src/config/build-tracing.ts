import type { ParsedRouteTracing, ParsedTracing } from './schema-tracing.ts';
import type { RouteTracing, TracingConfig } from './types.ts';

export function buildTracing(parsed: ParsedTracing | undefined): TracingConfig | null {
  if (parsed === undefined) return null;
  const { otlp, ...rest } = parsed;
  return { ...rest, otlp: { endpoint: otlp.endpoint, headers: otlp.headers, timeoutMs: otlp.timeout } };
}

export function buildRouteTracing(parsed: ParsedRouteTracing | undefined): RouteTracing | null {
  if (parsed === undefined) return null;
  return parsed === false ? { kind: 'off' } : { kind: 'sample', sample: parsed.sample };
}
