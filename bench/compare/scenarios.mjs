/** What both revisions are asked: the cheap ones of the race. A configuration has only what the oldest revision knows too. */

/** What a browser-like client sends besides Host. */
const HEADER = ['User-Agent: Mozilla/5.0 (X11; Linux x86_64)', 'Accept: */*', 'Accept-Language: en', 'Accept-Encoding: gzip', 'X-Tenant: 42'];
const BODY_BYTES = 100 * 1024;

/** @type {Record<string, { what: string, tls?: boolean, load: import('../load/options.mjs').LoadOptions, unit: string }>} */
export const SCENARIOS = {
  plain: { what: '64-byte answers over kept connections', unit: 'requests/s', load: { header: HEADER, expectStatus: 200 } },
  tls: { what: 'the same over TLS 1.3', unit: 'requests/s', tls: true, load: { header: HEADER, expectStatus: 200 } },
  connection: { what: 'a connection per request', unit: 'connections/s', load: { header: HEADER, connection: 'perRequest', expectStatus: 200 } },
  body: { what: 'answers of 100 KiB', unit: 'requests/s', load: { header: HEADER, path: `/?size=${BODY_BYTES}`, expectStatus: 200, expectBody: BODY_BYTES } },
};

/** @param {{ port: number, origin: number, tls: { cert: string, key: string } | null }} where */
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
