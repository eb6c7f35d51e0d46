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
// attempt, its cluster and its endpoint. `size` is rounded up to 8.
struct AttemptRecord {
  uint32_t chosen_us;
  uint32_t connecting_us;
  uint32_t connected_us;
  uint32_t sent_us;
  uint32_t first_byte_us;
  uint32_t ended_us;
  uint16_t status;
  uint8_t flag;
  uint8_t bits;
  uint16_t cluster_length;
  uint16_t endpoint_length;
  uint64_t span;
};
static_assert(sizeof(AttemptRecord) == 40);

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
    size_t at = 0;
    for (const uint16_t length : lengths) at += length;
    const AttemptRecord* records = attemptsBegin();
    for (uint32_t i = 0; i < attempt; ++i)
      at += size_t{records[i].cluster_length} + records[i].endpoint_length;
    const std::string_view cluster(texts() + at, records[attempt].cluster_length);
    return {cluster, {cluster.data() + cluster.size(), records[attempt].endpoint_length}};
  }

  static constexpr size_t headBytes() noexcept { return (sizeof(RequestRecord) + 7) & ~size_t{7}; }
};

// Puts a record together in a block of its own, which grows to the largest record and stays. One
// thread.
class RecordBuilder {
 public:
  // Everything of a record is bounded: longer texts are cut.
  static constexpr size_t kMaxTextBytes = 16 * 1024;
  static constexpr size_t kMaxBytes = RequestRecord::headBytes() +
                                      RequestTrail::kMaxAttempts * (sizeof(AttemptRecord) + 512) +
                                      abi::record_text::kCount * kMaxTextBytes + 8;

  RecordBuilder();

  // A record without attempts and texts, all of it zero.
  RequestRecord& begin() noexcept;
  // All attempts first, then all texts in the order of abi::record_text (a text that is left out
  // is empty), then the names of the attempts in their order, then `end`.
  AttemptRecord& addAttempt() noexcept;
  void addText(uint32_t which, std::string_view text) noexcept;
  void addNames(uint32_t attempt, std::string_view cluster, std::string_view endpoint) noexcept;
  const RequestRecord& end() noexcept;

 private:
  RequestRecord& record() noexcept { return *reinterpret_cast<RequestRecord*>(bytes_.get()); }
  void append(std::string_view text) noexcept {
    if (text.empty()) return;
    std::memcpy(bytes_.get() + used_, text.data(), text.size());
    used_ += text.size();
  }

  std::unique_ptr<char[]> bytes_;
  size_t used_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RECORD_REQUEST_RECORD_H_
