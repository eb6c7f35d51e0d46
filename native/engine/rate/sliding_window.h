#ifndef MILLRACE_ENGINE_RATE_SLIDING_WINDOW_H_
#define MILLRACE_ENGINE_RATE_SLIDING_WINDOW_H_

#include <algorithm>
#include <cstdint>
#include <utility>

#include "engine/rate/rate_rule.h"

namespace millrace {

// The two-bucket sliding window counter (nginx, Cloudflare, HAProxy freq_ctr.h): the requests of
// the window before are taken as spread evenly over it, so that
//
//   estimate = previous * (what is left of the current window) / window + current
//
// A request is admitted when the estimate with it is not above the limit; refused ones are not
// counted. Integers only: previous * remaining + (current + 1) * window <= limit * window.
//
// Error: with evenly spread arrivals the estimate is right on average. An adversary who sends all
// requests at the end of one window and again at the end of the next is admitted up to nearly
// 2 * limit times inside one true window; slidingLog and gcra do not allow that.
//
// The state of one client is one word, so that a compare-exchange is a whole step:
//
//   63  62 ........ 40  39 ........ 20  19 ......... 0
//   0   window number   previous        current          (window number modulo 2^23, from time 0)
//
// No counts means no state: a word without counts says the same as no word.
struct SlidingWindow {
  static constexpr uint32_t kCountBits = 20;
  static constexpr uint64_t kCountMask = (uint64_t{1} << kCountBits) - 1;
  static constexpr uint64_t kSequenceMask = (uint64_t{1} << 23) - 1;
  static constexpr uint32_t kMaxLimit = abi::limits::kMaxRateRequests;
  static_assert(kMaxLimit <= kCountMask);

  // The state as it is at a time.
  struct View {
    uint64_t sequence;
    uint64_t previous;
    uint64_t current;
    uint64_t remaining_us;  // of the current window: 1..window
  };

  static uint64_t sequenceOf(uint64_t word) noexcept { return word >> (2 * kCountBits); }
  static uint64_t pack(uint64_t sequence, uint64_t previous, uint64_t current) noexcept {
    return sequence << (2 * kCountBits) | previous << kCountBits | current;
  }

  // Windows that are over since `word` was written, at `sequence`; negative when the word comes
  // from a clock that was a little ahead.
  static int64_t age(uint64_t word, uint64_t sequence, uint64_t skew_windows) noexcept {
    const uint64_t behind = (sequence - sequenceOf(word)) & kSequenceMask;
    return behind > kSequenceMask - skew_windows
               ? static_cast<int64_t>(behind) - static_cast<int64_t>(kSequenceMask + 1)
               : static_cast<int64_t>(behind);
  }

  // Whether the word says exactly what no word says, at the time of window number `number`.
  static bool expired(uint64_t word, uint64_t window_us, uint64_t number) noexcept {
    if ((word & (kCountMask << kCountBits | kCountMask)) == 0) return true;
    const uint64_t behind = (number - sequenceOf(word)) & kSequenceMask;
    if (behind < 2) return false;
    // Most are not near the point where a word counts as ahead: no division for them.
    return behind <= kSequenceMask - kMaxSkewWindows ||
           behind <= kSequenceMask - skewWindows(window_us);
  }

  static constexpr uint64_t kMaxSkewWindows = kRateSkewUs / 1000 + 1;  // of a window of 1 ms
  static uint64_t skewWindows(uint64_t window_us) noexcept { return kRateSkewUs / window_us + 1; }

  static View at(const RateRule& rule, uint64_t word, uint64_t now_us) noexcept {
    const uint64_t number = now_us / rule.window_us;
    const uint64_t sequence = number & kSequenceMask;
    const uint64_t remaining = rule.window_us - (now_us - number * rule.window_us);
    const uint64_t previous = word >> kCountBits & kCountMask;
    const uint64_t current = word & kCountMask;
    if ((previous | current) == 0) return {sequence, 0, 0, remaining};
    const int64_t windows = age(word, sequence, rule.skew_windows);
    if (windows == 0) return {sequence, previous, current, remaining};
    if (windows == 1) return {sequence, current, 0, remaining};
    // Ahead: that window has just begun, as far as anybody knows. Strict, never loose.
    if (windows < 0) return {sequenceOf(word), previous, current, rule.window_us};
    return {sequence, 0, 0, remaining};
  }

  // The largest products are limit * window < 2^20 * 2^42.
  static bool admits(const RateRule& rule, const View& view) noexcept {
    return view.previous * view.remaining_us + (view.current + 1) * rule.window_us <=
           rule.limit * rule.window_us;
  }

  // The word after one more request. Only when it is admitted: then current < limit.
  static uint64_t after(const View& view) noexcept {
    return pack(view.sequence, view.previous, view.current + 1);
  }

  static RateNumbers numbers(const RateRule& rule, uint64_t word, uint64_t now_us) noexcept {
    const View view = at(rule, word, now_us);
    const uint64_t used = view.previous * view.remaining_us + view.current * rule.window_us;
    const uint64_t all = rule.limit * rule.window_us;
    RateNumbers out;
    out.remaining = used < all ? (all - used) / rule.window_us : 0;
    const uint64_t idle_us = view.current > 0    ? view.remaining_us + rule.window_us
                             : view.previous > 0 ? view.remaining_us
                                                 : 0;
    out.reset_ms = (idle_us + 999) / 1000;
    out.retry_after_ms = (waitUs(rule, view) + 999) / 1000;
    return out;
  }

  // One word that admits no more than either does. For words of about the same time.
  static uint64_t merge(uint64_t a, uint64_t b, uint64_t window_us) noexcept {
    int64_t behind = age(a, sequenceOf(b), skewWindows(window_us));  // of a, seen from b
    if (behind < 0) {
      std::swap(a, b);
      behind = -behind;
    }
    const uint64_t previous = behind == 0   ? a >> kCountBits & kCountMask
                              : behind == 1 ? a & kCountMask
                                            : 0;
    const uint64_t current = behind == 0 ? a & kCountMask : 0;
    return pack(sequenceOf(b), std::max(previous, b >> kCountBits & kCountMask),
                std::max(current, b & kCountMask));
  }

  // Microseconds until one request is admitted: the earliest, exactly.
  static uint64_t waitUs(const RateRule& rule, const View& view) noexcept {
    if (admits(rule, view)) return 0;
    if (rule.limit == 0)
      return view.remaining_us + rule.window_us;  // never; a value has to be said
    // Later in this window, when less of the previous one is left.
    if (view.current < rule.limit)
      return view.remaining_us - (rule.limit - view.current - 1) * rule.window_us / view.previous;
    // In the next one, of which the current one is then the previous.
    return view.remaining_us + rule.window_us - (rule.limit - 1) * rule.window_us / view.current;
  }
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_SLIDING_WINDOW_H_
