import { describe, expect, it } from 'vitest';
import { HEALTH } from '../../../src/binding/abi.ts';
import { Unejection } from '../../../src/control/unejection.ts';

/** An endpoint whose checks pass or fail, as the control plane sees it. */
class Endpoint {
  health = 0;
  ejections = 0;
  readonly #unejection = new Unejection(() => ({ health: this.health, ejections: this.ejections }));
  readonly #key = {};

  eject(): void {
    this.health = HEALTH.ejected;
    this.ejections++;
  }

  begin(): void {
    this.#unejection.begins(this.#key, 7);
  }

  /** Whether the ejection is to end. */
  end(good = true): boolean {
    return this.#unejection.ends(this.#key, 7, good, 2);
  }

  check(good = true): boolean {
    this.begin();
    return this.end(good);
  }
}

describe('an ejection ends', () => {
  it('with as many checks in a row as bring an endpoint back', () => {
    const endpoint = new Endpoint();
    expect([endpoint.check(), endpoint.check()]).toEqual([false, false]);
    endpoint.eject();
    expect([endpoint.check(), endpoint.check(false), endpoint.check(), endpoint.check()]).toEqual([false, false, false, true]);
  });

  it('not by a check that had begun before', () => {
    const endpoint = new Endpoint();
    endpoint.begin();
    endpoint.eject();
    expect([endpoint.end(), endpoint.check(), endpoint.check()]).toEqual([false, false, true]);
  });

  it('not twice, and not when it has ended by itself', () => {
    const endpoint = new Endpoint();
    endpoint.eject();
    endpoint.check();
    endpoint.begin();
    endpoint.health = 0;
    expect(endpoint.end()).toBe(false);
    endpoint.eject();
    endpoint.check();
    expect([endpoint.check(), endpoint.check()]).toEqual([true, false]);
  });

  it('not by checks that were passed in an earlier ejection', () => {
    const endpoint = new Endpoint();
    endpoint.eject();
    endpoint.check();
    endpoint.eject();
    expect([endpoint.check(), endpoint.check()]).toEqual([false, true]);
  });
});
