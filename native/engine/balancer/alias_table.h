#ifndef MILLRACE_ENGINE_BALANCER_ALIAS_TABLE_H_
#define MILLRACE_ENGINE_BALANCER_ALIAS_TABLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/balancer/slot.h"

namespace millrace {

// Alias method (M. Vose, "A linear algorithm for generating random numbers with a given
// distribution", 1991) in integers: fills `threshold` and `alias` of the slots from their weights.
// A draw is then one random number and at most one comparison, whatever the weights. The odds are
// off by less than 2^-32 each. O(n).
inline void buildAliases(std::span<PlanSlot> slots) {
  const uint64_t n = slots.size();
  uint64_t total = 0;  // below 2^32: 65535 slots of 65535
  for (const PlanSlot& slot : slots) total += slot.weight;
  std::vector<uint64_t> left(n);  // weight * n that has no place yet; the mean is `total`
  std::vector<uint32_t> small;
  std::vector<uint32_t> large;
  for (uint32_t i = 0; i < n; ++i) {
    left[i] = slots[i].weight * n;
    slots[i].threshold = 0xffffffffu;
    slots[i].alias = i;  // who keeps all of its own column needs no threshold
    (left[i] < total ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const uint32_t low = small.back();
    const uint32_t high = large.back();
    small.pop_back();
    slots[low].threshold = static_cast<uint32_t>((left[low] << 32) / total);
    slots[low].alias = high;
    left[high] -= total - left[low];
    if (left[high] < total) {
      large.pop_back();
      small.push_back(high);
    }
  }
}

// The slot that 64 random bits stand for, by weight.
inline uint32_t aliasSlot(Slots slots, uint64_t bits) noexcept {
  const auto column = static_cast<uint32_t>(((bits >> 32) * slots.size()) >> 32);
  const PlanSlot& slot = slots[column];
  return static_cast<uint32_t>(bits) < slot.threshold ? column : slot.alias;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_ALIAS_TABLE_H_
