/** The admin endpoint: the same operations that everybody has, with the token of this tab and the version that the page shows. */

const TOKEN = 'millrace-token';
const TIMEOUT_MS = 10_000;

/** @typedef {{ path?: string, message: string, hint?: string }} Problem */

/** An answer that is no success; `status` 0: there was none. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {Problem[]} [problems] */
  constructor(status, message, problems = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }

  /** Everything that the answer said, in lines. */
  get lines() {
    return [this.message, ...this.problems.map(({ path, message, hint }) => `${path ? `${path}: ` : ''}${message}${hint ? ` (${hint})` : ''}`)];
  }
}

export class Api {
  /** Of the running configuration, as last seen. @type {number | null} */
  version = null;
  /** Called when a token is missing or wrong. */
  onUnauthorized = () => {};
  /** METHOD /path/{} of the OpenAPI document. @type {Set<string>} */
  #operations = new Set();

  /** Learns what this version of the proxy can do. */
  async learn() {
    this.#operations.clear();
    try {
      const { paths } = await this.get('/openapi.json');
      for (const [path, item] of Object.entries(paths)) {
        for (const method of Object.keys(item)) this.#operations.add(`${method.toUpperCase()} ${path.replace(/\{[^}]*\}/g, '{}')}`);
      }
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }

  /** Whether there is such an operation; parameters are `{}`. @param {string} operation */
  can(operation) {
    return this.#operations.has(operation);
  }

  /** @param {string} path */
  get(path) {
    return this.#fetch(path, { method: 'GET' });
  }

  /**
   * A change. `version`: of what was shown when it was decided on; null: whatever runs.
   * @param {string} method @param {string} path @param {unknown} body @param {number | null} [version]
   */
  async change(method, path, body, version = null) {
    const headers = { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(version === null ? {} : { 'if-match': `"${version}"` }) };
    const answer = await this.#fetch(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    if (typeof answer?.version === 'number') this.version = answer.version;
    return answer;
  }

  /** Null forgets it. Kept by this tab until it is closed. @param {string | null} token */
  set token(token) {
    if (token === null) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, token);
  }

  /** @returns {string | null} */
  get token() {
    return sessionStorage.getItem(TOKEN);
  }

  /** @param {string} path @param {{ method: string, headers?: Record<string, string>, body?: string }} options */
  async #fetch(path, { method, headers = {}, body }) {
    const { token } = this;
    let response;
    let text;
    try {
      response = await fetch(path, {
        method,
        headers: { accept: 'application/json', ...headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
        ...(body === undefined ? {} : { body }),
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await response.text();
    } catch (error) {
      const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
      throw new ApiError(0, timedOut ? `no answer within ${TIMEOUT_MS / 1000} s` : 'the admin endpoint does not answer');
    }
    const answer = parsed(text);
    if (response.ok) return answer;
    if (response.status === 401) this.onUnauthorized();
    throw new ApiError(response.status, typeof answer?.error === 'string' ? answer.error : text.trim().slice(0, 500) || `status ${response.status}`, Array.isArray(answer?.problems) ? answer.problems : []);
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
