import type { RESPONSE_FLAG } from '../binding/abi.ts';

export type ResponseFlag = (typeof RESPONSE_FLAG)[number];

/** What each response flag says, for people: of a request, and of an attempt that ended with it. */
export const FLAG_SENTENCES: Readonly<Record<ResponseFlag, string>> = {
  none: '',
  NR: 'no route matches the request',
  NC: 'nothing is configured for it: the cluster has no endpoint, or the listener is gone',
  UF: 'no connection to the upstream could be made',
  UC: 'the upstream closed or reset the connection before the end of its answer',
  UT: 'the upstream did not answer in time (timeout)',
  SI: 'nothing moved for too long (idleTimeout)',
  UO: 'a limit of the cluster was reached: too many requests, or too many that wait',
  UPE: 'the upstream broke the protocol',
  DPE: 'the request is malformed, or is not accepted as it is',
  DC: 'the client left',
  DI: 'answered by the proxy itself, as configured',
  BL: 'the body, or a message, is larger than allowed',
  UTLS: 'the TLS handshake with the upstream failed',
  OVL: 'the proxy is overloaded',
  RL: 'a rate limit was reached',
  UH: 'no endpoint of the cluster is available',
  UQ: 'no endpoint was free in time: each one stayed at its limit of requests (queue)',
  CB: 'the circuit breaker is open',
  UCT: 'the connection to the upstream was not made in time (connectTimeout)',
  UTT: 'the TLS handshake with the upstream took too long (handshakeTimeout)',
  UPT: 'the attempt was not answered in time (perTryTimeout)',
  DRT: 'the client did not send its request in time (requestTimeout)',
  UMSDR: 'the longest duration was reached (maxDuration)',
  DLE: 'the deadline that the caller sent has passed',
  FI: 'aborted by fault injection',
};
