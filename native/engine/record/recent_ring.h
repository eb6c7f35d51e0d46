#ifndef MILLRACE_ENGINE_RECORD_RECENT_RING_H_
#define MILLRACE_ENGINE_RECORD_RECENT_RING_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/cache_line.h"
#include "engine/record/request_record.h"

namespace millrace {

// A record that was copied out of a ring, or is about to be copied into one.
struct KeptRecord {
  // With the sequence word in front a slot has 1 KiB. Usual records take a third of it.
  static constexpr size_t kBytes = 1024 - sizeof(uint64_t);

  const RequestRecord& record() const noexcept {
    return *reinterpret_cast<const RequestRecord*>(bytes.data());
  }

  alignas(8) std::array<char, kBytes> bytes;
};

// The last records of one worker, for whoever asks: fixed slots, the oldest is overwritten. The
// worker writes and waits for nobody; readers, any number on any thread, copy a slot and throw the
// copy away when it was overwritten meanwhile (a seqlock: Boehm, Can seqlocks get along with
// programming language memory models?).
//
//   slot = position mod kSlots: [ sequence | words of the record ]
//   sequence: 2 * position + 1 while the record of that position is being written, + 2 when it is
//   there
//
// Race: a reader may see words of two records. Each word is stored with release and loaded with
// acquire, so whoever has loaded a word of a later record also sees at least the odd sequence that
// was stored before it, and throws the copy away. On x86-64 all of them are plain moves.
template <uint32_t kSlots, template <typename> class Atomic = std::atomic>
class RecentRing {
 public:
  static constexpr uint32_t kCapacity = kSlots;

  // The worker. `record.size` is at most KeptRecord::kBytes.
  void push(const RequestRecord& record) noexcept {
    const uint64_t at = written_.load(std::memory_order_relaxed);
    Slot& slot = slots_[at % kSlots];
    slot.sequence.store(2 * at + 1, std::memory_order_relaxed);
    const auto* const from = reinterpret_cast<const char*>(&record);
    const uint32_t words = record.size / sizeof(uint64_t);
#pragma GCC unroll 8
    for (uint32_t i = 0; i < words; ++i) {
      uint64_t word;
      std::memcpy(&word, from + i * sizeof word, sizeof word);
      slot.words[i].store(word, std::memory_order_release);
    }
    slot.sequence.store(2 * at + 2, std::memory_order_release);
    written_.store(at + 1, std::memory_order_release);
  }

  // How many have been written. Any thread.
  uint64_t written() const noexcept { return written_.load(std::memory_order_acquire); }

  // Copies the record of a position; false when it is not there any more, or not yet. Any thread.
  bool read(uint64_t at, KeptRecord* out) const noexcept {
    const Slot& slot = slots_[at % kSlots];
    if (slot.sequence.load(std::memory_order_acquire) != 2 * at + 2) return false;
    for (size_t i = 0; i < slot.words.size(); ++i) {
      const uint64_t word = slot.words[i].load(std::memory_order_acquire);
      std::memcpy(out->bytes.data() + i * sizeof word, &word, sizeof word);
    }
    return slot.sequence.load(std::memory_order_relaxed) == 2 * at + 2;
  }

 private:
  struct alignas(kCacheLine) Slot {
    Atomic<uint64_t> sequence{0};
    std::array<Atomic<uint64_t>, KeptRecord::kBytes / sizeof(uint64_t)> words{};
  };

  Atomic<uint64_t> written_{0};
  std::array<Slot, kSlots> slots_;
};

// A copy of a record that fits into a slot: where it does not, its longest texts are cut.
void fitRecord(const RequestRecord& record, KeptRecord* out) noexcept;

// What one worker keeps of its requests. The recent ones are written for every request, so they are
// few enough to stay in the cache of the core. Failed ones are apart, so that good ones do not push
// them out.
struct RequestRings {
  RecentRing<128> recent;
  RecentRing<256> failed;
  // Of the records of a worker that has ended: the one in its place goes on from here.
  std::atomic<uint64_t> last_number{0};

  void push(const RequestRecord& record, bool is_failure) noexcept {
    if (record.size > KeptRecord::kBytes) [[unlikely]] {
      KeptRecord fitting;
      fitRecord(record, &fitting);
      return pushFitting(fitting.record(), is_failure);
    }
    pushFitting(record, is_failure);
  }

 private:
  void pushFitting(const RequestRecord& record, bool is_failure) noexcept {
    recent.push(record);
    if (is_failure) failed.push(record);
  }
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RECORD_RECENT_RING_H_
