// From a request to an upstream connection.
#include <sys/uio.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "engine/http/downstream_head.h"
#include "engine/http/upstream_head.h"
#include "engine/reactor/reactor.h"
#include "engine/reactor/request_hash.h"
#include "engine/route/matcher.h"
#include "engine/route/path_normalizer.h"
#include "engine/upstream/failure_text.h"
#include "engine/websocket/handshake.h"

namespace millrace {
namespace {

// A request body that waits for its connection: the client is paused above this.
constexpr size_t kMaxBufferedBody = 64 * 1024;

uint64_t maxBodyOf(const abi::RouteRecord& route) noexcept {
  return route.max_body_low | static_cast<uint64_t>(route.max_body_high) << 32;
}

}  // namespace

uint32_t Reactor::submit(int32_t handle, uint32_t listener_key, const FlatHead& head,
                         std::span<const uint8_t> peer, Now now, uint32_t flags) noexcept {
  if (Engine::instance().version() != image_version_) refresh();
  const uint32_t index = image_ != nullptr && listener_key < image_->listeners.size()
                             ? image_->listeners[listener_key]
                             : abi::kNone;
  if (index == abi::kNone) {
    // The listener left the configuration while this connection stayed open.
    Exchange& exchange = slotOf(handle);
    begin(exchange, handle, now);
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
  // The log wants to know whose it was, or a limit. Nothing has been touched until here.
  if ((flags & abi::submit_flag::kPeerLeftOut) != 0 &&
      (error != RequestError::kNone || image_->asks_for_peer))
    return abi::submit::kNeedPeer;

  Exchange& exchange = slotOf(handle);
  begin(exchange, handle, now);
  exchange.image = image_;
  ++image_->exchanges;
  Downstream downstream;
  downstream.peer = ipFromBytes(peer);
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
  downstream.trusted =
      listener.trust_count != 0 && anyCidrContains(image_->image->trust(listener), downstream.peer);
  downstream.tls = (listener.flags & abi::listener_flag::kTls) != 0;
  downstream.can_upgrade = (flags & abi::submit_flag::kUpgrade) != 0;
  // The listener's chunk parser is lenient: what it may have left behind a chunked request must not
  // become the next one. Behind another proxy, which sends many users' requests over one
  // connection, that would be another user's; and whether a peer is one is not for sure unless the
  // operator says so. The listener itself sees `close` only where it is all that Connection says.
  exchange.close_downstream =
      request.close || (request.chunked && (downstream.trusted || !rules.keep_alive_after_chunked));
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
void Reactor::begin(Exchange& exchange, int32_t handle, Now now) noexcept {
  exchange.handle = handle;
  exchange.state = Exchange::State::kWaiting;
  exchange.head_request = false;
  exchange.chunked_request = false;
  exchange.request_complete = true;
  exchange.idempotent = exchange.repeatable = exchange.reached = exchange.keep_body =
      exchange.backed_off = exchange.retried = exchange.retrying = false;
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
  exchange.close_downstream = false;
  process_.counters.add(abi::process_stat::kDownstreamRequests, 1);
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
  const abi::RouteRecord& route = image.routes()[exchange.route];
  if (request.content_length > maxBodyOf(route)) {
    fail(exchange, 413, abi::response_flag::kBl, "request body too large\n", now);
    return;
  }
  if (!admitToRoute(exchange, request, listener, downstream, path, now)) return;
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
  exchange.deadline_at =
      writeUpstreamHead(image, listener, route, request, path, downstream, rng_, &exchange.head,
                        exchange.upgrade ? std::string_view(key, sizeof key) : std::string_view(),
                        deadlines && attemptEnds(exchange, now) != TimerWheel::kNever);
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
  dispatch(exchange, now);
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

// Finds an endpoint and a connection for the exchange, or ends it.
void Reactor::dispatch(Exchange& exchange, Now now) noexcept {
  // The same endpoint again, on a new connection, unless others took its last place meanwhile.
  if (exchange.fresh_only && !exchange.pool->reserveRequest()) exchange.fresh_only = false;
  if (exchange.fresh_only || choose(exchange, now)) start(exchange, now);
}

// The endpoint was chosen, and the request counted against it.
void Reactor::start(Exchange& exchange, Now now) noexcept {
  Pool& pool = *exchange.pool;
  exchange.counted = true;
  ++exchange.attempts;
  exchange.attempt_ns = now.ns;
  exchange.reached = false;
  if (exchange.image->image->routes()[exchange.route].per_try_timeout_ms != 0)
    armExchange(exchange);
  if (exchange.counted_in_cluster)
    exchange.image->installed->clusters[exchange.cluster]->active.fetch_add(
        1, std::memory_order_relaxed);
  exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kActive, 1);
  pool.shard.counters.add(abi::endpoint_stat::kRequests, 1);
  if (!exchange.fresh_only) {
    if (Connection* idle = takeIdle(pool, now)) {
      attach(exchange, *idle, now);
      return;
    }
  }
  const PoolRoom room = reserveConnection(pool, now);
  if (room == PoolRoom::kFree) {
    connect(exchange, now);
    return;
  }
  // No place for a new one: whichever is free, or comes free next, has been in use just now.
  if (exchange.fresh_only) {
    exchange.fresh_only = false;
    if (Connection* idle = takeIdle(pool, now)) {
      attach(exchange, *idle, now);
      return;
    }
  }
  auto& counters = pool.cluster_shard->counters;
  const bool cluster_full = room == PoolRoom::kClusterFull;
  if (cluster_full) counters.add(abi::cluster_stat::kConnectionOverflow, 1);
  if (pool.waiting_count >= pool.max_pending) {
    counters.add(abi::cluster_stat::kPendingOverflow, 1);
    fail(exchange, 503, abi::response_flag::kUo,
         cluster_full ? "the upstream cluster is at its limit of connections (maxConnections), and "
                        "too many requests wait for one\n"
                      : "too many requests wait for an upstream connection\n",
         now);
    return;
  }
  if (!pool.cluster->pending.take(pool.cluster_pending_cap)) {
    counters.add(abi::cluster_stat::kPendingOverflow, 1);
    fail(exchange, 503, abi::response_flag::kUo, kPendingText, now);
    return;
  }
  exchange.state = Exchange::State::kQueued;
  exchange.wait_ns = now.ns;
  pool.enqueue(exchange);
  // The next place may come from another worker: ask for it, and look for it, since nothing here
  // will tell.
  pool.announceWaiting(true);
  if (pool.cluster_cap != 0) {
    pool.cluster->waiting_workers.fetch_or(uint64_t{1} << worker_, std::memory_order_relaxed);
  }
  wheel_.arm(retry_, now.ms());
}

// The pool has a place reserved.
void Reactor::connect(Exchange& exchange, Now now) noexcept {
  Pool& pool = *exchange.pool;
  auto* connection = new Connection(pool);
  connection->opened_ns = now.ns;
  connection->exchange = &exchange;
  exchange.connection = connection;
  exchange.state = Exchange::State::kConnecting;
  exchange.reused = false;
  exchange.fresh_only = false;
  if (!connection->open(epoll_fd_)) {
    connectNotBegun(*connection, errno, now);
    return;
  }
  pool.cluster_shard->counters.add(abi::cluster_stat::kConnectionsOpened, 1);
  connection->deadline_ms = now.ms() + pool.connect_timeout_ms;
  wheel_.arm(*connection, connection->deadline_ms);
}

void Reactor::attach(Exchange& exchange, Connection& connection, Now now) noexcept {
  exchange.connection = &connection;
  exchange.reused = connection.served != 0;
  connection.exchange = &exchange;
  connection.deadline_ms = TimerWheel::kNever;
  sendRequest(exchange, connection, now);
}

void Reactor::sendRequest(Exchange& exchange, Connection& connection, Now now) noexcept {
  exchange.state = Exchange::State::kWaiting;
  exchange.sent_ns = now.ns;
  exchange.reached = exchange.sent = true;
  connection.state = Connection::State::kBusy;
  connection.first_byte_ns = 0;
  ++connection.served;
  connection.scanned = 0;
  connection.interim = connection.interim_bytes = 0;
  connection.head_done = connection.response_bytes = connection.persistent = false;
  if (exchange.deadline_at != 0) stampDeadline(exchange, now);
  const iovec head{exchange.head.data(), exchange.head.size()};
  exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kBytesSent,
                                                                 exchange.head.size());
  if (!connection.write(&head, 1, epoll_fd_)) {
    // A socket that refuses the first write has taken nothing of it; of TLS nothing is known.
    exchange.reached = connection.ssl != nullptr;
    onClosed(connection, false, now);
    return;
  }
  bool sent = true;
  if (!exchange.body.empty()) {
    sent = writeBody(exchange, connection, exchange.body.view(), exchange.request_complete);
    settleBody(exchange);
  } else if (exchange.request_complete && exchange.chunked_request) {
    sent = writeBody(exchange, connection, {}, true);
  }
  if (!sent) connection.stopWriting(epoll_fd_);
  // Later, since this may run inside a walk over pools that a delivery could change.
  if (exchange.client_paused && !connection.blocked()) deferred_.push_back(exchange.handle);
}

// The upstream takes more of a request that was held back.
void Reactor::resumeClient(Exchange& exchange, Now now) noexcept {
  if (!exchange.client_paused || exchange.connection == nullptr || exchange.connection->blocked())
    return;
  if (exchange.connection->state != Connection::State::kBusy) return;
  exchange.pauseClient(false, now.ms());
  armExchange(exchange);  // its time runs again
  emit(exchange, abi::event_kind::kResumeRequest, 0);
}

// Body bytes with the framing that the upstream was promised.
bool Reactor::writeBody(Exchange& exchange, Connection& connection, std::string_view piece,
                        bool last) noexcept {
  exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kBytesSent,
                                                                 piece.size());
  exchange.body_sent = true;
  if (!exchange.chunked_request) {
    const iovec one{const_cast<char*>(piece.data()), piece.size()};
    return piece.empty() || connection.write(&one, 1, epoll_fd_);
  }
  char size[20];
  char* end = std::to_chars(size, size + 16, piece.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  iovec pieces[3];
  int count = 0;
  if (!piece.empty()) {
    pieces[count++] = {size, static_cast<size_t>(end - size)};
    pieces[count++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  const std::string_view tail = piece.empty() ? "0\r\n\r\n" : last ? "\r\n0\r\n\r\n" : "\r\n";
  if (!piece.empty() || last) pieces[count++] = {const_cast<char*>(tail.data()), tail.size()};
  return count == 0 || connection.write(pieces, count, epoll_fd_);
}

uint32_t Reactor::sendBody(int32_t handle, std::string_view piece, bool last, Now now) noexcept {
  Exchange* found = find(handle);
  if (found == nullptr || found->request_complete) return abi::send::kOk;
  Exchange& exchange = *found;
  exchange.activity_ms = now.ms();
  exchange.body_received += piece.size();
  if (last) {
    exchange.request_complete = true;
    exchange.complete_ms = now.ms();
  }
  switch (exchange.state) {
    case Exchange::State::kFailed:
    case Exchange::State::kCut:
      return abi::send::kOk;  // answered already, or about to be
    default:
      break;
  }
  if (exchange.body_received > maxBodyOf(exchange.image->image->routes()[exchange.route])) {
    exchange.close_downstream = true;
    if (exchange.state == Exchange::State::kStreaming)
      cut(exchange, abi::response_flag::kBl, {}, now);
    else
      fail(exchange, 413, abi::response_flag::kBl, "request body too large\n", now);
    return abi::send::kTooLarge;
  }
  armExchange(exchange);
  if (exchange.state == Exchange::State::kHeld || exchange.state == Exchange::State::kQueued ||
      exchange.state == Exchange::State::kConnecting ||
      exchange.state == Exchange::State::kBackoff) {
    exchange.body.append(piece);
    exchange.pauseClient(!last && exchange.body.size() >= kMaxBufferedBody, now.ms());
    return exchange.client_paused ? abi::send::kPause : abi::send::kOk;
  }
  if (exchange.keep_body) keepBody(exchange, piece);
  Connection& connection = *exchange.connection;
  // An upstream may answer early and close: the answer lies behind what could not be sent.
  if (!writeBody(exchange, connection, piece, last)) connection.stopWriting(epoll_fd_);
  exchange.pauseClient(!last && connection.blocked(), now.ms());
  return exchange.client_paused ? abi::send::kPause : abi::send::kOk;
}

// Gives the request that has waited longest for a connection of the pool one, if it can.
PoolRoom Reactor::serveNext(Pool& pool, Now now) noexcept {
  Exchange& exchange = *pool.waiting_head;
  Connection* idle = exchange.fresh_only ? nullptr : takeIdle(pool, now);
  if (idle == nullptr) {
    const PoolRoom room = reserveConnection(pool, now);
    if (room != PoolRoom::kFree) return room;
  }
  pool.dequeue(exchange);
  recordWait(exchange, now);
  if (idle != nullptr)
    attach(exchange, *idle, now);
  else
    connect(exchange, now);
  return PoolRoom::kFree;
}

// A connection became free, or a place for a new one may have.
void Reactor::serveWaiting(Pool& pool, Now now) noexcept {
  if (pool.cluster_cap != 0) return serveCluster(*pool.cluster, now);
  while (pool.waiting_head != nullptr && serveNext(pool, now) == PoolRoom::kFree) continue;
}

}  // namespace millrace
