#ifndef MILLRACE_ENGINE_RATE_GCRA_H_
#define MILLRACE_ENGINE_RATE_GCRA_H_

#include <algorithm>
#include <cstdint>

#include "engine/rate/rate_rule.h"

namespace millrace {

// The generic cell rate algorithm in its virtual scheduling form (ITU-T I.371; the Rust crate
// governor keeps the same single word): each client has a theoretical arrival time (TAT), and each
// admitted request moves it on by T = window / limit. A request is admitted when the TAT is not
// more than tau = (burst - 1) * T ahead of now. It is a token bucket of `burst` tokens that gets
// one token every T, with half the state; an idle client may send `burst` requests at once, and
// inside any window (its ends included) there are at most limit + burst.
//
// The word of a client is its TAT in sixteenths of a nanosecond since time 0. T is rounded up to
// such a tick, so the rate is exact to 1/16 ns per request and never above what was said. A TAT
// that is not after now says exactly what no word says.
struct Gcra {
  static constexpr uint64_t kTicksPerNs = 16;
  // Bit 63 of a word is the table's. 2^58 ns are 9 years after the start of the clock, and tau may
  // be 4.5 years.
  static constexpr uint64_t kMaxNowNs = uint64_t{1} << 58;
  static constexpr uint64_t kMaxTolerance = uint64_t{1} << 61;

  static uint64_t ticks(uint64_t now_ns) noexcept {
    return std::min(now_ns, kMaxNowNs) * kTicksPerNs;
  }

  static bool expired(uint64_t tat, uint64_t now) noexcept { return tat <= now; }

  static bool admits(const RateRule& rule, uint64_t tat, uint64_t now) noexcept {
    return (tat > now ? tat - now : 0) <= rule.tolerance;
  }

  static uint64_t after(const RateRule& rule, uint64_t tat, uint64_t now) noexcept {
    return std::max(tat, now) + rule.interval;
  }

  static RateNumbers numbers(const RateRule& rule, uint64_t tat, uint64_t now) noexcept {
    const uint64_t ahead = tat > now ? tat - now : 0;
    const uint64_t room = rule.tolerance + rule.interval;
    RateNumbers out;
    out.remaining = ahead < room ? (room - ahead) / rule.interval : 0;
    out.reset_ms = milliseconds(ahead);
    out.retry_after_ms = ahead > rule.tolerance ? milliseconds(ahead - rule.tolerance) : 0;
    return out;
  }

 private:
  static uint64_t milliseconds(uint64_t ticks) noexcept {
    constexpr uint64_t kTicksPerMs = kTicksPerNs * 1'000'000;
    return (ticks + kTicksPerMs - 1) / kTicksPerMs;
  }
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_GCRA_H_
