/** The request that is asked about: what callers may say, and what becomes of it. */
import { isIP } from 'node:net';
import * as z from 'zod';
import { ipBytes } from '../../config/address.ts';
import { nearest } from '../../config/nearest.ts';
import type { ExplainHead } from '../../binding/explain.ts';
import type { Config, ListenerConfig } from '../../config/types.ts';

/** Longer than any listener takes, so that the refusal is the listener's own. */
const MOST_TEXT = 70_000;
const MOST_HEADERS = 256;
const text = z.string().max(MOST_TEXT);

/** Body of POST /explain. */
export const explainBody = z
  .strictObject({
    method: z.string().max(64).default('GET'),
    url: text.optional().describe('http(s)://host/path?query, or a path; instead of host and path'),
    host: text.optional().describe('Host of the request; default: the header host, else localhost'),
    path: text.optional().describe('path and query as they are sent; default /'),
    headers: z
      .union([z.record(text, text), z.array(z.tuple([text, text])).max(MOST_HEADERS)])
      .default({})
      .describe('an object, or a list of pairs where a name occurs twice'),
    clientIp: z.string().refine((value) => isIP(value) !== 0, 'expected an IPv4 or IPv6 address').default('127.0.0.1').describe('the peer of the connection'),
    listener: z.string().max(256).optional().describe('name, host:port or :port; default: the first one'),
    tls: z.boolean().optional().describe('a listener with TLS, or one without; default: what the url says'),
  })
  .meta({ id: 'ExplainRequest' });

export type ExplainInput = z.output<typeof explainBody>;

/** An address that is really listened on, where the configuration lets the system choose the port. */
export interface BoundAddress {
  name: string;
  port: number;
}

export interface Question {
  listener: ListenerConfig;
  /** LISTENER row. */
  index: number;
  head: ExplainHead;
}

/** Why a question makes no sense; `path` as in the body. */
export interface BadQuestion {
  path: string;
  message: string;
  hint?: string;
}

export function isBadQuestion(value: object): value is BadQuestion {
  return 'message' in value;
}

/** Finds the listener, and makes a request head of the input as the listener would. */
export function questionOf(config: Config, bound: readonly BoundAddress[], input: ExplainInput): Question | BadQuestion {
  if (input.url !== undefined && (input.host !== undefined || input.path !== undefined))
    return { path: 'url', message: 'it stands beside host or path', hint: 'give either the url, or host and path' };
  const url = input.url === undefined ? null : /^(?:(https?):\/\/([^/?#]*))?([^#]*)$/i.exec(input.url);
  if (input.url !== undefined && (url === null || (url[2] === undefined && !input.url.startsWith('/'))))
    return { path: 'url', message: `${JSON.stringify(input.url.slice(0, 200))} is no address of http`, hint: 'write http://host/path, without a fragment' };
  const tls = input.tls ?? (url?.[1] === undefined ? undefined : url[1].toLowerCase() === 'https');
  const listener = findListener(config.listeners, bound, input.listener, input.listener === undefined || input.tls !== undefined ? tls : undefined);
  if (isBadQuestion(listener)) return listener;

  const given = Array.isArray(input.headers) ? input.headers : Object.entries(input.headers);
  if (given.length > MOST_HEADERS) return { path: 'headers', message: `${given.length} headers are more than ${MOST_HEADERS}` };
  // As the listener hands them over.
  const headers = given.map(([name, value]): [string, string] => [name.toLowerCase(), value.replace(/^[ \t]+|[ \t]+$/g, '')]);
  const host = url?.[2] ?? input.host ?? (headers.some(([name]) => name === 'host') ? undefined : 'localhost');
  if (host !== undefined) headers.unshift(['host', host]);
  const target = url === null ? (input.path ?? '/') : url[3] === undefined || url[3] === '' ? '/' : url[3].startsWith('?') ? `/${url[3]}` : url[3];
  return { listener, index: config.listeners.indexOf(listener), head: { method: input.method, target, headers, peer: ipBytes(input.clientIp) } };
}

function findListener(listeners: readonly ListenerConfig[], bound: readonly BoundAddress[], wanted: string | undefined, tls: boolean | undefined): ListenerConfig | BadQuestion {
  const portOf = ({ name, port }: ListenerConfig): number => bound.find((one) => one.name === name)?.port ?? port;
  const named =
    wanted === undefined
      ? listeners
      : listeners.filter((listener) => {
          const { name, host } = listener;
          const address = `${host.includes(':') ? `[${host}]` : host}:${portOf(listener)}`;
          return [name, address, `:${portOf(listener)}`, String(portOf(listener))].includes(wanted);
        });
  const found = named.find((listener) => tls === undefined || (listener.tls !== null) === tls);
  if (found !== undefined) return found;
  if (named.length > 0 || wanted === undefined)
    return { path: wanted === undefined ? 'tls' : 'listener', message: `no ${tls === true ? 'listener speaks TLS' : 'listener is without TLS'}${wanted === undefined ? '' : ` at ${JSON.stringify(wanted)}`}` };
  const names = listeners.map(({ name }) => name);
  const near = nearest(wanted, names);
  return { path: 'listener', message: `there is no listener ${JSON.stringify(wanted)}`, hint: near === undefined ? `there are: ${names.slice(0, 20).join(', ')}` : `did you mean ${JSON.stringify(near)}?` };
}
