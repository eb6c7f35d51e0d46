#ifndef MILLRACE_ENGINE_NET_TIMER_WHEEL_H_
#define MILLRACE_ENGINE_NET_TIMER_WHEEL_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace {

// Intrusive node: a member of whatever can time out. `slot` is kUnarmed while in no list.
struct TimerNode {
  static constexpr uint32_t kUnarmed = UINT32_MAX;
  TimerNode* prev = nullptr;
  TimerNode* next = nullptr;
  uint32_t slot = kUnarmed;
  uint64_t armed_tick = 0;
  bool is_connection = false;  // what the node is part of: a Connection, else an Exchange
};

// Hashed timer wheel (Varghese & Lauck 1987, scheme 6) of 512 slots of TickMs, used lazily: an
// owner stores its real deadline itself, and a node that fires early is simply armed again. So
// moving a deadline *later*, which is what every request does, costs nothing here; only an earlier
// deadline moves the node. Deadlines beyond the horizon (512 ticks) fire there and are armed again.
// O(1) arm and cancel. One thread. Times are milliseconds of a monotonic clock.
template <uint64_t TickMs>
class BasicTimerWheel {
 public:
  static constexpr uint32_t kSlots = 512;
  static constexpr uint64_t kTickMs = TickMs;
  static constexpr uint64_t kNever = UINT64_MAX;

  explicit BasicTimerWheel(uint64_t now_ms) noexcept : tick_(now_ms / kTickMs) {}

  // Makes sure that the node fires no later than the first tick after `deadline_ms`.
  void arm(TimerNode& node, uint64_t deadline_ms) noexcept {
    uint64_t tick = deadline_ms / kTickMs + 1;
    if (tick <= tick_) tick = tick_ + 1;
    if (tick - tick_ >= kSlots) tick = tick_ + kSlots - 1;
    if (node.slot != TimerNode::kUnarmed) {
      if (node.armed_tick <= tick) return;
      cancel(node);
    }
    const uint32_t slot = static_cast<uint32_t>(tick % kSlots);
    node.slot = slot;
    node.armed_tick = tick;
    node.prev = nullptr;
    node.next = heads_[slot];
    if (node.next != nullptr) node.next->prev = &node;
    heads_[slot] = &node;
    used_[slot / 64] |= uint64_t{1} << (slot % 64);
  }

  void cancel(TimerNode& node) noexcept {
    if (node.slot == TimerNode::kUnarmed) return;
    if (node.prev != nullptr) node.prev->next = node.next;
    if (node.next != nullptr) node.next->prev = node.prev;
    if (heads_[node.slot] == &node) {
      heads_[node.slot] = node.next;
      if (node.next == nullptr) used_[node.slot / 64] &= ~(uint64_t{1} << (node.slot % 64));
    }
    if (cursor_ == &node) cursor_ = node.next;
    node.prev = node.next = nullptr;
    node.slot = TimerNode::kUnarmed;
  }

  // Calls fire(node) for every due node, disarmed; fire may arm and cancel any node.
  template <typename Fire>
  void advance(uint64_t now_ms, Fire&& fire) noexcept {
    const uint64_t target = now_ms / kTickMs;
    if (target <= tick_) return;
    // After a long stall each slot is visited once: every armed tick lies within one turn.
    const uint64_t steps = target - tick_ < kSlots ? target - tick_ : kSlots;
    uint64_t tick = target - steps;
    tick_ = target;
    for (uint64_t i = 0; i < steps; ++i) {
      ++tick;
      cursor_ = heads_[tick % kSlots];
      while (cursor_ != nullptr) {
        TimerNode* node = cursor_;
        cursor_ = node->next;
        if (node->armed_tick > target) continue;  // armed meanwhile for the next turn of the wheel
        cancel(*node);
        fire(*node);
      }
    }
  }

  // Milliseconds until the next armed slot, or kNever.
  uint64_t untilNext(uint64_t now_ms) const noexcept {
    const uint64_t base = tick_ + 1;
    for (uint32_t scanned = 0; scanned < kSlots;) {
      const uint32_t slot = static_cast<uint32_t>((base + scanned) % kSlots);
      const uint64_t word = used_[slot / 64] >> (slot % 64);
      if (word != 0) {
        const uint64_t due =
            (base + scanned + static_cast<uint64_t>(std::countr_zero(word))) * kTickMs;
        return due > now_ms ? due - now_ms : 0;
      }
      scanned += 64 - slot % 64;
    }
    return kNever;
  }

 private:
  uint64_t tick_;
  TimerNode* cursor_ = nullptr;
  std::array<TimerNode*, kSlots> heads_{};
  std::array<uint64_t, kSlots / 64> used_{};
};

// For everything that is counted in seconds, and for what must be exact to the millisecond.
using TimerWheel = BasicTimerWheel<16>;
using FineTimerWheel = BasicTimerWheel<1>;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_NET_TIMER_WHEEL_H_
