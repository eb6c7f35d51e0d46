/** 64 connections, plain and TLS, while the configuration is reloaded all the time: not one error. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { RawClient, requestBytes } from '../support/client.ts';
import { makeCertificate } from '../support/certificates.ts';
import { Millrace, proxyTo, temporaryDirectory, type ConfigInput } from '../support/millrace.ts';
import { Origin } from '../support/origin.ts';
import { turn } from '../support/wait.ts';

const run = promisify(execFile);
const CONNECTIONS = 64;
const SECONDS = 3;
const RELOAD_EVERY_MS = 200;
let origins: Origin[];
let proxy: Millrace;
let config: (round: number) => Partial<ConfigInput>;

beforeAll(async () => {
  const { certFile: cert, keyFile: key } = makeCertificate(temporaryDirectory(), 'load', { names: ['load.test'] });
  origins = await Promise.all([1, 2].map(() => Origin.start()));
  const listener = { address: '127.0.0.1:0', routes: 'main' };
  config = (round) => ({
    ...proxyTo(origins.map(({ address }) => address), { route: { responseHeaders: { set: { 'x-round': String(round) } } } }),
    workers: 2,
    listeners: [{ name: 'plain', ...listener }, { name: 'secure', ...listener, tls: { certificates: [{ cert, key }] } }],
  });
  proxy = await Millrace.start(config(0));
});

/** Reloads until the work is done; how often. */
async function reloading(work: Promise<unknown>): Promise<number> {
  let going = true;
  let rounds = 0;
  const done = work.finally(() => (going = false));
  while (going) {
    await proxy.reload(config(++rounds + Math.floor(performance.now())));
    await Promise.race([turn(RELOAD_EVERY_MS), done]);
  }
  await done;
  return rounds;
}

it.each([['plain', false], ['secure', true]] as const)('%s: every request of every connection is answered', async (name, tls) => {
  const until = performance.now() + SECONDS * 1000;
  const options = { port: proxy.port(name), ...(tls ? { tls: { servername: 'load.test' } } : {}) };
  let answers = 0;
  const rounds = new Set<string | undefined>();
  const crowd = Array.from({ length: CONNECTIONS }, async (_, n) => {
    let client = await RawClient.connect(options);
    const bytes = requestBytes('/load');
    for (let i = 0; performance.now() < until; i++) {
      // Most keep their connection, some come anew each time.
      if (n % 16 === 0 && i % 4 === 3) {
        await client.close();
        client = await RawClient.connect(options);
      }
      client.send(bytes);
      const answer = await client.response();
      if (answer.status !== 200 || answer.text !== 'ok') throw new Error(`${answer.status} ${answer.text}`);
      rounds.add(answer.header('x-round'));
      answers++;
    }
  });
  const reloads = await reloading(Promise.all(crowd));
  expect(answers).toBeGreaterThan(CONNECTIONS * 10);
  expect(reloads).toBeGreaterThan(3);
  expect(rounds.size).toBeGreaterThan(3);
});

function onPath(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`]);
    return true;
  } catch {
    return false;
  }
}

const url = (name: 'plain' | 'secure'): string => `${name === 'secure' ? 'https' : 'http'}://127.0.0.1:${proxy.port(name)}/load`;
/** Tools of others, where they are installed: they are not written by those who wrote the proxy. */
const TOOLS = [
  { tool: 'wrk', args: ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`], good: /^(?![^]*(Socket errors|Non-2xx))[^]*Requests\/sec/ },
  { tool: 'h2load', args: ['--h1', `-c${CONNECTIONS}`, '-t1', `-D${SECONDS}`], good: /(\d+) succeeded, 0 failed, 0 errored, 0 timeout/ },
].filter(({ tool }) => onPath(tool));

for (const { tool, args, good } of TOOLS) {
  it.each(['plain', 'secure'] as const)(`${tool} sees no error (%s)`, async (name) => {
    const work = run(tool, [...args, url(name)]);
    await reloading(work);
    expect((await work).stdout).toMatch(good);
  });
}

it('leaves nothing behind', async () => {
  expect(await proxy.metric('millrace_active_requests')).toBe(0);
  expect(await proxy.metric('millrace_worker_restarts_total')).toBe(0);
  expect(await proxy.metric('millrace_requests_total', { status_class: '5xx' })).toBe(0);
});
