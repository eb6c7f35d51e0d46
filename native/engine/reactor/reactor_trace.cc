// Traces: who has begun the trace of a request, whether spans are made of it, and what its
// upstreams are told. The spans are made by the control plane, of the record of the request.
#include "engine/reactor/reactor.h"
#include "engine/trace/hex.h"
#include "engine/trace/trace_context.h"

namespace millrace {

// Decides about the request that is being submitted, by a row of the configuration or of its route.
// The numbers that it may take stay until `beginTrace`, so that asking twice gives one answer.
RequestTrace Reactor::traceOf(const abi::TracingRecord& row, const RequestHead& request,
                              bool trusted) noexcept {
  if (fresh_.span == 0) {
    fresh_ = {rng_.next(), rng_.next(), rng_.next()};
    fresh_.low |= fresh_.low == 0;
    fresh_.span |= fresh_.span == 0;
  }
  const bool believed = trusted || (row.flags & abi::tracing_flag::kTrustedPeers) == 0;
  return decideTrace(
      row,
      believed ? callerTraceOf(request, (row.flags & abi::tracing_flag::kB3) != 0) : CallerTrace(),
      fresh_);
}

// The exchange is part of that trace, or of none.
void Reactor::beginTrace(Exchange& exchange, const RequestTrace& trace,
                         const RequestHead& request) noexcept {
  const bool noted = exchange.trace.sampled();
  exchange.trace = trace;
  if (trace.mode == TraceMode::kOff) return;
  if (trace.source == TraceSource::kNone || trace.sampled()) fresh_.span = 0;
  if (!trace.sampled() || noted) return;
  namespace t = abi::record_text;
  const auto& lengths = exchange.trail.lengths;
  // Texts come in their order; an access log may have taken later ones already.
  if (std::all_of(&lengths[t::kUserAgent], &lengths[t::kTraceState],
                  [](uint16_t length) { return length == 0; })) {
    for (uint32_t i = 0; i < request.field_count; ++i) {
      if (request.fields[i].name != "user-agent") continue;
      noteText(exchange, t::kUserAgent, request.fields[i].value);
      break;
    }
  }
  if (trace.source == TraceSource::kTraceparent)
    noteText(exchange, t::kTraceState, traceStateOf(request, trace_state_));
}

// A route that is traced in its own way was found.
void Reactor::traceByRoute(Exchange& exchange, const abi::RouteRecord& route,
                           const RequestHead& request, bool trusted) noexcept {
  const abi::TracingRecord& row = exchange.image->image->tracings()[route.tracing];
  beginTrace(exchange, traceOf(row, request, trusted), request);
}

// What goes upstream in place of what came; null when that goes on as it is.
const TraceFields* Reactor::traceFieldsOf(const Exchange& exchange, const RequestHead& request,
                                          bool trusted) noexcept {
  const RequestTrace& trace = exchange.trace;
  if (trace.mode == TraceMode::kOff || trace.mode == TraceMode::kPass) return nullptr;
  // Where no span is made here, the caller's is still the last one.
  const uint64_t span = trace.parent != 0 ? trace.parent : rng_.next() | 1;
  writeTraceparent({trace.high, trace.low, span, trace.flags}, traceparent_.data());
  const uint32_t flags = exchange.image->tracing->flags;
  trace_fields_.parent = {traceparent_.data(), traceparent_.size()};
  trace_fields_.state = trace.source == TraceSource::kTraceparent
                            ? traceStateOf(request, trace_state_)
                            : std::string_view();
  trace_fields_.drop_b3 = (flags & abi::tracing_flag::kB3) != 0 &&
                          (flags & abi::tracing_flag::kTrustedPeers) != 0 && !trusted;
  return &trace_fields_;
}

// An attempt of a sampled request has a span of its own.
void Reactor::startSpan(const Exchange& exchange, AttemptTrail& attempt) noexcept {
  const Exchange& request = exchange.primary != nullptr ? *exchange.primary : exchange;
  if (!request.trace.sampled()) return;
  const uint64_t id = rng_.next();
  attempt.span = id | static_cast<uint64_t>(id == 0);
}

// Before the head goes out, on every attempt: the upstream's parent is the span of this attempt.
void Reactor::stampSpan(Exchange& exchange) noexcept {
  uint64_t span = attemptOf(exchange).span;
  if (span == 0) span = rng_.next() | 1;  // more attempts than the trail remembers
  writeHex64(exchange.head.data() + exchange.span_at, span);
}

void Reactor::recordTrace(const Exchange& exchange, RequestRecord& record) noexcept {
  const RequestTrace& trace = exchange.trace;
  if (trace.mode == TraceMode::kOff) return;
  record.trace_high = trace.high;
  record.trace_low = trace.low;
  record.span = trace.span;
  record.parent_span = trace.parent;
  if (trace.sampled()) record.bits |= abi::record_bit::kSampled;
}

// On its way to the control plane; never waited for.
void Reactor::pushSpans(const RequestRecord& record) noexcept {
  if (spans_ == nullptr || !spans_->push(record))
    process_.counters.add(abi::process_stat::kSpansDropped, 1u + record.attempt_count);
}

}  // namespace millrace
