#ifndef MILLRACE_ENGINE_BALANCER_LEAST_REQUEST_H_
#define MILLRACE_ENGINE_BALANCER_LEAST_REQUEST_H_

#include <cstdint>

#include "abi.h"
#include "base/rng.h"
#include "engine/balancer/pick_table.h"

namespace millrace {

namespace internal {

// Exact draw by weight among the eligible slots other than `other`: two walks over the table.
inline uint32_t scanSlot(const PickTable& table, Rng& rng, ExcludedEndpoints excluded,
                         uint32_t other) noexcept {
  const auto weight_of = [&](uint32_t slot) -> uint64_t {
    const bool eligible = slot != other && !isExcluded(excluded, table.endpoints[slot]);
    return eligible ? table.weights[slot] : 0;
  };
  uint64_t sum = 0;
  for (uint32_t slot = 0; slot < table.size(); ++slot) sum += weight_of(slot);
  if (sum == 0) return abi::kNone;
  uint64_t left = rng.next() % sum;  // sum is below 2^48: the bias cannot be seen
  uint32_t slot = 0;
  for (uint64_t weight = weight_of(0); left >= weight; weight = weight_of(++slot)) left -= weight;
  return slot;
}

// A slot drawn with probability by weight, other than `other`, or kNone when none is eligible.
// Rejection sampling: no table beside the weights, and 1 .. 2 tries with the usual weights. A
// cluster that is very uneven or mostly excluded pays for a scan instead; the odds are the same.
inline uint32_t drawSlot(const PickTable& table, Rng& rng, ExcludedEndpoints excluded,
                         uint32_t other) noexcept {
  constexpr uint32_t kTries = 16;
  const bool has_other = other != abi::kNone;
  const uint32_t n = table.size() - (has_other ? 1 : 0);
  if (table.size() == 0 || n == 0) return abi::kNone;
  for (uint32_t tries = 0; tries < kTries; ++tries) {
    const uint64_t bits = rng.next();  // high half: slot, low half: acceptance
    uint32_t slot = static_cast<uint32_t>(((bits >> 32) * n) >> 32);
    if (has_other && slot >= other) ++slot;
    const uint64_t coin = ((bits & 0xffffffffu) * kStrideScale) >> 32;
    if (coin < table.weights[slot] && !isExcluded(excluded, table.endpoints[slot])) return slot;
  }
  return scanSlot(table, rng, excluded, other);
}

}  // namespace internal

// Least request by power of two choices: two distinct endpoints are drawn by weight, and the one
// with the lower (in flight + 1) / weight is taken, compared by cross-multiplication. A tie, and
// two idle endpoints, go to the first drawn: an idle cluster then shares by weight, where the
// formula alone would send everything to the heaviest. O(1).
//
// `activeOf(endpoint)` gives the requests in flight of an ENDPOINT index. It may be stale: the
// numbers are relaxed atomics of other threads, and a wrong comparison only costs balance. Returns
// an ENDPOINT index, or kNone when every endpoint is excluded.
template <typename ActiveOf>
uint32_t pickLeastRequest(const PickTable& table, Rng& rng, ActiveOf&& activeOf,
                          ExcludedEndpoints excluded = {}) noexcept {
  const uint32_t first = internal::drawSlot(table, rng, excluded, abi::kNone);
  if (first == abi::kNone) return abi::kNone;
  const uint32_t second = internal::drawSlot(table, rng, excluded, first);
  if (second == abi::kNone) return table.endpoints[first];
  const uint32_t one = table.endpoints[first];
  const uint32_t two = table.endpoints[second];
  const uint64_t active_one = static_cast<uint32_t>(activeOf(one));
  const uint64_t active_two = static_cast<uint32_t>(activeOf(two));
  if ((active_one | active_two) == 0) return one;
  const uint64_t load_one = (active_one + 1) * table.weights[second];
  const uint64_t load_two = (active_two + 1) * table.weights[first];
  return load_two < load_one ? two : one;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_LEAST_REQUEST_H_
