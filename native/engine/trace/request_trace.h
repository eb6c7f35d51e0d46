#ifndef MILLRACE_ENGINE_TRACE_REQUEST_TRACE_H_
#define MILLRACE_ENGINE_TRACE_REQUEST_TRACE_H_

#include <cstdint>

#include "abi.h"
#include "engine/trace/trace_context.h"

namespace millrace {

enum class TraceMode : uint8_t {
  kOff,         // headers of traces are headers like others
  kPass,        // not sampled, and upstreams hear it from the caller: likewise
  kNotSampled,  // upstreams are told
  kSampled,     // spans are made of it, and upstreams are told
};

// The part of one request in a trace, from its head on.
struct RequestTrace {
  TraceMode mode = TraceMode::kOff;
  TraceSource source = TraceSource::kNone;  // of the trace; kNone = it begins here
  uint8_t flags = 0;                        // trace_flag, for upstreams
  uint64_t high = 0, low = 0;               // its id
  uint64_t parent = 0;                      // span of the caller, 0 = none
  uint64_t span = 0;                        // of the server side, 0 = it is not sampled

  bool sampled() const noexcept { return mode == TraceMode::kSampled; }
};

// Random numbers for the next request that begins a trace or a span.
struct FreshIds {
  uint64_t high = 0, low = 0;  // not both 0
  uint64_t span = 0;           // not 0
};

// What becomes of a request by its caller's word, and by `row`: the configuration's, or its
// route's.
inline RequestTrace decideTrace(const abi::TracingRecord& row, const CallerTrace& caller,
                                const FreshIds& fresh) noexcept {
  RequestTrace trace;
  if ((row.flags & abi::tracing_flag::kOff) != 0) return trace;
  trace.source = caller.source;
  if (caller.source == TraceSource::kNone) {
    trace.high = fresh.high;
    trace.low = fresh.low;
  } else {
    trace.high = caller.context.high;
    trace.low = caller.context.low;
    trace.parent = caller.context.span;
    trace.flags = caller.context.flags & trace_flag::kRandom;
  }
  const bool parent_decides = (row.flags & abi::tracing_flag::kParentBased) != 0 &&
                              caller.decision != CallerDecision::kNone;
  const uint64_t bound = uint64_t{row.sample_high} << 32 | row.sample_low;
  if (parent_decides ? caller.decision == CallerDecision::kSampled
                     : isSampledBy(bound, trace.low)) {
    trace.mode = TraceMode::kSampled;
    trace.flags |= trace_flag::kSampled;
    trace.span = fresh.span;
  } else {
    const bool told = caller.source == TraceSource::kTraceparent &&
                      caller.decision == CallerDecision::kNotSampled;
    trace.mode = told ? TraceMode::kPass : TraceMode::kNotSampled;
  }
  return trace;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_TRACE_REQUEST_TRACE_H_
