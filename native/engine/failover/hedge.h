#ifndef MILLRACE_ENGINE_FAILOVER_HEDGE_H_
#define MILLRACE_ENGINE_FAILOVER_HEDGE_H_

#include <algorithm>
#include <cstdint>

#include "abi.h"
#include "engine/histogram/counts.h"

namespace millrace {

// Second attempts for requests that take longer than most (Dean and Barroso, "The Tail at Scale",
// 2013): after the route's own recent quantile, so that few requests have one, and within a budget,
// so that a cluster that has become slow as a whole is not asked twice for everything.

// The route's delay is taken over this much of the past, and again at every tick of the histograms.
inline constexpr uint64_t kHedgeWindowMs = 10'000;

// Microseconds after which a request of the route is hedged; kNone: not at all, too little is
// known. `recent`: times from the head of a request to the head of its answer, in microseconds.
inline uint32_t hedgeDelayUs(const HistogramCounts& recent, const abi::HedgeRecord& row) noexcept {
  uint64_t delay = 0;
  if (row.quantile_millis != 0) {
    if (recent.count < row.min_requests) return abi::kNone;
    delay = static_cast<uint64_t>(recent.quantile(row.quantile_millis / 1000.0));
  }
  delay = std::max<uint64_t>(delay, row.min_delay_ms * uint64_t{1000});
  if (row.max_delay_ms != 0) delay = std::min<uint64_t>(delay, row.max_delay_ms * uint64_t{1000});
  return static_cast<uint32_t>(std::min<uint64_t>(delay, abi::kNone - 1));
}

// What one worker may spend on one route: `percent` second attempts for a hundred requests, saved
// up for at most kBurst of them. Every worker has its own share of the requests, and so its own
// share of the budget: nothing is shared. One thread.
class HedgeBudget {
 public:
  static constexpr uint32_t kBurst = 10;

  void deposit(uint32_t percent) noexcept {
    balance_ = std::min(balance_ + percent, kBurst * kPrice);
  }
  bool withdraw() noexcept {
    if (balance_ < kPrice) return false;
    balance_ -= kPrice;
    return true;
  }

 private:
  static constexpr uint32_t kPrice = 100;
  uint32_t balance_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_HEDGE_H_
