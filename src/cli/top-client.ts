/** Asks a running proxy for GET /stats. */
import { readFileSync } from 'node:fs';
import type * as z from 'zod';
import type { statsSchema } from '../admin/operations/stats.ts';
import { StartError, errorMessage } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

export type StatsAnswer = z.output<typeof statsSchema>;

export const DEFAULT_ADMIN = 'http://127.0.0.1:9901';
const TIMEOUT_MS = 5000;
/** Of what else an endpoint may say. */
const MESSAGE_CHARACTERS = 300;

/** The base of an admin endpoint: `host:port`, or with a scheme. Throws a StartError. */
export function adminUrl(text: string): URL {
  const withScheme = /^https?:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) throw new StartError(`--admin ${printable(text)} is no address`, `such as ${DEFAULT_ADMIN}`);
  const url = new URL(withScheme);
  if (url.username !== '' || url.password !== '') throw new StartError('--admin holds a password', 'a token goes into a file: --token-file');
  return new URL(url.origin);
}

/** The only line of a file. Throws a StartError. */
export function tokenFrom(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new StartError(`--token-file: ${errorMessage(error)}`);
  }
  if (!/^[\x21-\x7e]+$/.test(text)) throw new StartError(`--token-file ${printable(file)} does not hold one token`, 'one line of visible characters without spaces');
  return text;
}

export class StatsClient {
  readonly #url: URL;
  readonly #token: string | null;

  constructor(admin: URL, token: string | null) {
    this.#url = new URL('/stats', admin);
    this.#token = token;
  }

  /** What is asked, for people. */
  get name(): string {
    return this.#url.host;
  }

  /** Throws a StartError that says what to do. */
  async ask(signal: AbortSignal, parts: { routes: boolean; endpoints: boolean }): Promise<StatsAnswer> {
    const url = new URL(this.#url);
    if (!parts.routes) url.searchParams.set('routes', '0');
    if (!parts.endpoints) url.searchParams.set('endpoints', '0');
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        headers: { accept: 'application/json', ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }) },
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      text = await response.text();
    } catch (error) {
      throw new StartError(`no admin endpoint at ${this.#url.origin}: ${causeOf(error)}`, 'is millrace running, and is this its admin.address? --admin http://host:port names another one', { cause: error });
    }
    if (response.status === 401) throw new StartError(`${this.#url.host} wants ${this.#token === null ? 'a token' : 'another token'}`, 'one of admin.tokens of its configuration: --token-file FILE');
    if (!response.ok) throw new StartError(`${this.#url.host} answered ${response.status}: ${messageOf(text)}`);
    return statsOf(text, this.#url.host);
  }
}

/** Whatever listens there may not be a Millrace; what it says is shown only when it has the form. */
function statsOf(text: string, host: string): StatsAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = null;
  }
  const { clusters, listeners, process: own, workers } = (answer ?? {}) as Partial<Record<keyof StatsAnswer, unknown>>;
  if (Array.isArray(clusters) && Array.isArray(listeners) && Array.isArray(workers) && typeof own === 'object') return answer as StatsAnswer;
  throw new StartError(`what ${host} answers at /stats is not the numbers of a Millrace`, 'another program listens there, or another version');
}

function messageOf(text: string): string {
  let message: unknown;
  try {
    message = (JSON.parse(text) as { error?: unknown }).error;
  } catch {
    message = undefined;
  }
  return printable((typeof message === 'string' ? message : text.trim()).slice(0, MESSAGE_CHARACTERS));
}

/** fetch hides the reason in a cause, and that of two addresses in an AggregateError. */
function causeOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  let cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof AggregateError && cause.errors.length > 0) cause = cause.errors[0];
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  return code === 'ECONNREFUSED' ? 'connection refused' : errorMessage(cause);
}
