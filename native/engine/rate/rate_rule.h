#ifndef MILLRACE_ENGINE_RATE_RATE_RULE_H_
#define MILLRACE_ENGINE_RATE_RATE_RULE_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "abi.h"

namespace millrace {

// What a configuration says about one limit.
struct RateSettings {
  uint32_t algorithm = abi::rate_algorithm::kSlidingWindow;  // abi::rate_algorithm
  uint32_t limit = 0;                                        // requests in a window; >= 1
  uint32_t window_ms = 0;                                    // >= 1
  uint32_t burst = 1;  // gcra: requests that may come at once; 0 counts as 1
};

// For headers. Milliseconds are rounded up, so that a client who waits that long is not refused.
struct RateNumbers {
  uint64_t remaining = 0;       // requests that would be admitted now, one after the other
  uint64_t reset_ms = 0;        // until the counter is as new
  uint64_t retry_after_ms = 0;  // until one request is admitted, if nobody else comes; 0 = now
};

// One limit, ready for use: what can be computed once is. Made by RateTable::makeRule and good for
// that table and for every table that took over from it. Read by all workers; the overflow words
// are the only part that they write.
struct RateRule {
  // Clients for whom the table has no room are counted here, all those of one part of the table
  // together. See RateTable.
  static constexpr uint32_t kOverflowWords = 64;

  uint32_t algorithm = 0;
  uint32_t limit = 0;
  uint32_t window_class = 0;  // which expiry rule its slots follow: part of their tags
  uint32_t log_class = 0;     // slidingLog: which table of rings
  uint64_t window_us = 1;
  uint64_t skew_windows = 1;  // slidingWindow: see kRateSkewUs
  uint64_t interval = 1;      // gcra: between two requests, kGcraTicks per ns
  uint64_t tolerance = 0;     // gcra: burst - 1 intervals
  std::array<std::atomic<uint64_t>, kOverflowWords> overflow{};
};

// Each worker reads the clock once per loop turn, so a worker may come with a time before that of
// the last one. A state this little in the future is still believed; what is further ahead is a
// remnant whose window number has gone round (after 2^23 windows).
inline constexpr uint64_t kRateSkewUs = 10'000'000;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_RATE_RULE_H_
