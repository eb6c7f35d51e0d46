/** What the headers of a request say of a trace, as the engine reads them: for conformance tests. */
import { addon } from './load.ts';
import type { NativeCallerTrace } from './native.ts';

export const TRACE_SOURCE = ['none', 'traceparent', 'b3'] as const;
export const CALLER_DECISION = ['none', 'notSampled', 'sampled'] as const;

/** Fields with names in lower case; text is latin1, one code unit a byte. */
export function readTrace(fields: readonly (readonly [name: string, value: string])[], b3: boolean): NativeCallerTrace {
  const pieces = ['GET', '/', 'host', 'a.example', ...fields.flat()];
  return addon.readTrace(Buffer.from(pieces.join(''), 'latin1'), Int32Array.from(pieces, ({ length }) => length), b3);
}
