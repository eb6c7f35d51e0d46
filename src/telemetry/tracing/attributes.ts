/**
 * What spans say, in the words of OpenTelemetry's stable conventions for HTTP
 * (https://opentelemetry.io/docs/specs/semconv/http/http-spans/); what these have no word for begins with "millrace.".
 */
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_REQUEST_RESEND_COUNT,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
  ATTR_URL_PATH,
  ATTR_URL_QUERY,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
} from '@opentelemetry/semantic-conventions';
import { ATTEMPT_BIT, RECORD_BIT, RECORD_TEXT, RESPONSE_FLAG } from '../../binding/abi.ts';
import type { NativeAttemptRecord, NativeRequestRecord } from '../../binding/native.ts';
import { endpointAddress, hostAndPort } from './addresses.ts';

/** Those that the conventions know; any other one could be anything, and is not good for a name. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY']);
/** Query parameters that are credentials: the conventions ask for them to be hidden. */
const SECRET_PARAMETER = /(^|&)(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*/g;
/** Characters of one attribute: a head may have 64 KiB, and batches are bounded. */
const MOST_TEXT = 4096;
const NO_FLAG = RESPONSE_FLAG.indexOf('none');
const CLIENT_GONE = RESPONSE_FLAG.indexOf('DC');

type TextName = (typeof RECORD_TEXT)[number];
const TEXT_INDEX = Object.fromEntries(RECORD_TEXT.map((name, index) => [name, index])) as Record<TextName, number>;

/** What applies to a span, and nothing that does not: thousands of these are made in a second. */
class AttributeList {
  readonly attributes: Attributes = {};

  put(name: string, value: string | number | boolean | undefined): void {
    if (value !== undefined) this.attributes[name] = value;
  }

  putNumber(name: string, value: number): void {
    if (value > 0) this.attributes[name] = value;
  }

  putFlag(name: string, isSet: boolean): void {
    if (isSet) this.attributes[name] = true;
  }
}

/** Bytes as they came, each as one character: as the text in UTF-8 that they may be. */
function decoded(bytes: string): string {
  const text = /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
  return text.length > MOST_TEXT ? text.slice(0, MOST_TEXT) : text;
}

/** Undefined when it is empty. */
export function textOf(record: NativeRequestRecord, name: TextName): string | undefined {
  const bytes = record.texts[TEXT_INDEX[name]] ?? '';
  return bytes === '' ? undefined : decoded(bytes);
}

/** The method as it may stand in a name. */
export function methodOf(record: NativeRequestRecord): string {
  const method = textOf(record, 'method') ?? '';
  return METHODS.has(method) ? method : '_OTHER';
}

function putMethod(list: AttributeList, record: NativeRequestRecord): void {
  const method = methodOf(record);
  list.put(ATTR_HTTP_REQUEST_METHOD, method);
  if (method === '_OTHER') list.put(ATTR_HTTP_REQUEST_METHOD_ORIGINAL, textOf(record, 'method'));
}

function targetParts(target: string): { path: string; query: string | undefined } {
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, query: undefined };
  return { path: target.slice(0, mark), query: target.slice(mark + 1).replace(SECRET_PARAMETER, '$1$2=REDACTED') };
}

function flagName(flag: number): string | undefined {
  return flag === NO_FLAG ? undefined : RESPONSE_FLAG[flag];
}

/** What went wrong on the server side: the status where there is one. Undefined = nothing that is the proxy's or an upstream's fault. */
export function serverError(record: NativeRequestRecord): string | undefined {
  if (record.status >= 500) return String(record.status);
  // An answer that was cut short, or none at all; a client that leaves is no error of ours.
  if ((record.status === 0 || (record.bits & RECORD_BIT.aborted) !== 0) && record.flag !== CLIENT_GONE) return flagName(record.flag);
  return undefined;
}

/** The same of an attempt: to whoever asks, 4xx are errors, too. */
export function attemptError(attempt: NativeAttemptRecord): string | undefined {
  if (attempt.status >= 400) return String(attempt.status);
  return flagName(attempt.flag);
}

export function serverAttributes(record: NativeRequestRecord): Attributes {
  const list = new AttributeList();
  const { path, query } = targetParts(textOf(record, 'target') ?? '');
  const server = hostAndPort(textOf(record, 'authority') ?? '');
  const peer = record.peer === '' ? undefined : record.peer;
  putMethod(list, record);
  list.put(ATTR_URL_SCHEME, (record.bits & RECORD_BIT.tls) === 0 ? 'http' : 'https');
  list.put(ATTR_URL_PATH, path);
  list.put(ATTR_URL_QUERY, query);
  list.put(ATTR_SERVER_ADDRESS, server.host);
  list.put(ATTR_SERVER_PORT, server.port);
  list.put(ATTR_HTTP_ROUTE, textOf(record, 'route'));
  list.putNumber(ATTR_HTTP_RESPONSE_STATUS_CODE, record.status);
  list.put(ATTR_CLIENT_ADDRESS, peer);
  list.put(ATTR_NETWORK_PEER_ADDRESS, peer);
  list.put(ATTR_USER_AGENT_ORIGINAL, textOf(record, 'userAgent'));
  list.put(ATTR_ERROR_TYPE, serverError(record));
  list.put('millrace.listener', textOf(record, 'listener'));
  list.put('millrace.cluster', textOf(record, 'cluster'));
  list.put('millrace.endpoint', textOf(record, 'endpoint'));
  list.put('millrace.flag', flagName(record.flag));
  list.put('millrace.detail', textOf(record, 'detail')?.trimEnd());
  list.put('millrace.request_id', textOf(record, 'requestId'));
  list.put('millrace.attempts', record.attempts);
  list.putNumber('millrace.queue_us', record.queueUs);
  list.putNumber('millrace.backoff_us', record.backoffUs);
  list.putNumber('millrace.fault_delay_us', record.faultDelayUs);
  list.putFlag('millrace.websocket', (record.bits & RECORD_BIT.webSocket) !== 0);
  list.putFlag('millrace.fallback', (record.bits & RECORD_BIT.fallback) !== 0);
  list.put('millrace.request.body.bytes', record.requestBytes);
  list.put('millrace.response.body.bytes', record.responseBytes);
  return list.attributes;
}

/** `resend`: how many attempts came before it. `tls`: whether its cluster speaks TLS. */
export function attemptAttributes(record: NativeRequestRecord, attempt: NativeAttemptRecord, resend: number, tls: boolean): Attributes {
  const list = new AttributeList();
  const endpoint = decoded(attempt.endpoint);
  const server = endpointAddress(endpoint);
  const { path, query } = targetParts(textOf(record, 'upstreamTarget') ?? textOf(record, 'target') ?? '');
  const scheme = tls ? 'https' : 'http';
  putMethod(list, record);
  if (server.origin !== undefined) list.put(ATTR_URL_FULL, `${scheme}://${server.origin}${path}${query === undefined ? '' : `?${query}`}`);
  list.put(ATTR_URL_SCHEME, scheme);
  list.put(ATTR_SERVER_ADDRESS, server.host);
  list.put(ATTR_SERVER_PORT, server.port);
  list.put(ATTR_NETWORK_PEER_ADDRESS, server.peer);
  list.put(ATTR_NETWORK_PEER_PORT, server.port);
  list.putNumber(ATTR_HTTP_RESPONSE_STATUS_CODE, attempt.status);
  list.putNumber(ATTR_HTTP_REQUEST_RESEND_COUNT, resend);
  list.put(ATTR_ERROR_TYPE, attemptError(attempt));
  if (attempt.cluster !== '') list.put('millrace.cluster', decoded(attempt.cluster));
  if (endpoint !== '') list.put('millrace.endpoint', endpoint);
  list.put('millrace.flag', flagName(attempt.flag));
  list.put('millrace.connection.reused', (attempt.bits & ATTEMPT_BIT.reused) !== 0);
  list.putFlag('millrace.hedge', (attempt.bits & ATTEMPT_BIT.hedge) !== 0);
  list.putFlag('millrace.answered', (attempt.bits & ATTEMPT_BIT.answered) !== 0);
  return list.attributes;
}
