#ifndef MILLRACE_ENGINE_TRACE_TRACE_CONTEXT_H_
#define MILLRACE_ENGINE_TRACE_TRACE_CONTEXT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/http/request_head.h"

namespace millrace {

// Who speaks of which trace: what the header `traceparent` says. W3C Trace Context, level 2:
// https://www.w3.org/TR/trace-context-2/
struct TraceContext {
  uint64_t high = 0;  // of the trace id; 0 when it came with 64 bits only
  uint64_t low = 0;
  uint64_t span = 0;  // of whoever sent it
  uint8_t flags = 0;  // trace_flag
};

namespace trace_flag {
inline constexpr uint8_t kSampled = 1;
// The lower 56 bits of the trace id are random. Passed on, and not claimed for traces that begin
// here: a reader of level 1 may know one flag only.
inline constexpr uint8_t kRandom = 2;
}  // namespace trace_flag

// version "-" trace id "-" span id "-" flags
inline constexpr size_t kTraceparentBytes = 55;
inline constexpr size_t kTraceparentSpanAt = 36;  // where its span id begins

// Version 00 exactly; of versions to come what version 00 has of them. False, and nothing else of
// it may be used, when it is anything else.
bool parseTraceparent(std::string_view value, TraceContext* context) noexcept;
// Writes kTraceparentBytes, of version 00.
void writeTraceparent(const TraceContext& context, char* out) noexcept;

// Bounds of a `tracestate`, all its lines together: the specification's least for the bytes, and
// its most for the members.
inline constexpr size_t kMaxTraceStateBytes = 512;
inline constexpr uint32_t kMaxTraceStateMembers = 32;

// The tracestate of a request: one that came in a single line is that line, several are put
// together in `room`. Empty when there is none, it is malformed or beyond its bounds.
std::string_view traceStateOf(const RequestHead& request,
                              std::span<char, kMaxTraceStateBytes> room) noexcept;

// What the caller of a request decided, where it says so.
enum class CallerDecision : uint8_t { kNone, kNotSampled, kSampled };
enum class TraceSource : uint8_t { kNone, kTraceparent, kB3 };

struct CallerTrace {
  TraceSource source = TraceSource::kNone;  // of `context`
  CallerDecision decision = CallerDecision::kNone;
  TraceContext context;
};

// What the headers of a request say of a trace. traceparent goes first; several of them are none.
// `b3`: where there is no good one, the B3 headers are read
// (https://github.com/openzipkin/b3-propagation): the single one before the others. They may hold a
// decision without a trace.
CallerTrace callerTraceOf(const RequestHead& request, bool b3) noexcept;

// `bound`: see abi::TracingRecord. The rule of TraceIdRatioBased, as OpenTelemetry's SDKs for Go
// and Python have it: whoever samples by the same share samples the same traces.
inline bool isSampledBy(uint64_t bound, uint64_t trace_low) noexcept {
  return trace_low < bound || bound == UINT64_MAX;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_TRACE_TRACE_CONTEXT_H_
