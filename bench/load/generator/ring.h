#ifndef MILLRACE_BENCH_LOAD_GENERATOR_RING_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_RING_H_

#include <cstddef>
#include <vector>

namespace millrace::load {

// First in, first out; doubles when it is full, never shrinks.
template <typename T>
class Ring {
 public:
  explicit Ring(size_t capacity = 1024) : items_(capacity) {}

  bool empty() const noexcept { return size_ == 0; }
  size_t size() const noexcept { return size_; }
  const T& front() const noexcept { return items_[begin_]; }

  void push(T item) {
    if (size_ == items_.size()) grow();
    items_[(begin_ + size_) % items_.size()] = item;
    ++size_;
  }
  T pop() noexcept {
    const T item = items_[begin_];
    begin_ = begin_ + 1 == items_.size() ? 0 : begin_ + 1;
    --size_;
    return item;
  }

 private:
  void grow() {
    std::vector<T> larger(items_.size() * 2);
    for (size_t i = 0; i < size_; ++i) larger[i] = items_[(begin_ + i) % items_.size()];
    items_.swap(larger);
    begin_ = 0;
  }

  std::vector<T> items_;
  size_t begin_ = 0;
  size_t size_ = 0;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_RING_H_
