import { API_HEADERS } from './requests.mjs';

export const slowClients = {
  id: 'slow-clients',
  title: '1,000 slow clients',
  what: '1,000 clients read 1 MiB each at 64 KiB/s, while 64 keep-alive connections ask for 64 bytes as fast as they can; the most memory that the proxy had meanwhile beside',
  unit: 'requests/s',
  primary: 'rate',
  maxRounds: 4,
  warmup: 3, // what fits the buffers of the kernel is sent at once
  weight: 2,
  sample: true,
  load: { connections: 64, headers: API_HEADERS, expectBody: 64, slow: 1000, slowRate: 64 * 1024, slowPath: `/?size=${2 ** 20}` },
  goals: [],
};

export const idleConnections = {
  id: 'idle-connections',
  title: '10,000 idle connections',
  what: '10,000 clients connect, make one request each and stay, plain HTTP/1.1; the most resident memory that the proxy had meanwhile, in a fresh process each time',
  unit: 'KiB',
  primary: 'rssKiB',
  maxRounds: 3,
  freshEachRound: true,
  sample: true,
  load: { connections: 1, headers: API_HEADERS, expectBody: 64, idle: 10_000 },
  goals: [],
};
