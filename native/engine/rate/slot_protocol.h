#ifndef MILLRACE_ENGINE_RATE_SLOT_PROTOCOL_H_
#define MILLRACE_ENGINE_RATE_SLOT_PROTOCOL_H_

#include <atomic>
#include <cstdint>

#include "base/cache_line.h"

namespace millrace {

// What the word of a slot says, besides the state of a client. Bit 63 is clear in every state.
//
//   63  62 61  60 ............ 0
//    1  kind   incarnation of the slot, which no other busy or pending word of this slot has had
namespace slot_word {
inline constexpr uint64_t kSpecial = uint64_t{1} << 63;
inline constexpr uint64_t kKindMask = uint64_t{7} << 61;
inline constexpr uint64_t kVacant = kSpecial;                       // nobody; the tag means nothing
inline constexpr uint64_t kBusy = kSpecial | uint64_t{1} << 61;     // one thread writes the tag
inline constexpr uint64_t kPending = kSpecial | uint64_t{2} << 61;  // tagged, not yet counted in
inline constexpr bool isState(uint64_t word) noexcept { return (word & kSpecial) == 0; }
inline constexpr bool isVacant(uint64_t word) noexcept { return (word & kKindMask) == kVacant; }
inline constexpr bool isPending(uint64_t word) noexcept { return (word & kKindMask) == kPending; }
inline constexpr uint64_t incarnation(uint64_t word) noexcept { return word & ~kKindMask; }
}  // namespace slot_word

template <template <typename> typename Atomic = std::atomic>
struct RateSlot {
  Atomic<uint64_t> tag{0};  // 0 = never used
  Atomic<uint64_t> word{0};
};

template <template <typename> typename Atomic = std::atomic>
struct alignas(kCacheLine) RateBucket {
  static constexpr uint32_t kSlots = 4;
  RateSlot<Atomic> slots[kSlots];
};
static_assert(sizeof(RateBucket<>) == kCacheLine);

// A client may live in any of the eight slots of two buckets, which follow from its tag. This finds
// its slot, or gives it one, without a lock, for any number of threads. Expected cost: one cache
// line when the client is found in its first bucket, two otherwise.
//
// A slot is two words, tag and word, and changes hands like this (one compare-exchange or store per
// arrow; only who made a word busy writes the tag, and makes it pending):
//
//   never used, vacant, or expired state --cas--> busy --tag--> --store--> pending --cas--> state
//                                                                             '----cas--> vacant
// Claims, and why they hold:
//
// 1. A thread never changes the state of another client. It reads the word, then the tag (it must
// be
//    its own), then replaces the word by a compare-exchange. Tags only change while the word is
//    busy. So when the word has stayed a state from the read to the exchange, the tag was constant,
//    and its own. The word cannot have gone through busy and come back to the same value: gcra
//    times only grow (a slot is taken over when tat <= now, and begins anew after now), a log's
//    position only grows, and a window count would need the same window number and counts, that is
//    2^23 windows of standstill between two instructions (or a limit with another window whose
//    number and counts happen to be the same: then one request is counted for the wrong client,
//    once).
// 2. Nobody loses its state early: the exchange to busy expects the very word that was found to
//    be expired under the tag that was read after it, and by claim 1 word and tag belong together.
// 3. A client has at most one slot that counts. Two threads may give the same new client two slots,
//    p and q, at the same time (the free slots differ from one moment to the next, so no order of
//    choice prevents it). Therefore a new slot is pending first, and becomes a state only after
//    somebody has seen it pending and then seen no other slot of its client in all eight: a state
//    elsewhere wins over it, and of two pending ones the lower address. All these reads and writes
//    are sequentially consistent, so of two verifications at least one sees the other slot; and the
//    loser is made vacant by an exchange of its pending word, which fails if it was made a state
//    meanwhile (then it wins). Incarnations keep a late exchange from hitting a later pending word.
// 4. Nobody waits. Any thread that finds its client pending verifies it on behalf of the one that
// began;
//    a busy slot is passed over. A thread that stops at the worst place costs one slot until it
//    goes on.
// 5. A time before that of another thread only makes a taker see fewer expired slots.
//
// `Owner` says what the words mean:
//   bool expired(const Slot&, uint64_t tag, uint64_t word, uint64_t now)
//   uint64_t nextIncarnation(const Slot&, uint64_t word)   unique among those of the slot
//   uint64_t firstState(const Slot&, uint64_t incarnation, uint64_t first)
//   void tookOver(const Slot&)                             an expired client left its slot
template <typename Owner, template <typename> typename Atomic = std::atomic>
class SlotProtocol {
 public:
  using Slot = RateSlot<Atomic>;
  using Bucket = RateBucket<Atomic>;
  static constexpr uint32_t kWays = 2 * Bucket::kSlots;

  struct Place {
    Slot* slot = nullptr;   // null: all eight are taken by others
    uint64_t word = 0;      // a state of this client
    bool inserted = false;  // by this call: `word` is already the first state
  };

  SlotProtocol(Owner& owner, Bucket& first, Bucket& second) noexcept
      : owner_(owner), buckets_{&first, &second} {}

  struct Counted {
    bool placed = true;  // false: nothing was done, for want of a slot
    bool admitted = false;
    uint64_t word = 0;  // after the request; when it is refused, as it stands
  };

  // One request. `step(word, next)` says whether a client in this state is admitted, and with which
  // word then; a word 0 is a client without state, who always is. `now` as Owner::expired wants it.
  template <typename Step>
  Counted count(uint64_t tag, uint64_t now, const Step& step) noexcept {
    for (Place found = find(tag);; found = find(tag)) {
      uint64_t next = 0;
      if (found.slot == nullptr) {
        step(0, next);
        found = findOrInsert(tag, next, now);
        if (found.inserted) return {true, true, found.word};
        if (found.slot == nullptr) return {false, false, 0};
      }
      if (!step(found.word, next)) return {true, false, found.word};
      // Fails when another thread counted a request of this client, or gave the slot away because
      // it had expired: look at it anew.
      if (found.slot->word.compare_exchange_strong(found.word, next, std::memory_order_acq_rel))
        return {true, true, next};
    }
  }

  // The client's slot, if it has one that counts.
  Place find(uint64_t tag) noexcept {
    for (uint32_t i = 0; i < kWays; ++i) {
      Slot& slot = at(i);
      if (slot.tag.load(std::memory_order_acquire) != tag) continue;  // a hint
      const uint64_t word = slot.word.load(std::memory_order_acquire);
      if (slot_word::isState(word) && slot.tag.load(std::memory_order_acquire) == tag)
        return {&slot, word, false};
    }
    return {};
  }

  // Whether findOrInsert would find a slot for a client that has none.
  bool hasRoom(uint64_t now) noexcept { return choose(now).slot != nullptr; }

  // The client's slot, or a new one that begins with `first`. `now` as Owner::expired wants it.
  Place findOrInsert(uint64_t tag, uint64_t first, uint64_t now) noexcept {
    // Ends: each round but the last was undone by a step forward of another thread.
    for (;;) {
      Slot* pending = nullptr;
      uint64_t word = 0;
      for (uint32_t i = 0; i < kWays; ++i) {
        Slot& slot = at(i);
        if (slot.tag.load(std::memory_order_acquire) != tag) continue;
        const uint64_t seen = slot.word.load(std::memory_order_seq_cst);
        if (slot.tag.load(std::memory_order_acquire) != tag) continue;
        if (slot_word::isState(seen)) return {&slot, seen, false};
        if (slot_word::isPending(seen)) {
          pending = &slot;
          word = seen;
        }
      }
      if (pending == nullptr) {
        const Victim victim = choose(now);
        if (victim.slot == nullptr) return {};
        pending = take(victim, tag, word);
        if (pending == nullptr) continue;
      }
      uint64_t state;
      if (settle(*pending, word, tag, first, state)) return {pending, state, true};
    }
  }

 private:
  struct Victim {
    Slot* slot = nullptr;
    uint64_t word = 0;
  };

  Slot& at(uint32_t i) noexcept { return buckets_[i / Bucket::kSlots]->slots[i % Bucket::kSlots]; }

  // A slot that says what no slot says, in the bucket that has more of them: that is what lets the
  // table fill up ("the power of two choices").
  Victim choose(uint64_t now) noexcept {
    Victim victims[2];
    uint32_t free[2] = {0, 0};
    for (uint32_t i = 0; i < kWays; ++i) {
      Slot& slot = at(i);
      const uint64_t word = slot.word.load(std::memory_order_acquire);
      if (slot_word::isState(word)) {
        const uint64_t tag = slot.tag.load(std::memory_order_acquire);
        if (tag != 0 && !owner_.expired(slot, tag, word, now)) continue;
      } else if (!slot_word::isVacant(word)) {
        continue;
      }
      const uint32_t bucket = i / Bucket::kSlots;
      ++free[bucket];
      victims[bucket] = {&slot, word};
    }
    return free[1] > free[0] ? victims[1] : victims[0];
  }

  // Makes the slot pending for `tag`; null when somebody else changed it first.
  Slot* take(const Victim& victim, uint64_t tag, uint64_t& pending) noexcept {
    Slot& slot = *victim.slot;
    const uint64_t incarnation = owner_.nextIncarnation(slot, victim.word);
    uint64_t expected = victim.word;
    if (!slot.word.compare_exchange_strong(expected, slot_word::kBusy | incarnation,
                                           std::memory_order_seq_cst))
      return nullptr;
    if (slot_word::isState(victim.word) && slot.tag.load(std::memory_order_relaxed) != 0)
      owner_.tookOver(slot);
    // Release: who sees this tag sees a word that is not the old state any more.
    slot.tag.store(tag, std::memory_order_release);
    pending = slot_word::kPending | incarnation;
    slot.word.store(pending, std::memory_order_seq_cst);
    return &slot;
  }

  // Verifies that no other slot counts for `tag`, and makes `own` a state; false when the search
  // has to begin anew. `pending` is the word that was seen or stored before: all reads below come
  // after.
  bool settle(Slot& own, uint64_t pending, uint64_t tag, uint64_t first, uint64_t& state) noexcept {
    const uint64_t incarnation = slot_word::incarnation(pending);
    for (uint32_t i = 0; i < kWays; ++i) {
      Slot& other = at(i);
      if (&other == &own) continue;
      uint64_t word = other.word.load(std::memory_order_seq_cst);
      // Busy: its pending word comes later than ours, and so does its own verification.
      if (!slot_word::isState(word) && !slot_word::isPending(word)) continue;
      if (other.tag.load(std::memory_order_seq_cst) != tag) continue;
      if (slot_word::isState(word) || &other < &own) {
        own.word.compare_exchange_strong(pending, slot_word::kVacant | incarnation,
                                         std::memory_order_seq_cst);
        return false;
      }
      if (!other.word.compare_exchange_strong(
              word, slot_word::kVacant | slot_word::incarnation(word), std::memory_order_seq_cst))
        return false;  // it moved on, perhaps to a state: look again
    }
    state = owner_.firstState(own, incarnation, first);
    return own.word.compare_exchange_strong(pending, state, std::memory_order_seq_cst);
  }

  Owner& owner_;
  Bucket* buckets_[2];
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_SLOT_PROTOCOL_H_
