#ifndef MILLRACE_ENGINE_BALANCER_PICK_TABLE_H_
#define MILLRACE_ENGINE_BALANCER_PICK_TABLE_H_

#include <cstdint>
#include <span>

#include "abi.h"

namespace millrace {

// What a balancer chooses from: the pickable endpoints of one cluster (ENDPOINT indexes) and,
// parallel to them, their weights scaled so that the heaviest has kStrideScale. Views into the
// image.
struct PickTable {
  std::span<const uint32_t> endpoints;
  std::span<const uint16_t> weights;

  uint32_t size() const noexcept { return static_cast<uint32_t>(endpoints.size()); }
};

inline constexpr uint32_t kStrideScale = 65535;

// Endpoints that a request already tried: a handful at most, so a scan beats any set.
using ExcludedEndpoints = std::span<const uint32_t>;

inline bool isExcluded(ExcludedEndpoints excluded, uint32_t endpoint) noexcept {
  for (const uint32_t e : excluded) {
    if (e == endpoint) return true;
  }
  return false;
}

// First endpoint at or after slot `from`, around the table, that has a weight and is not excluded;
// the slot, or kNone when there is none. O(n).
inline uint32_t firstEligibleSlot(const PickTable& table, uint32_t from,
                                  ExcludedEndpoints excluded) noexcept {
  const uint32_t n = table.size();
  for (uint32_t k = 0, slot = from; k < n; ++k, slot = slot + 1 == n ? 0 : slot + 1) {
    if (table.weights[slot] != 0 && !isExcluded(excluded, table.endpoints[slot])) return slot;
  }
  return abi::kNone;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_PICK_TABLE_H_
