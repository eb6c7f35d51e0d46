#ifndef MILLRACE_ENGINE_RATE_RATE_CHECK_H_
#define MILLRACE_ENGINE_RATE_RATE_CHECK_H_

#include <cstdint>
#include <memory>
#include <type_traits>

#include "abi.h"
#include "base/cache_line.h"
#include "base/check.h"
#include "engine/rate/rate_table.h"
#include "engine/state/stats.h"

namespace millrace {

// The counters of one limit that one worker writes and anyone may read.
struct alignas(kCacheLine) RateShard {
  CounterShard<abi::rate_stat::kCount> counters;
};

// All limits of one request. A request that any of them refuses is counted by none: everything is
// looked at first, and only then taken, in order. A worker that takes the last place between the
// look and the taking makes a later limit refuse what an earlier one has counted already, so a race
// can make the limits stricter (by the requests in that moment), never looser.
//
// A limit in shadow is never asked whether it refuses: it counts what it would have done with the
// requests that the others admit. Lives on the stack of one request.
class RateCheck {
 public:
  RateCheck() noexcept {}  // NOLINT: defaulted, it would not leave the union alone
  RateCheck(const RateCheck&) = delete;
  RateCheck& operator=(const RateCheck&) = delete;

  static constexpr uint32_t kCapacity = 2 * abi::limits::kMaxRateLimitsPerRoute;

  struct Item {
    RateRule* rule;
    RateShard* shard;  // of this worker; null where it is only looked
    uint64_t key;      // siphash13 of the limit's tag and key parts
    bool shadow;
    bool known;           // whether `verdict` says something
    RateVerdict verdict;  // for RateTable::numbers
  };

  static_assert(std::is_trivially_destructible_v<Item>);

  // Starts the memory access, too: add all limits before run. False when there are too many.
  bool add(const RateTable& table, RateRule& rule, RateShard* shard, uint64_t key,
           bool shadow) noexcept {
    if (count_ == kCapacity) return false;
    table.prefetch(rule, key);
    std::construct_at(&items_[count_++], Item{&rule, shard, key, shadow, false, {}});
    enforced_ += shadow ? 0 : 1;
    return true;
  }

  // Index of the limit that refuses the request, or abi::kNone.
  uint32_t run(RateTable& table, uint64_t now_ns) noexcept {
    namespace stat = abi::rate_stat;
    // With one limit the taking says it.
    for (uint32_t i = 0; enforced_ > 1 && i < count_; ++i) {
      Item& item = items_[i];
      if (item.shadow) continue;
      item.verdict = table.peek(*item.rule, item.key, now_ns);
      item.known = true;
      if (!item.verdict.allowed) return refuse(i);
    }
    // Enforced ones first: a shadow must not count what is refused after all.
    for (const bool shadow : {false, true}) {
      for (uint32_t i = 0; i < count_; ++i) {
        Item& item = items_[i];
        if (item.shadow != shadow) continue;
        item.verdict = table.check(*item.rule, item.key, now_ns);
        item.known = true;
        if (!item.verdict.allowed && !shadow) return refuse(i);
        item.shard->counters.add(item.verdict.allowed ? stat::kAllowed : stat::kShadowed, 1);
        if (item.verdict.unplaced) item.shard->counters.add(stat::kUnplaced, 1);
      }
    }
    return abi::kNone;
  }

  // What `run` would say, without counting anything: all of them are looked at.
  uint32_t look(RateTable& table, uint64_t now_ns) noexcept {
    uint32_t refusing = abi::kNone;
    for (uint32_t i = 0; i < count_; ++i) {
      Item& item = items_[i];
      item.verdict = table.peek(*item.rule, item.key, now_ns);
      item.known = true;
      if (!item.verdict.allowed && !item.shadow && refusing == abi::kNone) refusing = i;
    }
    return refusing;
  }

  uint32_t size() const noexcept { return count_; }
  const Item& operator[](uint32_t i) const noexcept {
    MILLRACE_DCHECK(i < count_);
    return items_[i];
  }

 private:
  uint32_t refuse(uint32_t i) noexcept {
    items_[i].shard->counters.add(abi::rate_stat::kLimited, 1);
    if (items_[i].verdict.unplaced) items_[i].shard->counters.add(abi::rate_stat::kUnplaced, 1);
    return i;
  }

  uint32_t count_ = 0;
  uint32_t enforced_ = 0;
  // The first count_ are alive. A union, so that a request with one limit does not pay for making
  // thirty-two.
  union {
    Item items_[kCapacity];
  };
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_RATE_CHECK_H_
