/**
 * Outlier detection as one would write it without caring for time or threads: every attempt is kept, and everything is computed
 * from the list when it is asked for.
 */
import { HEALTH, OUTLIER_FLAG, OUTLIER_METHOD, TRANSITION_KIND, TRANSITION_REASON } from '../../../src/binding/abi.ts';
import type { OutlierSettings } from '../../../src/binding/outlier.ts';
import { bucketOf, edges } from '../histogram/histogram.ts';

const EDGES = edges();
const MASK = (1n << 64n) - 1n;
const reasonNumber = (name: (typeof TRANSITION_REASON)[number]): number => TRANSITION_REASON.indexOf(name);

/** splitmix64's finaliser. */
export function mix64(value: bigint): bigint {
  let z = value & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

export interface ReferenceTransition {
  kind: number;
  reason: number;
  endpoint: number;
  atMs: number;
  untilMs: number;
  value: number;
  limit: number;
  requests: number;
}

type Attempt = { status: number; us: number } | null;

class Endpoint {
  /** Of the interval; null = no answer. */
  attempts: Attempt[] = [];
  serverErrors = 0;
  gatewayErrors = 0;
  noAnswers = 0;
  otherHealth = 0;
  untilMs = 0;
  endedMs = 0;
  multiplier = 0;
  ejections = 0;
  toldMs: number | null = null;

  get ejected(): boolean {
    return this.untilMs !== 0;
  }
  get available(): boolean {
    return !this.ejected && (this.otherHealth & ~HEALTH.halfOpen) === 0;
  }
}

interface Suspect {
  endpoint: number;
  reason: (typeof TRANSITION_REASON)[number];
  value: number;
  limit: number;
  requests: number;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2;
}

export class ReferenceOutlierCluster {
  readonly endpoints: Endpoint[];
  shadowed = 0;
  overflow = 0;
  transitions: ReferenceTransition[] = [];
  readonly #settings: OutlierSettings;
  #nextSweepMs: number;

  constructor(settings: OutlierSettings, endpoints: number, nowMs: number) {
    this.#settings = settings;
    this.endpoints = Array.from({ length: endpoints }, () => new Endpoint());
    this.#nextSweepMs = nowMs + settings.intervalMs;
  }

  get ejected(): number {
    return this.endpoints.filter(({ ejected }) => ejected).length;
  }

  answer(index: number, status: number, us: number, nowMs: number, random: bigint): void {
    const endpoint = this.#at(index);
    endpoint.attempts.push({ status, us });
    if (status < 500) {
      endpoint.serverErrors = endpoint.gatewayErrors = endpoint.noAnswers = 0;
      return;
    }
    const { consecutive5xx, consecutiveGatewayErrors } = this.#settings;
    endpoint.noAnswers = 0;
    endpoint.serverErrors++;
    endpoint.gatewayErrors = status >= 502 && status <= 504 ? endpoint.gatewayErrors + 1 : 0;
    const gateway = consecutiveGatewayErrors > 0 && endpoint.gatewayErrors === consecutiveGatewayErrors;
    const server = consecutive5xx > 0 && endpoint.serverErrors === consecutive5xx;
    if (gateway) endpoint.gatewayErrors = 0;
    if (server) endpoint.serverErrors = 0;
    if (gateway) this.#ejectForRun(index, 'consecutiveGatewayErrors', consecutiveGatewayErrors, nowMs, random);
    else if (server) this.#ejectForRun(index, 'consecutive5xx', consecutive5xx, nowMs, random);
  }

  fail(index: number, nowMs: number, random: bigint): void {
    const endpoint = this.#at(index);
    endpoint.attempts.push(null);
    const { consecutiveLocalErrors } = this.#settings;
    if (consecutiveLocalErrors === 0 || ++endpoint.noAnswers < consecutiveLocalErrors) return;
    endpoint.noAnswers = 0;
    this.#ejectForRun(index, 'consecutiveLocalErrors', consecutiveLocalErrors, nowMs, random);
  }

  setHealth(index: number, set: number, clear: number): void {
    const endpoint = this.#at(index);
    endpoint.otherHealth = (endpoint.otherHealth & ~clear) | set;
  }

  tick(nowMs: number, random: bigint): number {
    const { successMethod, failurePercent, latencyFactorMillis, intervalMs } = this.#settings;
    const compares = successMethod !== OUTLIER_METHOD.off || failurePercent !== 0 || latencyFactorMillis !== 0;
    if (compares && nowMs >= this.#nextSweepMs) {
      const suspects = [...this.#unsuccessful(), ...this.#failing(), ...this.#slow()];
      for (const { endpoint, reason, ...evidence } of suspects) this.#eject(endpoint, { reason: reasonNumber(reason), ...evidence }, nowMs, mix64(random + BigInt(endpoint)));
      for (const endpoint of this.endpoints) endpoint.attempts = [];
      this.#nextSweepMs = Math.max(this.#nextSweepMs + intervalMs, nowMs + 1);
    }
    for (const [index, endpoint] of this.endpoints.entries()) {
      if (!endpoint.ejected || endpoint.untilMs > nowMs) continue;
      endpoint.untilMs = 0;
      endpoint.endedMs = nowMs;
      endpoint.serverErrors = endpoint.gatewayErrors = endpoint.noAnswers = 0;
      this.transitions.push({ kind: TRANSITION_KIND.unejected, reason: reasonNumber('ejectionEnded'), endpoint: index, atMs: nowMs, untilMs: 0, value: 0, limit: 0, requests: 0 });
    }
    const ends = this.endpoints.filter(({ ejected }) => ejected).map(({ untilMs }) => untilMs);
    const due = Math.min(...ends, compares ? this.#nextSweepMs : Infinity);
    return due === Infinity ? -1 : due;
  }

  #at(index: number): Endpoint {
    const endpoint = this.endpoints[index];
    if (endpoint === undefined) throw new Error(`no endpoint ${index}`);
    return endpoint;
  }

  #ejectForRun(endpoint: number, reason: (typeof TRANSITION_REASON)[number], length: number, nowMs: number, random: bigint): void {
    this.#eject(endpoint, { reason: reasonNumber(reason), value: length, limit: length, requests: 0 }, nowMs, random);
  }

  #eject(index: number, evidence: { reason: number; value: number; limit: number; requests: number }, nowMs: number, random: bigint): void {
    const { baseEjectionMs, maxEjectionMs, jitterMs, intervalMs, maxEjectionPercent, flags } = this.#settings;
    const endpoint = this.#at(index);
    if (endpoint.ejected) return;
    const tell = (kind: number): void => {
      if (endpoint.toldMs !== null && nowMs < endpoint.toldMs + intervalMs) return;
      endpoint.toldMs = nowMs;
      this.transitions.push({ kind, endpoint: index, atMs: nowMs, untilMs: 0, ...evidence });
    };
    if ((flags & OUTLIER_FLAG.shadow) !== 0) {
      this.shadowed++;
      tell(TRANSITION_KIND.wouldEject);
      return;
    }
    const most = Math.max(1, Math.floor((this.endpoints.length * maxEjectionPercent) / 100));
    const last = endpoint.available && this.endpoints.every((other) => other === endpoint || !other.available);
    if (this.ejected >= most || last) {
      this.overflow++;
      tell(TRANSITION_KIND.notEjected);
      return;
    }
    const longestMs = Math.max(baseEjectionMs, maxEjectionMs);
    const goodIntervals = Math.floor(Math.max(0, nowMs - endpoint.endedMs) / intervalMs);
    const times = Math.max(0, endpoint.multiplier - goodIntervals) + 1;
    endpoint.multiplier = Math.min(times, Math.ceil(longestMs / baseEjectionMs));
    const jitter = Number(((random >> 32n) * BigInt(jitterMs + 1)) >> 32n);
    endpoint.untilMs = nowMs + Math.min(baseEjectionMs * times, longestMs) + jitter;
    endpoint.ejections++;
    this.transitions.push({ kind: TRANSITION_KIND.ejected, endpoint: index, atMs: nowMs, untilMs: endpoint.untilMs, ...evidence });
  }

  /** Endpoints that are in, with what the interval brought them. */
  #rates(minRequests: number, minEndpoints: number): { endpoint: number; good: number; requests: number; rate: number }[] {
    const rows = this.endpoints.flatMap(({ ejected, attempts }, endpoint) => {
      const good = attempts.filter((attempt) => attempt !== null && attempt.status < 500).length;
      return ejected || attempts.length === 0 || attempts.length < minRequests ? [] : [{ endpoint, good, requests: attempts.length, rate: good / attempts.length }];
    });
    return rows.length < minEndpoints ? [] : rows;
  }

  #unsuccessful(): Suspect[] {
    const { successMethod, successFactorMillis, successMinEndpoints, successMinRequests } = this.#settings;
    if (successMethod === OUTLIER_METHOD.off) return [];
    const rows = this.#rates(successMinRequests, successMinEndpoints);
    const rates = rows.map(({ rate }) => rate);
    const mad = successMethod === OUTLIER_METHOD.mad;
    const centre = mad ? median(rates) : sum(rates) / rates.length;
    const scale = mad ? 1.4826 * median(rates.map((rate) => Math.abs(rate - centre))) : Math.sqrt(sum(rates.map((rate) => (rate - centre) ** 2)) / rates.length);
    return rows
      .map(({ endpoint, rate, requests }): Suspect => {
        const unknown = 1 / (2 * Math.sqrt(requests));
        return { endpoint, reason: 'successRate', value: rate, limit: centre - (successFactorMillis / 1000) * Math.max(scale, unknown, 0.01), requests };
      })
      .filter(({ value, limit }) => value < limit - 1e-9)
      .sort((a, b) => a.value - b.value);
  }

  #failing(): Suspect[] {
    const { failurePercent, failureMinEndpoints, failureMinRequests } = this.#settings;
    if (failurePercent === 0) return [];
    return this.#rates(failureMinRequests, failureMinEndpoints)
      .filter(({ good, requests }) => (requests - good) * 100 >= requests * failurePercent)
      .map(({ endpoint, rate, requests }): Suspect => ({ endpoint, reason: 'failurePercentage', value: 1 - rate, limit: failurePercent / 100, requests }))
      .sort((a, b) => b.value - a.value);
  }

  #slow(): Suspect[] {
    const { latencyFactorMillis, latencyQuantileMillis, latencyMinUs, latencyMinEndpoints, latencyMinRequests } = this.#settings;
    if (latencyFactorMillis === 0) return [];
    const rows = this.endpoints.flatMap(({ ejected, attempts }, endpoint) => {
      const times = attempts.flatMap((attempt) => (attempt === null ? [] : [attempt.us])).sort((a, b) => a - b);
      return ejected || times.length === 0 || times.length < latencyMinRequests ? [] : [{ endpoint, requests: times.length, value: quantile(times, latencyQuantileMillis) }];
    });
    if (rows.length < latencyMinEndpoints || rows.length === 0) return [];
    const limit = median(rows.map(({ value }) => value)) * (latencyFactorMillis / 1000);
    return rows
      .filter(({ value }) => value > limit && value >= latencyMinUs)
      .map((row): Suspect => ({ ...row, reason: 'latency', limit }))
      .sort((a, b) => b.value - a.value);
  }
}

/** Of sorted samples: the middle of the bucket that the sample of that rank is in. */
function quantile(sorted: readonly number[], millis: number): number {
  const rank = Math.max(1, Math.ceil((millis * sorted.length) / 1000));
  const bucket = bucketOf(sorted[rank - 1] ?? 0);
  return ((EDGES[bucket] ?? 0) + (EDGES[bucket + 1] ?? 0) - 1) / 2;
}
