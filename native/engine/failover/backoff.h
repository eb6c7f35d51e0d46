#ifndef MILLRACE_ENGINE_FAILOVER_BACKOFF_H_
#define MILLRACE_ENGINE_FAILOVER_BACKOFF_H_

#include <algorithm>
#include <cstdint>

#include "base/rng.h"

namespace millrace {

// The bound that the wait before retry `retry` (1, 2, ...) is drawn below: it doubles with every
// retry, up to `max_ms`. Milliseconds; 0 = no wait.
inline uint32_t backoffBoundMs(uint32_t base_ms, uint32_t max_ms, uint32_t retry) noexcept {
  const uint32_t doublings = std::min(retry, 32u) - 1;
  return static_cast<uint32_t>(std::min<uint64_t>(uint64_t{base_ms} << doublings, max_ms));
}

// Full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015): anywhere below the bound, so
// that requests that failed together do not come back together. In [0, bound).
inline uint32_t backoffMs(uint32_t base_ms, uint32_t max_ms, uint32_t retry, Rng& rng) noexcept {
  return rng.below(backoffBoundMs(base_ms, max_ms, retry));
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_BACKOFF_H_
