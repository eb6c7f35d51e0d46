/**
 * Upstream servers with a set service time, all in this process: `node bench/upstreams.mjs '[{"serviceMs":2},{"fail":true}]'`
 * prints their ports as JSON once they listen. Started by policies.mjs.
 *
 * The service time is a timer, so a server never saturates: what differs between balancers is whom they send how much.
 * Every answer names its server and reports its load as the prequal policy wants it: requests in flight behind this one,
 * and the median of the last service times.
 */
import { createServer } from 'node:http';

const RECENT = 16;

async function listen({ serviceMs = 0, fail = false }, index) {
  let inFlight = 0;
  const recentUs = [];
  const answer = (res, status, startedMs) => {
    inFlight--;
    recentUs.push(Math.round((performance.now() - startedMs) * 1000));
    if (recentUs.length > RECENT) recentUs.shift();
    const medianUs = [...recentUs].sort((a, b) => a - b)[recentUs.length >> 1];
    res.writeHead(status, { 'content-length': 2, 'x-upstream': index, 'x-prequal-rif': inFlight, 'x-prequal-latency-us': medianUs });
    res.end(status === 200 ? 'ok' : 'no');
  };
  const server = createServer((req, res) => {
    const startedMs = performance.now();
    inFlight++;
    if (fail) answer(res, 503, startedMs);
    else setTimeout(answer, serviceMs, res, 200, startedMs);
  });
  server.keepAliveTimeout = 120_000; // the proxy decides when a connection ends, as it would in front of a fleet
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

const servers = JSON.parse(process.argv[2]);
console.log(JSON.stringify(await Promise.all(servers.map(listen))));
