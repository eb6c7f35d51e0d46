// What ends by time: requests, connects, idle connections, and waits for what others hold.
#include <algorithm>

#include "engine/reactor/reactor.h"

namespace millrace {

void Reactor::fireTimers(Now now) noexcept {
  wheel_.advance(now.ms(), [&](TimerNode& node) {
    if (&node == &retry_) {
      retryWaiting(now);
    } else if (node.is_connection) {
      onTimer(static_cast<Connection&>(node), now);
    } else {
      onTimer(static_cast<Exchange&>(node), now);
    }
  });
  hedge_wheel_.advance(now.ms(), [&](TimerNode& node) {
    onHedgeTimer(*static_cast<HedgeTimer&>(node).exchange, now);
  });
  if (hold_due_) serveHeld(now);
  deliverDeferred(now);
  flush();
  freeClosed();
  endTurn(now);
}

// The limit that the request could run into first, whatever its attempts do. Where two are reached
// at once, the one that is considered first is named.
Due Reactor::requestDueOf(const Exchange& exchange) const noexcept {
  const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
  const bool upgraded = exchange.state == Exchange::State::kUpgraded;
  Due due;
  if (route.timeout_ms != 0 && exchange.request_complete && !upgraded &&
      exchange.state != Exchange::State::kStreaming) {
    due.consider(TimeLimit::kAnswer, exchange.complete_ms + route.timeout_ms);
  }
  if (exchange.deadline_ms != TimerWheel::kNever && !upgraded &&
      exchange.state != Exchange::State::kStreaming) {
    due.consider(TimeLimit::kDeadline, exchange.deadline_ms);
  }
  // While an upstream that is slow to read holds the client back, its clock stands still.
  if (route.request_timeout_ms != 0 && !exchange.request_complete && !exchange.client_paused) {
    due.consider(TimeLimit::kRequest,
                 exchange.started_ms + exchange.paused_ms + route.request_timeout_ms);
  }
  if (const uint32_t idle_ms = upgraded ? route.web_socket_idle_ms : route.idle_timeout_ms;
      idle_ms != 0) {
    const bool clients_turn = !exchange.request_complete && !exchange.client_paused;
    due.consider(clients_turn ? TimeLimit::kIdleClient : TimeLimit::kIdle,
                 exchange.activity_ms + idle_ms);
  }
  if (route.max_duration_ms != 0)
    due.consider(TimeLimit::kDuration, exchange.started_ms + route.max_duration_ms);
  return due;
}

// The same, or the end of what the exchange does now.
Due Reactor::dueOf(const Exchange& exchange) const noexcept {
  Due due = requestDueOf(exchange);
  switch (exchange.state) {
    case Exchange::State::kHeld: {
      const abi::ClusterRecord& cluster = exchange.image->image->clusters()[exchange.cluster];
      due.consider(TimeLimit::kQueue, exchange.wait_ns / 1'000'000 + cluster.queue_timeout_ms);
      break;
    }
    case Exchange::State::kBackoff:
      due.consider(TimeLimit::kBackoff, exchange.backoff_until_ms);
      break;
    case Exchange::State::kQueued:
    case Exchange::State::kConnecting:
    case Exchange::State::kWaiting: {
      // The time of an attempt is the upstream's: that of a client who still sends is none of it.
      const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
      if (route.per_try_timeout_ms == 0 || !exchange.request_complete) break;
      due.consider(TimeLimit::kAttempt,
                   std::max(exchange.attempt_ns / 1'000'000, exchange.complete_ms) +
                       route.per_try_timeout_ms);
      break;
    }
    default:
      break;
  }
  return due;
}

void Reactor::armExchange(Exchange& exchange) noexcept {
  const Due due = dueOf(exchange);
  if (due.at_ms != TimerWheel::kNever) wheel_.arm(exchange, due.at_ms);
}

void Reactor::onTimer(Exchange& exchange, Now now) noexcept {
  switch (exchange.state) {
    case Exchange::State::kFree:
    case Exchange::State::kFailed:
    case Exchange::State::kCut:
    case Exchange::State::kClosed:
      return;
    default:
      break;
  }
  const Due due = dueOf(exchange);
  if (now.ms() >= due.at_ms)
    expire(exchange, due.limit, now);
  else
    armExchange(exchange);
}

void Reactor::expire(Exchange& exchange, TimeLimit limit, Now now) noexcept {
  if (limit == TimeLimit::kBackoff) return endBackoff(exchange, now);
  if (limit == TimeLimit::kAttempt) return attemptTimedOut(exchange, now);
  const TimeLimitOutcome outcome = outcomeOf(limit);
  auto& counters = exchange.image->cluster_shards[exchange.cluster]->counters;
  if (exchange.state == Exchange::State::kUpgraded) {
    sendCloseFrame(*exchange.connection, abi::websocket_close::kGoingAway, {}, now);
    endWebSocket(exchange, abi::websocket_close::kGoingAway,
                 limit == TimeLimit::kIdle ? "idle timeout" : "longest duration reached",
                 outcome.flag, now);
    return;
  }
  if (limit == TimeLimit::kQueue) {
    counters.add(abi::cluster_stat::kQueueTimeouts, 1);
  } else if (outcome.status == 504) {
    counters.add(abi::cluster_stat::kTimeouts, 1);
    if (exchange.state == Exchange::State::kWaiting ||
        exchange.state == Exchange::State::kConnecting) {
      if (isEndpointsFault(exchange, limit, now))
        observeFailure(exchange, Failure::kTimeout, now);
      else
        observeAbandoned(exchange, now);
    }
  }
  if (exchange.state == Exchange::State::kStreaming)
    cut(exchange, outcome.flag, outcome.text, now);
  else
    fail(exchange, outcome.status, outcome.flag, outcome.text, now);
}

// Whether time that ran out says that the endpoint is slow. A client must not be able to put one
// out of service by taking nearly all of the time for itself, or by giving it too little.
bool Reactor::isEndpointsFault(const Exchange& exchange, TimeLimit limit, Now now) const noexcept {
  if (limit == TimeLimit::kDeadline) return false;
  if (!exchange.request_complete) return exchange.client_paused;  // it does not read
  if (limit != TimeLimit::kDuration) return true;
  const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
  return now.ms() - exchange.complete_ms >= route.max_duration_ms / 2;
}

void Reactor::onTimer(Connection& connection, Now now) noexcept {
  const bool idle = connection.state == Connection::State::kIdle;
  if (connection.deadline_ms > now.ms() && !(idle && connection.pool.mustYield())) {
    if (idle)
      armIdle(connection, now);
    else if (connection.deadline_ms != TimerWheel::kNever)
      wheel_.arm(connection, connection.deadline_ms);
    return;
  }
  if (idle || connection.state == Connection::State::kLingering) {
    closeConnection(connection);
  } else if (connection.state == Connection::State::kConnecting ||
             connection.state == Connection::State::kHandshaking) {
    connectTimedOut(connection, now);
  }
}

// Where connections are capped, an idle one looks round often: it may be the one that another
// worker waits for.
void Reactor::armIdle(Connection& connection, Now now) noexcept {
  constexpr uint64_t kLookRoundMs = 32;
  const bool capped = connection.pool.max_connections != 0 || connection.pool.cluster_cap != 0;
  wheel_.arm(connection, capped ? std::min(connection.deadline_ms, now.ms() + kLookRoundMs)
                                : connection.deadline_ms);
}

// Requests whose endpoint is at its cap while other workers hold the connections: try again.
void Reactor::retryWaiting(Now now) noexcept {
  bool waiting = false;
  for (const auto& [state, pool] : pools_) {
    if (pool->waiting_count == 0) continue;
    serveWaiting(*pool, now);
    waiting |= pool->waiting_count != 0;
  }
  for (const auto& [state, queue] : hold_queues_) {
    if (queue->count() == 0) continue;
    hold_due_ = waiting = true;
  }
  if (waiting) wheel_.arm(retry_, now.ms());
}

}  // namespace millrace
