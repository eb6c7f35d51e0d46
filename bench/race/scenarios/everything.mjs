import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { routes } from '../stage.mjs';
import { overPlain } from './goals.mjs';
import { API_HEADERS } from './requests.mjs';

const KEYS = 1_000_000;

export const everything = {
  id: 'everything',
  title: 'Everything on',
  what: '10,000 routes taken in turn, a rate limit with 1,000,000 keys taken at random, access log to a file, histograms, circuit breaker, outlier detection, or what of it a peer has; 64 connections that stay, 64 bytes answered. "plain" beside it: the same requests with nothing on',
  unit: 'requests/s',
  primary: 'cpuUs',
  features: { everything: true },
  plainBeside: ['millrace', 'nginx', 'haproxy'],
  load: { connections: 64, headers: [...API_HEADERS, ['x-key', 'k{key}']], targetKeys: KEYS, expectBody: 64 },
  systemCalls: true,
  /** What the load generator needs as files. */
  prepare(directory) {
    const pathList = join(directory, 'targets.txt');
    writeFileSync(pathList, routes.map(({ target }) => `${target}\n`).join(''));
    return { pathList };
  },
  goals: [overPlain(1.1)],
};
