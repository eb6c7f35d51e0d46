#ifndef MILLRACE_ENGINE_RATE_RATE_TABLE_H_
#define MILLRACE_ENGINE_RATE_RATE_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "abi.h"
#include "base/cache_line.h"
#include "engine/rate/rate_rule.h"
#include "engine/rate/sliding_log.h"
#include "engine/rate/slot_memory.h"
#include "engine/rate/slot_protocol.h"

namespace millrace {

// What a check found. Enough to make the numbers for headers later, for those requests that want
// them (two divisions).
struct RateVerdict {
  bool allowed = true;
  bool unplaced = false;  // counted together with others: the table had no room
  uint64_t word = 0;      // after the request, or as it stands when that was refused
  uint64_t extra = 0;     // slidingLog
};

// The counters of all clients under all limits: one table for the process, of bounded memory, used
// by all workers at once without a lock (SlotProtocol says how).
//
// Memory: a client of slidingWindow or gcra has a slot of 16 bytes, and there are max_keys / kFill
// slots: 25 bytes a key. slidingLog remembers each request: see SlidingLog. Everything is allocated
// and touched by create and makeRule, nothing later.
//
// Room: a slot is given to another client only when its state says exactly what no state says, so a
// flood of new keys frees nobody from a limit. A newcomer who finds all eight of its slots live is
// counted in an overflow word of the limit, together with the other newcomers whose first bucket is
// in the same 1/64 of the table: under the same limit, so unfair to them while the table is full,
// but never unlimited, and never at the cost of a client that has a slot. `unplaced` counts it. A
// client that was counted there and then finds a slot begins anew in it, so in that window it may
// get the limit once more.
// Entries never move, so this begins before the last slot is taken. With the fuller of two buckets
// avoided, newcomers without room are 0.1 % by the time that max_keys clients are live, and 4 % at
// a fill of 90 % of the slots, 1.4 * max_keys clients; all slots do get taken.
class RateTable {
 public:
  static constexpr uint64_t kMinKeys = 64;
  static constexpr uint64_t kMaxKeys = uint64_t{1} << 30;
  static constexpr double kFill = 0.65;

  // Null without memory. `before`: its window classes and log sizes are taken over, so that rules
  // made by it are good for this table too; its entries are not (absorb). Control thread.
  static std::unique_ptr<RateTable> create(uint64_t max_keys, const RateTable* before = nullptr);

  // Null when the settings are not possible: limit 0 or above the algorithm's largest, window 0,
  // more than 4095 different windows since the start of the process, or no memory. Control thread,
  // one at a time; the rule is published to the workers afterwards.
  std::unique_ptr<RateRule> makeRule(const RateSettings& settings);

  // Any thread. `key` is a keyed hash (siphash13) of the limit's tag and the parts of its key.
  // `now_ns` is monotonic; threads may disagree by up to kRateSkewUs.
  void prefetch(const RateRule& rule, uint64_t key) const noexcept;
  // Counts one request, if it is admitted.
  RateVerdict check(RateRule& rule, uint64_t key, uint64_t now_ns) noexcept;
  // What check would say, without counting.
  RateVerdict peek(const RateRule& rule, uint64_t key, uint64_t now_ns) noexcept;

  static RateNumbers numbers(const RateRule& rule, const RateVerdict& verdict,
                             uint64_t now_ns) noexcept;

  // Takes over the live entries of `old` (a table of another size that workers may still use; this
  // one may be in use, too). Merging takes the larger count, so it can be done again: once before
  // the workers get this table, and once when the last one has left the old. What a client did in
  // both between these moments then counts as the larger of both, not their sum; slidingLog entries
  // are taken over only by clients that have none here. Returns how many entries found no room
  // (only when the table shrinks below what lives). Control thread.
  uint64_t absorb(const RateTable& old, uint64_t now_ns) noexcept;

  // In the order of abi::rate_table_stat. `keys` is counted by a scan: about 2 ms per million keys.
  void readStats(std::span<double> out, uint64_t now_ns) const noexcept;

 private:
  using Bucket = RateBucket<>;
  using Slot = RateSlot<>;

  // See SlotProtocol. For one time: it keeps what the last window class came to.
  struct Owner {
    RateTable& table;
    uint32_t known_class = 0;  // 0 = none yet
    uint64_t window_us = 0;
    uint64_t number = 0;  // of the window at that time
    bool expired(const Slot& slot, uint64_t tag, uint64_t word, uint64_t now_ns) noexcept;
    uint64_t nextIncarnation(const Slot& slot, uint64_t word) const noexcept;
    uint64_t firstState(const Slot&, uint64_t, uint64_t first) const noexcept { return first; }
    void tookOver(const Slot& slot) const noexcept;
  };
  struct alignas(kCacheLine) Stripe {
    std::atomic<uint64_t> incarnations{0};
    std::atomic<uint64_t> evicted{0};
    std::atomic<uint64_t> unplaced{0};
  };
  static constexpr uint32_t kStripes = 16;

  RateTable(uint64_t max_keys, SlotMemory<Bucket> buckets);

  template <typename Step>
  RateVerdict count(RateRule& rule, uint64_t key, uint64_t now_ns, const Step& step) noexcept;
  template <typename Step>
  RateVerdict look(const RateRule& rule, uint64_t key, uint64_t now_ns, const Step& step) noexcept;
  template <typename Step>
  RateVerdict countOverflow(RateRule& rule, uint64_t tag, const Step& step) noexcept;

  SlotProtocol<Owner> protocol(Owner& owner, uint64_t tag) noexcept;
  bool ensureLog(uint32_t log_class);
  uint32_t stripeOf(const Slot& slot) const noexcept;

  const uint64_t max_keys_;
  const SlotMemory<Bucket> buckets_;
  RateWindows windows_;
  std::array<std::unique_ptr<SlidingLog>, SlidingLog::kClasses> logs_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_RATE_TABLE_H_
