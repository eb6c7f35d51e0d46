#ifndef MILLRACE_ENGINE_BALANCER_DRAW_H_
#define MILLRACE_ENGINE_BALANCER_DRAW_H_

#include <cstdint>

#include "base/rng.h"
#include "engine/balancer/alias_table.h"
#include "engine/balancer/slot.h"

namespace millrace {

// Weighted random draws from a group. Rejection sampling, with an exact scan where it would take
// long: the odds are the same. `kNone` = nobody is open.

// Exact draw by weight among the open slots other than `other`: two walks over the group.
template <typename Open>
uint32_t drawByScan(Slots slots, Rng& rng, const Open& open, uint32_t other) noexcept {
  // A slot may fill up between the two walks, so the second one keeps its last open slot at hand.
  uint64_t sum = 0;
  for (uint32_t i = 0; i < slots.size(); ++i) {
    if (i != other && open(slots[i])) sum += slots[i].weight;
  }
  if (sum == 0) return abi::kNone;
  uint64_t left = rng.next() % sum;  // sum is below 2^32: the bias cannot be seen
  uint32_t last = abi::kNone;
  for (uint32_t i = 0; i < slots.size(); ++i) {
    if (i == other || !open(slots[i])) continue;
    last = i;
    if (left < slots[i].weight) return i;
    left -= slots[i].weight;
  }
  return last;
}

// A slot by weight.
template <typename Open>
uint32_t drawSlot(Slots slots, Rng& rng, const Open& open) noexcept {
  if constexpr (!Open::kFilters) {
    return aliasSlot(slots, rng.next());
  } else {
    for (int tries = 0; tries < 16; ++tries) {
      const uint32_t slot = aliasSlot(slots, rng.next());
      if (open(slots[slot])) return slot;
    }
    return drawByScan(slots, rng, open, abi::kNone);
  }
}

// A second one, never `first` (trap 1 of reference/proxies.md, 10.3: with replacement, two
// endpoints are compared with themselves half of the time).
template <typename Open>
uint32_t drawOtherSlot(Slots slots, Rng& rng, const Open& open, uint32_t first) noexcept {
  if (slots.size() == 2) return open(slots[1 - first]) ? 1 - first : abi::kNone;
  for (int tries = 0; tries < 8; ++tries) {
    const uint32_t slot = aliasSlot(slots, rng.next());
    if (slot != first && open(slots[slot])) return slot;
  }
  return drawByScan(slots, rng, open, first);
}

// Power of two choices: draws two distinct open slots by weight; `preferSecond(first, second)` says
// whether the second is the better one. `uniform`: all weights are equal, and then one random
// number serves for both draws.
template <typename Open, typename Prefer>
uint32_t pickOfTwo(Slots slots, bool uniform, Rng& rng, const Open& open,
                   Prefer&& preferSecond) noexcept {
  uint32_t first;
  uint32_t second;
  if (!Open::kFilters && uniform) {
    const auto n = static_cast<uint32_t>(slots.size());
    if (n == 1) return 0;
    const uint64_t bits = rng.next();
    first = static_cast<uint32_t>(((bits >> 32) * n) >> 32);
    second = static_cast<uint32_t>(((bits & 0xffffffffu) * (n - 1)) >> 32);
    second += second >= first ? 1 : 0;
  } else {
    first = drawSlot(slots, rng, open);
    if (first == abi::kNone) return abi::kNone;
    if (slots.size() == 1) return first;
    second = drawOtherSlot(slots, rng, open, first);
    if (second == abi::kNone) return first;
  }
  return preferSecond(slots[first], slots[second]) ? second : first;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_DRAW_H_
