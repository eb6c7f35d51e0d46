/** What an operation answers with, and the usual forms of it. */

export interface AdminAnswer {
  status: number;
  type: string;
  body: string | Uint8Array;
  /** Beside those of every answer; lower-case names. */
  headers?: Readonly<Record<string, string>>;
}

/** One thing that is wrong with a request, in the words that `millrace check` uses for a file. */
export interface RequestProblem {
  /** Place in the body, such as `outlierDetection.interval`, or `?limit`. */
  path: string;
  message: string;
  hint?: string;
}

export const JSON_TYPE = 'application/json; charset=utf-8';
export const TEXT_TYPE = 'text/plain; charset=utf-8';

export function text(status: number, body: string): AdminAnswer {
  return { status, type: TEXT_TYPE, body };
}

export function json(status: number, value: unknown, headers?: Readonly<Record<string, string>>): AdminAnswer {
  return { status, type: JSON_TYPE, body: `${jsonText(value)}\n`, ...(headers === undefined ? {} : { headers }) };
}

/** What JSON leaves as it is, a terminal may act on: texts from the network come along here. */
function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[\x7f-\x9f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** An error: a sentence that holds the fix, and each thing that is wrong where there may be many. */
export function problem(status: number, error: string, problems?: readonly RequestProblem[], headers?: Readonly<Record<string, string>>): AdminAnswer {
  return json(status, { error, ...(problems === undefined ? {} : { problems }) }, headers);
}

/** Headers of every answer about the configuration; `version` is that of the snapshot it tells about. */
export const versionHeaders = (version: number): Record<string, string> => ({ etag: `"${version}"` });
