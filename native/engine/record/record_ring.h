#ifndef MILLRACE_ENGINE_RECORD_RECORD_RING_H_
#define MILLRACE_ENGINE_RECORD_RECORD_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/cache_line.h"
#include "engine/record/request_record.h"

namespace millrace {

// Records of one worker on their way to somebody slower: a bounded queue of bytes with one producer
// (the worker) and one consumer (one thread at a time). Lock-free, and without allocation after the
// constructor. A record that finds no room is refused, for the caller to count: the hot path waits
// for nobody.
//
// Positions only grow; place = position mod capacity. A record never wraps: where the rest of the
// block is too short for it, a word of zero says that the next one is at its beginning.
//
//      read_                       written_
//        v                            v
//   ---- [ record ][ record ][ 0 ... ]      written_ - read_ <= capacity
class RecordRing {
 public:
  // `capacity`: bytes, a power of two, at least twice the largest record that is to pass.
  explicit RecordRing(size_t capacity) : bytes_(new char[capacity]), capacity_(capacity) {}

  // The worker. False when there is no room.
  bool push(const RequestRecord& record) noexcept {
    uint64_t at = written_.load(std::memory_order_relaxed);
    const size_t rest = capacity_ - (at & (capacity_ - 1));
    const size_t skipped = rest < record.size ? rest : 0;
    // Acquire: the reader is done with what lay there before it gave the place back.
    if (at + skipped + record.size - read_.load(std::memory_order_acquire) > capacity_)
      return false;
    if (skipped != 0) {
      const uint32_t none = 0;
      std::memcpy(placeOf(at), &none, sizeof none);
      at += skipped;
    }
    std::memcpy(placeOf(at), &record, record.size);
    // The record is whole for whoever sees this.
    written_.store(at + record.size, std::memory_order_release);
    return true;
  }

  // The reader: gives the oldest records to `each`, at most `most` bytes of them (but at least one
  // record), and takes them off. A record is only valid during the call. Returns how many bytes.
  template <typename Each>
  size_t take(size_t most, Each&& each) {
    uint64_t at = read_.load(std::memory_order_relaxed);
    const uint64_t begin = at;
    const uint64_t end = written_.load(std::memory_order_acquire);
    while (at != end && at - begin < most) {
      const auto* record = reinterpret_cast<const RequestRecord*>(placeOf(at));
      if (record->size == 0) {
        at += capacity_ - (at & (capacity_ - 1));
      } else {
        each(*record);
        at += record->size;
      }
      read_.store(at, std::memory_order_release);
    }
    return static_cast<size_t>(at - begin);
  }

  // Bytes that wait for the reader. Any thread.
  size_t waiting() const noexcept {
    // In this order: what is read can only lie behind what is written later.
    const uint64_t read = read_.load(std::memory_order_acquire);
    return static_cast<size_t>(written_.load(std::memory_order_acquire) - read);
  }
  size_t capacity() const noexcept { return capacity_; }

 private:
  char* placeOf(uint64_t at) noexcept { return bytes_.get() + (at & (capacity_ - 1)); }

  alignas(kCacheLine) std::atomic<uint64_t> written_{0};  // the worker's
  alignas(kCacheLine) std::atomic<uint64_t> read_{0};     // the reader's
  alignas(kCacheLine) std::unique_ptr<char[]> bytes_;
  size_t capacity_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RECORD_RECORD_RING_H_
