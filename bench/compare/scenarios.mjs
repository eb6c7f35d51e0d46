/** What both revisions are asked: rows of the race that need no feature which an old revision may lack. */
import { scenarios } from '../race/scenarios/index.mjs';

const byId = (id) => scenarios.find((scenario) => scenario.id === id);

/** By the names of --scenario. */
export const SCENARIOS = {
  plain: byId('plain'),
  browser: byId('browser'),
  connection: byId('connection-per-request'),
  tls: byId('tls'),
  handshake: byId('tls-full'),
  resumed: byId('tls-resumed'),
  body: byId('down-100k'),
  upload: byId('up-100k'),
};

/**
 * Of Millrace; it has only what the oldest revision knows too.
 * @param {{ port: number, origin: number, tls: { cert: string, key: string } | null }} where
 */
export function configuration({ port, origin, tls }) {
  const listener = { name: 'bench', address: `127.0.0.1:${port}`, routes: 'bench' };
  return {
    workers: 1,
    admin: { address: '127.0.0.1:0' },
    listeners: [{ ...listener, ...(tls === null ? {} : { tls: { certificates: [{ cert: tls.cert, key: tls.key }] } }) }],
    routes: { bench: [{ hosts: ['*'], routes: [{ match: { pathPrefix: '/' }, cluster: 'origin' }] }] },
    clusters: { origin: { endpoints: [`127.0.0.1:${origin}`] } },
  };
}
