/** B3 as its authors describe it (https://github.com/openzipkin/b3-propagation), in plain TypeScript. */
export interface B3 {
  /** Undefined = no trace. */
  trace?: { id: string; span: string };
  sampled?: boolean;
}

type Fields = readonly (readonly [name: string, value: string])[];

const SINGLE = /^(?<trace>[0-9a-f]{16}|[0-9a-f]{32})-(?<span>[0-9a-f]{16})(?:-(?<state>[01d])(?:-(?<parent>[0-9a-f]{16}))?)?$/;
const isZero = (id: string | undefined) => id !== undefined && /^0+$/.test(id);

export function readB3(fields: Fields): B3 {
  const all = (name: string) => fields.filter(([field]) => field === name).map(([, value]) => value);
  const only = (name: string) => (all(name).length === 1 ? all(name)[0] : undefined);
  if (all('b3').length > 0) {
    const value = only('b3') ?? '';
    if (/^[01d]$/.test(value)) return { sampled: value !== '0' };
    const { trace, span, state, parent } = SINGLE.exec(value)?.groups ?? {};
    if (trace === undefined || span === undefined || [trace, span, parent].some(isZero)) return {};
    return { trace: { id: trace.padStart(32, '0'), span }, ...(state === undefined ? {} : { sampled: state !== '0' }) };
  }
  const trace = only('x-b3-traceid') ?? '';
  const span = only('x-b3-spanid') ?? '';
  const stated = { '1': true, true: true, '0': false, false: false }[only('x-b3-sampled') ?? ''];
  const sampled = only('x-b3-flags') === '1' ? true : stated;
  const valid = /^([0-9a-f]{16}){1,2}$/.test(trace) && /^[0-9a-f]{16}$/.test(span) && !isZero(trace) && !isZero(span);
  return { ...(valid ? { trace: { id: trace.padStart(32, '0'), span } } : {}), ...(sampled === undefined ? {} : { sampled }) };
}
