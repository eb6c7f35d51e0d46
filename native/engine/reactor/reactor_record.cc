// What is remembered of a request while it is under way, and the record that is
// made of it at its end: for the access log, for traces, and for whoever asks
// afterwards what became of it.
#include "engine/reactor/reactor.h"
#include "engine/record/failed.h"

namespace millrace {
namespace {

std::string_view clusterName(const Image& image, uint32_t index) noexcept {
  if (index == abi::kNone) return {};
  const abi::ClusterRecord& row = image.clusters()[index];
  return image.str(row.name_offset, row.name_length);
}

std::string_view endpointName(const Image& image, uint32_t index) noexcept {
  if (index == abi::kNone) return {};
  const abi::EndpointRecord& row = image.endpoints()[index];
  return image.str(row.name_offset, row.name_length);
}

}  // namespace

// The request as it came, before anything is known of it. `request` may be one
// that is refused.
void Reactor::noteArrival(Exchange& exchange, uint32_t listener, const RequestHead& request,
                          const IpAddress& peer) noexcept {
  exchange.trail.listener = listener;
  exchange.trail.peer = peer;
  constexpr size_t kMost = RecordBuilder::kMaxTextBytes;
  const std::string_view method = request.method.substr(0, kMost);
  const std::string_view authority = request.authority.substr(0, kMost);
  const std::string_view target = request.target.substr(0, kMost);
  RequestTrail& trail = exchange.trail;
  trail.lengths[abi::record_text::kMethod] = static_cast<uint16_t>(method.size());
  trail.lengths[abi::record_text::kAuthority] = static_cast<uint16_t>(authority.size());
  trail.lengths[abi::record_text::kTarget] = static_cast<uint16_t>(target.size());
  const size_t all = method.size() + authority.size() + target.size();
  trail.cut = all != request.method.size() + request.authority.size() + request.target.size();
  char* const at = exchange.notes.reserve(all);
  copyText(copyText(copyText(at, method), authority), target);
  exchange.notes.commit(all);
  if (log_ != nullptr) noteForLog(exchange, request);
}

// A request to a listener that is no longer configured: there are no rules to
// parse it by.
void Reactor::noteStray(Exchange& exchange, uint32_t listener_key, const FlatHead& head,
                        std::span<const uint8_t> peer) noexcept {
  exchange.trail.listener_key = listener_key;
  exchange.trail.peer = ipFromBytes(peer);
  if (head.pieces.size() >= 2) {
    noteText(exchange, abi::record_text::kMethod, head.pieces[0]);
    noteText(exchange, abi::record_text::kTarget, head.pieces[1]);
    return;
  }
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
  if (!head.target_changed) [[likely]]
    return;
  const std::string_view target = bytes.substr(request.method.size() + 1, head.target_length);
  if (target != request.target) noteText(exchange, abi::record_text::kUpstreamTarget, target);
}

// In the order of abi::record_text. Longer texts than a record holds are cut
// there.
void Reactor::noteText(Exchange& exchange, uint32_t which, std::string_view text) noexcept {
  const std::string_view kept = text.substr(0, RecordBuilder::kMaxTextBytes);
  exchange.trail.lengths[which] = static_cast<uint16_t>(kept.size());
  exchange.trail.cut |= kept.size() != text.size();
  char* const at = exchange.notes.reserve(kept.size());
  exchange.notes.commit(static_cast<size_t>(copyText(at, kept) - at));
}

// The present attempt, or what stands for it when there is none.
AttemptTrail& Reactor::attemptOf(Exchange& exchange) noexcept { return *exchange.attempt_trail; }

// Microseconds since the head of the request was received.
uint32_t Reactor::momentOf(const Exchange& exchange, Now now) const noexcept {
  return static_cast<uint32_t>(
      std::min<uint64_t>(usBetween(exchange.started_ns, now.ns), kNoMoment - 1));
}

// An endpoint has been chosen.
void Reactor::beginAttempt(Exchange& exchange, Now now) noexcept {
  Exchange& client = exchange.primary != nullptr ? *exchange.primary : exchange;
  AttemptTrail& added =
      client.trail.add(exchange.cluster, exchange.endpoint, momentOf(exchange, now));
  startSpan(exchange, added);
  if (exchange.primary != nullptr) [[unlikely]] {
    added.bits = abi::attempt_bit::kHedge;
    // Beyond the room, it has taken the place of the one that goes on beside
    // it.
    if (client.attempt_trail == &added) client.attempt_trail = &client.trail.nowhere();
  }
  exchange.attempt_trail = &added;
}

// The attempt that is under way, if one is, has failed for the reason of
// `flag`. The first reason stands.
void Reactor::failAttempt(Exchange& exchange, uint32_t flag) noexcept {
  AttemptTrail& attempt = attemptOf(exchange);
  if (attempt.flag == abi::response_flag::kNone) attempt.flag = static_cast<uint8_t>(flag);
}

// The exchange lets go of its endpoint.
void Reactor::endAttempt(Exchange& exchange, Now now) noexcept {
  attemptOf(exchange).ended_us = momentOf(exchange, now);
  exchange.attempt_trail = &exchange.trail.nowhere();
}

// The exchange has waited for time to pass: for what was injected, or before
// another attempt.
void Reactor::noteBackoff(Exchange& exchange, Now now) noexcept {
  RequestTrail& trail = exchange.trail;
  (exchange.attempts == 0 ? trail.fault_us : trail.backoff_us) +=
      static_cast<uint32_t>(usBetween(exchange.wait_ns, now.ns));
}

// Of the present answer. Not `answer`: what came was an interim one, and the
// answer is still to come.
void Reactor::noteFirstByte(Connection& connection, bool answer, Now now) noexcept {
  connection.first_byte_ns = answer ? now.ns : 0;
  attemptOf(*connection.exchange).first_byte_us =
      answer ? momentOf(*connection.exchange, now) : kNoMoment;
}

// Whether a good request is kept as one of the last: at most a ring full of them in each tenth of a
// second. Beyond that they would push each other out before anybody could ask, and cost 3 % more.
bool Reactor::keepsRecent(Now now) noexcept {
  constexpr uint64_t kWindowNs = 100'000'000;
  if (now.ns - recent_since_ns_ >= kWindowNs) {
    recent_since_ns_ = now.ns;
    recent_left_ = decltype(rings_.recent)::kCapacity;
  }
  if (recent_left_ == 0) return false;
  --recent_left_;
  return true;
}

// The request is over: nothing of the exchange has been given up yet.
void Reactor::recordRequest(const Exchange& exchange, uint32_t status, uint32_t flag,
                            Now now) noexcept {
  namespace t = abi::record_text;
  using State = Exchange::State;
  const RequestTrail& trail = exchange.trail;
  // Of an answer that does not come to its end the client has the status all
  // the same.
  const bool begun = exchange.state == State::kStreaming || exchange.state == State::kCut ||
                     exchange.state == State::kUpgraded || exchange.state == State::kClosed;
  const uint32_t answered = begun ? exchange.status : status;
  const bool failed = isFailure(answered, flag);
  const bool kept = failed || keepsRecent(now);
  if (!kept && log_ == nullptr && !exchange.trace.sampled()) return;
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
  record.status = static_cast<uint16_t>(answered);
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
  recordTrace(exchange, record);
  AttemptRecord* attempts = nullptr;
  for (uint32_t i = 0; i < trail.kept; ++i) {
    AttemptRecord& added = records_.addAttempt(trail.attempts[i]);
    if (i == 0) attempts = &added;
  }
  // The notes are in the order of the texts, but for what stands in between.
  record.lengths = trail.lengths;
  const std::string_view notes = exchange.notes.view();
  const size_t upstream_target = trail.lengths[t::kUpstreamTarget];
  records_.addTexts(notes.substr(0, notes.size() - upstream_target));
  if (image != nullptr) {
    record.version = static_cast<uint32_t>(exchange.image->installed->version);
    const abi::ListenerRecord& listener = image->listeners()[trail.listener];
    if ((listener.flags & abi::listener_flag::kTls) != 0) record.bits |= abi::record_bit::kTls;
    records_.addName(t::kListener, image->str(listener.name_offset, listener.name_length));
    if (exchange.route != abi::kNone) {
      const abi::RouteRecord& route = image->routes()[exchange.route];
      records_.addName(t::kRoute, image->str(route.name_offset, route.name_length));
    }
    records_.addName(t::kCluster, clusterName(*image, exchange.cluster));
    records_.addName(t::kEndpoint, endpointName(*image, exchange.endpoint));
  } else if (trail.listener_key < listener_names_.size()) {
    records_.addName(t::kListener, listener_names_[trail.listener_key]);
  }
  records_.addTexts(notes.substr(notes.size() - upstream_target));
  if (flag != abi::response_flag::kNone) records_.addText(t::kDetail, exchange.detail);
  for (uint32_t i = 0; i < trail.kept; ++i) {
    const AttemptTrail& attempt = trail.attempts[i];
    if (attempt.cluster == exchange.cluster && attempt.endpoint == exchange.endpoint) [[likely]]
      attempts[i].cluster_length = AttemptRecord::kSameNames;
    else
      records_.addNames(attempts[i], clusterName(*image, attempt.cluster),
                        endpointName(*image, attempt.endpoint));
  }
  if (log_ != nullptr) record.sinks = sinksOf(exchange, record);
  const RequestRecord& whole = records_.end();
  if (kept) rings_.push(whole, failed);
  if (whole.sinks != 0) log(whole);
  if (exchange.trace.sampled()) pushSpans(whole);
}

}  // namespace millrace
