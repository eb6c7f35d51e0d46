// Requests that are refused for what they are, upstreams that break the protocol, and what the
// workers report for the log.
#include "engine/reactor/reactor.h"

namespace millrace {

// One answer, one count, one line in the log, nothing upstream, and the end of the connection:
// where its next request begins is not known for sure any more.
void Reactor::refuseRequest(Exchange& exchange, RequestError error, const RequestHead& request,
                            const abi::ListenerRecord& listener, const IpAddress& peer,
                            Now now) noexcept {
  const uint32_t reason = static_cast<uint32_t>(error);
  process_.counters.add(abi::process_stat::kDownstreamErrornone + reason, 1);
  IncidentNote note;
  note.at_ns = now.ns;
  note.kind = abi::incident_kind::kDownstream;
  note.reason = reason;
  note.status = statusOf(error);
  note.sentence = describe(error);
  note.peer = peer;
  note.texts[abi::incident_text::kListener] =
      exchange.image->image->str(listener.name_offset, listener.name_length);
  note.texts[abi::incident_text::kMethod] = request.method;
  note.texts[abi::incident_text::kTarget] = request.target;
  report(note);
  exchange.close_downstream = true;
  fail(exchange, note.status, abi::response_flag::kDpe, note.sentence, now);
}

// An upstream broke the protocol: one count, one line in the log. `status`: what the client was
// answered; 0 = its connection was cut, or it has noticed nothing. `exchange`: what it was the
// answer to, or null.
void Reactor::noteError(const Pool& pool, ResponseError error, uint32_t status,
                        const Exchange* exchange, Now now) noexcept {
  const uint32_t reason = static_cast<uint32_t>(error);
  pool.cluster_shard->counters.add(abi::cluster_stat::kProtocolErrors, 1);
  pool.cluster_shard->counters.add(abi::cluster_stat::kErrornone + reason, 1);
  IncidentNote note;
  note.at_ns = now.ns;
  note.kind = abi::incident_kind::kUpstream;
  note.reason = reason;
  note.status = status;
  note.sentence = describe(error);
  note.texts[abi::incident_text::kCluster] = pool.cluster->name;
  note.texts[abi::incident_text::kEndpoint] = pool.name;
  if (exchange != nullptr) noteRequest(*exchange, &note);
  report(note);
}

// A request failed by what is behind us, or by time: one line in the log, before anything of the
// exchange is given up. Other flags are none of this: refusals, clients that left. Of upstreams
// that broke the protocol `noteError` has told.
void Reactor::noteFailure(const Exchange& exchange, uint32_t status, uint32_t flag,
                          std::string_view text, Now now) noexcept {
  namespace f = abi::response_flag;
  constexpr uint32_t kNoted = 1u << f::kNc | 1u << f::kUf | 1u << f::kUc | 1u << f::kUt |
                              1u << f::kSi | 1u << f::kUo | 1u << f::kUtls | 1u << f::kUh |
                              1u << f::kUq | 1u << f::kCb | 1u << f::kUct | 1u << f::kUtt |
                              1u << f::kUpt | 1u << f::kDrt | 1u << f::kUmsdr | 1u << f::kDle;
  static_assert(f::kCount <= 32);
  if ((kNoted >> flag & 1) == 0) return;
  IncidentNote note;
  note.at_ns = now.ns;
  note.kind = abi::incident_kind::kFailure;
  note.reason = flag;
  note.status = status;
  note.sentence = text;
  noteRequest(exchange, &note);
  if (exchange.cluster != abi::kNone) {
    const Image& image = *exchange.image->image;
    const abi::ClusterRecord& cluster = image.clusters()[exchange.cluster];
    note.texts[abi::incident_text::kCluster] = image.str(cluster.name_offset, cluster.name_length);
    if (exchange.endpoint != abi::kNone) {
      const abi::EndpointRecord& endpoint = image.endpoints()[exchange.endpoint];
      note.texts[abi::incident_text::kEndpoint] =
          image.str(endpoint.name_offset, endpoint.name_length);
    }
  }
  report(note);
}

// Which request it was: as it stands in the head that goes upstream, else as it came.
void Reactor::noteRequest(const Exchange& exchange, IncidentNote* note) const noexcept {
  note->attempts = (exchange.primary != nullptr ? *exchange.primary : exchange).attempts;
  std::string_view& method = note->texts[abi::incident_text::kMethod];
  std::string_view& target = note->texts[abi::incident_text::kTarget];
  const std::string_view head = exchange.head.view();
  if (head.empty()) {
    if (routing_ == nullptr) return;
    method = routing_->method;
    target = routing_->target;
    return;
  }
  const size_t method_end = head.find(' ');
  const size_t target_end = head.find(' ', method_end + 1);
  method = head.substr(0, method_end);
  target = head.substr(method_end + 1, target_end - method_end - 1);
}

void Reactor::report(const IncidentNote& note) noexcept {
  if (!incidents_.push(note)) process_.counters.add(abi::process_stat::kIncidentsDropped, 1);
}

}  // namespace millrace
