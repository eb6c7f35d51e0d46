#ifndef MILLRACE_ENGINE_SIMULATE_FIFO_H_
#define MILLRACE_ENGINE_SIMULATE_FIFO_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/simulate/event_heap.h"

namespace millrace::simulate {

// Events that all take the same time, and so come out in the order in which they went in: a ring
// that grows. O(1), where a heap would be O(log n).
class Fifo {
 public:
  bool empty() const noexcept { return head_ == tail_; }
  uint64_t nextAt() const noexcept { return empty() ? kNever : ring_[head_ & mask_].at_ns; }

  void push(uint64_t at_ns, uint32_t item) {
    if (tail_ - head_ == ring_.size()) grow();
    ring_[tail_++ & mask_] = {at_ns, item};
  }
  uint32_t pop() noexcept { return ring_[head_++ & mask_].item; }

 private:
  struct Entry {
    uint64_t at_ns;
    uint32_t item;
  };

  void grow() {
    std::vector<Entry> larger(ring_.empty() ? 64 : ring_.size() * 2);
    const std::size_t count = tail_ - head_;
    for (std::size_t i = 0; i < count; ++i) larger[i] = ring_[(head_ + i) & mask_];
    ring_ = std::move(larger);
    mask_ = ring_.size() - 1;
    head_ = 0;
    tail_ = count;
  }

  std::vector<Entry> ring_;
  std::size_t mask_ = 0;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_FIFO_H_
