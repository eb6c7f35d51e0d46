import { defaultRateLimitName } from './rate-names.ts';
import type { ParsedRateKey, ParsedRateLimit, ParsedRateLimits } from './schema-rate.ts';
import type { RateKeyConfig, RateLimitConfig } from './types.ts';

export function buildRateLimits(parsed: ParsedRateLimits, owner: string): RateLimitConfig[] {
  const limits = parsed === undefined ? [] : Array.isArray(parsed) ? parsed : [parsed];
  return limits.map((limit, index) => buildRateLimit(limit, limit.name ?? defaultRateLimitName(owner, index)));
}

function buildRateLimit(parsed: ParsedRateLimit, name: string): RateLimitConfig {
  return {
    name,
    algorithm: parsed.algorithm === 'tokenBucket' ? 'gcra' : parsed.algorithm,
    requests: parsed.requests,
    windowMs: parsed.window,
    burst: parsed.burst ?? parsed.requests,
    key: parsed.key.map(buildKey),
    shadow: parsed.shadow,
    headers: parsed.headers,
    xHeaders: parsed.xHeaders,
    status: parsed.status,
    body: parsed.body ?? null,
    contentType: parsed.contentType,
  };
}

const DEFAULT_BITS = { v4Bits: 32, v6Bits: 64 };
const NO_BITS = { v4Bits: 0, v6Bits: 0 };

function buildKey(parsed: ParsedRateKey): RateKeyConfig {
  if (typeof parsed === 'string')
    return { kind: parsed, name: '', ...(parsed === 'clientIp' ? DEFAULT_BITS : NO_BITS), missing: 'share' };
  const { clientIp, header, cookie, missing } = parsed;
  if (clientIp !== undefined) return { kind: 'clientIp', name: '', v4Bits: clientIp.v4, v6Bits: clientIp.v6, missing };
  return header === undefined
    ? { kind: 'cookie', name: cookie ?? '', ...NO_BITS, missing }
    : { kind: 'header', name: header, ...NO_BITS, missing };
}
