#ifndef MILLRACE_ENGINE_FAILOVER_RETRY_BUDGET_H_
#define MILLRACE_ENGINE_FAILOVER_RETRY_BUDGET_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "base/cache_line.h"
#include "base/shard_list.h"

namespace millrace {

// Windows of a retry budget: a ring of ten buckets. Bucket number n holds the milliseconds with
// floor(10 * ms / window) = n; the window at a moment is the bucket of that moment and the nine
// before it, so it covers between nine and ten tenths of the configured time. A bucket is one word,
// number:32 | count:32, so that it is always read whole; a number is newer than another when it is
// greater (32 bits of the shortest buckets, 100 ms, are 13 years).
struct BudgetBuckets {
  static constexpr uint32_t kCount = 10;

  static uint32_t numberAt(uint32_t window_ms, uint64_t now_ms) noexcept {
    return static_cast<uint32_t>(now_ms * kCount / window_ms);
  }
  // The first millisecond of the next bucket.
  static uint64_t endOf(uint32_t window_ms, uint64_t now_ms) noexcept {
    return ((now_ms * kCount / window_ms + 1) * window_ms + kCount - 1) / kCount;
  }
  static uint64_t word(uint32_t number, uint32_t count) noexcept {
    return uint64_t{number} << 32 | count;
  }
  static uint32_t number(uint64_t word) noexcept { return static_cast<uint32_t>(word >> 32); }
  static uint32_t count(uint64_t word) noexcept { return static_cast<uint32_t>(word); }
};

// One worker's requests of the last window. One thread adds (4 ns), any thread reads.
template <template <typename> typename Atomic = std::atomic>
class alignas(kCacheLine) BudgetRequests {
 public:
  // The owner, before anything is added.
  void start(uint32_t window_ms) noexcept { window_ms_ = window_ms; }

  void add(uint64_t now_ms) noexcept {
    if (now_ms >= bucket_end_ms_) [[unlikely]] {
      const uint32_t number = BudgetBuckets::numberAt(window_ms_, now_ms);
      bucket_end_ms_ = BudgetBuckets::endOf(window_ms_, now_ms);
      current_ = &buckets_[number % BudgetBuckets::kCount];
      current_->store(BudgetBuckets::word(number, 1), std::memory_order_relaxed);
      return;
    }
    current_->store(current_->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // In the window that ends with bucket `newest`; what a worker whose clock is ahead has counted
  // counts, too.
  uint64_t sum(uint32_t newest) const noexcept {
    uint64_t total = 0;
    for (const Atomic<uint64_t>& bucket : buckets_) {
      const uint64_t word = bucket.load(std::memory_order_relaxed);
      if (BudgetBuckets::number(word) + uint64_t{BudgetBuckets::kCount} > newest)
        total += BudgetBuckets::count(word);
    }
    return total;
  }

 private:
  // The owner's alone.
  uint64_t bucket_end_ms_ = 0;
  uint32_t window_ms_ = 1000;
  Atomic<uint64_t>* current_ = nullptr;
  std::array<Atomic<uint64_t>, BudgetBuckets::kCount> buckets_{};
};

// How many retries a cluster may make, all workers together (the token budget of Finagle and
// Linkerd): every request of the window allows `percent` hundredths of a retry, and
// `min_per_second` are allowed in any case, so that a cluster with little traffic can retry at all.
// What an outage can add to the load of a cluster is bounded by that share, however many requests
// fail.
//
//   allowed = percent * requests(window) / 100 + min_per_second * window    (seconds, rounded down)
//
// Exact: never are more retries granted in a window than it allowed at the moment of each grant,
// and none is refused while there is one left. Lock-free; nothing is allocated after a worker's
// first request. The budget of a route's settings is not kept here, so that a reload may change it;
// a window of another length is another budget.
//
// The retries of the newest bucket are one word, which every grant changes by a compare-exchange.
// Before the word moves on to the next bucket, what was in it is written down in `history_`:
//
//     current_   [ number | count ]
//     history_   [ n-9 ][ n-8 ] ... [ n-1 ]      by number mod 10
//
// Race: of several that move the word on, one wins; the others may have read a count that was no
// longer the last, but what they write down is smaller, and a slot only ever grows (the number is
// in its upper half). A sum over the history is of the bucket in the word that the compare-exchange
// expects: should anybody move on meanwhile, it fails.
template <template <typename> typename Atomic = std::atomic>
class BasicRetryBudget {
 public:
  using Requests = BudgetRequests<Atomic>;

  // `window_ms`: at least 1000.
  explicit BasicRetryBudget(uint32_t window_ms) noexcept : window_ms_(window_ms) {}
  BasicRetryBudget(const BasicRetryBudget&) = delete;
  BasicRetryBudget& operator=(const BasicRetryBudget&) = delete;

  uint32_t windowMs() const noexcept { return window_ms_; }
  // The worker's own, made at its first call.
  Requests& requestsOf(uint32_t worker) {
    Requests& requests = requests_.of(worker);
    requests.start(window_ms_);
    return requests;
  }

  // Takes a retry out of the budget; false when there is none. 11 ns, 20 where two workers take at
  // once. Any thread; `now_ms` of a clock that all workers share.
  bool take(uint32_t percent, uint32_t min_per_second, uint64_t now_ms) noexcept {
    // Acquire: pairs with the release of the one who moved on, whose history is needed.
    uint64_t word = current_.load(std::memory_order_acquire);
    while (true) {
      const uint32_t bucket = newestOf(word, now_ms);
      if (spentWith(word, bucket) >= allowed(percent, min_per_second, bucket)) return false;
      const bool same = bucket == BudgetBuckets::number(word);
      if (!same) writeDown(word);
      const uint64_t next = BudgetBuckets::word(bucket, same ? BudgetBuckets::count(word) + 1 : 1);
      if (current_.compare_exchange_strong(word, next, std::memory_order_acq_rel)) return true;
    }
  }

  // For tests and figures: in the window that ends now.
  uint64_t requests(uint64_t now_ms) const noexcept {
    return sumRequests(BudgetBuckets::numberAt(window_ms_, now_ms));
  }
  uint64_t spent(uint64_t now_ms) const noexcept {
    const uint64_t word = current_.load(std::memory_order_acquire);
    return spentWith(word, newestOf(word, now_ms));
  }

 private:
  static constexpr uint32_t kBuckets = BudgetBuckets::kCount;

  // A worker whose clock is late goes by that of the others.
  uint32_t newestOf(uint64_t word, uint64_t now_ms) const noexcept {
    const uint32_t mine = BudgetBuckets::numberAt(window_ms_, now_ms);
    return mine > BudgetBuckets::number(word) ? mine : BudgetBuckets::number(word);
  }

  uint64_t sumRequests(uint32_t newest) const noexcept {
    uint64_t total = 0;
    requests_.forEach([&](const Requests& requests) { total += requests.sum(newest); });
    return total;
  }

  uint64_t allowed(uint32_t percent, uint32_t min_per_second, uint32_t newest) const noexcept {
    return (sumRequests(newest) * percent * 10 + uint64_t{min_per_second} * window_ms_) / 1000;
  }

  uint64_t spentWith(uint64_t word, uint32_t newest) const noexcept {
    const uint32_t current = BudgetBuckets::number(word);
    uint64_t total = 0;
    if (current + uint64_t{kBuckets} > newest) total += BudgetBuckets::count(word);
    for (const Atomic<uint64_t>& slot : history_) {
      // Relaxed: what belongs to this word was there before it.
      const uint64_t past = slot.load(std::memory_order_relaxed);
      const uint32_t number = BudgetBuckets::number(past);
      if (number < current && number + uint64_t{kBuckets} > newest)
        total += BudgetBuckets::count(past);
    }
    return total;
  }

  void writeDown(uint64_t word) noexcept {
    Atomic<uint64_t>& slot = history_[BudgetBuckets::number(word) % kBuckets];
    uint64_t past = slot.load(std::memory_order_relaxed);
    while (past < word && !slot.compare_exchange_strong(past, word, std::memory_order_relaxed)) {
    }
  }

  const uint32_t window_ms_;
  ShardList<Requests> requests_;
  alignas(kCacheLine) Atomic<uint64_t> current_{0};
  std::array<Atomic<uint64_t>, kBuckets> history_{};
};

using RetryBudget = BasicRetryBudget<>;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_RETRY_BUDGET_H_
