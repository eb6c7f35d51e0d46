import { DEFAULT_LOG_FIELDS, LOG_TEMPLATES } from './log-fields.ts';
import { parseTemplate } from './log-template.ts';
import { isRefusal } from './parsing.ts';
import type { ParsedAccessLog, ParsedSink } from './schema-log.ts';
import type { AccessLogConfig, LogFormatConfig } from './types-log.ts';

/** `absolute`: makes a path of the configuration absolute. */
export function buildAccessLog(parsed: ParsedAccessLog, absolute: (path: string) => string): AccessLogConfig[] {
  const sinks = parsed === undefined ? [] : Array.isArray(parsed) ? parsed : [parsed];
  return sinks.map((sink) => buildSink(sink, absolute));
}

function buildSink(parsed: ParsedSink, absolute: (path: string) => string): AccessLogConfig {
  const target = parsed.path === 'stdout' || parsed.path === 'stderr' ? parsed.path : 'file';
  const headers = [...new Set(parsed.requestHeaders)];
  const format = buildFormat(parsed.format, headers.length > 0);
  return {
    target,
    path: target === 'file' ? absolute(parsed.path) : parsed.path,
    format,
    sample: parsed.sample,
    sampleFailed: parsed.sampleFailed,
    statuses: parsed.statuses ?? [],
    minDurationMs: parsed.minDuration,
    routes: [...new Set(parsed.routes)],
    requestHeaders: format.kind === 'json' ? headers : headersOf(format.template),
  };
}

function buildFormat(parsed: ParsedSink['format'], hasHeaders: boolean): LogFormatConfig {
  if (parsed === 'json') return { kind: 'json', fields: [...DEFAULT_LOG_FIELDS, ...(hasHeaders ? (['requestHeaders'] as const) : [])] };
  if (typeof parsed === 'string') return { kind: 'text', template: LOG_TEMPLATES[parsed] };
  const { text, fields } = parsed;
  return text === undefined ? { kind: 'json', fields: [...new Set(fields)] } : { kind: 'text', template: text.replace(/\r?\n$/, '') };
}

/** Headers that a template names beside those that every request has a place for. */
export function headersOf(template: string): string[] {
  const steps = parseTemplate(template);
  return isRefusal(steps) ? [] : [...new Set(steps.flatMap(({ op, text }) => (op === 'header' && text !== null ? [text] : [])))];
}
