#ifndef MILLRACE_ENGINE_FAILOVER_ERROR_RUNS_H_
#define MILLRACE_ENGINE_FAILOVER_ERROR_RUNS_H_

#include <algorithm>
#include <cstdint>

#include "abi.h"
#include "engine/balancer/endpoint_load.h"

namespace millrace {

// How an attempt went wrong, as runs of failures count it.
enum class Fault : uint8_t {
  kServerError,   // an answer of 500 to 599, but for
  kGatewayError,  // 502, 503, 504
  kNoAnswer,      // no answer at all: refused, reset, timed out, not HTTP
};

constexpr Fault faultOf(uint32_t status) noexcept {
  return status >= 502 && status <= 504 ? Fault::kGatewayError : Fault::kServerError;
}

// Failures in a row of one endpoint, as all workers see them: three counters in a word of its
// EndpointLoad, so that a success costs one load and compare of a line that the request writes
// anyway.
//
//   serverErrors:21 | gatewayErrors:21 | noAnswers:21
//
//   an answer below 500     clears serverErrors and gatewayErrors with its head, all with its end
//   500 to 599              +1 serverErrors, clears noAnswers (somebody answers)
//     502, 503, 504         +1 gatewayErrors; the others clear it
//   no answer               +1 noAnswers; what was answered before stays as it is
//
// A detector that is off counts nothing. Whoever brings a counter to its threshold clears it in the
// same step and learns of it, so that exactly one worker acts on each run, and a run that led to
// nothing (the percentage of ejected endpoints was reached) starts again.
struct ErrorRuns {
  static constexpr uint32_t kBits = 21;
  static constexpr uint64_t kMost = (uint64_t{1} << kBits) - 1;
  static_assert(abi::limits::kMaxConsecutiveErrors <= kMost);

  uint64_t server_errors = 0;
  uint64_t gateway_errors = 0;
  uint64_t no_answers = 0;

  static constexpr ErrorRuns unpack(uint64_t word) noexcept {
    return {word & kMost, word >> kBits & kMost, word >> 2 * kBits & kMost};
  }
  constexpr uint64_t pack() const noexcept {
    return server_errors | gateway_errors << kBits | no_answers << 2 * kBits;
  }
};

// Length of the run that a reason stands for; 0 = that detector is off.
constexpr uint32_t runThreshold(const abi::OutlierRecord& settings, uint32_t reason) noexcept {
  if (reason == abi::transition_reason::kConsecutive5xx) return settings.consecutive5xx;
  if (reason == abi::transition_reason::kConsecutiveGatewayErrors)
    return settings.consecutive_gateway_errors;
  return settings.consecutive_local_errors;
}

namespace internal {

// True when the run has reached its threshold, and is over.
constexpr bool extendRun(uint64_t& run, uint32_t threshold) noexcept {
  if (threshold == 0 || ++run < threshold) return false;
  run = 0;
  return true;
}

}  // namespace internal

// One more fault. The abi::transition_reason of the run that is complete with it, or kNone; the
// narrower one where there are two.
constexpr uint32_t extendRuns(ErrorRuns& runs, const abi::OutlierRecord& settings,
                              Fault fault) noexcept {
  namespace reason = abi::transition_reason;
  if (fault == Fault::kNoAnswer) {
    return internal::extendRun(runs.no_answers, settings.consecutive_local_errors)
               ? reason::kConsecutiveLocalErrors
               : reason::kNone;
  }
  runs.no_answers = 0;
  const bool server = internal::extendRun(runs.server_errors, settings.consecutive5xx);
  bool gateway = false;
  if (fault == Fault::kGatewayError)
    gateway = internal::extendRun(runs.gateway_errors, settings.consecutive_gateway_errors);
  else
    runs.gateway_errors = 0;
  if (gateway) return reason::kConsecutiveGatewayErrors;
  return server ? reason::kConsecutive5xx : reason::kNone;
}

// Any worker. The head of an answer below 500 came: the errors that were answered are over.
inline void endErrorAnswers(EndpointLoad& load) noexcept {
  constexpr uint64_t kNoAnswers = ErrorRuns::kMost << 2 * ErrorRuns::kBits;
  // Race: as below.
  const uint64_t word = load.error_runs.load(std::memory_order_relaxed);
  if ((word & ~kNoAnswers) != 0) [[unlikely]]
    load.error_runs.fetch_and(kNoAnswers, std::memory_order_relaxed);
}

// Any worker. All of an answer below 500 came.
inline void endRuns(EndpointLoad& load) noexcept {
  // Race: a fault of another worker in between is forgotten, as if it had come first.
  if (load.error_runs.load(std::memory_order_relaxed) != 0) [[unlikely]]
    load.error_runs.store(0, std::memory_order_relaxed);
}

// Any worker. As extendRuns above.
inline uint32_t extendRuns(EndpointLoad& load, const abi::OutlierRecord& settings,
                           Fault fault) noexcept {
  uint64_t word = load.error_runs.load(std::memory_order_relaxed);
  for (;;) {
    ErrorRuns runs = ErrorRuns::unpack(word);
    const uint32_t reason = extendRuns(runs, settings, fault);
    // Relaxed: what follows an ejection is under a mutex.
    if (load.error_runs.compare_exchange_weak(word, runs.pack(), std::memory_order_relaxed))
      return reason;
  }
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_ERROR_RUNS_H_
