import { LOG_FLAG, LOG_OP, LOG_STEP_FLAG, LOG_TARGET, type RecordFields } from '../binding/abi.ts';
import type { ImageReader } from './image-reader.ts';
import { nameOf } from './names.ts';

/** The sinks of the access log. */
export function dumpAccessLog(reader: ImageReader): object[] {
  return reader.rows('LOG').map((row) => dumpSink(reader, row));
}

function dumpSink(reader: ImageReader, row: RecordFields<'LOG'>): object {
  const has = (flag: number) => (row.flags & flag) !== 0;
  const steps = reader.rows('LOG_STEP', row.stepStart, row.stepCount);
  const statuses = reader.index.subarray(row.statusStart, row.statusStart + row.statusCount);
  return {
    target: nameOf(LOG_TARGET, row.target),
    path: reader.nameOf(row),
    format: has(LOG_FLAG.json) ? { fields: steps.map((step) => reader.text(step.textOffset, step.textLength)) } : { steps: steps.map((step) => dumpStep(reader, step)) },
    sample: has(LOG_FLAG.sampled) ? row.sampleShare / 2 ** 32 : 1,
    sampleFailed: !has(LOG_FLAG.sampleFailed),
    statuses: Array.from({ length: statuses.length / 2 }, (_, i) => `${statuses[2 * i]}-${statuses[2 * i + 1]}`),
    minDurationMs: row.minDurationMs,
    routes: textsOf(reader, row.routeStart, row.routeCount),
    requestHeaders: textsOf(reader, row.headerStart, row.headerCount),
  };
}

function dumpStep(reader: ImageReader, step: RecordFields<'LOG_STEP'>): object | string {
  const text = reader.text(step.textOffset, step.textLength);
  const op = LOG_OP[step.op] ?? `unknown (${step.op})`;
  if (op === 'literal') return text ?? '';
  const has = (flag: number) => (step.flags & flag) !== 0;
  return {
    op,
    ...(text === null ? {} : { text }),
    ...(step.maxLength === 0 ? {} : { maxLength: step.maxLength }),
    ...(has(LOG_STEP_FLAG.alternative) ? { alternative: true } : {}),
    ...(has(LOG_STEP_FLAG.whole) ? { whole: true } : {}),
    ...(has(LOG_STEP_FLAG.underscores) ? { underscores: true } : {}),
  };
}

function textsOf(reader: ImageReader, start: number, count: number): string[] {
  const rows = reader.index.subarray(start, start + count);
  return Array.from({ length: rows.length / 2 }, (_, i) => reader.text(rows[2 * i] ?? 0, rows[2 * i + 1] ?? 0) ?? '');
}
