/** http-proxy-3 as tuned for the race: `node http-proxy-3.mjs '{"port":…,"endpoints":["127.0.0.1:…"],"tls":null|{cert,key}}'`. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import httpProxy from 'http-proxy-3';

const { port, endpoints, tls } = JSON.parse(process.argv[2]);
const scheme = tls === null ? 'http' : 'https';
const targets = endpoints.map((address) => {
  const [host, upstreamPort] = address.split(':');
  return { protocol: 'http:', host, hostname: host, port: upstreamPort }; // parsed once, and not per request
});
let turn = 0;

const proxy = httpProxy.createProxyServer({
  // Keep-alive upstream: as many connections as there are requests in flight, kept as long as the others keep them; the last one used first.
  agent: new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1024, scheduling: 'lifo' }),
});
// An answer that cannot be had is a 502, as with the others; the race counts it.
proxy.on('error', (_error, _request, response) => {
  if (!response.headersSent) response.writeHead(502);
  response.end();
});

function handle(request, response) {
  const { headers } = request;
  // The four lines that Millrace adds; the package's own `xfwd` extends them instead, and has no id.
  headers['x-forwarded-for'] = request.socket.remoteAddress;
  headers['x-forwarded-proto'] = scheme;
  headers['x-forwarded-host'] = headers.host;
  headers['x-request-id'] = randomUUID();
  proxy.web(request, response, { target: targets[turn++ % targets.length] }); // several endpoints: in turns
}

const server =
  tls === null
    ? createServer(handle)
    : createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key), minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' }, handle); // the same key, TLS 1.3 with the cipher that all take; tickets are on
server.keepAliveTimeout = 120_000; // clients keep their connections, as with the others
server.requestTimeout = 0;         // never reached
server.listen({ port, host: '127.0.0.1', backlog: 4096 }); // the largest backlog the kernel allows, for everybody
