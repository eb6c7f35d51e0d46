/** An endpoint of the tests: origin.mjs in a process of its own, on a loopback address of its own. */
import { randomInt } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { keep } from '../support/keep.ts';
import { still } from '../support/wait.ts';
import { Child } from './child.ts';

/** What it does with requests and connections; origin.mjs has them. */
export type Behaviour =
  | { mode: 'ok' | 'resetBefore' | 'resetInside' | 'resetAfter' | 'endInside' | 'hang' | 'drip' | 'halfClose' | 'fail' | 'garbage' | 'refuse' | 'flap'; delayMs?: number }
  | { mode: 'failPercent'; percent: number; delayMs?: number };

interface Reply {
  done?: boolean;
  port?: number;
  error?: string;
  requests?: number;
}

/** More than its queue of connections holds. */
const FILLERS = 600;

export class Endpoint {
  readonly name: string;
  readonly host: string;
  port = 0;
  #child: Child<Reply>;
  readonly #journal: string | undefined;
  #fillers: Socket[] = [];

  private constructor(name: string, journal: string | undefined) {
    this.name = name;
    this.#journal = journal;
    // All of 127/8 is this machine. An address of its own keeps its port free while it is down: no outgoing connection takes it.
    this.host = `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(1, 255)}`;
    this.#child = this.#fork();
  }

  /** `journal`: file that the ids of processed POSTs are appended to. */
  static async start(name: string, options: { journal?: string } = {}): Promise<Endpoint> {
    const endpoint = keep(new Endpoint(name, options.journal));
    await endpoint.#listen();
    return endpoint;
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  async behave(behaviour: Behaviour): Promise<void> {
    this.#child.tell({ behave: behaviour });
    await this.#child.next(({ done }) => done === true, `${this.name} to behave as ${behaviour.mode}`);
  }

  /** It stands still as a machine that hangs does. */
  async freeze(): Promise<void> {
    this.#child.tell({ behave: { mode: 'freeze' } });
    await this.#child.next(({ done }) => done === true, `${this.name} to freeze`);
  }

  /** Its connections are gone, its queue of connections is full, and nothing takes one out: a SYN gets no answer. */
  async blackhole(): Promise<void> {
    this.#child.tell({ behave: { mode: 'freeze', disconnect: true } });
    await this.#child.next(({ done }) => done === true, `${this.name} to go deaf`);
    let connected = 0;
    this.#fillers = Array.from({ length: FILLERS }, () => connect(this.port, this.host, () => connected++).on('error', () => undefined));
    if ((await still(() => connected)) === FILLERS) throw new Error(`the queue of ${this.name} holds ${FILLERS} connections and more`);
  }

  thaw(): void {
    this.#child.process.kill('SIGCONT');
    for (const socket of this.#fillers.splice(0)) socket.destroy();
  }

  kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    return this.#child.kill(signal);
  }

  /** Another process in the place of one that ended, on the same port. */
  async restart(): Promise<void> {
    this.#child = this.#fork();
    await this.#listen();
  }

  close(): Promise<void> {
    for (const socket of this.#fillers.splice(0)) socket.destroy();
    return this.#child.kill();
  }

  #fork(): Child<Reply> {
    return new Child('origin.mjs', [this.name, this.host, ...(this.#journal === undefined ? [] : [this.#journal])]);
  }

  async #listen(): Promise<void> {
    this.#child.tell({ listen: this.port });
    const { port, error } = await this.#child.next((reply) => reply.port !== undefined || reply.error !== undefined, `${this.name} to listen`);
    if (port === undefined) throw new Error(`${this.name}: ${error}`);
    this.port = port;
  }
}
