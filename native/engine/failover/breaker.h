#ifndef MILLRACE_ENGINE_FAILOVER_BREAKER_H_
#define MILLRACE_ENGINE_FAILOVER_BREAKER_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "abi.h"
#include "base/cache_line.h"
#include "base/shard_list.h"
#include "engine/failover/breaker_window.h"

namespace millrace {

struct BreakerSettings {
  uint32_t threshold_millis = 500;     // share of failures that opens, x 1000: 1 to 1000
  uint32_t window_ms = 10'000;         // at least 10
  uint32_t min_requests = 20;          // in the window, at least 1
  uint32_t interval_ms = 5000;         // open so long, doubled with each reopening in a row ...
  uint32_t max_interval_ms = 300'000;  // ... up to this
  uint32_t jitter_percent = 10;        // of that time, at most, on top of it
  uint32_t probes = 1;                 // at once: 1 to 255
  uint32_t successes = 1;              // good probes that close: 1 to 255

  bool operator==(const BreakerSettings&) const = default;
};

BreakerSettings breakerSettings(const abi::BreakerRecord& record) noexcept;

// What an outcome, or a request, did to a breaker; for counters and the journal.
struct BreakerEvent {
  enum class Kind : uint8_t { kNone, kOpened, kReopened, kHalfOpened, kClosed };
  bool isOpening() const noexcept { return kind == Kind::kOpened || kind == Kind::kReopened; }

  Kind kind = Kind::kNone;
  uint64_t requests = 0;  // opened: in the window
  uint64_t failures = 0;  // opened: among them
  uint64_t until_ms = 0;  // opened and reopened: when probes begin
};

// A circuit breaker of a cluster or an endpoint, shared by all workers:
//
//              failures/requests >= threshold                    interval over
//     closed -----------------------------------> open -------------------------> half-open
//        ^        and requests >= minRequests       ^                                | |
//        |                                          +------ a probe failed ----------+ |
//        +---------------------------- `successes` probes were good -------------------+
//
// While closed each worker counts outcomes in a window of its own (see BreakerWindow), and only a
// failure looks at the windows of all. Open lasts min(interval * 2^n, maxInterval) and a random
// share of that on top, n being the number of reopenings since it was last closed. Half-open lets
// `probes` requests through at once; when all places are taken and nobody has said anything for one
// interval, they are given to others.
//
// Whoever is let through gets a ticket, which names the period (generation) of the breaker: an
// outcome, or a place that is given back, of an earlier period counts for nothing, so that what
// began before an outage cannot be held against the time after it (as in sony/gobreaker).
//
// Any thread at any time; lock-free; nothing is allocated after a worker's first outcome. All of
// the state is one word, so every transition is one compare-exchange, and exactly one caller learns
// that it was the one who made it:
//
//   closed      state:2 | generation:16
//   open        state:2 | generation:16 | reopenings:5 | until_ms:41
//   half-open   state:2 | generation:16 | reopenings:5 | grants:25 | probes:8 | successes:8
//
// `grants` counts the places that were given, so that a word never comes back while somebody is
// about to change it.
//
// `Atomic` is for tests that run it under every order of its steps.
template <template <typename> typename Atomic = std::atomic>
class BasicBreaker {
 public:
  using Window = BreakerWindow<Atomic>;
  // 0 = not let through. Else generation << 2 | probe << 1 | 1.
  using Ticket = uint32_t;

  // `first_generation`: different ones keep tickets of different breakers apart.
  explicit BasicBreaker(const BreakerSettings& settings, uint32_t first_generation = 1) noexcept
      : word_(closedWord(first_generation == 0 ? 1 : first_generation)),
        window_ms_(settings.window_ms) {
    write(settings);
  }
  BasicBreaker(const BasicBreaker&) = delete;
  BasicBreaker& operator=(const BasicBreaker&) = delete;

  BreakerSettings settings() const noexcept {
    const auto read = [](const std::atomic<uint32_t>& value) {
      return value.load(std::memory_order_relaxed);
    };
    return {read(threshold_millis_), window_ms_,
            read(min_requests_),     read(interval_ms_),
            read(max_interval_ms_),  read(jitter_percent_),
            read(probes_),           read(successes_)};
  }
  // Takes other settings of the same window; its state, its counts and its tickets stay. What is
  // open stays so, but from now on for no longer than it would if it opened now. Control plane.
  // Race: whoever judges meanwhile may see some of the new settings and some of the old ones, each
  // of them valid; there is no order between a change of settings and the requests around it.
  void retune(const BreakerSettings& settings, uint64_t now_ms) noexcept {
    write(settings);
    uint64_t word = word_.load(std::memory_order_acquire);
    while (stateOf(word) == abi::breaker_state::kOpen) {
      const uint64_t until = now_ms + openMs(reopeningsOf(word));
      if (untilOf(word) <= until) return;
      if (move(word, (word & ~kUntilMask) | (until & kUntilMask))) return;
    }
  }
  // The worker's own, made at its first call.
  Window& windowOf(uint32_t worker) { return windows_.of(worker); }

  uint32_t state() const noexcept { return stateOf(word_.load(std::memory_order_acquire)); }
  // When probes begin, while open; else 0.
  uint64_t openUntilMs() const noexcept {
    const uint64_t word = word_.load(std::memory_order_acquire);
    return stateOf(word) == abi::breaker_state::kOpen ? untilOf(word) : 0;
  }

  // A request comes. Where the interval is over, it becomes the first probe, and `*event` says so.
  Ticket admit(uint64_t now_ms, BreakerEvent* event) noexcept {
    const uint64_t word = word_.load(std::memory_order_acquire);
    if (stateOf(word) == abi::breaker_state::kClosed) [[likely]]
      return ticketOf(word, false);
    return admitProbe(now_ms, event);
  }

  // For requests that another one decides about (an endpoint chosen by its balancer): no place is
  // taken. 0 unless closed.
  Ticket ticket() const noexcept {
    const uint64_t word = word_.load(std::memory_order_acquire);
    return stateOf(word) == abi::breaker_state::kClosed ? ticketOf(word, false) : 0;
  }

  // A place among the probes; 0 when there is none, or the breaker is not half-open.
  Ticket tryProbe(uint64_t now_ms) noexcept;
  // The probe ended without a verdict.
  void giveBackProbe(Ticket ticket) noexcept;
  static bool isProbe(Ticket ticket) noexcept { return (ticket & 2) != 0; }

  // From open to half-open, if that is due; true when this call did it.
  bool halfOpen(uint64_t now_ms) noexcept;

  // Whether the holder of a ticket may try once more.
  bool permits(Ticket ticket) const noexcept {
    const uint64_t word = word_.load(std::memory_order_acquire);
    return stateOf(word) == abi::breaker_state::kClosed ||
           (stateOf(word) == abi::breaker_state::kHalfOpen && isProbe(ticket) &&
            generationOf(word) == ticket >> 2);
  }

  // How the holder of a ticket fared. A probe has given its place back by that; another ticket may
  // be used once more. `window` is that of the calling worker, `random` any 32 bits, needed for
  // failures only.
  BreakerEvent record(Window& window, Ticket ticket, bool good, uint64_t now_ms,
                      uint32_t random) noexcept {
    const uint64_t word = word_.load(std::memory_order_acquire);
    if (generationOf(word) != ticket >> 2) return {};
    if (stateOf(word) == abi::breaker_state::kClosed) [[likely]] {
      window.add(generationOf(word), window_ms_, now_ms, good);
      return good ? BreakerEvent{} : judge(word, now_ms, random);
    }
    if (stateOf(word) != abi::breaker_state::kHalfOpen || !isProbe(ticket)) return {};
    return good ? settle(ticket, now_ms) : reopen(ticket, now_ms, random);
  }

  // What the window holds now.
  BreakerCounts counts(uint64_t now_ms) const noexcept {
    return countsOf(generationOf(word_.load(std::memory_order_acquire)), now_ms);
  }
  // While half-open, else zeros: probes that hold a place, good answers so far, and when places
  // that have said nothing are given to others.
  struct Probes {
    uint32_t held = 0;
    uint32_t successes = 0;
    uint64_t silent_until_ms = 0;
  };
  Probes probes() const noexcept {
    const uint64_t word = word_.load(std::memory_order_acquire);
    if (stateOf(word) != abi::breaker_state::kHalfOpen) return {};
    return {probesOf(word), successesOf(word), silent_until_ms_.load(std::memory_order_relaxed)};
  }
  // Probes that hold a place; not a step of an interleaved run.
  uint32_t probesForTest() const noexcept {
    uint64_t word;
    if constexpr (requires { word_.peekForTest(); })
      word = word_.peekForTest();
    else
      word = word_.load(std::memory_order_acquire);
    return stateOf(word) == abi::breaker_state::kHalfOpen ? probesOf(word) : 0;
  }

 private:
  void write(const BreakerSettings& settings) noexcept {
    threshold_millis_.store(settings.threshold_millis, std::memory_order_relaxed);
    min_requests_.store(settings.min_requests, std::memory_order_relaxed);
    interval_ms_.store(settings.interval_ms, std::memory_order_relaxed);
    max_interval_ms_.store(settings.max_interval_ms, std::memory_order_relaxed);
    jitter_percent_.store(settings.jitter_percent, std::memory_order_relaxed);
    probes_.store(settings.probes, std::memory_order_relaxed);
    successes_.store(settings.successes, std::memory_order_relaxed);
  }
  // Without its jitter.
  uint64_t openMs(uint32_t reopenings) const noexcept {
    return std::min<uint64_t>(uint64_t{interval_ms_.load(std::memory_order_relaxed)} << reopenings,
                              max_interval_ms_.load(std::memory_order_relaxed));
  }
  static constexpr uint32_t kGenerationMask = 0xffff;
  static constexpr uint32_t kMostReopenings = 31;
  static constexpr uint64_t kUntilMask = (uint64_t{1} << 41) - 1;
  static constexpr uint64_t kOneProbe = 1 << 8;
  static constexpr uint64_t kOneGrant = 1 << 16;
  static constexpr uint64_t kGrantMask = kUntilMask & ~(kOneGrant - 1);

  static uint32_t stateOf(uint64_t word) noexcept { return static_cast<uint32_t>(word >> 62); }
  static uint32_t generationOf(uint64_t word) noexcept {
    return static_cast<uint32_t>(word >> 46) & kGenerationMask;
  }
  static uint32_t reopeningsOf(uint64_t word) noexcept {
    return static_cast<uint32_t>(word >> 41) & kMostReopenings;
  }
  static uint64_t untilOf(uint64_t word) noexcept { return word & kUntilMask; }
  static uint32_t probesOf(uint64_t word) noexcept { return word >> 8 & 0xff; }
  static uint32_t successesOf(uint64_t word) noexcept { return word & 0xff; }

  static uint64_t wordOf(uint32_t state, uint32_t generation, uint32_t reopenings) noexcept {
    return uint64_t{state} << 62 | uint64_t{generation & kGenerationMask} << 46 |
           uint64_t{reopenings} << 41;
  }
  static uint64_t closedWord(uint32_t generation) noexcept {
    return wordOf(abi::breaker_state::kClosed, generation, 0);
  }
  static uint64_t halfOpenWord(uint32_t generation, uint32_t reopenings) noexcept {
    return wordOf(abi::breaker_state::kHalfOpen, generation, reopenings);
  }
  static uint64_t withGrant(uint64_t word) noexcept {
    const uint64_t grants = ((word & kGrantMask) + kOneGrant) & kGrantMask;
    return ((word & ~kGrantMask) | grants) + kOneProbe;
  }
  static uint32_t after(uint64_t word) noexcept {
    const uint32_t next = (generationOf(word) + 1) & kGenerationMask;
    return next == 0 ? 1 : next;
  }
  static Ticket ticketOf(uint64_t word, bool probe) noexcept {
    return generationOf(word) << 2 | (probe ? 3 : 1);
  }

  // Acquire and release: whoever finds a state has everything that led to it behind him.
  bool move(uint64_t& from, uint64_t to) noexcept {
    return word_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
  }
  uint64_t openWord(uint64_t from, uint32_t reopenings, uint64_t now_ms,
                    uint32_t random) const noexcept;
  void allowSilence(uint64_t now_ms) noexcept;
  BreakerCounts countsOf(uint32_t generation, uint64_t now_ms) const noexcept;
  Ticket admitProbe(uint64_t now_ms, BreakerEvent* event) noexcept;
  BreakerEvent judge(uint64_t word, uint64_t now_ms, uint32_t random) noexcept;
  BreakerEvent settle(Ticket ticket, uint64_t now_ms) noexcept;
  BreakerEvent reopen(Ticket ticket, uint64_t now_ms, uint32_t random) noexcept;

  Atomic<uint64_t> word_;
  // Half-open: when probes that have said nothing lose their places, one interval after the last
  // verdict or the last place that was given. Only rises: all of its values are a moment and the
  // same interval, so the highest is that of the latest moment.
  Atomic<uint64_t> silent_until_ms_{0};
  // Counts of another window would mean something else: that takes another breaker.
  const uint32_t window_ms_;
  // Not `Atomic`: what they are is no part of the protocol that is run under every order of steps.
  std::atomic<uint32_t> threshold_millis_;
  std::atomic<uint32_t> min_requests_;
  std::atomic<uint32_t> interval_ms_;
  std::atomic<uint32_t> max_interval_ms_;
  std::atomic<uint32_t> jitter_percent_;
  std::atomic<uint32_t> probes_;
  std::atomic<uint32_t> successes_;
  ShardList<Window> windows_;
};

using Breaker = BasicBreaker<>;
using BreakerTicket = Breaker::Ticket;

// ---- the rare ways

template <template <typename> typename Atomic>
uint64_t BasicBreaker<Atomic>::openWord(uint64_t from, uint32_t reopenings, uint64_t now_ms,
                                        uint32_t random) const noexcept {
  const uint64_t open_ms = openMs(reopenings);
  const uint64_t jitter_ms =
      (open_ms * jitter_percent_.load(std::memory_order_relaxed) / 100 * random) >> 32;
  return wordOf(abi::breaker_state::kOpen, after(from), reopenings) |
         ((now_ms + open_ms + jitter_ms) & kUntilMask);
}

template <template <typename> typename Atomic>
void BasicBreaker<Atomic>::allowSilence(uint64_t now_ms) noexcept {
  const uint64_t until = now_ms + interval_ms_.load(std::memory_order_relaxed);
  uint64_t before = silent_until_ms_.load(std::memory_order_relaxed);
  // Release, by the change of `word_` that follows: who finds that finds this, too.
  while (before < until &&
         !silent_until_ms_.compare_exchange_strong(before, until, std::memory_order_relaxed)) {
  }
}

template <template <typename> typename Atomic>
BreakerCounts BasicBreaker<Atomic>::countsOf(uint32_t generation, uint64_t now_ms) const noexcept {
  BreakerCounts sum;
  windows_.forEach(
      [&](const Window& window) { window.addTo(&sum, generation, window_ms_, now_ms); });
  return sum;
}

// After a failure, while closed.
template <template <typename> typename Atomic>
BreakerEvent BasicBreaker<Atomic>::judge(uint64_t word, uint64_t now_ms, uint32_t random) noexcept {
  const BreakerCounts sum = countsOf(generationOf(word), now_ms);
  const BreakerSettings now = settings();
  if (sum.requests < now.min_requests ||
      sum.failures * 1000 < sum.requests * now.threshold_millis) {
    return {};
  }
  const uint64_t opened = openWord(word, 0, now_ms, random);
  // Race: of two workers that find it due, one opens; a closed word does not change otherwise.
  if (!move(word, opened)) return {};
  return {BreakerEvent::Kind::kOpened, sum.requests, sum.failures, untilOf(opened)};
}

template <template <typename> typename Atomic>
typename BasicBreaker<Atomic>::Ticket BasicBreaker<Atomic>::admitProbe(
    uint64_t now_ms, BreakerEvent* event) noexcept {
  uint64_t word = word_.load(std::memory_order_acquire);
  while (stateOf(word) == abi::breaker_state::kOpen) {
    if (now_ms < untilOf(word)) return 0;
    allowSilence(now_ms);
    const uint64_t first = withGrant(halfOpenWord(after(word), reopeningsOf(word)));
    if (move(word, first)) {
      event->kind = BreakerEvent::Kind::kHalfOpened;
      return ticketOf(first, true);
    }
  }
  if (stateOf(word) == abi::breaker_state::kClosed) return ticketOf(word, false);
  return tryProbe(now_ms);
}

template <template <typename> typename Atomic>
bool BasicBreaker<Atomic>::halfOpen(uint64_t now_ms) noexcept {
  uint64_t word = word_.load(std::memory_order_acquire);
  if (stateOf(word) != abi::breaker_state::kOpen || now_ms < untilOf(word)) return false;
  allowSilence(now_ms);
  return move(word, halfOpenWord(after(word), reopeningsOf(word)));
}

template <template <typename> typename Atomic>
typename BasicBreaker<Atomic>::Ticket BasicBreaker<Atomic>::tryProbe(uint64_t now_ms) noexcept {
  uint64_t word = word_.load(std::memory_order_acquire);
  while (stateOf(word) == abi::breaker_state::kHalfOpen) {
    const bool full = probesOf(word) >= probes_.load(std::memory_order_relaxed);
    // Race: `word_` may be of a later period by now; then its change below fails, and the time is
    // looked at again.
    if (full && now_ms < silent_until_ms_.load(std::memory_order_relaxed)) return 0;
    allowSilence(now_ms);
    // Places that were silent are taken over in a new period: what their holders may still say, or
    // give back, comes too late.
    const uint64_t from =
        full ? halfOpenWord(after(word), reopeningsOf(word)) | successesOf(word) : word;
    const uint64_t taken = withGrant(from);
    if (move(word, taken)) return ticketOf(taken, true);
  }
  return 0;
}

template <template <typename> typename Atomic>
void BasicBreaker<Atomic>::giveBackProbe(Ticket ticket) noexcept {
  if (!isProbe(ticket)) return;
  uint64_t word = word_.load(std::memory_order_acquire);
  while (stateOf(word) == abi::breaker_state::kHalfOpen && generationOf(word) == ticket >> 2 &&
         probesOf(word) != 0) {
    if (move(word, word - kOneProbe)) return;
  }
}

// A probe was good.
template <template <typename> typename Atomic>
BreakerEvent BasicBreaker<Atomic>::settle(Ticket ticket, uint64_t now_ms) noexcept {
  uint64_t word = word_.load(std::memory_order_acquire);
  while (stateOf(word) == abi::breaker_state::kHalfOpen && generationOf(word) == ticket >> 2) {
    allowSilence(now_ms);
    if (successesOf(word) + 1 >= successes_.load(std::memory_order_relaxed)) {
      if (move(word, closedWord(after(word)))) return {BreakerEvent::Kind::kClosed};
    } else {
      const uint64_t left = probesOf(word) == 0 ? word : word - kOneProbe;
      if (move(word, left + 1)) {
        return {};
      }
    }
  }
  return {};
}

// A probe failed.
template <template <typename> typename Atomic>
BreakerEvent BasicBreaker<Atomic>::reopen(Ticket ticket, uint64_t now_ms,
                                          uint32_t random) noexcept {
  uint64_t word = word_.load(std::memory_order_acquire);
  while (stateOf(word) == abi::breaker_state::kHalfOpen && generationOf(word) == ticket >> 2) {
    const uint32_t reopenings = std::min(reopeningsOf(word) + 1, kMostReopenings);
    const uint64_t opened = openWord(word, reopenings, now_ms, random);
    if (move(word, opened)) return {BreakerEvent::Kind::kReopened, 1, 1, untilOf(opened)};
  }
  return {};
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_BREAKER_H_
