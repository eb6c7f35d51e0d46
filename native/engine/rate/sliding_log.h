#ifndef MILLRACE_ENGINE_RATE_SLIDING_LOG_H_
#define MILLRACE_ENGINE_RATE_SLIDING_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "engine/rate/rate_rule.h"
#include "engine/rate/slot_memory.h"
#include "engine/rate/slot_protocol.h"

namespace millrace {

// The exact sliding window: the times of the last requests of each client, in a ring. A request is
// admitted when fewer than `limit` were admitted in (now - window, now].
//
// One table for all limits of about one size: its rings have 8, 16, 32, 64 or 128 places. Memory: a
// remembered request costs 8 bytes, half a key of the other algorithms, and each size of ring that
// is in use gets as many bytes for them as max_keys has: max_keys * 16 / (8 * ring) clients. With
// max_keys = 1M that is 250,000 clients of a limit up to 8, or 15,625 of a limit up to 128. Clients
// without a slot are counted like those of the other algorithms, in an overflow word of the limit
// (by a two-bucket counter).
//
// Slots and who gets them: SlotProtocol. The state of a client is the position of its next request,
// and how many of the positions before are its own (at most one ring):
//
//   slot word:   63   62 .. 55   54 .......... 0
//                0    own        position           never falls: it goes on when another client
//                comes
//   ring place:  63 ..... 48   47 ........ 0
//                lap           microseconds         lap = position / ring size, modulo 2^16
//
// A request takes position p by replacing the old place p % ring (that of the lap before, which is
// the oldest one) by {lap of p, now}: one compare-exchange, so of two threads one gets it. Then
// it moves the position in the slot on; a thread that finds place p already in the lap of p moves
// it on for the one that stopped there. That is the moment at which the request counts: if the
// slot was taken over before it (its state had expired), the request counts nowhere and begins
// anew. A new client begins one position further, so that a place that a late thread wrote is in a
// lap before its own, and is not believed. Times in a ring never fall: an earlier clock takes the
// time of the last request.
template <template <typename> typename Atomic = std::atomic>
class BasicSlidingLog {
 public:
  static constexpr uint32_t kClasses = 5;
  static constexpr uint32_t kMinRing = 8;
  static constexpr uint32_t kMaxLimit = abi::limits::kMaxSlidingLog;
  static_assert(kMinRing << (kClasses - 1) == kMaxLimit);

  static uint32_t classOf(uint32_t limit) noexcept;

  // Null without memory. `windows` outlives it.
  static std::unique_ptr<BasicSlidingLog> create(uint64_t max_keys, uint32_t log_class,
                                                 const RateWindows& windows);

  struct Verdict {
    bool allowed;
    bool unplaced;       // no room: nothing was counted
    uint32_t remaining;  // after this request
    uint64_t newest_us;  // 0 = the ring is empty
    uint64_t retry_us;   // when the oldest of `limit` requests leaves the window; 0 = not full
  };

  void prefetch(uint64_t tag) const noexcept;
  Verdict check(const RateRule& rule, uint64_t tag, uint64_t now_us) noexcept;
  Verdict peek(const RateRule& rule, uint64_t tag, uint64_t now_us) noexcept;
  // See RateTable::absorb. Of the same class.
  uint64_t absorb(const BasicSlidingLog& old, uint64_t now_us) noexcept;

  uint64_t countKeys(uint64_t now_us) const noexcept;
  uint64_t capacity() const noexcept { return buckets_.size() * Bucket::kSlots; }
  uint64_t evicted() const noexcept { return evicted_.load(std::memory_order_relaxed); }
  uint64_t bytes() const noexcept { return buckets_.bytes() + places_.bytes(); }

 private:
  using Bucket = RateBucket<Atomic>;
  using Slot = RateSlot<Atomic>;
  using Places = Atomic<uint64_t>*;

  // See SlotProtocol.
  struct Owner {
    BasicSlidingLog& log;
    bool expired(const Slot& slot, uint64_t tag, uint64_t word, uint64_t now_us) const noexcept;
    uint64_t nextIncarnation(const Slot&, uint64_t word) const noexcept;
    uint64_t firstState(const Slot&, uint64_t incarnation, uint64_t) const noexcept {
      return incarnation;
    }
    void tookOver(const Slot&) const noexcept;
  };
  using Protocol = SlotProtocol<Owner, Atomic>;
  using Place = typename Protocol::Place;

  // One look at a client's ring.
  struct View {
    uint64_t newest_us = 0;
    uint64_t retry_us = 0;  // 0 = not full
    bool stale = false;     // places belong to other laps: the slot has moved on meanwhile
  };

  BasicSlidingLog(uint32_t ring_bits, const RateWindows& windows, SlotMemory<Bucket> buckets,
                  SlotMemory<Atomic<uint64_t>> places);

  Protocol protocol(Owner& owner, uint64_t tag) noexcept;
  bool take(Protocol& slots, uint64_t tag, const Place& found, uint64_t before,
            uint64_t time) noexcept;
  void help(const Place& found) const noexcept;
  Places ringOf(const Slot& slot) const noexcept;
  bool inLap(uint64_t place, uint64_t position) const noexcept;
  View view(const RateRule& rule, Places ring, uint64_t word, uint64_t now_us) const noexcept;
  uint32_t remaining(const RateRule& rule, Places ring, uint64_t word,
                     uint64_t now_us) const noexcept;

  const uint32_t ring_bits_;
  const RateWindows& windows_;
  const SlotMemory<Bucket> buckets_;
  const SlotMemory<Atomic<uint64_t>> places_;
  std::atomic<uint64_t> evicted_{0};
};

using SlidingLog = BasicSlidingLog<>;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_SLIDING_LOG_H_
