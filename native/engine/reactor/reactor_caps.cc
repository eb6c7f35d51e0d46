// The caps of a whole cluster (`limits`), which all workers share: requests in flight, connections,
// requests that wait.
//
// A request over maxRequests is refused. Over maxConnections, an idle connection of another
// endpoint is closed to make room, and where there is none, the request waits for one: a place that
// comes free goes to the longest wait of its worker, so that no endpoint is left out because those
// that have the connections are always busy. Now and then it goes to another worker.
#include <bit>

#include "engine/reactor/reactor.h"

namespace millrace {
namespace {

// How often a busy worker gives a connection up while other workers wait for one: 1 in so many.
constexpr uint32_t kYieldOneIn = 8;
// For so long it does not take the place again itself: a woken worker needs a fraction of it.
constexpr uint64_t kYieldNs = 2'000'000;

}  // namespace

// Counts the exchange in with its cluster, once, until it ends or waits for an endpoint. Between
// its attempts it keeps its place.
bool Reactor::takePlace(Exchange& exchange, uint32_t limit) noexcept {
  ClusterState* const cluster = exchange.image->installed->clusters[exchange.cluster].get();
  if (exchange.place == cluster) return true;
  givePlace(exchange);
  if (limit == 0) return true;
  if (!cluster->requests.take(limit)) return false;
  exchange.place = cluster;
  return true;
}

void Reactor::givePlace(Exchange& exchange) noexcept {
  if (exchange.place == nullptr) return;
  exchange.place->requests.give();
  exchange.place = nullptr;
}

// A place for a new connection of the pool.
PoolRoom Reactor::reserveConnection(Pool& pool, Now now) noexcept {
  if (pool.cluster.get() == yielding_ && now.ns < yield_until_ns_) return PoolRoom::kClusterFull;
  PoolRoom room = pool.reserveConnection();
  while (room == PoolRoom::kClusterFull && closeIdleOf(*pool.cluster))
    room = pool.reserveConnection();
  return room;
}

// Closes the connection that has been idle longest where this worker has most of them. False when
// it has none.
bool Reactor::closeIdleOf(const ClusterState& cluster) noexcept {
  Pool* richest = nullptr;
  for (const auto& [state, pool] : pools_) {
    if (pool->cluster.get() != &cluster || pool->idle_count == 0) continue;
    if (richest == nullptr || pool->idle_count > richest->idle_count) richest = pool.get();
  }
  if (richest == nullptr) return false;
  closeConnection(*richest->idle_tail);
  return true;
}

// The pool of the cluster whose first request has waited longest, of those that are not passed
// over.
Pool* Reactor::longestWait(const ClusterState& cluster) const noexcept {
  Pool* longest = nullptr;
  for (const auto& [state, pool] : pools_) {
    if (pool->cluster.get() != &cluster || pool->waiting_count == 0 || pool->passed_over) continue;
    if (longest == nullptr || pool->waiting_head->wait_ns < longest->waiting_head->wait_ns)
      longest = pool.get();
  }
  return longest;
}

// A connection of the pool has served its request: whether, at the cap of the cluster, its place
// goes to another endpoint, or to another worker.
bool Reactor::givesUpConnection(const Pool& pool, Now now) noexcept {
  const uint32_t cap = pool.cluster_cap;
  ClusterState& cluster = *pool.cluster;
  if (cap == 0 || !pool.clusterWaits() || cluster.connections.now() < cap) return false;
  const Pool* const longest = longestWait(cluster);
  const uint64_t waiting = cluster.waiting_workers.load(std::memory_order_relaxed);
  // The next one after this worker that waits.
  const uint64_t others = std::rotr(waiting, static_cast<int>(worker_)) & ~uint64_t{1};
  if (others != 0 && (longest == nullptr || rng_.below(kYieldOneIn) == 0)) {
    heir_ = (worker_ + static_cast<uint32_t>(std::countr_zero(others))) % 64;
    yielding_ = &cluster;
    yield_until_ns_ = now.ns + kYieldNs;
    return true;
  }
  return longest != nullptr && longest != &pool;
}

// The place that was given up is free.
void Reactor::wakeHeir() noexcept {
  Engine::instance().wake(heir_);
  heir_ = abi::kNone;
}

// Places may have come free: the longest wait first.
void Reactor::serveCluster(ClusterState& cluster, Now now) noexcept {
  bool passed_over = false;
  PoolRoom room = PoolRoom::kFree;
  while (Pool* const pool = longestWait(cluster)) {
    room = serveNext(*pool, now);
    if (room == PoolRoom::kClusterFull) break;
    if (room == PoolRoom::kEndpointFull) passed_over = pool->passed_over = true;
  }
  if (!passed_over) {
    const uint64_t own = uint64_t{1} << worker_;
    if (room == PoolRoom::kFree && (cluster.waiting_workers.load(std::memory_order_relaxed) & own))
      cluster.waiting_workers.fetch_and(~own, std::memory_order_relaxed);
    return;
  }
  for (const auto& [state, pool] : pools_) pool->passed_over = false;
}

// Another worker has given a place up.
void Reactor::serveClusters(Now now) noexcept {
  for (const auto& [state, pool] : pools_) {
    if (pool->cluster_cap != 0 && pool->waiting_count != 0) serveCluster(*pool->cluster, now);
  }
}

}  // namespace millrace
