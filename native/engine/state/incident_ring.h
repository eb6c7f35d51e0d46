#ifndef MILLRACE_ENGINE_STATE_INCIDENT_RING_H_
#define MILLRACE_ENGINE_STATE_INCIDENT_RING_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "abi.h"
#include "base/cache_line.h"
#include "engine/route/cidr.h"

namespace millrace {

// Something on the hot path that deserves a line in the log: a request that was refused for what it
// is, an upstream that broke the protocol, a request that failed. Views are read by push() only,
// but for the sentence.
struct IncidentNote {
  uint64_t at_ns = 0;         // monotonic
  uint32_t kind = 0;          // abi::incident_kind
  uint32_t reason = 0;        // index in the list of reasons of that kind
  uint32_t status = 0;        // what the client was answered; 0 = cut
  uint32_t attempts = 0;      // of the request, at upstreams; 0 = none, or not known
  std::string_view sentence;  // what was wrong: static text
  IpAddress peer;             // of the client; family 0 = not known
  std::array<std::string_view, abi::incident_text::kCount> texts;  // by abi::incident_text
};

// The same as it lies in the ring, its texts cut to what there is room for.
struct Incident {
  // By abi::incident_text: listener, cluster, endpoint, method, target.
  static constexpr std::array<uint8_t, abi::incident_text::kCount> kRoom = {64, 64, 80, 32, 184};
  static constexpr uint32_t kTextBytes = 424;

  uint64_t at_ns;
  std::string_view sentence;
  IpAddress peer;
  uint16_t kind;
  uint16_t reason;
  uint16_t status;
  uint16_t attempts;
  std::array<uint8_t, abi::incident_text::kCount> lengths;
  std::array<bool, abi::incident_text::kCount> cut;  // the text goes on beyond its room
  std::array<char, kTextBytes> bytes;

  std::string_view text(uint32_t which) const noexcept {
    uint32_t start = 0;
    for (uint32_t i = 0; i < which; ++i) start += kRoom[i];
    return {bytes.data() + start, lengths[which]};
  }
};

// Incidents of one worker on their way to the log: a bounded queue of one producer (the worker) and
// one consumer (whoever holds the engine's control mutex). Lock-free and without allocation after
// the constructor; a push costs some 30 ns, and when the reader is too slow the incident is
// forgotten and the caller told to count it: the hot path never waits for a log.
//
// Positions only grow; slot = position mod capacity.
//
//      read_                written_
//        v                     v
//   ---- [ i ][ i+1 ][ i+2 ]  .....    written_ - read_ <= kCapacity
class IncidentRing {
 public:
  // With a reader that comes once a second and logs ten lines of a kind each time, more would be
  // counted only.
  static constexpr uint32_t kCapacity = 256;

  IncidentRing() : slots_(std::make_unique<std::array<Incident, kCapacity>>()) {}

  // The worker. False when there was no room.
  bool push(const IncidentNote& note) noexcept {
    const uint64_t at = written_.load(std::memory_order_relaxed);
    // Acquire: the reader has copied what lay in the slot before it gave the slot back.
    if (at - read_.load(std::memory_order_acquire) == kCapacity) return false;
    Incident& slot = (*slots_)[at % kCapacity];
    slot.at_ns = note.at_ns;
    slot.sentence = note.sentence;
    slot.peer = note.peer;
    slot.kind = static_cast<uint16_t>(note.kind);
    slot.reason = static_cast<uint16_t>(note.reason);
    slot.status = static_cast<uint16_t>(note.status);
    slot.attempts = static_cast<uint16_t>(note.attempts);
    char* room = slot.bytes.data();
    for (uint32_t i = 0; i < note.texts.size(); ++i) {
      const std::string_view text = note.texts[i];
      const size_t kept = std::min<size_t>(text.size(), Incident::kRoom[i]);
      if (kept != 0) std::memcpy(room, text.data(), kept);
      slot.lengths[i] = static_cast<uint8_t>(kept);
      slot.cut[i] = kept != text.size();
      room += Incident::kRoom[i];
    }
    written_.store(at + 1, std::memory_order_release);  // the slot is whole for whoever sees this
    return true;
  }

  // The reader: gives the oldest incidents to `each`, at most `most` of them, and takes them off.
  // Returns how many.
  template <typename Each>
  uint32_t take(uint32_t most, Each&& each) {
    uint64_t at = read_.load(std::memory_order_relaxed);
    const uint64_t end = std::min(written_.load(std::memory_order_acquire), at + most);
    const uint32_t taken = static_cast<uint32_t>(end - at);
    for (; at != end; ++at) {
      each(static_cast<const Incident&>((*slots_)[at % kCapacity]));
      read_.store(at + 1, std::memory_order_release);
    }
    return taken;
  }

 private:
  alignas(kCacheLine) std::atomic<uint64_t> written_{0};  // the worker's
  alignas(kCacheLine) std::atomic<uint64_t> read_{0};     // the reader's
  std::unique_ptr<std::array<Incident, kCapacity>> slots_;
};

static_assert([] {
  uint32_t room = 0;
  for (const uint8_t bytes : Incident::kRoom) room += bytes;
  return room == Incident::kTextBytes;
}());

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_INCIDENT_RING_H_
