import type { Engine } from './engine.ts';

/**
 * Has the balancers' plans built anew while endpoints are in slow start: their weights rise with time. The engine says when
 * it wants to be asked again; nothing runs while every endpoint is warm.
 */
export class PlanRefresh {
  readonly #engine: Pick<Engine, 'refreshPlans'>;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(engine: Pick<Engine, 'refreshPlans'>) {
    this.#engine = engine;
  }

  /** Call after anything that may start an endpoint slowly: an installed image, a recovered endpoint. */
  check(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const dueMs = this.#engine.refreshPlans();
    this.#timer = dueMs === 0 ? undefined : setTimeout(() => this.check(), dueMs).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
