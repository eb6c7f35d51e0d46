import type { AdminAnswer } from './answer.ts';

/**
 * Answers that take long to make, one at a time for each key: whoever asks while one is being made gets that one. So the work, and
 * the memory, do not grow with the number of those who ask at once.
 */
export class Shared {
  readonly #underWay = new WeakMap<object, Map<string, Promise<AdminAnswer>>>();

  /** `owner`: what the answer is about; its answers go with it. */
  get(owner: object, key: string, make: () => Promise<AdminAnswer>): Promise<AdminAnswer> {
    let own = this.#underWay.get(owner);
    if (own === undefined) this.#underWay.set(owner, (own = new Map<string, Promise<AdminAnswer>>()));
    const answers = own;
    const present = answers.get(key);
    if (present !== undefined) return present;
    const made = make().finally(() => answers.delete(key));
    answers.set(key, made);
    return made;
  }
}
