/** What the engine says would happen to a request: its own words, with indexes of the image in place of names. */
import { addon } from './load.ts';

/** A request head as a worker would get it: header names in lower case, values without white space around them. */
export interface ExplainHead {
  method: string;
  target: string;
  headers: readonly (readonly [name: string, value: string])[];
  /** 4 or 16 bytes in network order; empty = not known. */
  peer: Uint8Array;
}

export interface NativeRefusal {
  /** Index into DOWNSTREAM_ERROR. */
  reason: number;
  status: number;
  text: string;
}

export interface NativeStep {
  route: number;
  /** Absent: everything holds; else the number of the first predicate that does not: headers, then query. */
  failed?: 'method' | number;
  /** The values that there are for that name. */
  actual?: string[];
}

export interface NativeGate {
  allowed: boolean;
  /** RATE_LIMIT row whose refusal the client is told of. */
  refusedBy?: number;
  retryAfterS?: number;
  status?: number;
  limits: NativeLimit[];
}

/** Without `allowed`: the request is not counted, as a part of the key is missing. */
export interface NativeLimit {
  row: number;
  /** One value for each part of the key; null = the request does not have it. */
  key: (string | null)[];
  allowed?: boolean;
  left?: number;
  resetMs?: number;
  retryAfterMs?: number;
  /** The table has no room: counted together with others. */
  shared?: boolean;
}

export interface NativeBreaker {
  /** BREAKER_STATE. */
  state: number;
  /** In its window. */
  requests: number;
  failures: number;
  /** Until it lets the first probe through. */
  leftMs: number;
  probes: number;
  probesMost: number;
  successes: number;
}

interface Used {
  now: number;
  /** 0 = none. */
  limit: number;
}

export interface NativeCandidate {
  endpoint: number;
  /** Null: it is in none, so it is not given now. */
  group: number | null;
  open: boolean;
  /** HEALTH bits. */
  health: number;
  active: number;
  connections: number;
  /** Null: not known for this policy. */
  share: number | null;
  /** Of the heaviest of its group, after slow start. */
  weight?: number;
  score?: number;
  latencyUs?: number;
  warmForMs?: number;
  report?: { inFlight: number; latencyUs: number };
  breaker?: NativeBreaker;
}

export interface NativeStation {
  cluster: number;
  subset: number;
  breaker?: NativeBreaker;
  active: number;
  limits: Record<'requests' | 'connections' | 'pending' | 'retries' | 'queue', Used>;
  retryBudget?: { requests: number; allowed: number; spent: number };
  hash?: { present: boolean; madeUp: boolean; value: string; sources: (string | null)[] };
  groups: { priority: number; share: number; zoned: boolean; local: boolean; panicking: boolean; endpoints: number }[];
  pick: {
    /** picked: certain; drawn: by the shares. */
    result: 'picked' | 'drawn' | 'full' | 'none';
    lastResort: boolean;
    sharesKnown: boolean;
    owner?: number;
    endpoint?: number;
    bound?: { totalActive: number; ownerActive: number; ownerMost: number; overflow: boolean };
  };
  candidatesMore: number;
  candidates: NativeCandidate[];
  /** By its circuit breaker. */
  permitted: boolean;
  /** Somebody can be picked, or will be when a place comes free. */
  available: boolean;
  /** At limits.maxRequests. */
  crowded: boolean;
  handsOn: boolean;
}

export interface NativeExplanation {
  version: number;
  request:
    | { method: string; error: NativeRefusal }
    | {
        method: string;
        error?: undefined;
        authority: string;
        host: string;
        rawPath: string;
        path: string;
        query: string | null;
        peer: string;
        trusted: boolean;
        client: string;
        chunked: boolean;
        contentLength?: number;
        idempotent: boolean;
        lastHop: boolean;
      };
  listenerLimits?: NativeGate;
  match?: {
    vhost: number | null;
    route: number | null;
    probes: { key: string; vhost: number | null }[];
    tried: NativeStep[];
    unreached: NativeStep[];
    unreachedMore: number;
  };
  bodyTooLarge?: boolean;
  routeLimits?: NativeGate;
  upgrade?: { proxied: boolean; reason?: number; status?: number; text?: string };
  deadline?: { asked: number | null; believed: boolean; expired: boolean; sentMs: number | null };
  /** As it goes upstream. */
  head?: string;
  /** Head of a redirect, without version. */
  answer?: string;
  hedge?: { applies: boolean; delayUs: number | null };
  targets?: { weight: number; chain: NativeStation[] }[];
}

/** Undefined when `version` is not the current image any more. Changes nothing, and waits for no worker. */
export function explain(version: number, listener: number, { method, target, headers, peer }: ExplainHead): NativeExplanation | undefined {
  const pieces = [method, target, ...headers.flat()].map((piece) => Buffer.from(piece, 'utf8'));
  const lengths = Int32Array.from(pieces, (piece) => piece.length);
  const text = addon.explain(version, listener, Buffer.concat(pieces), lengths, peer);
  return text === undefined ? undefined : (JSON.parse(text) as NativeExplanation);
}
