#ifndef MILLRACE_ENGINE_FAILOVER_OUTCOME_H_
#define MILLRACE_ENGINE_FAILOVER_OUTCOME_H_

#include <cstdint>

namespace millrace {

// How an attempt failed that got no answer: what outlier detection, circuit breakers and balancers
// learn of it. A refusal of our own (a cap, a full queue, a limit) is no outcome, and neither is a
// client that goes away: both say nothing about the endpoint.
enum class Failure : uint8_t {
  kConnect,   // refused, unreachable, timed out, TLS: not a byte of the request has left
  kReset,     // the connection broke before the end of the answer
  kTimeout,   // the time of the attempt, or of the request, passed without an answer
  kProtocol,  // what came was no answer
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_OUTCOME_H_
