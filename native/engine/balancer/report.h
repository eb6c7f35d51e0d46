#ifndef MILLRACE_ENGINE_BALANCER_REPORT_H_
#define MILLRACE_ENGINE_BALANCER_REPORT_H_

#include <algorithm>
#include <cstdint>

namespace millrace {

// The report word of an endpoint (prequal): what its last answer said of itself.
struct ReportWord {
  static constexpr uint32_t kMask = 0xffffff;  // latency and stamp are 24 bits
  static constexpr uint64_t kOneRif = uint64_t{1} << 48;
  static constexpr uint32_t kMaxRif = 0xffff;
  static constexpr uint32_t kFreshMs = 1000;

  // Never 0, which stands for "nothing said yet".
  static uint64_t pack(uint32_t rif, uint64_t latency_us, uint64_t now_ms) noexcept {
    return uint64_t{std::min(rif, kMaxRif)} << 48 |
           std::clamp<uint64_t>(latency_us, 1, kMask) << 24 | (now_ms & kMask);
  }
  static uint32_t rif(uint64_t word) noexcept { return static_cast<uint32_t>(word >> 48); }
  static uint32_t latencyUs(uint64_t word) noexcept {
    return static_cast<uint32_t>(word >> 24) & kMask;
  }
  // The stamp wraps after 4.6 hours: an endpoint that has been silent that long counts as fresh for
  // a second, and no harm is done. As for latencies, the near future is now.
  static bool fresh(uint64_t word, uint64_t now_ms) noexcept {
    if (word == 0) return false;
    const uint32_t age = static_cast<uint32_t>(now_ms - word) & kMask;
    return age <= kFreshMs || age > kMask - kFreshMs;
  }
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_REPORT_H_
