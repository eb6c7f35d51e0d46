import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { openLoop as untyped } from '../../../bench/open-loop.mjs';

interface Result {
  answers: number;
  latencies: number[];
  statuses: Map<number, number>;
  upstreams: Map<string, number>;
  broken: number;
}
const openLoop = untyped as (options: object) => Promise<Result>;

const RATE = 400;
const STALL_MS = 400;
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

async function listen(answer: (res: ServerResponse) => void): Promise<number> {
  const server = createServer((_, res) => answer(res)).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

it('a stalled server stalls every request of the open loop that was due meanwhile', async () => {
  const waiting: ServerResponse[] = [];
  let stalled: boolean | undefined;
  const port = await listen((res) => {
    if (stalled === false) return void res.end('ok');
    waiting.push(res);
    if (stalled === undefined) {
      stalled = true;
      setTimeout(() => {
        stalled = false;
        for (const one of waiting) one.end('ok');
      }, STALL_MS);
    }
  });
  const { answers, latencies, broken } = await openLoop({ port, rate: RATE, seconds: 1, warmupSeconds: 0, seed: 3, requestOf: () => GET });
  expect(broken).toBe(0);
  expect(answers).toBe(latencies.length);
  // Poisson with a mean of 400: five standard deviations.
  expect(Math.abs(answers - RATE)).toBeLessThan(100);
  // Half of the stall and more was felt by the requests of its first half; a closed loop would have had one of them.
  const expected = (RATE * STALL_MS) / 2 / 1000;
  expect(latencies.filter((ms) => ms > STALL_MS / 2).length).toBeGreaterThan(expected / 2);
  expect(latencies).toEqual([...latencies].sort((a, b) => a - b));
});

it('the open loop counts statuses and upstreams, and latencies of good answers only', async () => {
  let n = 0;
  const port = await listen((res) => {
    n++;
    res.writeHead(n % 4 === 0 ? 503 : 200, { 'content-length': 1, ...(n % 2 === 0 ? { 'x-upstream': 'even' } : {}) }).end('x');
  });
  const { answers, latencies, statuses, upstreams } = await openLoop({ port, rate: RATE, seconds: 0.3, warmupSeconds: 0.1, seed: 4, requestOf: () => GET });
  expect((statuses.get(200) ?? 0) + (statuses.get(503) ?? 0)).toBe(answers);
  expect(latencies).toHaveLength(statuses.get(200) ?? 0);
  expect(statuses.get(503)).toBeGreaterThan(0);
  expect((upstreams.get('even') ?? 0) + (upstreams.get('') ?? 0)).toBe(answers);
  expect(answers).toBeLessThan(n);
});
