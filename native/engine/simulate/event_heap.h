#ifndef MILLRACE_ENGINE_SIMULATE_EVENT_HEAP_H_
#define MILLRACE_ENGINE_SIMULATE_EVENT_HEAP_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace millrace::simulate {

inline constexpr uint64_t kNever = UINT64_MAX;

// Something that is due. Of two that are due at the same moment the one that was noted first comes
// first, so that the order of a run never depends on the shape of the heap.
struct Due {
  uint64_t at_ns;
  uint32_t order;
  uint32_t item;

  // Serial numbers: correct while fewer than 2^31 lie between two that are in the heap together.
  bool before(const Due& other) const noexcept {
    return at_ns < other.at_ns ||
           (at_ns == other.at_ns && static_cast<int32_t>(order - other.order) < 0);
  }
};

// A heap of four children per node: half as deep as a binary one, and the children of a node share
// a cache line. O(log n) a push and a pop.
class EventHeap {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  uint64_t nextAt() const noexcept { return heap_.empty() ? kNever : heap_.front().at_ns; }
  uint32_t next() const noexcept { return heap_.front().item; }

  void push(uint64_t at_ns, uint32_t item) {
    const Due due{at_ns, order_++, item};
    heap_.push_back(due);
    std::size_t at = heap_.size() - 1;
    while (at > 0) {
      const std::size_t parent = (at - 1) / kArity;
      if (!due.before(heap_[parent])) break;
      heap_[at] = heap_[parent];
      at = parent;
    }
    heap_[at] = due;
  }

  void pop() noexcept {
    const Due last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(0, last);
  }

  // Replaces the next one: a pop and a push in one go.
  void replace(uint64_t at_ns, uint32_t item) noexcept { sink(0, {at_ns, order_++, item}); }

  template <typename Callback>
  void forEach(Callback&& callback) const {
    for (const Due& due : heap_) callback(due);
  }

  // Takes out everything that `gone(due)` says, which is asked once about each. O(n log n).
  template <typename Gone>
  void removeIf(Gone&& gone) {
    std::erase_if(heap_, gone);
    std::sort(heap_.begin(), heap_.end(),
              [](const Due& a, const Due& b) { return a.before(b); });  // a sorted row is a heap
  }

 private:
  static constexpr std::size_t kArity = 4;

  void sink(std::size_t at, const Due due) noexcept {
    const std::size_t size = heap_.size();
    for (;;) {
      const std::size_t first = at * kArity + 1;
      if (first >= size) break;
      std::size_t least = first;
      const std::size_t end = std::min(first + kArity, size);
      for (std::size_t child = first + 1; child < end; ++child)
        least = heap_[child].before(heap_[least]) ? child : least;
      if (!heap_[least].before(due)) break;
      heap_[at] = heap_[least];
      at = least;
    }
    heap_[at] = due;
  }

  std::vector<Due> heap_;
  uint32_t order_ = 0;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_EVENT_HEAP_H_
