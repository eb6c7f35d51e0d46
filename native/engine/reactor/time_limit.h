#ifndef MILLRACE_ENGINE_REACTOR_TIME_LIMIT_H_
#define MILLRACE_ENGINE_REACTOR_TIME_LIMIT_H_

#include <cstdint>
#include <string_view>

#include "abi.h"
#include "engine/net/timer_wheel.h"

namespace millrace {

// What ends an exchange by time. Those of a connection (connect, TLS handshake) are its own.
enum class TimeLimit : uint8_t {
  kAnswer,      // `timeout`: from the request received in full to the head of the answer
  kDeadline,    // that the caller sent along, to the head of the answer
  kQueue,       // for an endpoint below its maxRequests
  kRequest,     // `requestTimeout`: from the head of the request to its last byte
  kIdleClient,  // no byte either way, and it is the client's turn
  kIdle,        // no byte either way
  kDuration,    // `maxDuration`: of the whole exchange
  kAttempt,     // `perTryTimeout`: ends the attempt, and the exchange unless it is tried again
  kBackoff,     // ends nothing: the next attempt begins
};

// The first limit that an exchange will run into, and when: whatever fires late, for a loop that
// was held up, the reason is the limit that was reached first.
struct Due {
  uint64_t at_ms = TimerWheel::kNever;
  TimeLimit limit = TimeLimit::kAnswer;

  void consider(TimeLimit other, uint64_t other_at_ms) noexcept {
    if (other_at_ms >= at_ms) return;
    at_ms = other_at_ms;
    limit = other;
  }
};

// How it shows: `status` and `text` where the head of the answer has not gone out yet.
struct TimeLimitOutcome {
  uint32_t flag;
  uint32_t status;
  std::string_view text;
};

constexpr TimeLimitOutcome outcomeOf(TimeLimit limit) noexcept {
  namespace flag = abi::response_flag;
  switch (limit) {
    case TimeLimit::kAnswer:
      return {flag::kUt, 504, "upstream request timed out\n"};
    case TimeLimit::kDeadline:
      return {flag::kDle, 504, "the deadline of the request has passed\n"};
    case TimeLimit::kQueue:
      return {flag::kUq, 503, "every upstream endpoint stayed at its limit of requests\n"};
    case TimeLimit::kRequest:
      return {flag::kDrt, 408, "request timed out: its end did not come in time\n"};
    case TimeLimit::kIdleClient:
      return {flag::kSi, 408, "request timed out: the client stopped sending\n"};
    case TimeLimit::kIdle:
      return {flag::kSi, 504, "upstream request timed out: nothing moved for too long\n"};
    case TimeLimit::kDuration:
      return {flag::kUmsdr, 504, "the longest duration of a request was reached\n"};
    case TimeLimit::kAttempt:
      return {flag::kUpt, 504, "upstream request timed out: no answer within perTryTimeout\n"};
    case TimeLimit::kBackoff:
      break;
  }
  return {flag::kUt, 504, {}};
}

// Requests that were not answered in time, by their flag. Waiting for a place has counters of its
// own.
constexpr bool isTimeout(uint32_t flag) noexcept {
  namespace f = abi::response_flag;
  constexpr uint32_t kTimeouts = 1u << f::kUt | 1u << f::kSi | 1u << f::kUct | 1u << f::kUtt |
                                 1u << f::kUpt | 1u << f::kDrt | 1u << f::kUmsdr | 1u << f::kDle;
  return (kTimeouts >> flag & 1) != 0;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_REACTOR_TIME_LIMIT_H_
