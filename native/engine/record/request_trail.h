#ifndef MILLRACE_ENGINE_RECORD_REQUEST_TRAIL_H_
#define MILLRACE_ENGINE_RECORD_REQUEST_TRAIL_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "abi.h"
#include "engine/route/cidr.h"

namespace millrace {

// A moment that was never reached.
inline constexpr uint32_t kNoMoment = UINT32_MAX;

// One attempt at an upstream, as it went. Moments are microseconds since the
// head of the request was received (up to 71 minutes).
struct AttemptRecord {
  // In place of both lengths: the attempt has the names of the request's
  // cluster and endpoint.
  static constexpr uint16_t kSameNames = UINT16_MAX;

  uint32_t chosen_us = kNoMoment;
  uint32_t connecting_us = kNoMoment;  // a new connection was begun
  uint32_t connected_us = kNoMoment;   // and can carry a request
  uint32_t sent_us = kNoMoment;        // the head of the request was written
  uint32_t first_byte_us = kNoMoment;  // of its answer, interim ones left out
  uint32_t ended_us = kNoMoment;
  uint16_t status = 0;  // of its answer
  uint8_t flag = 0;     // abi::response_flag: why it failed
  uint8_t bits = 0;     // abi::attempt_bit
  uint16_t cluster_length = 0;
  uint16_t endpoint_length = 0;
  uint64_t span = 0;  // id of its span, when the request is traced
};
static_assert(sizeof(AttemptRecord) == 40);

// The same while it is under way.
struct AttemptTrail : AttemptRecord {
  uint32_t cluster = abi::kNone;   // of the image of the exchange
  uint32_t endpoint = abi::kNone;  // of the image
};

// What is remembered of a request while it is under way, for the record that is
// made at its end. Lives in its exchange; of attempts beyond the room the last
// one is kept.
struct RequestTrail {
  static constexpr uint32_t kMaxAttempts = abi::limits::kMaxRecordAttempts;

  IpAddress peer;
  uint32_t listener = abi::kNone;      // of the image of the exchange
  uint32_t listener_key = abi::kNone;  // of a listener that is no longer in the image
  // Bytes of the texts kept in the exchange's `notes`, one behind the other, by
  // abi::record_text: those that are known before an upstream is asked.
  std::array<uint16_t, abi::record_text::kCount> lengths{};
  std::array<AttemptTrail, kMaxAttempts + 1> attempts;  // the last one: see `nowhere`
  uint8_t kept = 0;                                     // attempts in the array
  bool cut = false;                                     // a text was longer than is kept
  uint32_t waited_us = 0;   // for an endpoint or a connection, all attempts together
  uint32_t backoff_us = 0;  // before further attempts, all together
  uint32_t fault_us = 0;    // that was injected

  void begin() noexcept {
    peer = IpAddress();
    listener = listener_key = abi::kNone;
    lengths.fill(0);
    kept = 0;
    cut = false;
    waited_us = backoff_us = fault_us = 0;
  }

  // Where an attempt is written that is not under way, or not remembered.
  // Nobody reads it.
  AttemptTrail &nowhere() noexcept { return attempts[kMaxAttempts]; }

  AttemptTrail &add(uint32_t cluster, uint32_t endpoint, uint32_t chosen_us) noexcept {
    const uint8_t at = static_cast<uint8_t>(std::min<uint32_t>(kept, kMaxAttempts - 1));
    kept = static_cast<uint8_t>(at + 1);
    AttemptTrail &added = attempts[at];
    added = AttemptTrail();
    added.cluster = cluster;
    added.endpoint = endpoint;
    added.chosen_us = chosen_us;
    return added;
  }
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RECORD_REQUEST_TRAIL_H_
