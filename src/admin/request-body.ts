/** Reads and checks the body of a request: bounded in bytes and in time while it comes in. */
import type { IncomingMessage } from 'node:http';
import { findingsOf } from '../config/schema-problems.ts';
import { formatPath } from '../config/source.ts';
import { problem, type AdminAnswer } from './answer.ts';
import { jsonError } from './json-place.ts';
import type { BodyRule } from './operation.ts';

export interface BodyTimes {
  /** Longest silence between two pieces, milliseconds. */
  idleMs: number;
  /** For the whole body, milliseconds. */
  totalMs: number;
}

export const BODY_TIMES: BodyTimes = { idleMs: 5_000, totalMs: 30_000 };

const JSON_TYPES = ['application/json'] as const;
/** So many of the things that are wrong are told. */
const MOST_PROBLEMS = 100;

export type BodyOutcome = { ok: true; body: unknown } | { ok: false; answer: AdminAnswer };

/** Media types that a body may have. */
export function bodyTypes(rule: BodyRule): readonly string[] {
  return rule.types ?? JSON_TYPES;
}

/**
 * What the head alone tells: null when the body may be read, or when there is none to read. Without the right type there is no change,
 * not even by a request without a body that names another type: a page of another site can send those types without asking first.
 */
export function refuseByHead(rule: BodyRule | null, { headers, method }: IncomingMessage): AdminAnswer | null {
  const present = hasBody(headers);
  const type = mediaType(headers['content-type']);
  if (rule === null) {
    if (present) return problem(413, 'this operation takes no body: leave it out');
    if (type !== '' && type !== 'application/json' && method !== 'GET' && method !== 'HEAD') return problem(415, `this operation takes no body: leave the content-type ${JSON.stringify(type)} out`);
    return null;
  }
  const types = bodyTypes(rule);
  if (!present && type === '' && rule.kind === 'json' && rule.optional === true) return null;
  if (!types.includes(type)) return problem(415, `the body must be ${types.join(' or ')}${type === '' ? '' : `, not ${type}`}: set the header "content-type: ${types[0] ?? ''}"`);
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') return problem(415, `the body must be in UTF-8, not in ${charset}`);
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') return problem(415, `the body must come as it is, without content-encoding ${JSON.stringify(coding)}`);
  if (Number(headers['content-length'] ?? 0) > rule.maxBytes) return tooLarge(rule.maxBytes);
  return null;
}

/** Null when the sender went away: there is nobody to answer. */
export async function readBody(rule: BodyRule, request: IncomingMessage, times: BodyTimes): Promise<BodyOutcome | null> {
  if (!hasBody(request.headers) && rule.kind === 'json' && rule.optional === true) return { ok: true, body: undefined };
  const bytes = await collect(request, rule.maxBytes, times);
  if (bytes === 'gone') return null;
  if (bytes === 'late') return refused(problem(408, 'the body did not arrive in time'));
  if (bytes === 'large') return refused(tooLarge(rule.maxBytes));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refused(problem(400, 'the body is not UTF-8'));
  }
  return rule.kind === 'text' ? { ok: true, body: { type: mediaType(request.headers['content-type']), text } } : parseJson(rule, text);
}

function parseJson({ schema, optional }: Extract<BodyRule, { kind: 'json' }>, text: string): BodyOutcome {
  if (text === '' && optional === true) return { ok: true, body: undefined };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const place = jsonError(text);
    return refused(problem(400, place === null ? `the body is not JSON: ${(error as Error).message}` : `the body is not JSON: line ${place.line}, column ${place.column}: ${place.message}`));
  }
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, body: result.data };
  const findings = findingsOf(schema, value, result.error.issues);
  return refused(problem(422, `the body has ${findings.length === 1 ? 'a problem' : `${findings.length} problems`}`, findings.slice(0, MOST_PROBLEMS).map(({ path, message, hint }) => ({ path: formatPath(path), message, ...(hint === undefined ? {} : { hint }) }))));
}

function collect(request: IncomingMessage, maxBytes: number, { idleMs, totalMs }: BodyTimes): Promise<Buffer | 'large' | 'late' | 'gone'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (outcome: Buffer | 'large' | 'late' | 'gone'): void => {
      clearTimeout(idle);
      clearTimeout(total);
      request.off('data', take).off('end', end).off('close', gone).off('error', gone);
      request.on('error', () => undefined);
      resolve(outcome);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) {
        finish('large');
        return;
      }
      chunks.push(chunk);
      idle.refresh();
    };
    const end = (): void => finish(Buffer.concat(chunks, size));
    const gone = (): void => finish('gone');
    const idle = setTimeout(() => finish('late'), idleMs);
    const total = setTimeout(() => finish('late'), totalMs);
    request.on('data', take).on('end', end).on('close', gone).on('error', gone);
  });
}

function hasBody(headers: IncomingMessage['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Lower case, without its parameters. */
function mediaType(header: string | undefined): string {
  return (header ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

const refused = (answer: AdminAnswer): BodyOutcome => ({ ok: false, answer });

function tooLarge(maxBytes: number): AdminAnswer {
  return problem(413, `the body is larger than ${maxBytes} bytes`);
}
