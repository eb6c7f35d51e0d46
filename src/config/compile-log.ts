import { LOG_FLAG, LOG_OP, LOG_TARGET } from '../binding/abi.ts';
import { NO_SLICE, type ImageWriter } from './image-writer.ts';
import { parseTemplate, type LogStep } from './log-template.ts';
import { isRefusal } from './parsing.ts';
import type { Config } from './types.ts';
import type { AccessLogConfig } from './types-log.ts';

/** Appends the sinks of the access log. Returns the ROUTE.sinks of a route by its name. */
export function compileAccessLog(writer: ImageWriter, { accessLog }: Pick<Config, 'accessLog'>): (route: string) => number {
  for (const sink of accessLog) addSink(writer, sink);
  const unrouted = accessLog.reduce((bits, { routes }, i) => (routes.length === 0 ? bits | (1 << i) : bits), 0);
  const named = new Map<string, number>();
  for (const [i, { routes }] of accessLog.entries()) for (const route of routes) named.set(route, (named.get(route) ?? unrouted) | (1 << i));
  return (route) => named.get(route) ?? unrouted;
}

function addSink(writer: ImageWriter, sink: AccessLogConfig): void {
  const name = writer.string(sink.path);
  const statusStart = writer.index.length;
  for (const { from, to } of sink.statuses) writer.index.append([from, to]);
  const routes = addTexts(writer, sink.routes);
  const headers = addTexts(writer, sink.requestHeaders);
  const stepStart = writer.count('LOG_STEP');
  const steps = stepsOf(sink);
  for (const step of steps) addStep(writer, step);
  const sampled = sink.sample < 1;
  writer.add('LOG', {
    nameOffset: name.offset,
    nameLength: name.length,
    target: LOG_TARGET[sink.target],
    flags: (sink.format.kind === 'json' ? LOG_FLAG.json : 0) | (sampled ? LOG_FLAG.sampled : 0) | (sink.sampleFailed ? 0 : LOG_FLAG.sampleFailed),
    sampleShare: sampled ? Math.min(Math.round(sink.sample * 2 ** 32), 2 ** 32 - 1) : 0,
    minDurationMs: sink.minDurationMs,
    statusStart,
    statusCount: 2 * sink.statuses.length,
    routeStart: routes.start,
    routeCount: routes.count,
    headerStart: headers.start,
    headerCount: headers.count,
    stepStart,
    stepCount: steps.length,
  });
}

function stepsOf({ format }: AccessLogConfig): LogStep[] {
  if (format.kind === 'json') return format.fields.map((field) => ({ op: field, text: field, flags: 0, maxLength: 0 }));
  const steps = parseTemplate(format.template);
  if (isRefusal(steps)) throw new Error(`the template of a sink was not checked: ${steps.refused}`);
  return steps;
}

function addStep(writer: ImageWriter, { op, text, flags, maxLength }: LogStep): void {
  const { offset, length } = text === null ? NO_SLICE : writer.string(text);
  writer.add('LOG_STEP', { op: LOG_OP.indexOf(op), textOffset: offset, textLength: length, flags, maxLength });
}

/** INDEX rows in pairs, offset and length. */
function addTexts(writer: ImageWriter, texts: readonly string[]): { start: number; count: number } {
  const start = writer.index.length;
  for (const text of texts) {
    const { offset, length } = writer.string(text);
    writer.index.append([offset, length]);
  }
  return { start, count: 2 * texts.length };
}
