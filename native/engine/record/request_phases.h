#ifndef MILLRACE_ENGINE_RECORD_REQUEST_PHASES_H_
#define MILLRACE_ENGINE_RECORD_REQUEST_PHASES_H_

#include <algorithm>
#include <cstdint>

#include "engine/record/request_record.h"

namespace millrace {

// Where the time of a request went, as HAProxy's timers tell it. Microseconds; kNoMoment = it never
// came to that.
struct RequestPhases {
  uint32_t queue_us = kNoMoment;       // waits for an endpoint or a connection, of all attempts
  uint32_t connect_us = kNoMoment;     // the last attempt's, with TLS; 0 = a kept connection
  uint32_t first_byte_us = kNoMoment;  // from its request written to the first byte of its answer
  uint64_t total_us = 0;
};

// The attempt that the client was answered with, or else the last one; null = there was none.
inline const AttemptRecord* decidingAttempt(const RequestRecord& record) noexcept {
  const auto attempts = record.attemptRecords();
  for (const AttemptRecord& attempt : attempts) {
    if ((attempt.bits & abi::attempt_bit::kAnswered) != 0) return &attempt;
  }
  return attempts.empty() ? nullptr : &attempts.back();
}

inline RequestPhases phasesOf(const RequestRecord& record) noexcept {
  const auto between = [](uint32_t from, uint32_t to) noexcept {
    return from == kNoMoment || to == kNoMoment ? kNoMoment : std::max(from, to) - from;
  };
  RequestPhases phases;
  phases.total_us = record.duration_us;
  const AttemptRecord* const attempt = decidingAttempt(record);
  if (attempt != nullptr || record.waited_us != 0) phases.queue_us = record.waited_us;
  if (attempt == nullptr) return phases;
  phases.connect_us = (attempt->bits & abi::attempt_bit::kReused) != 0
                          ? 0
                          : between(attempt->connecting_us, attempt->connected_us);
  phases.first_byte_us = between(attempt->sent_us, attempt->first_byte_us);
  return phases;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RECORD_REQUEST_PHASES_H_
