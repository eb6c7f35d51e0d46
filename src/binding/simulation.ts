/** The simulator: one policy under one load, on virtual time. See native/engine/simulate. */
import type { RecordFields } from './abi.ts';
import { addon } from './load.ts';
import type { BalancerOptions } from './balancer.ts';
import type { NativeSimulation } from './native.ts';

/** Seconds; how long an endpoint works on a request. */
export type ServiceTime = { fixed: number } | { exponential: number } | { lognormal: { median: number; p99: number } };

/** Endpoints that are alike. */
export interface SimulatedGroup {
  name: string;
  count: number;
  serviceTime: ServiceTime;
  /** Requests that each works on at once; 1 when missing. */
  concurrency?: number;
  /** Requests that wait in front of each; the next one is answered 503 at once. 1000 when missing. */
  queue?: number;
  /** 1 when missing. */
  weight?: number;
  priority?: number;
  zone?: string;
  /** Cap of each proxy on its requests in flight at one endpoint; 0 = none. */
  maxRequests?: number;
  /** Share of answers that are a 500. */
  fails?: number;
  /** Whether answers tell the load of the endpoint (prequal goes by it); true when missing. */
  reports?: boolean;
}

/** Something that happens to a share of a group, at least to one endpoint of it. Later ones have the last word; factors multiply. */
export interface SimulatedChange {
  /** Seconds from the start. */
  at: number;
  /** Seconds; missing = to the end. */
  for?: number;
  group: string;
  /** 1 when missing. */
  share?: number;
  /** Of the service times. */
  factor?: number;
  serviceTime?: ServiceTime;
  /** Share of answers that are a 500. */
  fails?: number;
  /** Connections are refused, and what the endpoint had at that moment is lost. */
  down?: boolean;
}

/** Times in seconds and rates per second, but for the records of the engine, whose names say their units. */
export interface SimulationCell {
  /** Of everything that comes by chance: 0 to 2^53 - 1. The same cell with the same seed gives the same result, bit by bit. */
  seed: number;
  /** Say one of these two. */
  requests?: number;
  duration?: number;
  /** Say one of these two: a share of the nominal capacity (concurrency / mean service time, of all endpoints), or requests per second. */
  load?: number;
  rate?: number;
  /** That do not see each other's load; 1 when missing. */
  proxies?: number;
  /** `poisson` when missing. In bursts, requests come for `on` seconds (Poisson, at a rate whose mean over both is that of the load) and none for `off`. */
  arrivals?: 'poisson' | 'uniform' | { bursts: { on: number; off: number } };
  /** Of the hash policies; exponent 0 = all keys are alike. */
  keys?: { count: number; zipf?: number };
  /** One way. */
  network?: number;
  /** Of a request, with all its attempts; 0 or missing = none. An endpoint goes on with what nobody waits for. */
  timeout?: number;
  /** `on`: bits of RETRY_ON. Without a `budget`, retries are not bounded. */
  retry?: {
    attempts: number;
    on: number;
    perTryTimeout?: number;
    backoffBaseMs?: number;
    backoffMaxMs?: number;
    budget?: { percent: number; minPerSecond: number; windowMs: number };
  };
  balancer: BalancerOptions;
  endpoints: readonly SimulatedGroup[];
  changes?: readonly SimulatedChange[];
  /** Each proxy has its own of these three. */
  circuitBreaker?: RecordFields<'BREAKER'>;
  outlierDetection?: RecordFields<'OUTLIER'>;
  /** `algorithm`: RATE_ALGORITHM; `keys`: clients, which come with a popularity of that exponent. */
  rateLimit?: { algorithm: number; requests: number; windowMs: number; burst?: number; keys?: number; zipf?: number };
}

export interface SimulatedQuantiles {
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  p9999: number;
  max: number;
  mean: number;
  count: number;
}

/** Every request is counted once among answered, failed, timedOut, refused and unfinished. */
export interface SimulationResult {
  requests: number;
  answered: number;
  /** The last word was an error: a 500, no connection, an answer that broke off. */
  failed: number;
  timedOut: number;
  refused: {
    breaker: number;
    rateLimit: number;
    /** 503 of an endpoint whose queue was full, or every endpoint was at its maxRequests. */
    queue: number;
    noEndpoint: number;
  };
  /** On their way when virtual time was over, after 46 days. */
  unfinished: number;
  /** That reached an endpoint, or one that was down. */
  attempts: number;
  retries: number;
  /** Seconds; of the answered, and of those that timed out with the time they waited. */
  latency: SimulatedQuantiles;
  /** Upper end of the bucket in seconds, count. */
  histogram: [upper: number, count: number][];
  /** Answered requests in a second. */
  goodput: number;
  /** Virtual, until the last request had come to its end. */
  seconds: number;
  /** That was offered, and the nominal capacity; requests per second. */
  rate: number;
  capacity: number;
  /**
   * How unlike the endpoints are: of their mean numbers of requests (working and waiting) per place; `requests`: of the
   * attempts that they got per weight. `mostInFlight`: at one endpoint at once.
   */
  imbalance: { cv: number; maxOverMean: number; requests: { cv: number; maxOverMean: number }; mostInFlight: number };
  groups: {
    name: string;
    /** Of all attempts. */
    share: number;
    /** Attempts. */
    requests: number;
    /** Of them, as the endpoints saw it. */
    failed: number;
    utilisation: number;
    /** Mean time in the queue, seconds. */
    wait: number;
    /** Mean number of requests at an endpoint, working and waiting. */
    inFlight: number;
  }[];
  /** 100 rows over the time in which requests come; everything is of those that came then. `errors`: share that was not answered. */
  timeline: { at: number; rate: number; p50: number; p99: number; errors: number }[];
  /** What the parts under test did, held against their own words. */
  wrong: {
    rateLimit: {
      /** The most popular ones, that were watched; 0 = there is no limit, or none fits into memory. */
      clients: number;
      /** Requests of one client that one proxy, and that all proxies together, admitted within any one window. */
      mostAdmitted: number;
      mostAdmittedByAll: number;
      /** That were refused while fewer than the limit had been admitted within the window before them. */
      refusedBelowLimit: number;
    };
  };
  breakersOpened: number;
  ejections: number;
  panicPicks: number;
}

/** One run. Throws a RangeError that names the value where the cell cannot be run. */
export class Simulation {
  readonly #native: NativeSimulation;

  constructor(cell: SimulationCell) {
    this.#native = new addon.Simulation(cell);
  }

  /** Handles so many events (about three a request), blocking for as long; true when the run is over. */
  step(events: number): boolean {
    return this.#native.step(events);
  }

  /** Share of the requests that have come, 0 to 1. */
  progress(): number {
    return this.#native.progress();
  }

  /** When it is over. */
  result(): SimulationResult {
    return this.#native.result();
  }
}
