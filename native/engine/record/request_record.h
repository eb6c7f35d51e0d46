#ifndef MILLRACE_ENGINE_RECORD_REQUEST_RECORD_H_
#define MILLRACE_ENGINE_RECORD_REQUEST_RECORD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "abi.h"
#include "engine/record/request_trail.h"
#include "engine/route/cidr.h"

namespace millrace {

// A finished request in one piece, so that it can be copied through rings as it is:
//
//   RequestRecord · AttemptRecord x attempt_count · texts of the request · texts of the attempts
//
// Texts lie one behind the other without ends, in the order of abi::record_text; then, for each
// attempt whose names are others than those of the request, its cluster and its endpoint. `size` is
// rounded up to 8.
struct RequestRecord {
  uint32_t size;                   // of everything, in bytes
  uint32_t version;                // of the image, its lower half
  uint64_t id;                     // worker << 48 | running number of the worker, from 1
  uint64_t ended_ns;               // monotonic
  uint64_t duration_us;            // from its head to its end; of a WebSocket with its messages
  uint64_t request_bytes;          // of the body
  uint64_t response_bytes;         // of the body
  uint64_t sent_bytes;             // downstream, with the head
  uint64_t trace_high, trace_low;  // 0 = the request belongs to no trace
  uint64_t span;                   // of the server side, 0 = not recorded
  uint64_t parent_span;            // of the caller, 0 = none
  uint32_t bits;                   // abi::record_bit
  uint32_t sinks;                  // bits of the access logs that want it
  uint32_t waited_us;              // for an endpoint or a connection
  uint32_t backoff_us;             // before further attempts
  uint32_t fault_delay_us;         // that fault injection made it wait
  uint16_t status;                 // that the client was answered, wholly or not; 0 = none
  uint8_t flag;                    // abi::response_flag
  uint8_t attempts;                // that were made: may be more than are kept
  uint8_t attempt_count;           // that are kept
  uint8_t retries;
  uint16_t close_code;  // of a WebSocket; 0 = it was none
  IpAddress peer;
  std::array<uint16_t, abi::record_text::kCount> lengths;

  const AttemptRecord* attemptsBegin() const noexcept {
    return reinterpret_cast<const AttemptRecord*>(reinterpret_cast<const char*>(this) +
                                                  headBytes());
  }
  std::span<const AttemptRecord> attemptRecords() const noexcept {
    return {attemptsBegin(), attempt_count};
  }
  const char* texts() const noexcept {
    return reinterpret_cast<const char*>(attemptsBegin() + attempt_count);
  }
  std::string_view text(uint32_t which) const noexcept {
    size_t at = 0;
    for (uint32_t i = 0; i < which; ++i) at += lengths[i];
    return {texts() + at, lengths[which]};
  }
  // Names of an attempt: {cluster, endpoint}.
  std::array<std::string_view, 2> namesOf(uint32_t attempt) const noexcept {
    const AttemptRecord* const records = attemptsBegin();
    if (records[attempt].cluster_length == AttemptRecord::kSameNames)
      return {text(abi::record_text::kCluster), text(abi::record_text::kEndpoint)};
    size_t at = 0;
    for (const uint16_t length : lengths) at += length;
    for (uint32_t i = 0; i < attempt; ++i) {
      if (records[i].cluster_length != AttemptRecord::kSameNames)
        at += size_t{records[i].cluster_length} + records[i].endpoint_length;
    }
    const std::string_view cluster(texts() + at, records[attempt].cluster_length);
    return {cluster, {cluster.data() + cluster.size(), records[attempt].endpoint_length}};
  }

  static constexpr size_t headBytes() noexcept { return (sizeof(RequestRecord) + 7) & ~size_t{7}; }
};

// Copies short texts without a call: memcpy of a length that is not known costs more than the copy.
inline char* copyText(char* to, std::string_view text) noexcept {
  const char* const from = text.data();
  const size_t n = text.size();
  if (n > 32) {
    std::memcpy(to, from, n);
  } else if (n >= 16) {
    // Two pieces that may overlap.
    char pieces[2][16];
    std::memcpy(pieces[0], from, 16);
    std::memcpy(pieces[1], from + n - 16, 16);
    std::memcpy(to, pieces[0], 16);
    std::memcpy(to + n - 16, pieces[1], 16);
  } else if (n >= 8) {
    uint64_t pieces[2];
    std::memcpy(&pieces[0], from, 8);
    std::memcpy(&pieces[1], from + n - 8, 8);
    std::memcpy(to, &pieces[0], 8);
    std::memcpy(to + n - 8, &pieces[1], 8);
  } else if (n >= 4) {
    uint32_t pieces[2];
    std::memcpy(&pieces[0], from, 4);
    std::memcpy(&pieces[1], from + n - 4, 4);
    std::memcpy(to, &pieces[0], 4);
    std::memcpy(to + n - 4, &pieces[1], 4);
  } else if (n != 0) {
    to[0] = from[0];
    to[n / 2] = from[n / 2];
    to[n - 1] = from[n - 1];
  }
  return to + n;
}

// Puts a record together in a block of its own, which has room for the largest. One thread.
class RecordBuilder {
 public:
  // Everything of a record is bounded: longer texts are cut.
  static constexpr size_t kMaxTextBytes = 16 * 1024;
  static constexpr size_t kMaxNameBytes = 256;
  static constexpr size_t kMaxBytes =
      RequestRecord::headBytes() +
      RequestTrail::kMaxAttempts * (sizeof(AttemptRecord) + 2 * kMaxNameBytes) +
      abi::record_text::kCount * kMaxTextBytes + 8;

  RecordBuilder();

  // A record without attempts and texts, all of it zero.
  RequestRecord& begin() noexcept {
    used_ = bytes_.get() + RequestRecord::headBytes();
    RequestRecord& record = *reinterpret_cast<RequestRecord*>(bytes_.get());
    std::memset(static_cast<void*>(&record), 0, RequestRecord::headBytes());
    return record;
  }
  // All attempts first, then all texts in the order of abi::record_text (a text that is left out is
  // empty), then the names of the attempts in their order, then `end`.
  AttemptRecord& addAttempt(const AttemptRecord& attempt) noexcept {
    auto* const added = reinterpret_cast<AttemptRecord*>(used_);
    *added = attempt;
    ++record().attempt_count;
    used_ += sizeof(AttemptRecord);
    return *added;
  }
  // Several texts at once, whose lengths the caller has set.
  void addTexts(std::string_view texts) noexcept { used_ = copyText(used_, texts); }
  void addText(uint32_t which, std::string_view text) noexcept { add(which, text, kMaxTextBytes); }
  void addName(uint32_t which, std::string_view name) noexcept { add(which, name, kMaxNameBytes); }
  void addNames(AttemptRecord& attempt, std::string_view cluster,
                std::string_view endpoint) noexcept;
  const RequestRecord& end() noexcept {
    record().size = static_cast<uint32_t>((used_ - bytes_.get() + 7) & ~ptrdiff_t{7});
    return record();
  }

 private:
  RequestRecord& record() noexcept { return *reinterpret_cast<RequestRecord*>(bytes_.get()); }
  void add(uint32_t which, std::string_view text, size_t most) noexcept {
    if (text.size() > most) [[unlikely]] {
      record().bits |= abi::record_bit::kCut;
      text = text.substr(0, most);
    }
    record().lengths[which] = static_cast<uint16_t>(text.size());
    used_ = copyText(used_, text);
  }

  std::unique_ptr<char[]> bytes_;
  char* used_ = nullptr;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RECORD_REQUEST_RECORD_H_
