/** What the admin endpoint counts of itself. Main thread only. */
import type { MetricsWriter } from '../telemetry/exposition.ts';
import type { Operation } from './operation.ts';
import type { Rejection } from './auth.ts';

/** Label of requests that no operation was found for. */
const NONE = 'none';

/** Lives as long as the process, through every move of the server. */
export class AdminCounters {
  /** By operation, then by status. Bounded: operations are a fixed set, and so are the statuses that they answer with. */
  readonly #requests = new Map<string, Map<number, number>>();
  readonly #rejections: Record<Rejection, number> = { missing: 0, wrong: 0 };
  connectionsRefused = 0;

  answered(operation: Pick<Operation, 'method' | 'path'> | null, status: number): void {
    const name = operation === null ? NONE : operationName(operation);
    const codes = this.#requests.get(name) ?? new Map<number, number>();
    codes.set(status, (codes.get(status) ?? 0) + 1);
    this.#requests.set(name, codes);
  }

  rejected(reason: Rejection): void {
    this.#rejections[reason]++;
  }

  write(out: MetricsWriter): void {
    const requests = [...this.#requests].flatMap(([operation, codes]) => [...codes].map(([code, value]) => ({ labels: { operation, code: String(code) }, value })));
    out.counter('millrace_admin_requests_total', 'Requests to the admin endpoint, by operation (method and path template; "none": there is no such one) and status.', requests);
    out.counter('millrace_admin_authentication_failures_total', 'Requests to the admin endpoint without a token that it knows.', Object.entries(this.#rejections).map(([reason, value]) => ({ labels: { reason }, value })));
    out.counter('millrace_admin_connections_refused_total', 'Connections to the admin endpoint closed because it had too many.', [{ value: this.connectionsRefused }]);
  }
}

export const operationName = ({ method, path }: Pick<Operation, 'method' | 'path'>): string => `${method} ${path}`;
