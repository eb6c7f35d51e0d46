/** @fastify/http-proxy as tuned for the race: `node fastify-http-proxy.mjs '{"port":…,"endpoints":["127.0.0.1:…"],"tls":null|{cert,key}}'`. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const { port, endpoints, tls } = JSON.parse(process.argv[2]);
const scheme = tls === null ? 'http' : 'https';
const upstreams = endpoints.map((address) => `http://${address}`);
let turn = 0;

const app = fastify({
  logger: false,                  // nobody logs here
  keepAliveTimeout: 120_000,      // clients keep their connections, as with the others
  bodyLimit: 2 ** 30,             // 64 MiB uploads; nobody has a limit that matters
  requestTimeout: 0,              // never reached
  connectionTimeout: 0,           // likewise
  // The same ECDSA P-256 certificate and key, TLS 1.3 for everybody with the cipher that the client prefers (Node would choose AES-256); tickets are on.
  ...(tls === null ? {} : { https: { cert: readFileSync(tls.cert), key: readFileSync(tls.key), minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } }),
});
app.register(proxy, {
  upstream: upstreams.length === 1 ? upstreams[0] : '', // the same origin for everybody
  disableRequestLogging: true,                          // not even looked at per request
  undici: {
    connections: 256,             // keep-alive upstream: never fewer connections than there are requests in flight
    pipelining: 1,                // one request at a time on each, as with the others
    keepAliveTimeout: 120_000,    // as long as the others keep them
    headersTimeout: 120_000,      // never reached
    bodyTimeout: 120_000,         // likewise
  },
  replyOptions: {
    // Several endpoints: in turns, which is what its documentation offers.
    ...(upstreams.length === 1 ? {} : { getUpstream: () => upstreams[turn++ % upstreams.length] }),
    // The four lines that Millrace adds, and Host passes unchanged. The object is the package's own copy, so it is changed in place.
    rewriteRequestHeaders(request, headers) {
      headers.host = request.headers.host;
      headers['x-forwarded-for'] = request.socket.remoteAddress;
      headers['x-forwarded-proto'] = scheme;
      headers['x-forwarded-host'] = request.headers.host;
      headers['x-request-id'] = randomUUID();
      return headers;
    },
  },
});
await app.listen({ port, host: '127.0.0.1', backlog: 4096 }); // the largest backlog the kernel allows, for everybody
