#ifndef MILLRACE_ENGINE_BALANCER_PREFER_H_
#define MILLRACE_ENGINE_BALANCER_PREFER_H_

#include <cstdint>

#include "engine/balancer/latency.h"
#include "engine/balancer/powers.h"
#include "engine/balancer/slot.h"

namespace millrace {

// Of two endpoints that were drawn, whether the second one is the better choice.

inline uint64_t activeOf(const PlanSlot& slot) noexcept {
  return slot.load->active.load(std::memory_order_relaxed);
}

// leastRequest. Two idle ones: the draw has seen to the weights already.
inline bool secondIsLessBusy(const PlanSlot& first, const PlanSlot& second) noexcept {
  const uint64_t one = activeOf(first);
  const uint64_t two = activeOf(second);
  return ((one | two) != 0) & ((two + 1) * first.weight < (one + 1) * second.weight);
}

// With a bias other than 1.
inline bool secondIsLessBusy(const PlanSlot& first, const PlanSlot& second,
                             const PowerTable& powers) noexcept {
  const uint64_t one = activeOf(first);
  const uint64_t two = activeOf(second);
  if ((one | two) == 0) return false;
  return powers(two + 1) * first.weight < powers(one + 1) * second.weight;
}

// peakEwma.
inline bool secondIsFaster(const PlanSlot& first, const PlanSlot& second, uint32_t now_ms,
                           float decay_scale, uint32_t default_latency_us) noexcept {
  return latencyLoad(*second.load, now_ms, decay_scale, default_latency_us) <
         latencyLoad(*first.load, now_ms, decay_scale, default_latency_us);
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_PREFER_H_
