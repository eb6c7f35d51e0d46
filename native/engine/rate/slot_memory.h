#ifndef MILLRACE_ENGINE_RATE_SLOT_MEMORY_H_
#define MILLRACE_ENGINE_RATE_SLOT_MEMORY_H_

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace millrace {

// A client's place in the tables follows from its tag alone, so that a table of another size can
// take over the entries of this one.
//
//   tag:  63 ............ 12  11 ...... 0
//         key hash (never 0)  window class: 0 for gcra, else the number of a window in RateWindows
//
// Two clients whose hashes agree in these 52 bits share a counter: among a million keys by chance
// once in 10,000 such tables, and nobody without the key of the hash can aim for it.
namespace rate_tag {
inline constexpr uint32_t kClassBits = 12;
inline constexpr uint32_t kClasses = 1u << kClassBits;

inline uint64_t make(uint64_t key, uint32_t window_class) noexcept {
  const uint64_t hash = key >> kClassBits << kClassBits;
  return (hash != 0 ? hash : kClasses) | window_class;
}
inline uint32_t windowClass(uint64_t tag) noexcept { return tag & (kClasses - 1); }

// A number below n from the high bits: no division, any n.
inline uint64_t reduce(uint64_t hash, uint64_t n) noexcept {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(hash) * n) >> 64);
}
inline uint64_t firstBucket(uint64_t tag, uint64_t buckets) noexcept {
  return reduce(tag, buckets);
}
// Another bucket, from all bits of the hash.
inline uint64_t secondBucket(uint64_t tag, uint64_t buckets) noexcept {
  uint64_t mixed = (tag >> kClassBits) * 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ (mixed >> 32)) * 0xd6e8feb86659fd93u;
  const uint64_t bucket = reduce(mixed, buckets - 1);
  return bucket + (bucket >= firstBucket(tag, buckets) ? 1 : 0);
}
}  // namespace rate_tag

// The window lengths in use, in microseconds. A thread that wants the slot of another client has to
// know when that client's state expires, and a slot has no room to say it: its tag has the index.
// Added to by the control thread before a rule that uses it is published, never removed.
class RateWindows {
 public:
  // 0 when there are too many.
  uint32_t classOf(uint64_t window_us) noexcept {
    for (uint32_t i = 1; i < rate_tag::kClasses; ++i) {
      const uint64_t known = us_[i].load(std::memory_order_relaxed);
      if (known == window_us) return i;
      if (known != 0) continue;
      us_[i].store(window_us, std::memory_order_release);
      return i;
    }
    return 0;
  }
  // Acquire is for free where it matters, and the tag that named the class was acquired anyway.
  uint64_t windowUs(uint32_t window_class) const noexcept {
    return us_[window_class].load(std::memory_order_acquire);
  }
  void copyFrom(const RateWindows& other) noexcept {
    for (uint32_t i = 0; i < rate_tag::kClasses; ++i)
      us_[i].store(other.us_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, rate_tag::kClasses> us_{};
};

// An array of zeroes on huge pages where the kernel has some: with 4 KiB pages nearly every check
// of a large table misses the TLB. Written once here, so that no request pays for the page faults.
// T must be happy as all zero bytes and need no destructor.
template <typename T>
class SlotMemory {
 public:
  SlotMemory() = default;
  // Empty when there is no memory.
  explicit SlotMemory(uint64_t count) {
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    const std::size_t wanted = count * sizeof(T);
    const std::size_t align = wanted >= kHugePage ? kHugePage : 4096;
    const std::size_t bytes = (wanted + align - 1) / align * align;
    void* base =
        ::mmap(nullptr, bytes + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return;
    base_ = base;
    mapped_ = bytes + align;
    const auto address = reinterpret_cast<uintptr_t>(base);
    data_ = reinterpret_cast<T*>((address + align - 1) / align * align);
    count_ = count;
    if (align == kHugePage) ::madvise(data_, bytes, MADV_HUGEPAGE);  // advice: may fail
    std::memset(static_cast<void*>(data_), 0, wanted);
  }
  SlotMemory(SlotMemory&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)),
        mapped_(std::exchange(other.mapped_, 0)),
        data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  SlotMemory& operator=(SlotMemory&&) = delete;
  ~SlotMemory() {
    if (base_ != nullptr) ::munmap(base_, mapped_);
  }

  T& operator[](uint64_t i) const noexcept { return data_[i]; }
  T* data() const noexcept { return data_; }
  uint64_t size() const noexcept { return count_; }
  uint64_t bytes() const noexcept { return count_ * sizeof(T); }

 private:
  void* base_ = nullptr;
  std::size_t mapped_ = 0;
  T* data_ = nullptr;
  uint64_t count_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_SLOT_MEMORY_H_
