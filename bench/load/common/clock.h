#ifndef MILLRACE_BENCH_LOAD_COMMON_CLOCK_H_
#define MILLRACE_BENCH_LOAD_COMMON_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace millrace::load {

inline constexpr uint64_t kNsPerMs = 1'000'000;
inline constexpr uint64_t kNsPerSecond = 1'000'000'000;

// Monotonic nanoseconds, read from the vDSO (20 to 30 ns).
inline uint64_t nowNs() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_COMMON_CLOCK_H_
