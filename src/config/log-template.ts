import { LIMITS, LOG_STEP_FLAG } from '../binding/abi.ts';
import { LOG_FIELD_NAMES, type LogOp } from './log-fields.ts';
import { suggest } from './nearest.ts';
import { isRefusal, refuse, type Refusal } from './parsing.ts';

/** A piece of a line; LOG_STEP of the image. */
export interface LogStep {
  op: LogOp;
  /** Literal text, name of a header, pattern of a time; else null. */
  text: string | null;
  /** LOG_STEP_FLAG bits. */
  flags: number;
  /** Bytes of the value; 0 = all. */
  maxLength: number;
}

type Operator = { op: LogOp; flags?: number };

const { alternative, whole, underscores } = LOG_STEP_FLAG;
const inCapitals = (field: string) => field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

/** Operators without an argument: every field, and what Envoy calls them. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ...LOG_FIELD_NAMES.filter((field) => field !== 'requestHeaders').map((field): [string, Operator] => [inCapitals(field), { op: field }]),
  ['START_TIME', { op: 'time' }],
  ['STATUS_OR_CLOSED', { op: 'statusOrClosed' }],
  ['RESPONSE_CODE', { op: 'status' }],
  ['RESPONSE_FLAGS', { op: 'flag' }],
  ['RESPONSE_CODE_DETAILS', { op: 'detail', flags: underscores }],
  ['BYTES_RECEIVED', { op: 'bytesIn' }],
  ['BYTES_SENT', { op: 'bytesOut' }],
  ['DURATION', { op: 'durationMs', flags: whole }],
  ['RESPONSE_DURATION', { op: 'responseMs', flags: whole }],
  ['UPSTREAM_HOST', { op: 'endpoint' }],
  ['UPSTREAM_CLUSTER', { op: 'cluster' }],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', { op: 'attempts' }],
  ['ROUTE_NAME', { op: 'route' }],
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', { op: 'client' }],
  ['TRACE_ID', { op: 'traceId' }],
]);
const WITH_ARGUMENT = ['REQ', 'RESP', 'START_TIME', 'START_TIME_LOCAL'];
/** For `millrace` help texts and the README. */
export const LOG_OPERATORS: readonly string[] = [...OPERATORS.keys(), ...WITH_ARGUMENT.map((name) => `${name}(…)`)];

/** What %REQ(x)% means where it is not simply a header that is kept for it. */
const REQUEST_PARTS: ReadonlyMap<string, LogOp> = new Map<string, LogOp>([
  [':method', 'method'], [':path', 'target'], [':authority', 'host'], ['host', 'host'],
  ['user-agent', 'userAgent'], ['referer', 'referer'], ['x-forwarded-for', 'forwardedFor'], ['x-request-id', 'requestId'],
]);
/** Written by Envoy alone; here :path is the original one already. */
const ORIGINAL_PATH = 'x-envoy-original-path';
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,255}$/;
const TIME_PATTERN = /^(?:[^%]|%(?:[YmdHMSyejabzZsf%]|[1-9]f))+$/;

/** %NAME%, %NAME(argument)%, %NAME:length%; the argument of a time has "%" in it, so it ends with ")%" or "):". */
const OPERATOR = /^%([A-Za-z0-9_]+)(?:\((.*?)\)(?=%|:\d))?(?::(\d{1,5}))?%/;

/** The pieces of a line. Ends with "\n" or not: a line always ends where its template does. */
export function parseTemplate(template: string): LogStep[] | Refusal {
  const line = template.replace(/\r?\n$/, '');
  if (/[\r\n]/.test(line)) return refuse('a line of the access log is one line: only the end of the template may be a line end');
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line)) return refuse('a template has no control characters but tabs');
  const steps: LogStep[] = [];
  let literal = '';
  const endLiteral = (): void => {
    if (literal !== '') steps.push({ op: 'literal', text: literal, flags: 0, maxLength: 0 });
    literal = '';
  };
  for (let at = 0; at < line.length; ) {
    const percent = line.indexOf('%', at);
    literal += line.slice(at, percent < 0 ? undefined : percent);
    if (percent < 0) break;
    if (line[percent + 1] === '%') {
      literal += '%';
      at = percent + 2;
      continue;
    }
    const match = OPERATOR.exec(line.slice(percent));
    if (match === null)
      return refuse(`the "%" at character ${percent + 1} begins no operator`, 'write %NAME%, %NAME(argument)%, or %% for a percent sign');
    endLiteral();
    const operator = operatorOf(match[1] ?? '', match[2], Number(match[3] ?? 0));
    if (isRefusal(operator)) return operator;
    steps.push(...operator);
    at = percent + match[0].length;
  }
  endLiteral();
  if (steps.length === 0) return refuse('the template is empty');
  if (steps.length > LIMITS.maxLogSteps) return refuse(`the template has more than ${LIMITS.maxLogSteps} pieces`);
  if (steps.some(({ text }) => text !== null && Buffer.byteLength(text) > LIMITS.maxLogTextBytes))
    return refuse(`a piece of the template has more than ${LIMITS.maxLogTextBytes} bytes`);
  return steps;
}

function operatorOf(name: string, argument: string | undefined, maxLength: number): LogStep[] | Refusal {
  const upper = name.toUpperCase();
  const step = ({ op, flags = 0 }: Operator, text: string | null = null): LogStep => ({ op, text, flags, maxLength });
  if (upper === 'START_TIME_LOCAL' || (upper === 'START_TIME' && argument !== undefined)) {
    if (argument === undefined || !TIME_PATTERN.test(argument))
      return refuse(`%${upper}% needs a pattern with %Y %m %d %H %M %S %y %e %j %a %b %z %Z %s %3f only`, `for instance %${upper}(%Y-%m-%dT%H:%M:%S.%3f%z)%`);
    return [step({ op: upper === 'START_TIME' ? 'timeUtc' : 'timeLocal' }, argument)];
  }
  if (upper === 'REQ') return requestParts(argument, maxLength);
  if (upper === 'RESP') {
    if (argument?.toLowerCase() === 'x-envoy-upstream-service-time') return [step({ op: 'upstreamMs', flags: whole })];
    return refuse(`%RESP(${argument ?? ''})%: headers of answers are not kept for the access log`, 'known here: %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%');
  }
  const known = OPERATORS.get(upper);
  if (known === undefined) return refuse(`there is no operator %${name}%`, suggest(upper, [...OPERATORS.keys(), ...WITH_ARGUMENT]));
  if (argument !== undefined) return refuse(`%${upper}% takes no argument`, `write %${upper}%`);
  return [step(known)];
}

/** %REQ(a)% or %REQ(a?b)%: b where there is no a. */
function requestParts(argument: string | undefined, maxLength: number): LogStep[] | Refusal {
  const names = (argument ?? '').split('?').map((name) => name.toLowerCase());
  const steps: LogStep[] = [];
  for (const name of names.filter((one, i) => one !== ORIGINAL_PATH || i === names.length - 1)) {
    const op = name === ORIGINAL_PATH ? 'target' : REQUEST_PARTS.get(name);
    if (op === undefined && !TOKEN.test(name))
      return refuse(`%REQ(${argument ?? ''})% names no request header`, 'known beside headers: :METHOD, :PATH, :AUTHORITY');
    steps.push({ op: op ?? 'header', text: op === undefined ? name : null, flags: alternative, maxLength });
  }
  if (names.length > 2) return refuse(`%REQ(${argument ?? ''})% has more than one alternative`);
  const last = steps.at(-1);
  if (last !== undefined) last.flags = 0;
  return steps;
}
