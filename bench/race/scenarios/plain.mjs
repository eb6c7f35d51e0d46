import { cpu, tail, throughput, throughputOfNode } from './goals.mjs';
import { API_HEADERS, BROWSER_HEADERS } from './requests.mjs';

export const plain = {
  id: 'plain',
  title: 'Small keep-alive',
  what: 'GET with six header lines, 64 bytes answered, 64 connections that stay, plain HTTP/1.1',
  unit: 'requests/s',
  primary: 'rate',
  load: { connections: 64, headers: API_HEADERS, expectBody: 64 },
  latency: { of: 'all' },
  systemCalls: true,
  goals: [throughput(1.25), cpu(0.8), ...tail(50), throughputOfNode(8)],
};

export const browser = {
  id: 'browser',
  title: 'A browser\'s request',
  what: 'GET with 30 header lines (2 KB) as a browser behind a login sends them, 64 bytes answered, 64 connections that stay, plain HTTP/1.1',
  unit: 'requests/s',
  primary: 'rate',
  load: { connections: 64, headers: BROWSER_HEADERS, expectBody: 64 },
  goals: [throughput(1), cpu(1), throughputOfNode(8)],
};

export const perConnection = {
  id: 'connection-per-request',
  title: 'A connection per request',
  what: 'GET with six header lines, 64 bytes answered, a new TCP connection for each of them, 64 at once, plain HTTP/1.1',
  unit: 'requests/s',
  primary: 'rate',
  load: { connections: 64, connection: 'perRequest', headers: API_HEADERS, expectBody: 64 },
  goals: [throughput(1)],
};

export const latency = {
  id: 'latency',
  title: 'Latency under load, the fast ones among themselves',
  what: 'the same requests as in "Small keep-alive"; for the latencies they come at random times (Poisson, open loop) at 50 % and 80 % of what the slowest of the native proxies can do',
  unit: 'requests/s',
  primary: 'p99',
  fastOnly: true,
  maxRounds: 3,
  load: { connections: 64, headers: API_HEADERS, expectBody: 64 },
  latency: { of: 'fast', weight: 3, rounds: 0.6 },
  goals: tail(50),
};
