import { HEALTH } from '../binding/abi.ts';
import type { EndpointStats } from './stats.ts';

/** The ejection that an endpoint is in, and the checks that it has passed since. */
interface Run {
  /** Number of the ejection. */
  ejections: number;
  passed: number;
  /** The check that is under way began within this ejection. */
  counts: boolean;
}

/**
 * Ends ejections early: outlier detection lets go of an endpoint that has passed as many checks in a row as bring an unhealthy
 * one back. Only checks count that began after the ejection: an answer on its way may be older than what the detection saw.
 */
export class Unejection {
  readonly #read: (index: number) => Pick<EndpointStats, 'health' | 'ejections'> | null;
  /** Keys are objects that live as long as the endpoint is checked. */
  readonly #runs = new WeakMap<object, Run>();

  constructor(read: (index: number) => Pick<EndpointStats, 'health' | 'ejections'> | null) {
    this.#read = read;
  }

  begins(key: object, index: number): void {
    const stats = this.#read(index);
    if (stats === null || (stats.health & HEALTH.ejected) === 0) {
      this.#runs.delete(key);
      return;
    }
    const { ejections } = stats;
    const run = this.#runs.get(key);
    this.#runs.set(key, { ejections, passed: run?.ejections === ejections ? run.passed : 0, counts: true });
  }

  /** Whether the ejection is to end. */
  ends(key: object, index: number, good: boolean, healthyThreshold: number): boolean {
    const run = this.#runs.get(key);
    if (run?.counts !== true) return false;
    run.counts = false;
    run.passed = good ? run.passed + 1 : 0;
    if (run.passed < healthyThreshold) return false;
    this.#runs.delete(key);
    const stats = this.#read(index);
    return stats !== null && (stats.health & HEALTH.ejected) !== 0 && stats.ejections === run.ejections;
  }
}
