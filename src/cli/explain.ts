/** `millrace explain`: what would happen to a request. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { HEALTH } from '../binding/abi.ts';
import { compile } from '../config/compile.ts';
import type { Config } from '../config/types.ts';
import { install, loadEngine } from '../control/engine.ts';
import { explainRequest } from '../control/explain/explain.ts';
import { explainBody, isBadQuestion, type ExplainInput } from '../control/explain/input.ts';
import { explanation, type Explanation } from '../control/explain/schema.ts';
import { systemClock } from '../core/clock.ts';
import { StartError, errorMessage } from '../core/errors.ts';
import { explanationText } from './explain-text.ts';
import { loadOrRefuse } from './loading.ts';
import { printLine } from './output.ts';

export interface ExplainOptions {
  method: string;
  host?: string;
  path?: string;
  url?: string;
  header: string[];
  clientIp?: string;
  listener?: string;
  admin?: string;
  tokenFile?: string;
  json?: boolean;
}

/** A proxy that does not answer in this time is stuck. */
const ADMIN_TIMEOUT_MS = 10_000;

/** Prints it; 0 when a route would answer the request, else 1. */
export async function explain(file: string | undefined, options: ExplainOptions): Promise<number> {
  if ((file === undefined) === (options.admin === undefined))
    throw new StartError('name a configuration file, or a running proxy with --admin: one of them', 'for example: millrace explain millrace.yaml --path /');
  const input = inputOf(options);
  const explained = options.admin === undefined ? await fromFile(file ?? '', input) : await fromProxy(options.admin, options.tokenFile, input);
  printLine(options.json === true ? JSON.stringify(explained, null, 2) : explanationText(explained));
  return explained.outcome.routed ? 0 : 1;
}

function inputOf({ header, clientIp, method, host, path, url, listener }: ExplainOptions): ExplainInput {
  const headers = header.map((line): [string, string] => {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new StartError(`${JSON.stringify(line)} is no header`, 'write --header "name: value"');
    return [line.slice(0, colon), line.slice(colon + 1)];
  });
  const given = Object.entries({ clientIp, host, path, url, listener }).filter(([, value]) => value !== undefined);
  const parsed = explainBody.safeParse({ method, headers, ...Object.fromEntries(given) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new StartError(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`);
}

/** The same engine with the same tables, but nobody runs them: every endpoint counts as available. */
async function fromFile(file: string, input: ExplainInput): Promise<Explanation> {
  const config = await loadOrRefuse(file);
  const engine = await loadEngine();
  const version = install(engine, config, compile(config).image);
  engine.setEndpointHealth(version, uncheckedEndpoints(config));
  const explained = explainRequest({ config, version, engine, bound: [], live: false, evidence: () => ({ evidence: null, until: null }), nowMs: systemClock.wallMs() }, input);
  if (explained === null) throw new StartError('the engine lost the configuration', 'please report this');
  if (isBadQuestion(explained)) throw new StartError(explained.message, explained.hint);
  return explained;
}

/** No check will ever come back here. */
function uncheckedEndpoints({ clusters }: Config): { endpoint: number; set: number; clear: number }[] {
  const count = Object.values(clusters).reduce((sum, { endpoints }) => sum + endpoints.length, 0);
  return Array.from({ length: count }, (_, endpoint) => ({ endpoint, set: 0, clear: HEALTH.unchecked }));
}

async function fromProxy(admin: string, tokenFile: string | undefined, input: ExplainInput): Promise<Explanation> {
  const base = /^https?:\/\//i.test(admin) ? admin : `http://${admin}`;
  if (!URL.canParse('/explain', base)) throw new StartError(`${JSON.stringify(admin)} is no address`, 'write --admin http://127.0.0.1:9901');
  const token = tokenFile === undefined ? undefined : (await readToken(tokenFile)).trim();
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL('/explain', base), {
      method: 'POST',
      redirect: 'error',
      headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(input),
      signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS),
    });
    text = await response.text();
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause !== undefined ? errorMessage(cause.cause) : errorMessage(cause);
    throw new StartError(`no proxy answers at ${base}: ${reason}`, 'is it the address of admin, and does it run?', { cause });
  }
  const answer = parseJson(text);
  if (response.ok) {
    const parsed = explanation.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new StartError(`what answers at ${base} is no millrace of this version`);
  }
  const error = z.object({ error: z.string() }).safeParse(answer);
  throw new StartError(`${base} answers ${response.status}${error.success ? `: ${error.data.error}` : ''}`, response.status === 401 ? 'give the token with --token-file' : undefined);
}

async function readToken(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new StartError(`the token file cannot be read: ${errorMessage(cause)}`, undefined, { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
