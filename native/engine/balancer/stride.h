#ifndef MILLRACE_ENGINE_BALANCER_STRIDE_H_
#define MILLRACE_ENGINE_BALANCER_STRIDE_H_

#include <cstdint>
#include <span>

#include "abi.h"
#include "engine/balancer/eligible.h"
#include "engine/balancer/fast_divide.h"

namespace millrace {

// Weighted round robin by static stride (gRPC, static_stride_scheduler.cc): the sequence walks over
// the slots generation by generation, and slot i takes part in the share w_i / 65535 of the
// generations, spread evenly and with an offset per slot. Exact proportions, O(1) (tries = heaviest
// / mean weight), and no state but `sequence`, which the caller owns: one per worker and group,
// started at a random number so that workers do not march in step. Its wrap-around is harmless.
//
// The heaviest weight must be at least half of kStrideScale. `divide` is by weights.size();
// `open(slot)` says who may be given. Returns a slot, or kNone when nobody is open.
template <typename Open>
uint32_t strideSlot(std::span<const uint16_t> weights, Divider32 divide, uint32_t& sequence,
                    Open&& open) noexcept {
  const auto n = static_cast<uint32_t>(weights.size());
  if (n == 0) return abi::kNone;
  // The heaviest weight is at least half the scale, so two generations hold a hit. Hits that are
  // not open are passed over a few times only: proportions matter less for a retry.
  constexpr uint32_t kClosedHits = 8;
  const uint64_t most_tries = uint64_t{3} * n;
  uint32_t hits = 0;
  uint32_t slot = 0;
  for (uint64_t tries = 0; tries < most_tries && hits < kClosedHits; ++tries) {
    const uint32_t s = sequence++;
    const uint32_t generation = divide.quotient(s);
    slot = s - generation * n;
    const uint32_t weight = weights[slot];
    const uint64_t phase =
        (uint64_t{weight} * generation + uint64_t{slot} * (kStrideScale / 2)) % kStrideScale;
    if (phase < kStrideScale - weight) continue;  // always so for weight 0
    if (open(slot)) return slot;
    ++hits;
  }
  for (uint32_t k = 0; k < n; ++k, slot = slot + 1 == n ? 0 : slot + 1) {
    if (weights[slot] != 0 && open(slot)) return slot;
  }
  return abi::kNone;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_STRIDE_H_
