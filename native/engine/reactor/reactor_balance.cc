// Which endpoint a request goes to, and waiting for one.
#include <algorithm>

#include "engine/reactor/reactor.h"
#include "engine/upstream/failure_text.h"

namespace millrace {
namespace {

// Requests in flight among the endpoints that bounded load takes the mean of. The cluster counts
// its own; the members of a subset are added up, since their share of the cluster's is not known.
uint32_t totalActive(const WorkerImage& image, const Exchange& exchange) noexcept {
  const abi::ClusterRecord& cluster = image.image->clusters()[exchange.cluster];
  if (exchange.subset == cluster.subset_start)
    return image.installed->clusters[exchange.cluster]->active.load(std::memory_order_relaxed);
  uint32_t total = 0;
  for (const uint32_t member : image.image->members(image.image->subsets()[exchange.subset]))
    total += image.pools[member]->state->load.active.load(std::memory_order_relaxed);
  return total;
}

// Whether an endpoint that is not available is better than none.
bool mayPanic(const WorkerImage& image, uint32_t cluster) noexcept {
  const abi::ClusterRecord& row = image.image->clusters()[cluster];
  return image.installed->balancers[cluster].panic_percent != 0 &&
         (row.fallback_cluster & row.fallback_respond) == abi::kNone;
}

}  // namespace

SubsetBinding& Reactor::bindingOf(WorkerImage& image, uint32_t subset) noexcept {
  std::unique_ptr<SubsetBinding>& binding = image.subsets[subset];
  if (binding == nullptr) {
    binding = std::make_unique<SubsetBinding>(rng_.next());
    binding->request_limit =
        image.image->clusters()[image.image->subsets()[subset].cluster].limit_requests;
  }
  const PlanBoard& plans = *image.installed->plans;
  if (plans.version(subset) != binding->version)
    binding->plan = plans.fetch(subset, &binding->version);
  return *binding;
}

// Chooses an endpoint and counts the request against it. kNone: there is none; kFull: each one is
// at its maxRequests.
uint32_t Reactor::pickEndpoint(Exchange& exchange, SubsetBinding& binding, Now now) noexcept {
  // Another worker may take the last place of an endpoint between the pick and the count; and an
  // endpoint may have become unavailable since its plan was made.
  constexpr uint32_t kTries = 10;
  WorkerImage& image = *exchange.image;
  if (exchange.endpoint_ticket != 0) dropEndpointTicket(exchange);  // of the one before
  const Plan& plan = *binding.plan;
  PickRequest request;
  request.has_hash = exchange.hashed;
  request.hash = exchange.hash;
  request.excluded = ExcludedEndpoints(exchange.tried.data(), exchange.tried_count);
  request.now_ms = now.ms();
  if (plan.bounded()) request.total_active = totalActive(image, exchange);
  const uint32_t start = image.image->clusters()[exchange.cluster].endpoint_start;
  constexpr uint32_t kMostRefused = 3;
  std::array<uint32_t, Exchange::kMaxTried + kMostRefused> excluded;
  uint32_t refused = 0;       // by their circuit breakers
  uint32_t out = abi::kNone;  // picked, though it is not available: taken when nobody else is left
  for (uint32_t tries = 0; tries < kTries; ++tries) {
    uint32_t picked = plan.pick(binding.state, request);
    if (picked == kFull) return kFull;
    if (picked == abi::kNone) {
      if (out == abi::kNone) return abi::kNone;
      picked = out;
      binding.state.last_flags |= PickerState::kPickedInPanic;
    }
    Pool& pool = *image.pools[start + picked];
    // Health changes at once, for all workers and all images; plans follow. An endpoint in panic
    // was picked whatever its health is.
    const uint32_t health = pool.state->load.health.load(std::memory_order_relaxed);
    // What was drained since this plan was made is no last resort either: that was somebody's wish.
    const bool drained = (health & abi::health::kDrained) != 0;
    const bool checked =
        health != 0 && (drained || (binding.state.last_flags & PickerState::kPickedInPanic) == 0);
    if (checked && !isAvailable(health)) [[unlikely]] {
      request.avoided_health = ~static_cast<uint32_t>(abi::health::kHalfOpen);
      if (!drained) out = picked;
      continue;
    }
    if (!pool.reserveRequest()) continue;
    // What is half-open and checked, only its circuit breaker can let through.
    if (pool.breaker != nullptr && !passEndpointBreaker(exchange, pool, checked, now))
        [[unlikely]] {
      pool.releaseRequest();
      if (mayPanic(image, exchange.cluster)) out = picked;
      // Another half-open one may have a place; but there may be many without.
      if (refused == kMostRefused) {
        request.avoided_health = ~uint32_t{0};
      } else {
        if (refused == 0) std::copy_n(exchange.tried.data(), exchange.tried_count, excluded.data());
        excluded[exchange.tried_count + refused++] = picked;
        request.excluded = ExcludedEndpoints(excluded.data(), exchange.tried_count + refused);
      }
      continue;
    }
    exchange.endpoint = start + picked;
    exchange.pool = &pool;
    exchange.counted_in_cluster = plan.bounded();
    if (const uint32_t flags = binding.state.last_flags; flags != 0) [[unlikely]] {
      auto& counters = image.cluster_shards[exchange.cluster]->counters;
      if ((flags & PickerState::kPickedInPanic) != 0)
        counters.add(abi::cluster_stat::kPanicPicks, 1);
      if ((flags & PickerState::kHashOverflow) != 0)
        counters.add(abi::cluster_stat::kHashOverflow, 1);
    }
    return exchange.endpoint;
  }
  return kFull;
}

// The endpoint is not to be chosen again for this request.
void Reactor::noteTried(Exchange& exchange) noexcept {
  const abi::ClusterRecord& cluster = exchange.image->image->clusters()[exchange.cluster];
  exchange.tried[exchange.tried_count++] = exchange.endpoint - cluster.endpoint_start;
}

// Finds an endpoint for the exchange; false when it waits for one now, or has ended.
bool Reactor::choose(Exchange& exchange, Now now) noexcept {
  SubsetBinding& binding = bindingOf(*exchange.image, exchange.subset);
  if ((binding.request_limit != 0 || exchange.place != nullptr) &&
      !takePlace(exchange, binding.request_limit)) [[unlikely]] {
    if (exchange.state == Exchange::State::kHeld) return false;
    exchange.image->cluster_shards[exchange.cluster]->counters.add(
        abi::cluster_stat::kRequestOverflow, 1);
    fail(exchange, 503, abi::response_flag::kUo,
         "the upstream cluster is at its limit of requests (maxRequests)\n", now);
    return false;
  }
  HoldQueue& queue = *exchange.image->hold_queues[exchange.cluster];
  const bool others_first = exchange.state != Exchange::State::kHeld && binding.plan->capped() &&
                            queue.line().waiting() != 0;
  uint32_t endpoint = others_first ? kFull : pickEndpoint(exchange, binding, now);
  if (endpoint == abi::kNone && exchange.tried_count != 0) [[unlikely]] {
    // Whoever has somebody to stand in for it need not ask its own again.
    if (fallBack(exchange, exchange.last_flag, now) || waitForTried(exchange, now)) return false;
    endpoint = pickAmongTried(exchange, binding, now);
  }
  if (endpoint == kFull) {
    if (exchange.state == Exchange::State::kHeld)
      givePlace(exchange);
    else
      hold(exchange, queue, now);
    return false;
  }
  if (exchange.state == Exchange::State::kHeld) release(exchange, now);
  if (endpoint != abi::kNone) return true;
  if (fallBack(exchange, abi::response_flag::kUh, now)) return false;
  if (exchange.last_flag != abi::response_flag::kNone) {
    fail(exchange, gatewayStatus(exchange.last_flag), exchange.last_flag, exchange.local_body, now);
  } else if (exchange.image->image->subsets()[exchange.subset].member_count == 0) {
    fail(exchange, 503, abi::response_flag::kNc, "no upstream endpoint is available\n", now);
  } else {
    fail(exchange, 503, abi::response_flag::kUh, kNobodyHealthyText, now);
  }
  return false;
}

// ---- waiting for an endpoint below its maxRequests

void Reactor::hold(Exchange& exchange, HoldQueue& queue, Now now) noexcept {
  const abi::ClusterRecord& cluster = exchange.image->image->clusters()[exchange.cluster];
  auto& counters = exchange.image->cluster_shards[exchange.cluster]->counters;
  givePlace(exchange);
  CappedCount& pending = exchange.image->installed->clusters[exchange.cluster]->pending;
  if (!pending.take(cluster.limit_pending)) {
    counters.add(abi::cluster_stat::kPendingOverflow, 1);
    fail(exchange, 503, abi::response_flag::kUo, kPendingText, now);
    return;
  }
  if (!queue.push(exchange, cluster.max_queue)) {
    pending.give();
    counters.add(abi::cluster_stat::kQueueOverflow, 1);
    fail(exchange, 503, abi::response_flag::kUo,
         "every upstream endpoint is at its limit of requests, and the queue is full\n", now);
    return;
  }
  counters.add(abi::cluster_stat::kQueued, 1);
  counters.add(abi::cluster_stat::kQueuedTotal, 1);
  exchange.state = Exchange::State::kHeld;
  exchange.wait_ns = now.ns;
  armExchange(exchange);
  // A place may have come free before the queue showed that somebody waits. And endpoints that
  // recover, or get a higher limit, wake nobody: so look now, and then at every tick.
  hold_due_ = true;
  wheel_.arm(retry_, now.ms());
}

void Reactor::release(Exchange& exchange, Now now) noexcept {
  recordWait(exchange, now);
  exchange.image->hold_queues[exchange.cluster]->remove(exchange);
  exchange.image->installed->clusters[exchange.cluster]->pending.give();
  exchange.image->cluster_shards[exchange.cluster]->counters.subtract(abi::cluster_stat::kQueued,
                                                                      1);
  exchange.state = Exchange::State::kWaiting;
}

// A place of a capped endpoint is free: it goes to whoever waits longest.
void Reactor::offerPlace(const Exchange& exchange) noexcept {
  WaitLine& line = exchange.image->hold_queues[exchange.cluster]->line();
  if (line.waiting() == 0) return;
  const uint32_t next = line.oldest();
  if (next == worker_)
    hold_due_ = true;
  else if (next != abi::kNone)
    Engine::instance().wake(next);
}

void Reactor::serveHeld(Now now) noexcept {
  hold_due_ = false;
  for (const auto& [state, queue] : hold_queues_) {
    while (queue->head() != nullptr && queue->isNext()) {
      Exchange& exchange = *queue->head();
      if (choose(exchange, now))
        start(exchange, now);
      else if (exchange.state == Exchange::State::kHeld)
        break;  // still no place
    }
    // The places may go on: what is next now may be another worker's.
    if (queue->line().waiting() == 0) continue;
    const uint32_t next = queue->line().oldest();
    if (next != worker_ && next != abi::kNone) Engine::instance().wake(next);
  }
}

// ---- what is recorded of an attempt

// The end of a wait, for an endpoint or for a connection of it.
void Reactor::recordWait(Exchange& exchange, Now now) noexcept {
  const uint64_t us = usBetween(exchange.wait_ns, now.ns);
  exchange.trail.waited_us += static_cast<uint32_t>(us);
  exchange.image->cluster_shards[exchange.cluster]->queue.record(us);
}

void Reactor::recordConnect(const Connection& connection, Now now) noexcept {
  const uint64_t us = usBetween(connection.opened_ns, now.ns);
  attemptOf(*connection.exchange).connected_us = momentOf(*connection.exchange, now);
  connection.pool.cluster_shard->connect.record(us);
  connection.pool.shard.connect.record(us);
}

// With thousands of routes the numbers of this one are in no cache, and one leads to the next: the
// shard, the bodies of its histograms, their pages. They are sent for in steps, while other things
// are done, so that recordRoute() finds them: when the route is known, when the request has gone,
// and when its answer is there.
void Reactor::fetchRoute(const Exchange& exchange) const noexcept {
  const RouteShard* const shard = exchange.image->route_shards[exchange.route];
  if (shard == nullptr) return;
  __builtin_prefetch(shard, 1);
  __builtin_prefetch(reinterpret_cast<const char*>(shard) + kCacheLine);
}

void Reactor::fetchRouteNumbers(const Exchange& exchange) const noexcept {
  constexpr uint64_t kUsualUs = 1000;
  const RouteShard* const shard = exchange.image->route_shards[exchange.route];
  if (shard == nullptr) return;
  shard->duration.prefetch(kUsualUs);
  shard->request_bytes.prefetch(0);
  shard->response_bytes.prefetch(kUsualUs);
}

void Reactor::fetchRoutePages(const Exchange& exchange, uint64_t length, Now now) const noexcept {
  const RouteShard* const shard = exchange.image->route_shards[exchange.route];
  if (shard == nullptr) return;
  shard->duration.prefetchPage(durationOf(exchange, now.ns));
  shard->request_bytes.prefetchPage(exchange.body_received);
  shard->response_bytes.prefetchPage(length);
}

void Reactor::recordRoute(const Exchange& exchange, uint32_t status, uint32_t flag,
                          Now now) noexcept {
  namespace stat = abi::route_stat;
  WorkerImage& image = *exchange.image;
  RouteShard*& shard = image.route_shards[exchange.route];
  if (shard == nullptr)
    shard = &Engine::instance().bindRoute(*image.installed, exchange.route, worker_);
  const bool answered = status >= 100 && status < 600;
  shard->counters.add(stat::kRequests, 1);
  shard->counters.add(answered ? stat::kResponses1xx + status / 100 - 1
                               : static_cast<uint32_t>(stat::kResponsesNone),
                      1);
  if (exchange.retries != 0) shard->counters.add(stat::kRetries, exchange.retries);
  if (isTimeout(flag)) shard->counters.add(stat::kTimeouts, 1);
  if (flag == abi::response_flag::kRl) shard->counters.add(stat::kRateLimited, 1);
  shard->duration.record(durationOf(exchange, now.ns));
  shard->request_bytes.record(exchange.body_received);
  shard->response_bytes.record(exchange.body_sent_down);
}

}  // namespace millrace
