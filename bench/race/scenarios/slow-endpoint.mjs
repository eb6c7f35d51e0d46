import { API_HEADERS } from './requests.mjs';

const GOOD_MS = 10;
const SLOW_MS = 100;
const RATE = 1500;

export const slowEndpoint = {
  id: 'slow-endpoint',
  title: 'One slow endpoint of ten',
  what: `${RATE} requests/s at random times (Poisson, open loop) to ten endpoints, nine of which answer after ${GOOD_MS} ms and one after ${SLOW_MS} ms; everybody with the best of its balancing policies`,
  unit: 'requests/s',
  primary: 'p99',
  weight: 2,
  maxRounds: 5,
  features: { balance: true },
  endpoints: [...Array.from({ length: 9 }, () => ({ delay: GOOD_MS })), { delay: SLOW_MS }],
  load: { mode: 'open', rate: RATE, arrivals: 'poisson', connections: 256, headers: API_HEADERS, expectBody: 64 },
  goals: [{ text: 'p99 <= 1.00x the best of nginx, HAProxy and H2O', metric: 'p99', against: ['nginx', 'haproxy', 'h2o'], ratio: 1, direction: 'atMost' }],
};
