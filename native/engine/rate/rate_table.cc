#include "engine/rate/rate_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/rate/gcra.h"
#include "engine/rate/sliding_window.h"

namespace millrace {
namespace {

constexpr uint64_t microseconds(uint64_t now_ns) noexcept { return now_ns / 1000; }

// The two algorithms whose state is one word, in the form that count() wants.
struct GcraStep {
  const RateRule& rule;
  uint64_t now;

  GcraStep(const RateRule& r, uint64_t now_ns) noexcept : rule(r), now(Gcra::ticks(now_ns)) {}
  // Whether a request is admitted; then `next` is the word that counts it.
  bool operator()(uint64_t word, uint64_t& next) const noexcept {
    if (!Gcra::admits(rule, word, now)) return false;
    next = Gcra::after(rule, word, now);
    return true;
  }
};

struct WindowStep {
  const RateRule& rule;
  uint64_t now;

  WindowStep(const RateRule& r, uint64_t now_ns) noexcept : rule(r), now(microseconds(now_ns)) {}
  bool operator()(uint64_t word, uint64_t& next) const noexcept {
    const SlidingWindow::View view = SlidingWindow::at(rule, word, now);
    if (!SlidingWindow::admits(rule, view)) return false;
    next = SlidingWindow::after(view);
    return true;
  }
};

RateVerdict verdictOf(const SlidingLog::Verdict& log) noexcept {
  return {log.allowed, false, log.newest_us << 8 | log.remaining, log.retry_us};
}

}  // namespace

std::unique_ptr<RateTable> RateTable::create(uint64_t max_keys, const RateTable* before) {
  max_keys = std::clamp(max_keys, kMinKeys, kMaxKeys);
  const auto slots = static_cast<uint64_t>(static_cast<double>(max_keys) / kFill) + 1;
  SlotMemory<Bucket> buckets((slots + Bucket::kSlots - 1) / Bucket::kSlots);
  if (buckets.size() == 0) return nullptr;
  std::unique_ptr<RateTable> table(new RateTable(max_keys, std::move(buckets)));
  if (before != nullptr) {
    table->windows_.copyFrom(before->windows_);
    for (uint32_t i = 0; i < SlidingLog::kClasses; ++i) {
      if (before->logs_[i] != nullptr && !table->ensureLog(i)) return nullptr;
    }
  }
  return table;
}

RateTable::RateTable(uint64_t max_keys, SlotMemory<Bucket> buckets)
    : max_keys_(max_keys), buckets_(std::move(buckets)) {}

bool RateTable::ensureLog(uint32_t log_class) {
  if (logs_[log_class] == nullptr)
    logs_[log_class] = SlidingLog::create(max_keys_, log_class, windows_);
  return logs_[log_class] != nullptr;
}

std::unique_ptr<RateRule> RateTable::makeRule(const RateSettings& settings) {
  const bool gcra = settings.algorithm == abi::rate_algorithm::kGcra;
  const bool log = settings.algorithm == abi::rate_algorithm::kSlidingLog;
  if (settings.limit == 0 || settings.window_ms == 0) return nullptr;
  if (!gcra && settings.limit > (log ? SlidingLog::kMaxLimit : SlidingWindow::kMaxLimit))
    return nullptr;
  auto rule = std::make_unique<RateRule>();
  rule->algorithm = settings.algorithm;
  rule->limit = settings.limit;
  rule->window_us = uint64_t{settings.window_ms} * 1000;
  rule->skew_windows = SlidingWindow::skewWindows(rule->window_us);
  if (gcra) {
    const uint64_t window = rule->window_us * 1000 * Gcra::kTicksPerNs;
    rule->interval = (window + settings.limit - 1) / settings.limit;
    const auto tolerance = static_cast<unsigned __int128>(rule->interval) *
                           (settings.burst > 1 ? settings.burst - 1 : 0);
    rule->tolerance =
        tolerance < Gcra::kMaxTolerance ? static_cast<uint64_t>(tolerance) : Gcra::kMaxTolerance;
    return rule;
  }
  rule->window_class = windows_.classOf(rule->window_us);
  if (rule->window_class == 0) return nullptr;
  if (log) {
    rule->log_class = SlidingLog::classOf(settings.limit);
    if (!ensureLog(rule->log_class)) return nullptr;
  }
  return rule;
}

uint32_t RateTable::stripeOf(const Slot& slot) const noexcept {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(&slot) / sizeof(Bucket)) % kStripes;
}

bool RateTable::Owner::expired(const Slot&, uint64_t tag, uint64_t word, uint64_t now_ns) noexcept {
  const uint32_t window_class = rate_tag::windowClass(tag);
  if (window_class == 0) return Gcra::expired(word, Gcra::ticks(now_ns));
  if (window_class != known_class) {
    known_class = window_class;
    window_us = table.windows_.windowUs(window_class);
    number = microseconds(now_ns) / window_us;
  }
  return SlidingWindow::expired(word, window_us, number);
}

uint64_t RateTable::Owner::nextIncarnation(const Slot& slot, uint64_t) const noexcept {
  return table.stripes_[table.stripeOf(slot)].incarnations.fetch_add(1, std::memory_order_relaxed) +
         1;
}

void RateTable::Owner::tookOver(const Slot& slot) const noexcept {
  table.stripes_[table.stripeOf(slot)].evicted.fetch_add(1, std::memory_order_relaxed);
}

SlotProtocol<RateTable::Owner> RateTable::protocol(Owner& owner, uint64_t tag) noexcept {
  return {owner, buckets_[rate_tag::firstBucket(tag, buckets_.size())],
          buckets_[rate_tag::secondBucket(tag, buckets_.size())]};
}

void RateTable::prefetch(const RateRule& rule, uint64_t key) const noexcept {
  const uint64_t tag = rate_tag::make(key, rule.window_class);
  if (rule.algorithm == abi::rate_algorithm::kSlidingLog)
    return logs_[rule.log_class]->prefetch(tag);
  __builtin_prefetch(&buckets_[rate_tag::firstBucket(tag, buckets_.size())], 1);
  __builtin_prefetch(&buckets_[rate_tag::secondBucket(tag, buckets_.size())]);
}

template <typename Step>
RateVerdict RateTable::count(RateRule& rule, uint64_t key, uint64_t now_ns,
                             const Step& step) noexcept {
  const uint64_t tag = rate_tag::make(key, rule.window_class);
  Owner owner{*this};
  const auto counted = protocol(owner, tag).count(tag, now_ns, step);
  if (!counted.placed) return countOverflow(rule, tag, step);
  return {counted.admitted, false, counted.word};
}

template <typename Step>
RateVerdict RateTable::countOverflow(RateRule& rule, uint64_t tag, const Step& step) noexcept {
  stripes_[rate_tag::firstBucket(tag, kStripes)].unplaced.fetch_add(1, std::memory_order_relaxed);
  std::atomic<uint64_t>& shared =
      rule.overflow[rate_tag::firstBucket(tag, RateRule::kOverflowWords)];
  uint64_t word = shared.load(std::memory_order_relaxed);
  for (;;) {
    uint64_t next = 0;
    if (!step(word, next)) return {false, true, word};
    if (shared.compare_exchange_weak(word, next, std::memory_order_relaxed))
      return {true, true, next};
  }
}

template <typename Step>
RateVerdict RateTable::look(const RateRule& rule, uint64_t key, uint64_t now_ns,
                            const Step& step) noexcept {
  const uint64_t tag = rate_tag::make(key, rule.window_class);
  Owner owner{*this};
  auto slots = protocol(owner, tag);
  const auto found = slots.find(tag);
  RateVerdict out{true, false, found.word};
  if (found.slot == nullptr && !slots.hasRoom(now_ns)) {
    out.unplaced = true;
    out.word = rule.overflow[rate_tag::firstBucket(tag, RateRule::kOverflowWords)].load(
        std::memory_order_relaxed);
  }
  uint64_t next;
  out.allowed = step(out.word, next);
  return out;
}

RateVerdict RateTable::check(RateRule& rule, uint64_t key, uint64_t now_ns) noexcept {
  if (rule.algorithm == abi::rate_algorithm::kGcra)
    return count(rule, key, now_ns, GcraStep(rule, now_ns));
  if (rule.algorithm == abi::rate_algorithm::kSlidingWindow)
    return count(rule, key, now_ns, WindowStep(rule, now_ns));
  const uint64_t tag = rate_tag::make(key, rule.window_class);
  const SlidingLog::Verdict log = logs_[rule.log_class]->check(rule, tag, microseconds(now_ns));
  if (log.unplaced) return countOverflow(rule, tag, WindowStep(rule, now_ns));
  return verdictOf(log);
}

RateVerdict RateTable::peek(const RateRule& rule, uint64_t key, uint64_t now_ns) noexcept {
  if (rule.algorithm == abi::rate_algorithm::kGcra)
    return look(rule, key, now_ns, GcraStep(rule, now_ns));
  if (rule.algorithm == abi::rate_algorithm::kSlidingWindow)
    return look(rule, key, now_ns, WindowStep(rule, now_ns));
  const uint64_t tag = rate_tag::make(key, rule.window_class);
  const SlidingLog::Verdict log = logs_[rule.log_class]->peek(rule, tag, microseconds(now_ns));
  if (!log.unplaced) return verdictOf(log);
  const uint64_t word = rule.overflow[rate_tag::firstBucket(tag, RateRule::kOverflowWords)].load(
      std::memory_order_relaxed);
  uint64_t next;
  return {WindowStep(rule, now_ns)(word, next), true, word};
}

RateNumbers RateTable::numbers(const RateRule& rule, const RateVerdict& verdict,
                               uint64_t now_ns) noexcept {
  if (rule.algorithm == abi::rate_algorithm::kGcra)
    return Gcra::numbers(rule, verdict.word, Gcra::ticks(now_ns));
  const uint64_t now_us = microseconds(now_ns);
  if (rule.algorithm == abi::rate_algorithm::kSlidingWindow || verdict.unplaced)
    return SlidingWindow::numbers(rule, verdict.word, now_us);
  const auto until = [now_us](uint64_t time_us) {
    return time_us > now_us ? (time_us - now_us + 999) / 1000 : 0;
  };
  const uint64_t newest_us = verdict.word >> 8;
  return {verdict.word & 0xff, newest_us == 0 ? 0 : until(newest_us + rule.window_us),
          until(verdict.extra)};
}

uint64_t RateTable::absorb(const RateTable& old, uint64_t now_ns) noexcept {
  Owner old_owner{const_cast<RateTable&>(old)};
  Owner owner{*this};
  uint64_t lost = 0;
  for (uint64_t i = 0; i < old.buckets_.size(); ++i) {
    for (const Slot& slot : old.buckets_[i].slots) {
      const uint64_t word = slot.word.load(std::memory_order_acquire);
      const uint64_t tag = slot.tag.load(std::memory_order_acquire);
      if (tag == 0 || !slot_word::isState(word) || old_owner.expired(slot, tag, word, now_ns))
        continue;
      const uint64_t window_class = rate_tag::windowClass(tag);
      auto slots = protocol(owner, tag);
      for (;;) {
        auto found = slots.findOrInsert(tag, word, now_ns);
        if (found.slot == nullptr) ++lost;
        if (found.slot == nullptr || found.inserted) break;
        const uint64_t merged =
            window_class == 0
                ? std::max(found.word, word)
                : SlidingWindow::merge(found.word, word,
                                       windows_.windowUs(static_cast<uint32_t>(window_class)));
        if (found.slot->word.compare_exchange_strong(found.word, merged, std::memory_order_acq_rel))
          break;
      }
    }
  }
  for (uint32_t i = 0; i < SlidingLog::kClasses; ++i) {
    if (old.logs_[i] != nullptr && logs_[i] != nullptr)
      lost += logs_[i]->absorb(*old.logs_[i], microseconds(now_ns));
  }
  return lost;
}

void RateTable::readStats(std::span<double> out, uint64_t now_ns) const noexcept {
  Owner owner{const_cast<RateTable&>(*this)};
  uint64_t keys = 0;
  for (uint64_t i = 0; i < buckets_.size(); ++i) {
    for (const Slot& slot : buckets_[i].slots) {
      const uint64_t word = slot.word.load(std::memory_order_acquire);
      const uint64_t tag = slot.tag.load(std::memory_order_acquire);
      keys += tag != 0 && slot_word::isState(word) && !owner.expired(slot, tag, word, now_ns);
    }
  }
  uint64_t evicted = 0;
  uint64_t unplaced = 0;
  for (const Stripe& stripe : stripes_) {
    evicted += stripe.evicted.load(std::memory_order_relaxed);
    unplaced += stripe.unplaced.load(std::memory_order_relaxed);
  }
  uint64_t capacity = buckets_.size() * Bucket::kSlots;
  uint64_t bytes = buckets_.bytes();
  for (const auto& log : logs_) {
    if (log == nullptr) continue;
    keys += log->countKeys(microseconds(now_ns));
    evicted += log->evicted();
    capacity += log->capacity();
    bytes += log->bytes();
  }
  namespace stat = abi::rate_table_stat;
  out[stat::kCapacity] = static_cast<double>(capacity);
  out[stat::kKeys] = static_cast<double>(keys);
  out[stat::kEvicted] = static_cast<double>(evicted);
  out[stat::kUnplaced] = static_cast<double>(unplaced);
  out[stat::kBytes] = static_cast<double>(bytes);
}

}  // namespace millrace
