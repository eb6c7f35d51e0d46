#ifndef MILLRACE_ENGINE_STATE_STATS_H_
#define MILLRACE_ENGINE_STATE_STATS_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "abi.h"
#include "base/cache_line.h"
#include "engine/histogram/histogram.h"

namespace millrace {

// Counters that exactly one worker writes and anyone may read. The plain load-add-store compiles to
// three moves without a lock prefix; a reader sees each counter whole, though not all of them from
// one instant.
template <uint32_t Count>
class CounterShard {
 public:
  void add(uint32_t index, uint64_t delta) noexcept {
    std::atomic<uint64_t>& counter = values_[index];
    counter.store(counter.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
  }
  // Gauges only.
  void subtract(uint32_t index, uint64_t delta) noexcept { add(index, ~delta + 1); }
  void reset(uint32_t index) noexcept { values_[index].store(0, std::memory_order_relaxed); }
  uint64_t read(uint32_t index) const noexcept {
    return values_[index].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, Count> values_{};
};

struct alignas(kCacheLine) ClusterShard {
  CounterShard<abi::cluster_stat::kCount> counters;
  HistogramShard durations;  // microseconds, whole request
};

struct alignas(kCacheLine) EndpointShard {
  CounterShard<abi::endpoint_stat::kCount> counters;
};

struct alignas(kCacheLine) ProcessShard {
  CounterShard<abi::process_stat::kCount> counters;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_STATS_H_
