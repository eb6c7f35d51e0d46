// What is remembered of a request while it is under way, and the record that is made of it at its
// end: for the access log, for traces, and for whoever asks afterwards what became of it.
#include "engine/reactor/reactor.h"

namespace millrace {

// The request as it came, before anything is known of it. `request` may be one that is refused.
void Reactor::noteArrival(Exchange& exchange, uint32_t listener, const RequestHead& request,
                          const IpAddress& peer) noexcept {
  exchange.trail.begin(listener, peer);
  noteText(exchange, abi::record_text::kMethod, request.method);
  noteText(exchange, abi::record_text::kAuthority, request.authority);
  noteText(exchange, abi::record_text::kTarget, request.target);
}

// In the order of abi::record_text. Longer texts than a record holds are cut there.
void Reactor::noteText(Exchange& exchange, uint32_t which, std::string_view text) noexcept {
  const std::string_view kept = text.substr(0, RecordBuilder::kMaxTextBytes);
  exchange.trail.lengths[which] = static_cast<uint16_t>(kept.size());
  exchange.notes.append(kept);
}

// The present attempt; of a hedge, that in the trail of the request it is made for.
AttemptTrail& Reactor::attemptOf(Exchange& exchange) noexcept {
  RequestTrail& trail = exchange.primary != nullptr ? exchange.primary->trail : exchange.trail;
  return trail.attempts[exchange.trail_at];
}

// Microseconds since the head of the request was received.
uint32_t Reactor::momentOf(const Exchange& exchange, Now now) const noexcept {
  const uint64_t started_ns =
      exchange.primary != nullptr ? exchange.primary->started_ns : exchange.started_ns;
  return static_cast<uint32_t>(std::min<uint64_t>(usBetween(started_ns, now.ns), kNoMoment - 1));
}

// An endpoint has been chosen.
void Reactor::beginAttempt(Exchange& exchange, Now now) noexcept {
  RequestTrail& trail = exchange.primary != nullptr ? exchange.primary->trail : exchange.trail;
  exchange.trail_at = trail.add(exchange.cluster, exchange.endpoint, momentOf(exchange, now));
}

// The exchange lets go of its endpoint.
void Reactor::endAttempt(Exchange& exchange, Now now) noexcept {
  AttemptTrail& attempt = attemptOf(exchange);
  if (attempt.ended_us == kNoMoment) attempt.ended_us = momentOf(exchange, now);
}

// The request is over: nothing of the exchange has been given up yet.
void Reactor::recordRequest(const Exchange& exchange, uint32_t status, uint32_t flag,
                            Now now) noexcept {
  namespace t = abi::record_text;
  const RequestTrail& trail = exchange.trail;
  const Image* image = exchange.image == nullptr ? nullptr : exchange.image->image;
  RequestRecord& record = records_.begin();
  record.id = exchange.record_id;
  record.ended_ns = now.ns;
  record.duration_us = durationOf(exchange, now.ns);
  record.request_bytes = exchange.body_received;
  record.response_bytes = exchange.body_sent_down;
  record.sent_bytes = exchange.bytes_down;
  record.waited_us = trail.waited_us;
  record.fault_delay_us = exchange.fault_delay_ms * 1000;
  record.status = static_cast<uint16_t>(status);
  record.flag = static_cast<uint8_t>(flag);
  record.attempts = exchange.attempts;
  record.retries = exchange.retries;
  record.peer = trail.peer;
  record.bits = (exchange.upgrade ? abi::record_bit::kWebSocket : 0) |
                (exchange.fallbacks != 0 ? abi::record_bit::kFallback : 0);
  for (uint32_t i = 0; i < trail.kept; ++i) {
    const AttemptTrail& from = trail.attempts[i];
    AttemptRecord& to = records_.addAttempt();
    to.chosen_us = from.chosen_us;
    to.connected_us = from.connected_us;
    to.sent_us = from.sent_us;
    to.first_byte_us = from.first_byte_us;
    to.ended_us = from.ended_us;
    to.status = from.status;
    to.flag = from.flag;
    to.bits = from.bits;
    to.span = from.span;
  }
  const char* note = exchange.notes.data();
  for (uint32_t which = 0; which < t::kListener; ++which) {
    records_.addText(which, {note, trail.lengths[which]});
    note += trail.lengths[which];
  }
  if (image != nullptr) {
    record.version = static_cast<uint32_t>(exchange.image->installed->version);
    if (trail.listener != abi::kNone) {
      const abi::ListenerRecord& listener = image->listeners()[trail.listener];
      if ((listener.flags & abi::listener_flag::kTls) != 0) record.bits |= abi::record_bit::kTls;
      records_.addText(t::kListener, image->str(listener.name_offset, listener.name_length));
    }
    if (exchange.route != abi::kNone) {
      const abi::RouteRecord& route = image->routes()[exchange.route];
      records_.addText(t::kRoute, image->str(route.name_offset, route.name_length));
    }
    if (exchange.cluster != abi::kNone) {
      const abi::ClusterRecord& cluster = image->clusters()[exchange.cluster];
      records_.addText(t::kCluster, image->str(cluster.name_offset, cluster.name_length));
    }
    if (exchange.endpoint != abi::kNone) {
      const abi::EndpointRecord& endpoint = image->endpoints()[exchange.endpoint];
      records_.addText(t::kEndpoint, image->str(endpoint.name_offset, endpoint.name_length));
    }
  }
  records_.addText(t::kDetail, exchange.detail);
  for (uint32_t i = 0; i < trail.kept; ++i) {
    const AttemptTrail& attempt = trail.attempts[i];
    std::string_view cluster;
    std::string_view endpoint;
    if (image != nullptr && attempt.cluster != abi::kNone) {
      const abi::ClusterRecord& row = image->clusters()[attempt.cluster];
      cluster = image->str(row.name_offset, row.name_length);
    }
    if (image != nullptr && attempt.endpoint != abi::kNone) {
      const abi::EndpointRecord& row = image->endpoints()[attempt.endpoint];
      endpoint = image->str(row.name_offset, row.name_length);
    }
    records_.addNames(i, cluster, endpoint);
  }
  records_.end();
}

}  // namespace millrace
