/**
 * Looks whether a contender does the work that all are to do: what the origin gets must have the four lines that everybody adds and
 * the client's own, Host unchanged, and come over kept connections.
 */
import { Agent, createServer } from 'node:http';
import { ask, enter } from './stage.mjs';

const REQUESTS = 20;
const CLIENT = { 'user-agent': 'race', accept: '*/*', 'x-tenant': '42', host: 'localhost' };

/** An origin that remembers what it was asked. */
function startWitness() {
  const seen = [];
  let connections = 0;
  const server = createServer((request, response) => {
    seen.push(request.headers);
    response.setHeader('content-length', 2);
    response.end('ok');
  });
  server.keepAliveTimeout = 120_000;
  server.on('connection', () => connections++);
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve({ address: `127.0.0.1:${server.address().port}`, seen, opened: () => connections, server }));
  });
}

function faultsOf(headers, connections) {
  const wanted = { ...CLIENT, 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'localhost' };
  const faults = Object.entries(wanted)
    .filter(([name, value]) => headers[name] !== value)
    .map(([name, value]) => `${name} is ${JSON.stringify(headers[name])} and not ${JSON.stringify(value)}`);
  if (!/^[\w-]{16,}$/.test(headers['x-request-id'] ?? '')) faults.push('no x-request-id');
  if (/close/i.test(headers.connection ?? '')) faults.push('it asks the origin to close');
  if (connections > 2) faults.push(`${connections} connections to the origin for ${REQUESTS} requests in turn`);
  return faults;
}

/** `{ ok, faults, upstreamConnections, headers }`: names of the lines that the origin got. */
export async function check(contender, { directory, core }) {
  const witness = await startWitness();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const member = await enter({ contender, name: `${contender.name}-check`, endpoints: [witness.address], directory, core });
    const before = witness.opened();
    try {
      for (let i = 0; i < REQUESTS; i++) await ask(`${member.url}/check`, { headers: CLIENT, agent });
    } finally {
      await member.leave();
    }
    const headers = witness.seen.at(-1);
    const upstreamConnections = witness.opened() - before;
    const faults = faultsOf(headers, upstreamConnections);
    return { ok: faults.length === 0, faults, upstreamConnections, headers: Object.keys(headers).sort() };
  } finally {
    agent.destroy();
    witness.server.closeAllConnections();
    witness.server.close();
  }
}
