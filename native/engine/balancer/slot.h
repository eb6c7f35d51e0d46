#ifndef MILLRACE_ENGINE_BALANCER_SLOT_H_
#define MILLRACE_ENGINE_BALANCER_SLOT_H_

#include <cstdint>
#include <span>

#include "engine/balancer/eligible.h"
#include "engine/balancer/endpoint_load.h"

namespace millrace {

// One member of a group of a plan. Half a cache line that holds all a pick needs to know of it, but
// for what is shared and changes, which is one pointer away.
struct alignas(32) PlanSlot {
  EndpointLoad* load;
  uint32_t index;   // what a pick returns
  uint32_t weight;  // 1 .. kStrideScale; the heaviest of a group has kStrideScale
  // Alias table of the group (Vose): a draw that falls on this slot is this slot's when its low 32
  // bits are below the threshold, else the alias slot's.
  uint32_t threshold;
  uint32_t alias;
};
static_assert(sizeof(PlanSlot) == 32);

using Slots = std::span<const PlanSlot>;

// Who may be given. Two types, so that the usual request (nothing tried yet, no caps, everybody as
// available as the plan says) pays for no check at all.
struct AnySlot {
  static constexpr bool kFilters = false;
  bool operator()(const PlanSlot&) const noexcept { return true; }
};

struct OpenSlot {
  static constexpr bool kFilters = true;
  ExcludedEndpoints excluded;
  uint32_t avoided_health = 0;

  // On the cache line that the caps are on anyway.
  bool isOut(const PlanSlot& slot) const noexcept {
    return (slot.load->health.load(std::memory_order_relaxed) & avoided_health) != 0;
  }
  bool operator()(const PlanSlot& slot) const noexcept {
    // Race: the count may change before the caller adds its own request. It does that with a
    // compare-exchange and asks again when the endpoint has filled up meanwhile.
    const uint32_t cap = slot.load->max_requests.load(std::memory_order_relaxed);
    if (cap != 0 && slot.load->active.load(std::memory_order_relaxed) >= cap) return false;
    return !isOut(slot) && !isExcluded(excluded, slot.index);
  }
};

// First slot at or after `from`, around, that `accept` takes, or kNone. O(n): the last resort.
template <typename Accept>
uint32_t scanSlots(Slots slots, uint32_t from, Accept&& accept) noexcept {
  const auto n = static_cast<uint32_t>(slots.size());
  for (uint32_t k = 0, slot = from; k < n; ++k, slot = slot + 1 == n ? 0 : slot + 1) {
    if (accept(slots[slot])) return slot;
  }
  return abi::kNone;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_SLOT_H_
