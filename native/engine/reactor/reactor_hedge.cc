// Hedging: a second attempt for a request that has waited longer than nearly all others of its
// route. The first good answer goes to the client, the other attempt is cancelled.
//
// The second attempt lives in an exchange of its own that the client does not know: it has no
// handle, sends no events, and ends in one of two ways. Either it is dropped (it failed, or came
// second), or it takes the place of the first attempt in the client's exchange, which from then on
// is like any other.
#include <algorithm>
#include <utility>

#include "engine/reactor/reactor.h"

namespace millrace {

HedgeBinding& Reactor::hedgeOf(WorkerImage& image, uint32_t route) {
  if (image.hedges.empty()) image.hedges.resize(image.image->routes().size());
  std::unique_ptr<HedgeBinding>& binding = image.hedges[route];
  if (binding == nullptr) {
    binding = std::make_unique<HedgeBinding>();
    binding->shard = &Engine::instance().bindRoute(*image.installed, route, worker_);
    binding->delay_us = &image.installed->routes->find(route)->hedge_delay_us;
  }
  return *binding;
}

// A request begins on a route that hedges. Only what may be processed twice and has no body to send
// twice is ever hedged.
void Reactor::planHedge(Exchange& exchange, Now now) noexcept {
  if (!exchange.idempotent || !exchange.request_complete || exchange.upgrade) return;
  const Image& image = *exchange.image->image;
  HedgeBinding& binding = hedgeOf(*exchange.image, exchange.route);
  const abi::HedgeRecord& row = image.hedges()[image.routes()[exchange.route].hedge];
  binding.budget.deposit(row.percent);
  exchange.measures_head = true;
  const uint32_t delay_us = row.quantile_millis == 0
                                ? row.min_delay_ms * 1000
                                : binding.delay_us->load(std::memory_order_relaxed);
  if (delay_us == abi::kNone) return;
  exchange.hedge_at_ms = (now.ns + delay_us * uint64_t{1000}) / 1'000'000 + 1;
  exchange.hedge_timer.exchange = &exchange;
  hedge_wheel_.arm(exchange.hedge_timer, exchange.hedge_at_ms);
}

// The head of an answer has come on a route that hedges.
void Reactor::recordHead(const Exchange& exchange, Now now) noexcept {
  hedgeOf(*exchange.image, exchange.route)
      .shard->first_byte.record(usBetween(exchange.started_ns, now.ns));
}

void Reactor::onHedgeTimer(Exchange& exchange, Now now) noexcept {
  if (exchange.hedge_at_ms == 0) return;
  if (now.ms() < exchange.hedge_at_ms) {  // armed for a request before this one
    hedge_wheel_.arm(exchange.hedge_timer, exchange.hedge_at_ms);
    return;
  }
  exchange.hedge_at_ms = 0;
  // Without an attempt under way there is nothing to be faster than.
  if (exchange.hedge == nullptr && (exchange.state == Exchange::State::kWaiting ||
                                    exchange.state == Exchange::State::kConnecting)) {
    startHedge(exchange, now);
  }
}

void Reactor::startHedge(Exchange& exchange, Now now) noexcept {
  WorkerImage& image = *exchange.image;
  if (!breakerPermits(exchange)) return;
  auto& counters = image.cluster_shards[exchange.cluster]->counters;
  SubsetBinding& endpoints = bindingOf(image, exchange.subset);
  // Where requests wait for an endpoint already, a second attempt would make it worse.
  if (endpoints.plan->capped() && image.hold_queues[exchange.cluster]->line().waiting() != 0)
    return;
  if (exchange.tried_count == Exchange::kMaxTried) return;
  Exchange& hedge = takeHedge(exchange);
  if (!takePlace(hedge, endpoints.request_limit)) {
    freeHedge(hedge);
    return;
  }
  const uint32_t picked = pickEndpoint(hedge, endpoints, now);
  if (picked == abi::kNone || picked == kFull) {
    freeHedge(hedge);
    return;
  }
  // The pick counted the request in.
  hedge.counted = true;
  counters.add(abi::cluster_stat::kActive, 1);
  if (hedge.counted_in_cluster)
    image.installed->clusters[exchange.cluster]->active.fetch_add(1, std::memory_order_relaxed);
  if (!hedgeOf(image, exchange.route).budget.withdraw()) {
    counters.add(abi::cluster_stat::kHedgesOverBudget, 1);
    dropHedge(hedge, now);
    return;
  }
  Pool& pool = *hedge.pool;
  Connection* const idle = takeIdle(pool, now);
  if (idle == nullptr && reserveConnection(pool, now) != PoolRoom::kFree) {
    dropHedge(hedge, now);
    return;
  }
  counters.add(abi::cluster_stat::kHedges, 1);
  ++exchange.attempts;
  beginAttempt(hedge, now);
  hedge.attempt = ++exchange.attempt;
  numberAttempt(hedge);
  pool.shard.counters.add(abi::endpoint_stat::kRequests, 1);
  hedge.attempt_ns = now.ns;
  if (idle != nullptr)
    attach(hedge, *idle, now);
  else
    connect(hedge, now);
}

// The second attempt takes the place of the first, whose endpoint is let go: false when there is
// none. `won`: its answer has come, and the first is still waited for.
bool Reactor::adoptHedge(Exchange& exchange, bool won, Now now) noexcept {
  if (exchange.hedge == nullptr) return false;
  Exchange& hedge = *exchange.hedge;
  exchange.hedge = nullptr;
  if (won) {
    exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kHedgesWon,
                                                                   1);
    observeAbandoned(exchange, now);
    attemptOf(exchange).bits |= abi::attempt_bit::kCancelled;
  }
  if (exchange.tried_count < Exchange::kMaxTried) noteTried(exchange);
  releaseEndpoint(exchange, now);

  exchange.state = hedge.state;
  exchange.endpoint = hedge.endpoint;
  exchange.attempt_trail = hedge.attempt_trail;
  exchange.pool = hedge.pool;
  exchange.connection = hedge.connection;
  exchange.connection->exchange = &exchange;
  exchange.reused = hedge.reused;
  exchange.reached = hedge.reached;
  exchange.sent |= hedge.sent;
  exchange.fresh_only = false;
  exchange.counted = hedge.counted;
  exchange.counted_in_cluster = hedge.counted_in_cluster;
  exchange.attempt_ns = hedge.attempt_ns;
  exchange.sent_ns = hedge.sent_ns;
  exchange.endpoint_ticket = std::exchange(hedge.endpoint_ticket, 0);
  hedge.connection = nullptr;
  hedge.counted = hedge.counted_in_cluster = false;
  freeHedge(hedge);
  return true;
}

// An answer has come to one of two attempts. True when it is the one for the client, and the
// connection's exchange is the client's; else the other attempt goes on.
bool Reactor::settleHedge(Connection& connection, ResponseHead& head, Now now) noexcept {
  Exchange& exchange = *connection.exchange;
  const bool good = head.status < 500 && head.status != 429;
  if (exchange.primary == nullptr) {
    if (good) {
      attemptOf(*exchange.hedge).bits |= abi::attempt_bit::kCancelled;
      dropHedge(*exchange.hedge, now);
      return true;
    }
    observeAnswer(exchange, &head, now);
    adoptHedge(exchange, false, now);
    return false;
  }
  if (good) return adoptHedge(*exchange.primary, true, now);
  observeAnswer(exchange, &head, now);
  dropHedge(exchange, now);
  return false;
}

void Reactor::dropHedge(Exchange& hedge, Now now) noexcept {
  hedge.primary->hedge = nullptr;
  releaseEndpoint(hedge, now);
  freeHedge(hedge);
}

Exchange& Reactor::takeHedge(Exchange& primary) noexcept {
  if (free_hedges_.empty()) {
    hedges_.push_back(std::make_unique<Exchange>());
    free_hedges_.push_back(hedges_.back().get());
    free_hedges_.reserve(hedges_.size());
  }
  Exchange& hedge = *free_hedges_.back();
  free_hedges_.pop_back();
  hedge.primary = &primary;
  primary.hedge = &hedge;
  hedge.state = Exchange::State::kWaiting;
  hedge.attempt_trail = &hedge.trail.nowhere();
  hedge.head_request = primary.head_request;
  hedge.idempotent = hedge.repeatable = true;
  hedge.reached = hedge.sent = false;
  hedge.request_complete = true;
  hedge.reused = hedge.fresh_only = hedge.counted = hedge.counted_in_cluster = false;
  hedge.cluster_ticket = hedge.endpoint_ticket = 0;
  hedge.image = primary.image;
  hedge.place = nullptr;
  hedge.route = primary.route;
  hedge.cluster = primary.cluster;
  hedge.subset = primary.subset;
  hedge.hashed = primary.hashed;
  hedge.hash = primary.hash;
  hedge.started_ns = primary.started_ns;
  hedge.started_ms = primary.started_ms;
  hedge.complete_ms = primary.complete_ms;
  hedge.deadline_ms = primary.deadline_ms;
  hedge.deadline_at = primary.deadline_at;
  hedge.tried = primary.tried;
  hedge.tried_count = primary.tried_count;
  hedge.span_at = primary.span_at;
  hedge.endpoint = primary.endpoint;
  noteTried(hedge);
  hedge.started_ms = primary.started_ms;
  hedge.complete_ms = primary.complete_ms;
  hedge.deadline_ms = primary.deadline_ms;
  hedge.deadline_at = primary.deadline_at;
  hedge.head.clear();
  hedge.head.append(primary.head.data(), primary.head_size);
  hedge.head_size = primary.head_size;
  return hedge;
}

void Reactor::freeHedge(Exchange& hedge) noexcept {
  if (hedge.primary->hedge == &hedge) hedge.primary->hedge = nullptr;
  hedge.primary = nullptr;
  givePlace(hedge);
  hedge.state = Exchange::State::kFree;
  hedge.pool = nullptr;
  hedge.connection = nullptr;
  hedge.image = nullptr;
  hedge.head.clear();
  free_hedges_.push_back(&hedge);
}

}  // namespace millrace
