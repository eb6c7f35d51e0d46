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
  endTurn();
}

// The earliest moment at which the exchange could have run out of time.
uint64_t Reactor::deadlineOf(const Exchange& exchange) const noexcept {
  const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
  uint64_t deadline = TimerWheel::kNever;
  const uint32_t idle_ms = exchange.state == Exchange::State::kUpgraded ? route.web_socket_idle_ms
                                                                        : route.idle_timeout_ms;
  if (idle_ms != 0) deadline = exchange.activity_ms + idle_ms;
  if (route.timeout_ms != 0 && exchange.request_complete &&
      exchange.state != Exchange::State::kStreaming &&
      exchange.state != Exchange::State::kUpgraded) {
    deadline = std::min(deadline, exchange.complete_ms + route.timeout_ms);
  }
  if (exchange.state == Exchange::State::kHeld) {
    const abi::ClusterRecord& cluster = exchange.image->image->clusters()[exchange.cluster];
    deadline = std::min(deadline, exchange.wait_ns / 1'000'000 + cluster.queue_timeout_ms);
  }
  if (route.max_duration_ms != 0)
    deadline = std::min(deadline, exchange.started_ms + route.max_duration_ms);
  return deadline;
}

void Reactor::armExchange(Exchange& exchange) noexcept {
  const uint64_t deadline = deadlineOf(exchange);
  if (deadline != TimerWheel::kNever) wheel_.arm(exchange, deadline);
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
  if (now.ms() < deadlineOf(exchange)) {
    armExchange(exchange);
    return;
  }
  const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
  if (exchange.state == Exchange::State::kUpgraded) {
    const bool quiet = route.web_socket_idle_ms != 0 &&
                       now.ms() >= exchange.activity_ms + route.web_socket_idle_ms;
    sendCloseFrame(*exchange.connection, abi::websocket_close::kGoingAway, {}, now);
    endWebSocket(exchange, abi::websocket_close::kGoingAway,
                 quiet ? "idle timeout" : "longest duration reached",
                 quiet ? abi::response_flag::kSi : abi::response_flag::kUt, now);
    return;
  }
  if (exchange.state == Exchange::State::kHeld) {
    const abi::ClusterRecord& cluster = exchange.image->image->clusters()[exchange.cluster];
    if (now.ms() >= exchange.wait_ns / 1'000'000 + cluster.queue_timeout_ms) {
      exchange.image->cluster_shards[exchange.cluster]->counters.add(
          abi::cluster_stat::kQueueTimeouts, 1);
      fail(exchange, 503, abi::response_flag::kUq,
           "every upstream endpoint stayed at its limit of requests\n", now);
      return;
    }
  }
  const bool idle =
      route.idle_timeout_ms != 0 && now.ms() >= exchange.activity_ms + route.idle_timeout_ms;
  const bool answer = route.timeout_ms != 0 && exchange.request_complete &&
                      now.ms() >= exchange.complete_ms + route.timeout_ms;
  exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kTimeouts, 1);
  if (exchange.request_complete && (exchange.state == Exchange::State::kWaiting ||
                                    exchange.state == Exchange::State::kConnecting)) {
    observeFailure(exchange, Failure::kTimeout, now);
  }
  if (exchange.state == Exchange::State::kStreaming) {
    cut(exchange, idle ? abi::response_flag::kSi : abi::response_flag::kUt, now);
  } else if (!exchange.request_complete && idle && !exchange.client_paused) {
    fail(exchange, 408, abi::response_flag::kSi, "request timed out: the client stopped sending\n",
         now);
  } else {
    fail(exchange, 504, answer || !idle ? abi::response_flag::kUt : abi::response_flag::kSi,
         "upstream request timed out\n", now);
  }
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
    connectFailed(connection, abi::response_flag::kUf, "upstream connection failed: timed out\n",
                  now);
  }
}

// Where connections are capped, an idle one looks round often: it may be the one that another
// worker waits for.
void Reactor::armIdle(Connection& connection, Now now) noexcept {
  constexpr uint64_t kLookRoundMs = 32;
  const bool capped = connection.pool.max_connections != 0;
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
