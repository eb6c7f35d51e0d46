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
    this.#wanted = wanted;
    if (wanted === null) return;
    this.#server = await AdminServer.open(wanted, this.#view, this.#log);
    const { host, port } = this.#server;
    this.#log.info({ host, port }, `admin on http://${formatAddress(host, port)}`);
  }

  /** Moves it if the address is another one; a failure is logged and the old address stays. */
  move(wanted: Config['admin']): void {
    this.#changing = this.#changing.then(async () => {
      if (JSON.stringify(wanted) === JSON.stringify(this.#wanted)) return;
      const old = this.#server;
      // On another address of the same port the old one may be in the way (0.0.0.0), so it goes first then.
      if (old !== null && wanted?.port === old.port) await old.close();
      this.#server = null;
      await this.open(wanted);
      if (old !== null && wanted?.port !== old.port) await old.close();
    }).catch((error: unknown) => this.#log.error({ err: error }, `the admin endpoint cannot move: ${errorMessage(error)}`));
  }

  async close(): Promise<void> {
    await this.#changing;
    await this.#server?.close();
  }
}
