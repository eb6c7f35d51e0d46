/** What the proxy says of itself while a fault is on. */
import { Agent, get } from 'node:http';
import type { Millrace } from '../support/millrace.ts';
import { keep } from '../support/keep.ts';
import { now } from './load.ts';

const LOOK_EVERY_MS = 50;

export type Samples = Map<string, number>;

/** Samples of an exposition by their name and labels, as they are written. */
export function parseMetrics(text: string): Samples {
  const samples: Samples = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#') || line.includes('_bucket{')) continue;
    const space = line.lastIndexOf(' ');
    samples.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return samples;
}

/** Sum over the samples of that name with all these labels. */
export function sum(samples: Samples, name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  let total = 0;
  for (const [key, value] of samples) {
    if ((key === name || key.startsWith(`${name}{`)) && wanted.every((label) => key.includes(label))) total += value;
  }
  return total;
}

/** Requests by response flag, without those that ended as the upstream said. */
export function flags(samples: Samples): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [key, value] of samples) {
    const flag = /^millrace_request_outcomes_total\{flag="(\w+)"\}$/.exec(key)?.[1];
    if (flag !== undefined && flag !== 'none') found[flag] = value;
  }
  return found;
}

/** Attempts of the proxy at an endpoint, whether a connection came about or not. */
const attempts = (samples: Samples, endpoint: string): number => sum(samples, 'millrace_endpoint_requests_total', { endpoint });

export interface Look {
  ms: number;
  attempts: number;
  available: boolean;
}

/** Looks at one endpoint again and again. */
export class Watch {
  readonly looks: Look[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #proxy: Millrace;
  #on = true;
  #loop: Promise<void>;

  constructor(proxy: Millrace, endpoint: string) {
    this.#proxy = proxy;
    this.#loop = this.#look(endpoint);
    keep(this);
  }

  async close(): Promise<void> {
    this.#on = false;
    await this.#loop;
    this.#agent.destroy();
  }

  samples(): Promise<Samples> {
    return scrape(this.#proxy.adminPort, this.#agent);
  }

  async #look(endpoint: string): Promise<void> {
    while (this.#on) {
      const ms = now();
      try {
        const samples = await this.samples();
        // A reload may have removed it.
        const known = [...samples.keys()].some((key) => key.startsWith('millrace_endpoint_requests_total') && key.includes(`endpoint="${endpoint}"`));
        this.looks.push({ ms, attempts: known ? attempts(samples, endpoint) : (this.looks.at(-1)?.attempts ?? 0), available: known && sum(samples, 'millrace_endpoint_available', { endpoint }) > 0 });
      } catch {
        // The proxy may be short of descriptors: another look comes soon.
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}

export function scrape(port: number, agent?: Agent): Promise<Samples> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: '/metrics', ...(agent === undefined ? { agent: false } : { agent }) }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        reject(new Error(`/metrics says ${response.statusCode}`));
        return;
      }
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece)).on('end', () => resolve(parseMetrics(text))).on('error', reject);
    }).on('error', reject);
  });
}
