#ifndef MILLRACE_ENGINE_BALANCER_STRIDE_H_
#define MILLRACE_ENGINE_BALANCER_STRIDE_H_

#include <cstdint>

#include "abi.h"
#include "engine/balancer/pick_table.h"

namespace millrace {

// Weighted round robin by static stride (gRPC, static_stride_scheduler.cc): the sequence walks over
// the slots generation by generation, and slot i takes part in the share w_i / 65535 of the
// generations, spread evenly and with an offset per slot. Exact proportions, O(1) (tries = heaviest
// / mean weight), and no state but `sequence`, which the caller owns: one per worker and cluster,
// started at a random number so that workers do not march in step. Its wrap-around is harmless.
//
// Returns an ENDPOINT index, or kNone when every endpoint is excluded.
inline uint32_t pickStride(const PickTable& table, uint32_t& sequence,
                           ExcludedEndpoints excluded = {}) noexcept {
  const uint32_t n = table.size();
  if (n == 0) return abi::kNone;
  // The heaviest weight is at least half the scale (the image was checked), so two generations hold
  // a hit. Excluded hits are passed over a few times only: proportions matter less for a retry.
  constexpr uint32_t kExcludedHits = 8;
  const uint64_t most_tries = uint64_t{3} * n;
  uint32_t hits = 0;
  uint32_t slot = 0;
  for (uint64_t tries = 0; tries < most_tries && hits < kExcludedHits; ++tries) {
    const uint32_t s = sequence++;
    const uint64_t generation = s / n;
    slot = s % n;
    const uint32_t weight = table.weights[slot];
    const uint64_t phase =
        (weight * generation + uint64_t{slot} * (kStrideScale / 2)) % kStrideScale;
    if (phase < kStrideScale - weight) continue;  // always so for weight 0
    if (!isExcluded(excluded, table.endpoints[slot])) return table.endpoints[slot];
    ++hits;
  }
  slot = firstEligibleSlot(table, slot, excluded);
  return slot == abi::kNone ? abi::kNone : table.endpoints[slot];
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_STRIDE_H_
