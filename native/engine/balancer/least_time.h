#ifndef MILLRACE_ENGINE_BALANCER_LEAST_TIME_H_
#define MILLRACE_ENGINE_BALANCER_LEAST_TIME_H_

#include <cstdint>

#include "base/rng.h"
#include "engine/balancer/latency.h"
#include "engine/balancer/slot.h"

namespace millrace {

inline constexpr uint32_t kLeastTimeLooks = 16;

// The k-th of n slots that is looked at: kLeastTimeLooks of them spread over all, since neighbours
// in a configuration are often alike (a rack, a generation of machines), and a window that holds
// only slow ones would see no other. From there on all, one after the other.
constexpr uint32_t leastTimeSlot(uint32_t start, uint32_t k, uint32_t n) noexcept {
  const uint32_t step = n < kLeastTimeLooks ? 1 : n / kLeastTimeLooks;
  const uint32_t away = k < kLeastTimeLooks ? k * step : k - kLeastTimeLooks;
  const uint32_t slot = start + away;  // at most 2n
  return slot < n ? slot : slot - n;
}
// How many looks reach every slot.
constexpr uint32_t leastTimeLooks(uint32_t n) noexcept {
  return n <= kLeastTimeLooks ? n : n + kLeastTimeLooks;
}

// Least time (Traefik): the lowest mean time to the first byte x (1 + in flight) / weight wins.
// Looks at up to kLeastTimeLooks endpoints from a random start on, which also breaks ties in turn:
// with more, a pick stays O(1) and is still far closer to the best one than a choice of two.
template <typename Open>
uint32_t pickLeastTime(Slots slots, Rng& rng, const Open& open, uint32_t now_ms, float decay_scale,
                       uint32_t default_latency_us) noexcept {
  const auto n = static_cast<uint32_t>(slots.size());
  const uint32_t start = rng.below(n);
  uint32_t best = abi::kNone;
  double best_score = 0;
  for (uint32_t k = 0; k < leastTimeLooks(n); ++k) {
    if (k >= kLeastTimeLooks && best != abi::kNone) break;
    const uint32_t slot = leastTimeSlot(start, k, n);
    if (!open(slots[slot])) continue;
    const double score = latencyLoad(*slots[slot].load, now_ms, decay_scale, default_latency_us) /
                         slots[slot].weight;
    if (best == abi::kNone || score < best_score) {
      best = slot;
      best_score = score;
    }
  }
  return best;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_LEAST_TIME_H_
