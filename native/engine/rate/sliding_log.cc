#include "engine/rate/sliding_log.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace millrace {
namespace {

constexpr uint32_t kPositionBits = 55;
constexpr uint64_t kPositionMask = (uint64_t{1} << kPositionBits) - 1;
constexpr uint32_t kTimeBits = 48;
constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;

uint64_t positionOf(uint64_t word) noexcept { return word & kPositionMask; }
uint64_t ownOf(uint64_t word) noexcept { return word >> kPositionBits; }
uint64_t timeOf(uint64_t place) noexcept { return place & kTimeMask; }

// From 1: the zeroes of a new table are in no lap.
uint64_t lapOf(uint64_t position, uint32_t ring_bits) noexcept {
  return ((position >> ring_bits) + 1) & 0xffff;
}

// The slot's word when the position has moved on by one.
uint64_t moved(uint64_t word, uint32_t ring_bits) noexcept {
  const uint64_t own = std::min<uint64_t>(ownOf(word) + 1, uint64_t{1} << ring_bits);
  return own << kPositionBits | ((positionOf(word) + 1) & kPositionMask);
}

}  // namespace

template <template <typename> typename Atomic>
uint32_t BasicSlidingLog<Atomic>::classOf(uint32_t limit) noexcept {
  const uint32_t ring = std::bit_ceil(std::clamp(limit, kMinRing, kMaxLimit));
  return static_cast<uint32_t>(std::countr_zero(ring) - std::countr_zero(kMinRing));
}

template <template <typename> typename Atomic>
std::unique_ptr<BasicSlidingLog<Atomic>> BasicSlidingLog<Atomic>::create(
    uint64_t max_keys, uint32_t log_class, const RateWindows& windows) {
  const uint32_t ring_bits = log_class + std::countr_zero(kMinRing);
  const uint64_t clients = std::max<uint64_t>(max_keys * 2 >> ring_bits, 2 * Bucket::kSlots);
  SlotMemory<Bucket> buckets((clients + Bucket::kSlots - 1) / Bucket::kSlots);
  SlotMemory<Atomic<uint64_t>> places((buckets.size() * Bucket::kSlots) << ring_bits);
  if (buckets.size() == 0 || places.size() == 0) return nullptr;
  return std::unique_ptr<BasicSlidingLog>(
      new BasicSlidingLog(ring_bits, windows, std::move(buckets), std::move(places)));
}

template <template <typename> typename Atomic>
BasicSlidingLog<Atomic>::BasicSlidingLog(uint32_t ring_bits, const RateWindows& windows,
                                         SlotMemory<Bucket> buckets,
                                         SlotMemory<Atomic<uint64_t>> places)
    : ring_bits_(ring_bits),
      windows_(windows),
      buckets_(std::move(buckets)),
      places_(std::move(places)) {}

template <template <typename> typename Atomic>
typename BasicSlidingLog<Atomic>::Protocol BasicSlidingLog<Atomic>::protocol(
    Owner& owner, uint64_t tag) noexcept {
  return {owner, buckets_[rate_tag::firstBucket(tag, buckets_.size())],
          buckets_[rate_tag::secondBucket(tag, buckets_.size())]};
}

template <template <typename> typename Atomic>
void BasicSlidingLog<Atomic>::prefetch(uint64_t tag) const noexcept {
  __builtin_prefetch(&buckets_[rate_tag::firstBucket(tag, buckets_.size())]);
  __builtin_prefetch(&buckets_[rate_tag::secondBucket(tag, buckets_.size())]);
}

template <template <typename> typename Atomic>
typename BasicSlidingLog<Atomic>::Places BasicSlidingLog<Atomic>::ringOf(
    const Slot& slot) const noexcept {
  const uint64_t index = static_cast<uint64_t>(&slot - buckets_.data()->slots);
  return places_.data() + (index << ring_bits_);
}

template <template <typename> typename Atomic>
bool BasicSlidingLog<Atomic>::inLap(uint64_t place, uint64_t position) const noexcept {
  return place >> kTimeBits == lapOf(position, ring_bits_);
}

template <template <typename> typename Atomic>
bool BasicSlidingLog<Atomic>::Owner::expired(const Slot& slot, uint64_t tag, uint64_t word,
                                             uint64_t now_us) const noexcept {
  if (ownOf(word) == 0) return true;
  const uint64_t last = positionOf(word) - 1;
  const uint64_t place = log.ringOf(slot)[last & ((uint64_t{1} << log.ring_bits_) - 1)].load(
      std::memory_order_acquire);
  // Of another lap: the slot has moved on since `word`, it is in use.
  return log.inLap(place, last) &&
         timeOf(place) + log.windows_.windowUs(rate_tag::windowClass(tag)) <= now_us;
}

template <template <typename> typename Atomic>
uint64_t BasicSlidingLog<Atomic>::Owner::nextIncarnation(const Slot&,
                                                         uint64_t word) const noexcept {
  return (positionOf(word) + 1) & kPositionMask;
}

template <template <typename> typename Atomic>
void BasicSlidingLog<Atomic>::Owner::tookOver(const Slot&) const noexcept {
  log.evicted_.fetch_add(1, std::memory_order_relaxed);
}

template <template <typename> typename Atomic>
typename BasicSlidingLog<Atomic>::View BasicSlidingLog<Atomic>::view(
    const RateRule& rule, Places ring, uint64_t word, uint64_t now_us) const noexcept {
  const uint64_t mask = (uint64_t{1} << ring_bits_) - 1;
  const uint64_t position = positionOf(word);
  const uint64_t own = ownOf(word);
  View out;
  if (own > 0) {
    const uint64_t newest = ring[(position - 1) & mask].load(std::memory_order_acquire);
    out.stale = !inLap(newest, position - 1);
    out.newest_us = timeOf(newest);
  }
  if (own >= rule.limit) {
    const uint64_t first = position - rule.limit;
    const uint64_t oldest = ring[first & mask].load(std::memory_order_acquire);
    out.stale |= !inLap(oldest, first);
    const uint64_t leaves_us = timeOf(oldest) + rule.window_us;
    if (leaves_us > std::max(now_us, out.newest_us)) out.retry_us = leaves_us;
  }
  return out;
}

// Times in a ring never fall: the first that still counts is found by halving. Only a number for a
// header: places that change meanwhile may make it one or two smaller.
template <template <typename> typename Atomic>
uint32_t BasicSlidingLog<Atomic>::remaining(const RateRule& rule, Places ring, uint64_t word,
                                            uint64_t now_us) const noexcept {
  const uint64_t mask = (uint64_t{1} << ring_bits_) - 1;
  const uint64_t position = positionOf(word);
  uint64_t low = position - std::min<uint64_t>(ownOf(word), rule.limit);
  uint64_t high = position;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    const uint64_t time = timeOf(ring[middle & mask].load(std::memory_order_relaxed));
    if (time + rule.window_us > now_us) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return rule.limit - static_cast<uint32_t>(position - low);
}

// False when the request counted nowhere: its place or its slot went to somebody else.
template <template <typename> typename Atomic>
bool BasicSlidingLog<Atomic>::take(Protocol& slots, uint64_t tag, const Place& found,
                                   uint64_t before, uint64_t time) noexcept {
  const uint64_t position = positionOf(found.word);
  Atomic<uint64_t>& place = ringOf(*found.slot)[position & ((uint64_t{1} << ring_bits_) - 1)];
  if (!place.compare_exchange_strong(before, lapOf(position, ring_bits_) << kTimeBits | time,
                                     std::memory_order_acq_rel))
    return false;
  uint64_t expected = found.word;
  if (found.slot->word.compare_exchange_strong(expected, moved(found.word, ring_bits_),
                                               std::memory_order_acq_rel))
    return true;
  // Moved on for us, or taken over by another client. (When a whole ring of requests came in
  // between, that is after a standstill of a window, it cannot be told, and the request counts
  // twice.)
  const auto again = slots.find(tag);
  return again.slot == found.slot && positionOf(again.word) > position &&
         ownOf(again.word) >= positionOf(again.word) - position;
}

// Moves the position on for a thread that took its place and has not done so.
template <template <typename> typename Atomic>
void BasicSlidingLog<Atomic>::help(const Place& found) const noexcept {
  uint64_t expected = found.word;
  found.slot->word.compare_exchange_strong(expected, moved(found.word, ring_bits_),
                                           std::memory_order_acq_rel);
}

template <template <typename> typename Atomic>
typename BasicSlidingLog<Atomic>::Verdict BasicSlidingLog<Atomic>::check(const RateRule& rule,
                                                                         uint64_t tag,
                                                                         uint64_t now_us) noexcept {
  Owner owner{*this};
  auto slots = protocol(owner, tag);
  const uint64_t mask = (uint64_t{1} << ring_bits_) - 1;
  auto found = slots.find(tag);
  for (;; found = slots.find(tag)) {
    if (found.slot == nullptr) {
      found = slots.findOrInsert(tag, 0, now_us);
      if (found.slot == nullptr) return {false, true, 0, 0, 0};
    }
    Atomic<uint64_t>& slot_word = found.slot->word;
    const uint64_t position = positionOf(found.word);
    const Places ring = ringOf(*found.slot);
    Atomic<uint64_t>& place = ring[position & mask];
    uint64_t before = place.load(std::memory_order_acquire);
    if (inLap(before, position)) {
      help(found);
      continue;
    }
    const View now = view(rule, ring, found.word, now_us);
    // The position never falls: the same word means that what was read in between belongs to it.
    if (now.stale || slot_word.load(std::memory_order_acquire) != found.word) continue;
    if (now.retry_us != 0) return {false, false, 0, now.newest_us, now.retry_us};

    const uint64_t time = std::max(now_us, now.newest_us) & kTimeMask;
    if (!take(slots, tag, found, before, time)) continue;
    const uint64_t after = moved(found.word, ring_bits_);
    return {true, false, remaining(rule, ring, after, time), time,
            view(rule, ring, after, now_us).retry_us};
  }
}

template <template <typename> typename Atomic>
typename BasicSlidingLog<Atomic>::Verdict BasicSlidingLog<Atomic>::peek(const RateRule& rule,
                                                                        uint64_t tag,
                                                                        uint64_t now_us) noexcept {
  Owner owner{*this};
  auto slots = protocol(owner, tag);
  const uint64_t mask = (uint64_t{1} << ring_bits_) - 1;
  for (;;) {
    const auto found = slots.find(tag);
    if (found.slot == nullptr) {
      if (!slots.hasRoom(now_us)) return {false, true, 0, 0, 0};
      return {true, false, rule.limit, 0, 0};
    }
    const Places ring = ringOf(*found.slot);
    const uint64_t position = positionOf(found.word);
    if (inLap(ring[position & mask].load(std::memory_order_acquire), position)) {
      help(found);
      continue;
    }
    const View now = view(rule, ring, found.word, now_us);
    if (now.stale || found.slot->word.load(std::memory_order_acquire) != found.word) continue;
    if (now.retry_us != 0) return {false, false, 0, now.newest_us, now.retry_us};
    return {true, false, remaining(rule, ring, found.word, std::max(now_us, now.newest_us)),
            now.newest_us, 0};
  }
}

template <template <typename> typename Atomic>
uint64_t BasicSlidingLog<Atomic>::absorb(const BasicSlidingLog& old, uint64_t now_us) noexcept {
  Owner old_owner{const_cast<BasicSlidingLog&>(old)};
  Owner owner{*this};
  const uint64_t mask = (uint64_t{1} << ring_bits_) - 1;
  uint64_t lost = 0;
  for (uint64_t i = 0; i < old.capacity(); ++i) {
    const Slot& slot = old.buckets_[i / Bucket::kSlots].slots[i % Bucket::kSlots];
    const uint64_t word = slot.word.load(std::memory_order_acquire);
    const uint64_t tag = slot.tag.load(std::memory_order_acquire);
    if (tag == 0 || !slot_word::isState(word) || old_owner.expired(slot, tag, word, now_us))
      continue;
    auto slots = protocol(owner, tag);
    auto found = slots.findOrInsert(tag, 0, now_us);
    if (found.slot == nullptr) ++lost;
    if (!found.inserted) continue;  // no room, or a worker has begun anew with this client
    const Places from = old.ringOf(slot);
    uint64_t at = positionOf(word) - ownOf(word);
    while (at < positionOf(word)) {
      // Like a request at that time. Until the first that still counts the new slot says what no
      // slot says, and may go to somebody else.
      const uint64_t time = timeOf(from[at & mask].load(std::memory_order_acquire));
      found = slots.findOrInsert(tag, 0, now_us);
      if (found.slot == nullptr) break;
      const uint64_t position = positionOf(found.word);
      const uint64_t before = ringOf(*found.slot)[position & mask].load(std::memory_order_acquire);
      if (inLap(before, position)) {
        help(found);
      } else if (take(slots, tag, found, before, time)) {
        ++at;
      }
    }
    if (found.slot == nullptr) ++lost;
  }
  return lost;
}

template <template <typename> typename Atomic>
uint64_t BasicSlidingLog<Atomic>::countKeys(uint64_t now_us) const noexcept {
  const Owner owner{const_cast<BasicSlidingLog&>(*this)};
  uint64_t keys = 0;
  for (uint64_t i = 0; i < capacity(); ++i) {
    const Slot& slot = buckets_[i / Bucket::kSlots].slots[i % Bucket::kSlots];
    const uint64_t word = slot.word.load(std::memory_order_acquire);
    const uint64_t tag = slot.tag.load(std::memory_order_acquire);
    keys += tag != 0 && slot_word::isState(word) && !owner.expired(slot, tag, word, now_us);
  }
  return keys;
}

template class BasicSlidingLog<std::atomic>;

}  // namespace millrace
