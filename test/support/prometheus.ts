/** A real Prometheus (the Debian package), scraping one target every 200 ms, on a port that the system chooses. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keep } from './keep.ts';
import { temporaryDirectory } from './millrace.ts';
import { eventually, within } from './wait.ts';

export function hasPrometheus(): boolean {
  try {
    execFileSync('prometheus', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export interface ScrapeTarget {
  port: number;
  path?: string;
  params?: Record<string, string[]>;
}

export class Prometheus {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #log = '';

  private constructor(args: readonly string[]) {
    this.#child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    children.add(this.#child);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    this.#exited = new Promise((done) => {
      this.#child.on('close', () => {
        children.delete(this.#child);
        done(null);
      });
    });
  }

  static async start({ port, path = '/metrics', params = {} }: ScrapeTarget, features: readonly string[] = []): Promise<Prometheus> {
    const directory = temporaryDirectory();
    const file = join(directory, 'prometheus.yml'); // JSON is YAML
    writeFileSync(file, JSON.stringify({
      global: { scrape_interval: '200ms', scrape_timeout: '200ms' },
      scrape_configs: [{ job_name: 'millrace', metrics_path: path, params, static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
    }));
    const prometheus = keep(new Prometheus([
      `--config.file=${file}`, `--storage.tsdb.path=${join(directory, 'data')}`, '--web.listen-address=127.0.0.1:0', ...features.map((feature) => `--enable-feature=${feature}`),
    ]));
    await eventually(() => {
      if (!prometheus.#log.includes('Server is ready')) throw new Error(`Prometheus is not ready:\n${prometheus.#log}`);
    });
    return prometheus;
  }

  /** The values of an instant query, by their labels; throws while there is nothing. */
  async query(expression: string): Promise<{ labels: Record<string, string>; value: number }[]> {
    const port = /"Listening on" address=127\.0\.0\.1:(\d+)/.exec(this.#log)?.[1];
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const answer = (await response.json()) as { status: string; error?: string; data: { result: { metric: Record<string, string>; value?: [number, string] }[] } };
    if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`);
    if (answer.data.result.length === 0) throw new Error(`nothing for ${expression}\n${this.#log.split('\n').slice(-6).join('\n')}`);
    return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value?.[1]) }));
  }

  /** The one value of a query, as soon as there is one that `isRight`. */
  async value(expression: string, isRight: (value: number) => boolean = () => true): Promise<number> {
    return eventually(async () => {
      const [first, ...more] = await this.query(expression);
      if (first === undefined || more.length > 0) throw new Error(`${expression} has ${more.length + 1} values`);
      if (!isRight(first.value)) throw new Error(`${expression} is ${first.value}`);
      return first.value;
    });
  }

  async close(): Promise<void> {
    this.#child.kill('SIGTERM');
    await within(this.#exited, 'the end of Prometheus');
  }
}
