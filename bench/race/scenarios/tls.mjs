import { cpu, throughput, throughputOfNode } from './goals.mjs';
import { API_HEADERS } from './requests.mjs';

const COMMON = 'TLS 1.3, ECDSA P-256, X25519, AES-128-GCM';

export const tlsKeepAlive = {
  id: 'tls',
  title: 'TLS, keep-alive',
  what: `GET with six header lines, 64 bytes answered, 64 connections that stay, ${COMMON}`,
  unit: 'requests/s',
  primary: 'rate',
  features: { tls: true },
  load: { connections: 64, headers: API_HEADERS, expectBody: 64 },
  systemCalls: true,
  goals: [throughput(1.4), throughputOfNode(8)],
};

export const tlsFull = {
  id: 'tls-full',
  title: 'TLS, a full handshake per request',
  what: `a new connection with a full handshake for each GET, 32 at once, ${COMMON}`,
  unit: 'handshakes/s',
  primary: 'cpuUs',
  features: { tls: true },
  load: { connections: 32, connection: 'perRequest', tlsSession: 'full', headers: API_HEADERS, expectBody: 64 },
  goals: [cpu(0.6)],
};

export const tlsResumed = {
  id: 'tls-resumed',
  title: 'TLS, a resumed handshake per request',
  what: `a new connection for each GET, resumed with the ticket of the one before, 32 at once, ${COMMON}`,
  unit: 'handshakes/s',
  primary: 'cpuUs',
  features: { tls: true },
  load: { connections: 32, connection: 'perRequest', tlsSession: 'resumed', headers: API_HEADERS, expectBody: 64 },
  goals: [cpu(1)],
};
