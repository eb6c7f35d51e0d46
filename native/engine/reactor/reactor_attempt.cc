// An attempt: from a request to an upstream connection that carries it.
#include <sys/uio.h>

#include <cerrno>

#include "engine/reactor/reactor.h"
#include "engine/upstream/failure_text.h"

namespace millrace {

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
  beginAttempt(exchange, now);
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
  attemptOf(exchange).connecting_us = momentOf(exchange, now);
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
  if (exchange.reused) attemptOf(exchange).bits |= abi::attempt_bit::kReused;
  connection.exchange = &exchange;
  connection.deadline_ms = TimerWheel::kNever;
  sendRequest(exchange, connection, now);
}

void Reactor::sendRequest(Exchange& exchange, Connection& connection, Now now) noexcept {
  exchange.state = Exchange::State::kWaiting;
  exchange.sent_ns = now.ns;
  attemptOf(exchange).sent_us = momentOf(exchange, now);
  exchange.reached = exchange.sent = true;
  connection.state = Connection::State::kBusy;
  connection.first_byte_ns = 0;
  ++connection.served;
  connection.scanned = 0;
  connection.interim = connection.interim_bytes = 0;
  connection.head_done = connection.response_bytes = connection.persistent = false;
  if (exchange.deadline_at != 0) stampDeadline(exchange, now);
  if (exchange.span_at != 0) stampSpan(exchange);
  const iovec head{exchange.head.data(), exchange.head.size()};
  exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kBytesSent,
                                                                 exchange.head.size());
  connection.read_bytes = Connection::kFirstRead;
  // The listener hands over the first piece of a body in the same turn as the head: they go
  // together then, in one system call and one packet. Else the head goes at the end of this turn.
  if (!exchange.request_complete && exchange.body.empty() && exchange.started_ns == now.ns &&
      exchange.primary == nullptr) {
    connection.hold({exchange.head.data(), exchange.head.size()});
    held_.push_back(exchange.handle);
    return;
  }
  if (!connection.write(&head, 1, epoll_fd_)) {
    headRefused(exchange, connection, now);
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
