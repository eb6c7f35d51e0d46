#ifndef MILLRACE_ENGINE_SIMULATE_SLOT_POOL_H_
#define MILLRACE_ENGINE_SIMULATE_SLOT_POOL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "abi.h"

namespace millrace::simulate {

// Objects by number: as many as were ever in use at once, then each is used again. `Slot` has a
// member `next`, which is the pool's while the slot is free.
template <typename Slot>
class SlotPool {
 public:
  uint32_t take() {
    if (free_ == abi::kNone) {
      slots_.emplace_back();
      return static_cast<uint32_t>(slots_.size() - 1);
    }
    const uint32_t slot = free_;
    free_ = slots_[slot].next;
    return slot;
  }
  void give(uint32_t slot) noexcept {
    slots_[slot].next = free_;
    free_ = slot;
  }

  Slot& operator[](uint32_t slot) noexcept { return slots_[slot]; }
  const Slot& operator[](uint32_t slot) const noexcept { return slots_[slot]; }
  std::size_t size() const noexcept { return slots_.size(); }

 private:
  std::vector<Slot> slots_;
  uint32_t free_ = abi::kNone;
};

// Slots of a pool in the order in which they were added, any of which may leave. `kLink` is the
// member of the slot that holds its neighbours.
struct Link {
  uint32_t before = abi::kNone;
  uint32_t after = abi::kNone;
};

template <typename Slot, Link Slot::*kLink>
class SlotLine {
 public:
  uint32_t first() const noexcept { return first_; }

  void add(SlotPool<Slot>& pool, uint32_t slot) noexcept {
    pool[slot].*kLink = {last_, abi::kNone};
    (last_ == abi::kNone ? first_ : (pool[last_].*kLink).after) = slot;
    last_ = slot;
  }
  void remove(SlotPool<Slot>& pool, uint32_t slot) noexcept {
    const Link link = pool[slot].*kLink;
    (link.before == abi::kNone ? first_ : (pool[link.before].*kLink).after) = link.after;
    (link.after == abi::kNone ? last_ : (pool[link.after].*kLink).before) = link.before;
  }

 private:
  uint32_t first_ = abi::kNone;
  uint32_t last_ = abi::kNone;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_SLOT_POOL_H_
