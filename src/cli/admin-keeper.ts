import { AdminCounters } from '../admin/admin-counters.ts';
import { AdminServer } from '../admin/server.ts';
import { formatAddress } from '../control/listeners.ts';
import type { ControlView } from '../control/view.ts';
import type { Config } from '../config/types.ts';
import { errorMessage } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

/** Keeps the admin endpoint where the configuration wants it, through reloads. */
export class AdminKeeper {
  readonly #view: ControlView;
  readonly #log: Logger;
  readonly #counters = new AdminCounters();
  #server: AdminServer | null = null;
  #wanted: Config['admin'] = null;
  /** Changes run one after the other. */
  #changing: Promise<void> = Promise.resolve();

  constructor(view: ControlView, log: Logger) {
    this.#view = view;
    this.#log = log;
  }

  get address(): { host: string; port: number } | null {
    return this.#server;
  }

  /** Throws a StartError when the address cannot be had. */
  async open(wanted: Config['admin']): Promise<void> {
    await this.#listen(wanted);
  }

  /** Leaves everything as it is when it throws. */
  async #listen(wanted: Config['admin']): Promise<void> {
    if (wanted === null) {
      this.#wanted = null;
      this.#server = null;
      return;
    }
    this.#server = await AdminServer.open(wanted, this.#view, this.#log, { counters: this.#counters });
    this.#wanted = wanted;
    const { host, port } = this.#server;
    this.#log.info({ host, port }, `admin on http://${formatAddress(host, port)}`);
  }

  /** Takes new tokens at once, and moves if the address is another one; a failure is logged and the old address stays. */
  move(wanted: Config['admin']): void {
    // Not after what is waiting: a token that was taken away must not be good for another moment.
    if (wanted !== null) this.#server?.replaceTokens(wanted.tokens);
    this.#changing = this.#changing.then(() => this.#move(wanted)).catch((error: unknown) => this.#log.error({ err: error }, `the admin endpoint cannot move: ${errorMessage(error)}`));
  }

  async #move(wanted: Config['admin']): Promise<void> {
    const before = this.#wanted;
    if (placeOf(wanted) === placeOf(before)) {
      this.#wanted = wanted;
      return;
    }
    const old = this.#server;
    // On another address of the same port the old one may be in the way (0.0.0.0), so it goes first then.
    const first = old !== null && wanted?.port === old.port;
    if (first) await old.close();
    try {
      await this.#listen(wanted);
    } catch (error) {
      // Where it was, but with the tokens that hold now.
      if (first && before !== null) await this.#listen({ ...before, tokens: wanted.tokens.length === 0 ? before.tokens : wanted.tokens });
      throw error;
    }
    if (!first) await old?.close();
  }

  async close(): Promise<void> {
    await this.#changing;
    await this.#server?.close();
  }
}

/** What has to be another one for the server to move. */
const placeOf = (config: Config['admin']): string => (config === null ? '' : formatAddress(config.host, config.port));
