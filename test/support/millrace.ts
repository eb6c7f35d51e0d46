/** The real proxy as a child process, on ports that the system chooses, with a configuration given as an object. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ConfigInput } from '../../src/index.ts';
import { request } from './client.ts';
import type { Message } from './http-message.ts';
import { keep } from './keep.ts';
import { eventually, within } from './wait.ts';

export type { ConfigInput };
export const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');

export interface LogLine {
  level: string;
  msg: string;
  [field: string]: unknown;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface LaunchOptions {
  /** Of the configuration file; default: a new one. */
  directory?: string;
  /** A configuration that is there already, instead of the one given. */
  file?: string;
  env?: NodeJS.ProcessEnv;
  /** A command that becomes the proxy by exec, so that its pid is the proxy's. */
  prefix?: readonly string[];
  /** Main module of another build; default: dist/. */
  main?: string;
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  keep({ close: () => Promise.resolve(rmSync(directory, { recursive: true, force: true })) });
  return directory;
}

/** One worker and every port chosen by the system, unless the configuration says otherwise. */
export function withDefaults(config: Partial<ConfigInput>): ConfigInput {
  return {
    workers: 1,
    drainTimeout: '5s',
    admin: { address: '127.0.0.1:0' },
    listeners: [{ name: 'web', address: '127.0.0.1:0', routes: 'main' }],
    routes: {},
    clusters: {},
    ...config,
  } as ConfigInput;
}

/** Everything to one cluster of these endpoints. */
export function proxyTo(endpoints: readonly (string | { address: string; weight: number })[], more: { route?: object; cluster?: object } & Partial<ConfigInput> = {}): Partial<ConfigInput> {
  const { route = {}, cluster = {}, ...rest } = more;
  return {
    routes: { main: [{ hosts: ['*'], routes: [{ cluster: 'up', ...route }] }] },
    clusters: { up: { endpoints: [...endpoints], ...cluster } },
    ...rest,
  } as Partial<ConfigInput>;
}

export class Millrace {
  readonly directory: string;
  readonly file: string;
  readonly child: ChildProcess;
  readonly log: LogLine[] = [];
  /** What went to stderr and is not a log line. */
  stderr = '';
  stdout = '';
  readonly exited: Promise<Exit>;
  #exit: Exit | null = null;
  #adminPort = 0;
  #stopping = false;

  private constructor(directory: string, file: string, args: readonly string[], env: NodeJS.ProcessEnv, prefix: readonly string[] = [], main: string = MAIN) {
    this.directory = directory;
    this.file = file;
    const [command = '', ...rest] = [...prefix, process.execPath, main, ...args];
    this.child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    children.add(this.child);
    this.exited = new Promise((done) => {
      this.child.on('close', (code, signal) => {
        children.delete(this.child);
        this.#exit = { code, signal };
        done(this.#exit);
      });
    });
    let partial = '';
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) this.#line(line);
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
  }

  /** Runs it; resolves when it serves. */
  static async start(config: Partial<ConfigInput>, options: LaunchOptions = {}): Promise<Millrace> {
    const millrace = Millrace.launch(config, options);
    await Promise.race([millrace.logged('serving'), millrace.exited]);
    if (millrace.#exit !== null) throw new Error(`the proxy did not start: ${JSON.stringify(millrace.#exit)}\n${millrace.stderr}${JSON.stringify(millrace.log)}`);
    millrace.#adminPort = Number(millrace.log.find(({ msg }) => msg.startsWith('admin on'))?.port ?? 0);
    return millrace;
  }

  /** Runs it and waits for nothing. */
  static launch(config: Partial<ConfigInput>, { directory = temporaryDirectory(), file, env = {}, prefix = [], main = MAIN }: LaunchOptions = {}): Millrace {
    const path = file ?? join(directory, 'millrace.yaml');
    if (file === undefined) writeFileSync(path, JSON.stringify(withDefaults(config), null, 2));
    return keep(new Millrace(directory, path, ['run', path], env, prefix, main));
  }

  /** Runs another command of it. */
  static command(args: readonly string[], env: NodeJS.ProcessEnv = {}): Millrace {
    return keep(new Millrace('', '', args, env));
  }

  /** Port of a listener, as the log says. */
  port(listener = 'web'): number {
    const line = this.log.findLast((entry) => entry.listener === listener && entry.msg.startsWith('listening on'));
    if (line === undefined) throw new Error(`no listener ${listener} in the log`);
    return Number(line.port);
  }

  /** A log line with that message and, if given, these fields; waits for it. */
  logged(message: string | RegExp, from = 0): Promise<LogLine> {
    return eventually(() => {
      const line = this.log.slice(from).find(({ msg }) => (typeof message === 'string' ? msg === message : message.test(msg)));
      if (line === undefined) throw new Error(`not logged: ${String(message)} in ${JSON.stringify(this.log.slice(from))} ${this.stderr}`);
      return line;
    });
  }

  /** Writes another configuration over the file, in one step. */
  write(config: Partial<ConfigInput> | string): void {
    const text = typeof config === 'string' ? config : JSON.stringify(withDefaults(config), null, 2);
    writeFileSync(`${this.file}.new`, text);
    renameSync(`${this.file}.new`, this.file);
  }

  /** Writes it and waits until it is in service. */
  async reload(config: Partial<ConfigInput>): Promise<void> {
    const from = this.log.length;
    this.write(config);
    this.child.kill('SIGHUP');
    await this.logged('configuration reloaded', from);
  }

  admin(path: string): Promise<Message> {
    return request(this.#adminPort, path, { headers: { host: `127.0.0.1:${this.#adminPort}`, connection: 'close' } });
  }

  /** Any other request to the admin endpoint; an object is sent as JSON. */
  adminCall(method: string, path: string, body?: object | string, headers: Record<string, string> = {}): Promise<Message> {
    const type: Record<string, string> = typeof body === 'object' ? { 'content-type': 'application/json' } : {};
    return request(this.#adminPort, path, {
      method,
      headers: { host: `127.0.0.1:${this.#adminPort}`, connection: 'close', ...type, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'object' ? JSON.stringify(body) : body }),
    });
  }

  get adminPort(): number {
    return this.#adminPort;
  }

  /** The sum over all samples of that name whose labels include these. */
  async metric(name: string, labels: Record<string, string> = {}): Promise<number> {
    const { text } = await this.admin('/metrics');
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    const lines = text.split('\n').filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && wanted.every((label) => line.includes(label)));
    if (lines.length === 0) throw new Error(`no metric ${name} ${wanted.join()}`);
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Resident memory, in bytes. */
  get rss(): number {
    const pages = readFileSync(`/proc/${this.child.pid}/statm`, 'latin1').split(' ')[1];
    return Number(pages) * 4096;
  }

  get running(): boolean {
    return this.#exit === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#stopping = true;
    this.child.kill(signal);
  }

  /** Stops it, and insists on a good end. */
  async close(): Promise<void> {
    if (this.#exit === null && !this.#stopping) {
      this.child.kill('SIGTERM');
      // Connections that a test left half open are not worth waiting for.
      const cut = setTimeout(() => this.child.kill('SIGTERM'), 300);
      const { code, signal } = await within(this.exited, 'the end of the proxy').finally(() => clearTimeout(cut));
      if (code !== 0 || signal !== null) throw new Error(`the proxy ended with ${signal ?? String(code)}\n${this.stderr}`);
    } else if (this.#exit === null) {
      this.child.kill('SIGKILL');
      await this.exited;
    } else if (this.#exit.signal !== null) {
      throw new Error(`the proxy died of ${this.#exit.signal}\n${this.stderr}`);
    }
  }

  #line(line: string): void {
    try {
      this.log.push(JSON.parse(line) as LogLine);
    } catch {
      this.stderr += `${line}\n`;
    }
  }
}
