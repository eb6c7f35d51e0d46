/** Goals, each against the best of the peers that it names. */
const NATIVE = ['nginx', 'haproxy', 'h2o'];
const NODE = ['fastify-http-proxy', 'http-proxy-3'];

const goal = (metric, what, direction, ratio, against, best) => ({
  text: `${what} ${direction === 'atLeast' ? '>=' : '<='} ${ratio.toFixed(2)}x ${best}`,
  metric,
  against,
  ratio,
  direction,
});
const BEST = 'the best of nginx, HAProxy and H2O';

export const throughput = (ratio) => goal('rate', 'throughput', 'atLeast', ratio, NATIVE, BEST);
export const throughputOfNode = (ratio) => goal('rate', 'throughput', 'atLeast', ratio, NODE, 'the best Node peer');
export const cpu = (ratio) => goal('cpuUs', 'CPU per request', 'atMost', ratio, NATIVE, BEST);
export const bandwidth = (ratio) => goal('gbps', 'throughput', 'atLeast', ratio, NATIVE, BEST);
export const tail = (percent) => [
  goal(`latency.${percent}.p99`, `p99 at ${percent} % load`, 'atMost', 1, NATIVE, BEST),
  goal(`latency.${percent}.p999`, `p99.9 at ${percent} % load`, 'atMost', 1, NATIVE, BEST),
];
export const overPlain = (ratio) => goal('cpuUs', 'CPU per request', 'atMost', ratio, ['millrace-plain'], 'Millrace with nothing on, same requests');
