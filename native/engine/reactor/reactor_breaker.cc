// Circuit breakers: who is let through, and what they are told of it. The breaker of a cluster
// learns how a request ended, that of an endpoint how each attempt did.
#include <utility>

#include "engine/failover/verdict.h"
#include "engine/reactor/reactor.h"

namespace millrace {

// ---- of the cluster

// False while its breaker is open.
bool Reactor::passBreaker(Exchange& exchange, Now now) noexcept {
  WorkerImage& image = *exchange.image;
  Breaker* const breaker = image.breakers[exchange.cluster].breaker;
  if (breaker == nullptr) return true;
  BreakerEvent event;
  exchange.cluster_ticket = breaker->admit(now.ms(), &event);
  if (event.kind != BreakerEvent::Kind::kNone) [[unlikely]]
    noteClusterBreaker(image, exchange.cluster, event, now);
  return exchange.cluster_ticket != 0;
}

// The request has ended as far as its cluster is concerned.
void Reactor::tellBreaker(Exchange& exchange, Verdict verdict, Now now) noexcept {
  const BreakerTicket ticket = exchange.cluster_ticket;
  if (ticket == 0) return;
  exchange.cluster_ticket = 0;
  WorkerImage& image = *exchange.image;
  const BoundBreaker& bound = image.breakers[exchange.cluster];
  if (verdict == Verdict::kNone) {
    bound.breaker->giveBackProbe(ticket);
    return;
  }
  const bool good = verdict == Verdict::kGood;
  const BreakerEvent event = bound.breaker->record(*bound.window, ticket, good, now.ms(),
                                                   good ? 0 : static_cast<uint32_t>(rng_.next()));
  if (event.kind != BreakerEvent::Kind::kNone) [[unlikely]]
    noteClusterBreaker(image, exchange.cluster, event, now);
}

// An answer has begun that goes on for as long as it likes: a probe is decided by its head, else a
// cluster of nothing but endless streams would never be closed again.
void Reactor::tellBreakerOfHead(Exchange& exchange, Now now) noexcept {
  if (Breaker::isProbe(exchange.cluster_ticket))
    tellBreaker(exchange, verdictOf(exchange.status, abi::response_flag::kNone), now);
}

// Whether another attempt may be made: the breaker may have opened since the request came.
bool Reactor::breakerPermits(const Exchange& exchange) const noexcept {
  return exchange.cluster_ticket == 0 ||
         exchange.image->breakers[exchange.cluster].breaker->permits(exchange.cluster_ticket);
}

void Reactor::noteClusterBreaker(WorkerImage& image, uint32_t cluster, const BreakerEvent& event,
                                 Now now) noexcept {
  if (event.isOpening())
    image.cluster_shards[cluster]->counters.add(abi::cluster_stat::kBreakerOpened, 1);
  Engine::instance().noteBreaker(*image.breakers[cluster].breaker,
                                 *image.installed->clusters[cluster], event, now.ms());
}

// ---- of the endpoint

// The balancer has chosen it. `restricted`: only probes may pass, unless it is closed. Who passes
// anyway, in panic, is a probe, too, where there is a place for one.
bool Reactor::passEndpointBreaker(Exchange& exchange, Pool& pool, bool restricted,
                                  Now now) noexcept {
  Breaker& breaker = *pool.breaker;
  exchange.endpoint_ticket = breaker.ticket();
  if (exchange.endpoint_ticket == 0) exchange.endpoint_ticket = breaker.tryProbe(now.ms());
  return exchange.endpoint_ticket != 0 || !restricted;
}

void Reactor::tellEndpointBreaker(Exchange& exchange, bool good, Now now) noexcept {
  Pool& pool = *exchange.pool;
  const BreakerTicket ticket = std::exchange(exchange.endpoint_ticket, 0);
  if (pool.breaker == nullptr) return;
  const BreakerEvent event = pool.breaker->record(*pool.breaker_window, ticket, good, now.ms(),
                                                  good ? 0 : static_cast<uint32_t>(rng_.next()));
  if (event.kind == BreakerEvent::Kind::kNone) [[likely]]
    return;
  if (event.isOpening()) pool.shard.counters.add(abi::endpoint_stat::kBreakerOpened, 1);
  Engine::instance().noteBreaker(*pool.breaker, *pool.cluster, *pool.state, event, now.ms());
}

// The attempt is over, with or without an outcome.
void Reactor::dropEndpointTicket(Exchange& exchange) noexcept {
  if (exchange.pool->breaker != nullptr)
    exchange.pool->breaker->giveBackProbe(exchange.endpoint_ticket);
  exchange.endpoint_ticket = 0;
}

}  // namespace millrace
