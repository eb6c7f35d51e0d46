/** A DNS server (dnsmasq) that knows some names and forgets them, and how to make a process use it alone. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keep } from '../support/keep.ts';
import { temporaryDirectory } from '../support/millrace.ts';
import { eventually, within } from '../support/wait.ts';

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export class NameServer {
  /** resolv.conf knows no ports: an address of its own stands in for a free one. */
  readonly #address = `127.${randomInt(1, 255)}.${randomInt(0, 255)}.${randomInt(1, 255)}`;
  readonly #directory = temporaryDirectory();
  #names: Record<string, string>;
  #child: ChildProcess | null = null;
  #ended: Promise<unknown> = Promise.resolve();

  private constructor(names: Record<string, string>) {
    this.#names = names;
    writeFileSync(join(this.#directory, 'resolv.conf'), `nameserver ${this.#address}\noptions timeout:1 attempts:1\n`);
  }

  /** `names`: addresses by name, all below .faults.test. */
  static async start(names: Record<string, string>): Promise<NameServer> {
    const server = keep(new NameServer(names));
    await server.run();
    return server;
  }

  /** Runs a command with this server alone in its resolv.conf, which it sees in a mount namespace of its own. */
  get prefix(): string[] {
    return ['unshare', '-m', '--propagation', 'private', 'sh', '-c', `mount --bind ${join(this.#directory, 'resolv.conf')} /etc/resolv.conf && exec "$@"`, 'sh'];
  }

  async run(): Promise<void> {
    const hosts = join(this.#directory, 'hosts');
    writeFileSync(hosts, Object.entries(this.#names).map(([name, address]) => `${address} ${name}\n`).join(''));
    const child = spawn('dnsmasq', [
      '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', `--addn-hosts=${hosts}`, '--local=/faults.test/', '--user=root', '--pid-file=',
      `--listen-address=${this.#address}`, '--bind-interfaces', '--port=53',
    ], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    children.add(child);
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('close', () => {
      children.delete(child);
      resolve(null);
    }));
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([this.#address]);
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`dnsmasq ended: ${stderr}`);
      // Whatever it says, it answers.
      await resolver.resolve4('a.faults.test').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTFOUND') throw error;
      });
    });
  }

  /** It knows other names from now on. */
  async know(names: Record<string, string>): Promise<void> {
    this.#names = names;
    await this.stop();
    await this.run();
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await within(this.#ended, 'the end of dnsmasq');
  }

  close(): Promise<void> {
    return this.stop();
  }
}
