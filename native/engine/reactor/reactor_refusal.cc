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
// answered; 0 = its connection was cut, or it has noticed nothing.
void Reactor::noteError(const Pool& pool, ResponseError error, uint32_t status, Now now) noexcept {
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
  report(note);
}

void Reactor::report(const IncidentNote& note) noexcept {
  if (!incidents_.push(note)) process_.counters.add(abi::process_stat::kIncidentsDropped, 1);
}

}  // namespace millrace
