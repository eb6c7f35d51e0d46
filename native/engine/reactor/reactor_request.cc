// From a request to the cluster that it goes to, or to an answer of our own.
#include <cstring>

#include "engine/http/downstream_head.h"
#include "engine/http/upstream_head.h"
#include "engine/reactor/reactor.h"
#include "engine/reactor/request_hash.h"
#include "engine/route/matcher.h"
#include "engine/route/path_normalizer.h"
#include "engine/websocket/handshake.h"

namespace millrace {

uint32_t Reactor::submit(int32_t handle, uint32_t listener_key, const FlatHead& head,
                         std::span<const uint8_t> peer, Now now, uint32_t flags) noexcept {
  if (Engine::instance().version() != image_version_) refresh();
  const uint32_t index = image_ != nullptr && listener_key < image_->listeners.size()
                             ? image_->listeners[listener_key]
                             : abi::kNone;
  if (index == abi::kNone) {
    // The listener left the configuration while this connection stayed open.
    Exchange& exchange = slotOf(handle);
    begin(exchange, handle, listener_key, now);
    noteStray(exchange, listener_key, head, peer);
    exchange.close_downstream = true;
    fail(exchange, 503, abi::response_flag::kNc, "this listener is no longer configured\n", now);
    return abi::submit::kAccepted;
  }
  const abi::ListenerRecord& listener = image_->image->listeners()[index];
  const RequestRules& rules = image_->rules[index];
  RequestHead& request = request_;
  RequestError error = parseRequestHead(head, rules, &request);
  NormalisedPath path{};
  if (error == RequestError::kNone || error == RequestError::kMethodRefused) {
    path = normalisePath(request.raw_path, rules.path, path_buffer_);
    if (path.status == PathStatus::kRefused) error = RequestError::kPath;
  }
  Downstream downstream;
  downstream.peer = ipFromBytes(peer);
  downstream.trusted =
      listener.trust_count != 0 && anyCidrContains(image_->image->trust(listener), downstream.peer);
  RequestTrace trace;
  if (image_->tracing != nullptr && error == RequestError::kNone)
    trace = traceOf(*image_->tracing, request, downstream.trusted);
  // The log wants to know whose it was, or a limit, or a span. Nothing has been touched until here.
  if ((flags & abi::submit_flag::kPeerLeftOut) != 0 &&
      (error != RequestError::kNone || image_->asks_for_peer || trace.sampled()))
    return abi::submit::kNeedPeer;

  Exchange& exchange = slotOf(handle);
  begin(exchange, handle, listener_key, now);
  exchange.image = image_;
  ++image_->exchanges;
  noteArrival(exchange, index, request, downstream.peer);
  exchange.listener_closes = request.listener_closes;
  if (trace.mode != TraceMode::kOff) beginTrace(exchange, trace, request);
  if (error != RequestError::kNone) {
    exchange.head_request = request.method == "HEAD";
    if (error == RequestError::kMethodRefused)
      refuseMethod(exchange, request, listener, rules.allow_trace, path.path, downstream.peer, now);
    else
      refuseRequest(exchange, error, request, listener, downstream.peer, now);
    return abi::submit::kAccepted;
  }
  exchange.head_request = request.isHead();
  exchange.chunked_request = request.chunked;
  exchange.request_complete = !request.hasBody();
  exchange.idempotent = request.isIdempotent();
  downstream.tls = (listener.flags & abi::listener_flag::kTls) != 0;
  downstream.can_upgrade = (flags & abi::submit_flag::kUpgrade) != 0;
  // The listener's chunk parser is lenient: what it may have left behind a chunked request must not
  // become the next one. Behind another proxy, which sends many users' requests over one
  // connection, that would be another user's; and whether a peer is one is not for sure unless the
  // operator says so. The listener itself sees `close` only where it is all that Connection says.
  exchange.close_downstream =
      request.close || request.listener_closes ||
      (request.chunked && (downstream.trusted || !rules.keep_alive_after_chunked));
  if (admitToListener(exchange, request, listener, downstream, path.path, now)) {
    if (request.isLastHop()) {
      answerAsLastHop(exchange, request, listener, rules, path.path);
    } else {
      routing_ = &request;
      route(exchange, request, listener, downstream, path.path, now);
      routing_ = nullptr;
    }
  }
  return exchange.request_complete ? abi::submit::kAccepted : abi::submit::kAcceptedWithBody;
}

// A slot takes a new request: nothing of the one before it stays.
void Reactor::begin(Exchange& exchange, int32_t handle, uint32_t listener_key, Now now) noexcept {
  exchange.handle = handle;
  exchange.state = Exchange::State::kWaiting;
  exchange.head_request = false;
  exchange.chunked_request = false;
  exchange.request_complete = true;
  exchange.idempotent = exchange.repeatable = exchange.reached = exchange.keep_body =
      exchange.backed_off = exchange.retried = exchange.retrying = exchange.fault_abort = false;
  exchange.fault_delay_ms = 0;
  exchange.body_sent = exchange.client_paused = exchange.reused = exchange.fresh_only =
      exchange.replaced = exchange.counted = exchange.counted_in_cluster = exchange.hashed =
          exchange.upgrade = false;
  exchange.tried_count = 0;
  exchange.cluster_ticket = exchange.endpoint_ticket = 0;
  exchange.fallbacks = 0;
  exchange.sent = false;
  exchange.image = nullptr;
  exchange.route = exchange.cluster = exchange.subset = exchange.endpoint = abi::kNone;
  exchange.pool = nullptr;
  exchange.connection = nullptr;
  exchange.place = nullptr;
  exchange.started_ns = now.ns;
  exchange.started_ms = exchange.complete_ms = exchange.activity_ms = now.ms();
  exchange.paused_ms = 0;
  exchange.deadline_ms = TimerWheel::kNever;
  exchange.body_received = exchange.bytes_down = exchange.body_sent_down = 0;
  exchange.retries = exchange.retries_left = exchange.attempts = 0;
  exchange.attempt = 1;
  exchange.attempt_ns = now.ns;
  exchange.measures_head = false;
  exchange.hedge_at_ms = 0;
  exchange.status = 0;
  exchange.flag = exchange.last_flag = abi::response_flag::kNone;
  exchange.close_downstream = exchange.listener_closes = false;
  exchange.record_id = uint64_t{worker_} << 48 | ++last_record_;
  exchange.trail.begin();
  exchange.attempt_trail = &exchange.trail.nowhere();
  exchange.notes.clear();
  exchange.detail = {};
  exchange.trace.mode = TraceMode::kOff;
  process_.counters.add(abi::process_stat::kDownstreamRequests, 1);
  exchange.listener_shard =
      listener_key < listener_shards_.size() ? listener_shards_[listener_key] : nullptr;
  if (exchange.listener_shard != nullptr) {
    exchange.listener_shard->counters.add(abi::listener_stat::kRequests, 1);
    exchange.listener_shard->counters.add(abi::listener_stat::kActive, 1);
  }
}

void Reactor::route(Exchange& exchange, const RequestHead& request,
                    const abi::ListenerRecord& listener, const Downstream& downstream,
                    std::string_view path, Now now) noexcept {
  const Image& image = *image_->image;
  const RequestView view{request.method, request.method_bit,
                         request.host,   path,
                         request.query,  {request.fields.data(), request.field_count}};
  exchange.route = matchRoute(image, listener.route_table, view);
  if (exchange.route == abi::kNone) {
    fail(exchange, 404, abi::response_flag::kNr, "no route matches this request\n", now);
    return;
  }
  fetchRoute(exchange);
  const abi::RouteRecord& route = image.routes()[exchange.route];
  if (route.tracing != abi::kNone) [[unlikely]]
    traceByRoute(exchange, route, request, downstream.trusted);
  if (request.content_length > maxBodyOf(route)) {
    fail(exchange, 413, abi::response_flag::kBl, "request body too large\n", now);
    return;
  }
  if (!admitToRoute(exchange, request, listener, downstream, path, now)) return;
  if (route.fault != abi::kNone && !injectFault(exchange, route, now)) [[unlikely]]
    return;
  if (request.has_upgrade && route.web_socket_max_message != 0 &&
      !admitUpgrade(exchange, request, listener, downstream, now))
    return;
  switch (route.action) {
    case abi::action::kCluster:
      exchange.cluster = route.action_start;
      exchange.subset = route.subset;
      break;
    case abi::action::kWeightedClusters: {
      const auto rows = image.weights().subspan(route.action_start, route.action_count);
      const uint32_t draw = rng_.below(rows.back().cumulative);
      for (const abi::WeightRecord& row : rows) {
        exchange.cluster = row.cluster;
        exchange.subset = row.subset;
        if (draw < row.cumulative) break;
      }
      break;
    }
    default:
      answerLocally(exchange, request, listener, path);
      return;
  }
  forward(exchange, request, listener, downstream, path, now);
}

void Reactor::forward(Exchange& exchange, const RequestHead& request,
                      const abi::ListenerRecord& listener, const Downstream& downstream,
                      std::string_view path, Now now) noexcept {
  const Image& image = *image_->image;
  const abi::RouteRecord& route = image.routes()[exchange.route];
  const bool deadlines = route.deadline_offset != abi::kNone;
  if (deadlines) takeDeadline(exchange, request, downstream);
  if (image.clusters()[exchange.cluster].fallback_cluster != abi::kNone) [[unlikely]]
    hashForFallbacks(exchange, request, listener, downstream, path);
  if (!enterCluster(exchange, now)) return;
  exchange.head.clear();
  char key[24];
  if (exchange.upgrade) makeKey(rng_, key);
  const UpstreamHead written =
      writeUpstreamHead(image, listener, route, request, path, downstream, rng_, &exchange.head,
                        exchange.upgrade ? std::string_view(key, sizeof key) : std::string_view(),
                        deadlines && attemptEnds(exchange, now) != TimerWheel::kNever,
                        traceFieldsOf(exchange, request, downstream.trusted));
  exchange.deadline_at = written.deadline_at;
  exchange.span_at = exchange.trace.sampled() ? written.span_at : 0;
  noteUpstreamHead(exchange, request, written);
  planReplay(exchange, request);
  const abi::BalancerRecord& balancer =
      image.balancers()[image.clusters()[exchange.cluster].balancer];
  if (balancer.hash_count != 0) {
    const RequestHash hash = hashRequest(image, listener, balancer, request, path, downstream, rng_,
                                         &exchange.response_lines);
    exchange.hashed = hash.present;
    exchange.hash = hash.value;
  }
  armExchange(exchange);
  if (route.hedge != abi::kNone) planHedge(exchange, now);
  if (deadlines && !beforeDeadline(exchange, now)) return;
  if (exchange.fault_delay_ms != 0) [[unlikely]]
    return delayByFault(exchange, now);
  dispatch(exchange, now);
  if (exchange.state == Exchange::State::kWaiting) fetchRouteNumbers(exchange);
}

// Redirects and direct responses: the whole answer is known now, and delivered in the next turn.
void Reactor::answerLocally(Exchange& exchange, const RequestHead& request,
                            const abi::ListenerRecord& listener, std::string_view path) noexcept {
  const Image& image = *image_->image;
  const abi::RouteRecord& route = image.routes()[exchange.route];
  if (route.action != abi::action::kRedirect) {
    respond(exchange, image.responds()[route.action_start], abi::response_flag::kDi);
    return;
  }
  const abi::RedirectRecord& redirect = image.redirects()[route.action_start];
  exchange.status = redirect.status;
  exchange.local_body = {};
  const size_t length = writeRedirectHead(image, route, redirect, request, path,
                                          (listener.flags & abi::listener_flag::kTls) != 0,
                                          exchange.head_request, local_buffer_);
  exchange.head.clear();
  exchange.head.append(local_buffer_.data(), length);
  exchange.state = Exchange::State::kFailed;
  exchange.flag = abi::response_flag::kDi;
  deferred_.push_back(exchange.handle);
}

}  // namespace millrace
