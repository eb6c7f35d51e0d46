#ifndef MILLRACE_ENGINE_SIMULATE_CLOCK_H_
#define MILLRACE_ENGINE_SIMULATE_CLOCK_H_

#include <algorithm>
#include <cstdint>

#include "engine/simulate/scenario.h"

namespace millrace::simulate {

// Virtual time in nanoseconds. It does not begin at 0, which stands for "never" in some states of
// the engine; and it begins on a whole second, so that windows do as well.
inline constexpr uint64_t kStartNs = 1'000'000'000'000;

inline constexpr double kNsPerSecond = 1e9;

// Of a span; at most one that no run lasts.
inline uint64_t nsOf(double seconds) noexcept {
  return static_cast<uint64_t>(std::clamp(seconds, 0.0, bounds::kMaxSeconds) * kNsPerSecond + 0.5);
}
inline constexpr double secondsOf(uint64_t ns) noexcept {
  return static_cast<double>(ns) / kNsPerSecond;
}

// What the engine's classes are told: milliseconds for most, nanoseconds for rate limits.
struct Moment {
  uint64_t ns;
  uint64_t ms() const noexcept { return ns / 1'000'000; }
};

inline constexpr uint64_t usBetween(uint64_t from_ns, uint64_t to_ns) noexcept {
  return (to_ns - from_ns) / 1000;
}

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_CLOCK_H_
