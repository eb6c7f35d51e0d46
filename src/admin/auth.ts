/** Bearer tokens (RFC 6750). */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { AdminTokenConfig } from '../config/types.ts';

export interface Caller {
  /** The name of the token. */
  name: string;
  readOnly: boolean;
}

/** missing: no Authorization header, or one of another scheme. */
export type Rejection = 'missing' | 'wrong';

const BEARER = /^bearer +([\x21-\x7e]+) *$/i;

/** Knows the digests of the tokens and no token. */
export class Authenticator {
  #tokens: readonly (Caller & { digest: Buffer })[] = [];

  constructor(tokens: readonly AdminTokenConfig[]) {
    this.replace(tokens);
  }

  replace(tokens: readonly AdminTokenConfig[]): void {
    this.#tokens = tokens.map(({ name, readOnly, digest }) => ({ name, readOnly, digest: Buffer.from(digest, 'hex') }));
  }

  /** Without tokens everybody who gets here may do everything. */
  get open(): boolean {
    return this.#tokens.length === 0;
  }

  /**
   * Takes as long for a wrong token as for a right one, wherever they begin to differ and whichever it is: digests are compared and not
   * texts, in constant time, and always with all of them.
   */
  identify(authorization: string | undefined): Caller | Rejection {
    const sent = BEARER.exec(authorization ?? '')?.[1];
    if (sent === undefined) return 'missing';
    const digest = createHash('sha256').update(sent).digest();
    let found: Caller | undefined;
    for (const { name, readOnly, digest: expected } of this.#tokens) {
      if (timingSafeEqual(digest, expected)) found = { name, readOnly };
    }
    return found ?? 'wrong';
  }
}
