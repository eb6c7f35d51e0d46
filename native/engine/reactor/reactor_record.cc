// What is remembered of a request while it is under way, and the record that is made of it at its
// end: for the access log, for traces, and for whoever asks afterwards what became of it.
#include "engine/reactor/reactor.h"
#include "engine/record/failed.h"

namespace millrace {

// The request as it came, before anything is known of it. `request` may be one that is refused.
void Reactor::noteArrival(Exchange& exchange, uint32_t listener, const RequestHead& request,
                          const IpAddress& peer) noexcept {
  exchange.trail.listener = listener;
  exchange.trail.peer = peer;
  noteText(exchange, abi::record_text::kMethod, request.method);
  noteText(exchange, abi::record_text::kAuthority, request.authority);
  noteText(exchange, abi::record_text::kTarget, request.target);
}

// A request to a listener that is no longer configured: there are no rules to parse it by.
void Reactor::noteStray(Exchange& exchange, uint32_t listener_key, const FlatHead& head,
                        std::span<const uint8_t> peer) noexcept {
  exchange.trail.listener_key = listener_key;
  exchange.trail.peer = ipFromBytes(peer);
  if (head.lengths.size() < 2) return;
  const auto method = static_cast<size_t>(std::max(head.lengths[0], 0));
  const auto target = static_cast<size_t>(std::max(head.lengths[1], 0));
  if (method > head.bytes.size()) return;
  noteText(exchange, abi::record_text::kMethod, head.bytes.substr(0, method));
  noteText(exchange, abi::record_text::kTarget, head.bytes.substr(method, target));
}

// The head that goes upstream has been written.
void Reactor::noteUpstreamHead(Exchange& exchange, const RequestHead& request,
                               const UpstreamHead& head) noexcept {
  const std::string_view bytes = exchange.head.view();
  noteText(exchange, abi::record_text::kRequestId,
           bytes.substr(head.request_id_at, head.request_id_length));
  const std::string_view target = bytes.substr(request.method.size() + 1, head.target_length);
  if (target != request.target) noteText(exchange, abi::record_text::kUpstreamTarget, target);
}

// In the order of abi::record_text. Longer texts than a record holds are cut there.
void Reactor::noteText(Exchange& exchange, uint32_t which, std::string_view text) noexcept {
  const std::string_view kept = text.substr(0, RecordBuilder::kMaxTextBytes);
  exchange.trail.lengths[which] = static_cast<uint16_t>(kept.size());
  exchange.trail.cut |= kept.size() != text.size();
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
  Exchange& client = exchange.primary != nullptr ? *exchange.primary : exchange;
  exchange.trail_at =
      client.trail.add(exchange.cluster, exchange.endpoint, momentOf(exchange, now));
  if (exchange.primary == nullptr) [[likely]]
    return;
  attemptOf(exchange).bits |= abi::attempt_bit::kHedge;
  // Beyond the room, it has taken the place of the one that goes on beside it.
  if (client.trail_at == exchange.trail_at) client.trail_at = RequestTrail::kNowhere;
}

// The attempt that is under way, if one is, has failed for the reason of `flag`. The first reason
// stands.
void Reactor::failAttempt(Exchange& exchange, uint32_t flag) noexcept {
  AttemptTrail& attempt = attemptOf(exchange);
  if (attempt.flag == abi::response_flag::kNone) attempt.flag = static_cast<uint8_t>(flag);
}

// The exchange lets go of its endpoint.
void Reactor::endAttempt(Exchange& exchange, Now now) noexcept {
  attemptOf(exchange).ended_us = momentOf(exchange, now);
  exchange.trail_at = RequestTrail::kNowhere;
}

// The exchange has waited for time to pass: for what was injected, or before another attempt.
void Reactor::noteBackoff(Exchange& exchange, Now now) noexcept {
  RequestTrail& trail = exchange.trail;
  (exchange.attempts == 0 ? trail.fault_us : trail.backoff_us) +=
      static_cast<uint32_t>(usBetween(exchange.wait_ns, now.ns));
}

// Of the present answer. Not `answer`: what came was an interim one, and the answer is still to
// come.
void Reactor::noteFirstByte(Connection& connection, bool answer, Now now) noexcept {
  connection.first_byte_ns = answer ? now.ns : 0;
  attemptOf(*connection.exchange).first_byte_us =
      answer ? momentOf(*connection.exchange, now) : kNoMoment;
}

// The request is over: nothing of the exchange has been given up yet.
void Reactor::recordRequest(const Exchange& exchange, uint32_t status, uint32_t flag,
                            Now now) noexcept {
  namespace t = abi::record_text;
  using State = Exchange::State;
  const RequestTrail& trail = exchange.trail;
  // Of an answer that does not come to its end the client has the status all the same.
  const bool begun = exchange.state == State::kStreaming || exchange.state == State::kCut ||
                     exchange.state == State::kUpgraded || exchange.state == State::kClosed;
  const Image* image = exchange.image == nullptr ? nullptr : exchange.image->image;
  RequestRecord& record = records_.begin();
  record.id = exchange.record_id;
  record.ended_ns = now.ns;
  record.duration_us = usBetween(exchange.started_ns, now.ns);
  record.request_bytes = exchange.body_received;
  record.response_bytes = exchange.body_sent_down;
  record.sent_bytes = exchange.bytes_down;
  record.waited_us = trail.waited_us;
  record.backoff_us = trail.backoff_us;
  record.fault_delay_us = trail.fault_us;
  record.status = static_cast<uint16_t>(begun ? exchange.status : status);
  record.flag = static_cast<uint8_t>(flag);
  record.attempts = exchange.attempts;
  record.retries = exchange.retries;
  record.peer = trail.peer;
  record.close_code = exchange.leg == nullptr ? 0 : exchange.leg->close_code;
  record.bits = (exchange.upgrade ? abi::record_bit::kWebSocket : 0) |
                (exchange.fallbacks != 0 ? abi::record_bit::kFallback : 0) |
                (trail.cut ? abi::record_bit::kCut : 0) |
                (status == 0 || exchange.state == State::kCut ? abi::record_bit::kAborted : 0) |
                (status != 0 && exchange.state == State::kFailed ? abi::record_bit::kLocal : 0);
  for (uint32_t i = 0; i < trail.kept; ++i) {
    const AttemptTrail& from = trail.attempts[i];
    AttemptRecord& to = records_.addAttempt();
    to.chosen_us = from.chosen_us;
    to.connecting_us = from.connecting_us;
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
  if (trail.listener_key < listener_names_.size())
    records_.addText(t::kListener, listener_names_[trail.listener_key]);
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
  records_.addText(t::kUpstreamTarget, {note, trail.lengths[t::kUpstreamTarget]});
  if (flag != abi::response_flag::kNone) records_.addText(t::kDetail, exchange.detail);
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
  const RequestRecord& whole = records_.end();
  rings_.push(whole, isFailure(whole.status, flag));
}

}  // namespace millrace
