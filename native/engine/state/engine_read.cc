// What the control plane reads of the engine: counters and histograms, merged over the workers. It
// holds the image for the time of a call and no mutex that a worker could wait for.
#include <algorithm>
#include <type_traits>

#include "engine/balancer/observe.h"
#include "engine/failover/hedge.h"
#include "engine/state/engine.h"

namespace millrace {
namespace {

template <uint32_t Count>
void addCounters(const CounterShard<Count>& counters, std::span<double> out) noexcept {
  for (uint32_t i = 0; i < Count; ++i) out[i] += static_cast<double>(counters.read(i));
}

template <typename Shard>
bool isPhase(uint32_t phase) noexcept {
  return phase < Histograms<Shard>::kMembers.size();
}

}  // namespace

bool Engine::readCluster(uint64_t version, uint32_t index, std::span<double> out) const {
  const std::shared_ptr<const InstalledImage> installed = currentIs(version);
  if (installed == nullptr || index >= installed->clusters.size()) return false;
  if (out.size() < abi::cluster_stat::kCount) return false;
  std::fill(out.begin(), out.end(), 0.0);
  const ClusterState& cluster = *installed->clusters[index];
  cluster.shards.forEach([&](const ClusterShard& shard) {
    addCounters(shard.counters, out);
    out[abi::cluster_stat::kDurationSumUs] += static_cast<double>(shard.durations.sum());
  });
  const auto read = [](const auto& counter) {
    return static_cast<double>(counter.load(std::memory_order_relaxed));
  };
  out[abi::cluster_stat::kEjected] = read(cluster.outlier.ejected);
  out[abi::cluster_stat::kEjections] = read(cluster.outlier.ejections);
  out[abi::cluster_stat::kEjectionsShadowed] = read(cluster.outlier.shadowed);
  out[abi::cluster_stat::kEjectionsOverflow] = read(cluster.outlier.overflow);
  if (const Breaker* const breaker = installed->cluster_breakers[index].get(); breaker != nullptr)
    out[abi::cluster_stat::kBreakerState] = breaker->state();
  return true;
}

bool Engine::readEndpoint(uint64_t version, uint32_t index, uint64_t now_ms,
                          std::span<double> out) const {
  const std::shared_ptr<const InstalledImage> installed = currentIs(version);
  if (installed == nullptr || index >= installed->endpoints.size()) return false;
  if (out.size() < abi::endpoint_stat::kCount) return false;
  const EndpointState& endpoint = *installed->endpoints[index];
  std::fill(out.begin(), out.end(), 0.0);
  endpoint.shards.forEach([&](const EndpointShard& shard) { addCounters(shard.counters, out); });
  out[abi::endpoint_stat::kActive] = endpoint.load.active.load(std::memory_order_relaxed);
  out[abi::endpoint_stat::kHealth] = endpoint.load.health.load(std::memory_order_relaxed);
  if (const uint32_t cluster = clusterOf(*installed->image, index); cluster != abi::kNone) {
    out[abi::endpoint_stat::kLatencyUs] =
        static_cast<double>(latencyOf(endpoint.load, installed->balancers[cluster], now_ms));
  }
  out[abi::endpoint_stat::kEjections] =
      static_cast<double>(endpoint.outlier.ejections.load(std::memory_order_relaxed));
  if (const Breaker* const breaker = installed->endpoint_breakers[index].get(); breaker != nullptr)
    out[abi::endpoint_stat::kBreakerState] = breaker->state();
  out[abi::endpoint_stat::kConnections] = endpoint.connections.load(std::memory_order_relaxed);
  return true;
}

bool Engine::readListener(uint64_t version, uint32_t index, std::span<double> out) const {
  const std::shared_ptr<const InstalledImage> installed = currentIs(version);
  if (installed == nullptr || index >= installed->listeners.size()) return false;
  if (out.size() < abi::listener_stat::kCount) return false;
  std::fill(out.begin(), out.end(), 0.0);
  installed->listeners[index]->shards.forEach(
      [&](const ListenerShard& shard) { addCounters(shard.counters, out); });
  return true;
}

bool Engine::readRateLimit(uint64_t version, uint32_t index, std::span<double> out) const {
  const std::shared_ptr<const InstalledImage> installed = currentIs(version);
  if (installed == nullptr || index >= installed->rates.states.size()) return false;
  if (out.size() < abi::rate_stat::kCount) return false;
  std::fill(out.begin(), out.end(), 0.0);
  installed->rates.states[index]->shards.forEach(
      [&](const RateShard& shard) { addCounters(shard.counters, out); });
  return true;
}

void Engine::readRateTable(uint64_t now_ns, std::span<double> out) const {
  const std::shared_ptr<const InstalledImage> installed = current();
  std::fill(out.begin(), out.end(), 0.0);
  if (installed != nullptr && installed->rates.table != nullptr)
    installed->rates.table->readStats(out, now_ns);
}

bool Engine::readRoute(uint64_t version, uint32_t index, std::span<double> out) const {
  const std::shared_ptr<const InstalledImage> installed = currentIs(version);
  if (installed == nullptr || index >= installed->image->routes().size()) return false;
  if (out.size() < abi::route_stat::kCount) return false;
  std::fill(out.begin(), out.end(), 0.0);
  if (const RouteState* const route = installed->routes->find(index); route != nullptr)
    route->shards.forEach([&](const RouteShard& shard) { addCounters(shard.counters, out); });
  return true;
}

void Engine::readProcess(std::span<double> out) const noexcept {
  if (out.size() < abi::process_stat::kCount) return;
  std::fill(out.begin(), out.end(), 0.0);
  for (const ProcessShard& shard : process_) addCounters(shard.counters, out);
}

// Where the series of an image are, and what every reader checks first: null when there is none.
namespace {

template <typename Shard>
const Series<Shard>* seriesOf(const InstalledImage* installed, uint32_t index, uint32_t phase) {
  if (installed == nullptr || !isPhase<Shard>(phase)) return nullptr;
  if constexpr (std::is_same_v<Shard, RouteShard>) {
    if (index >= installed->image->routes().size()) return nullptr;
    static const Series<RouteShard> unused;
    const RouteState* const route = installed->routes->find(index);
    return route == nullptr ? &unused : route;
  } else if constexpr (std::is_same_v<Shard, ListenerShard>) {
    return index < installed->listeners.size() ? installed->listeners[index].get() : nullptr;
  } else if constexpr (std::is_same_v<Shard, ClusterShard>) {
    return index < installed->clusters.size() ? installed->clusters[index].get() : nullptr;
  } else {
    return index < installed->endpoints.size() ? installed->endpoints[index].get() : nullptr;
  }
}

template <typename Shard>
bool readHistogramOf(SeriesCollector& collector, const InstalledImage* installed, uint32_t index,
                     uint32_t phase, WindowSpan* span, HistogramCounts* out) {
  const Series<Shard>* const series = seriesOf<Shard>(installed, index, phase);
  if (series == nullptr) return false;
  collector.read<Shard>(*series, phase, span, out);
  return true;
}

template <typename Shard>
bool readDigestOf(SeriesCollector& collector, const InstalledImage* installed, uint32_t index,
                  uint32_t phase, uint64_t now_ms, std::span<double> out) {
  const Series<Shard>* const series = seriesOf<Shard>(installed, index, phase);
  if (series == nullptr || out.size() < kDigestWords) return false;
  collector.digest<Shard>(*series, phase, now_ms, out);
  return true;
}

}  // namespace

bool Engine::readListenerHistogram(uint64_t version, uint32_t index, uint32_t phase,
                                   WindowSpan* span, HistogramCounts* out) {
  return readHistogramOf<ListenerShard>(collector_, currentIs(version).get(), index, phase, span,
                                        out);
}

bool Engine::readClusterHistogram(uint64_t version, uint32_t index, uint32_t phase,
                                  WindowSpan* span, HistogramCounts* out) {
  return readHistogramOf<ClusterShard>(collector_, currentIs(version).get(), index, phase, span,
                                       out);
}

bool Engine::readEndpointHistogram(uint64_t version, uint32_t index, uint32_t phase,
                                   WindowSpan* span, HistogramCounts* out) {
  return readHistogramOf<EndpointShard>(collector_, currentIs(version).get(), index, phase, span,
                                        out);
}

bool Engine::readRouteHistogram(uint64_t version, uint32_t index, uint32_t phase, WindowSpan* span,
                                HistogramCounts* out) {
  return readHistogramOf<RouteShard>(collector_, currentIs(version).get(), index, phase, span, out);
}

bool Engine::readListenerDigest(uint64_t version, uint32_t index, uint32_t phase, uint64_t now_ms,
                                std::span<double> out) {
  return readDigestOf<ListenerShard>(collector_, currentIs(version).get(), index, phase, now_ms,
                                     out);
}

bool Engine::readClusterDigest(uint64_t version, uint32_t index, uint32_t phase, uint64_t now_ms,
                               std::span<double> out) {
  return readDigestOf<ClusterShard>(collector_, currentIs(version).get(), index, phase, now_ms,
                                    out);
}

bool Engine::readEndpointDigest(uint64_t version, uint32_t index, uint32_t phase, uint64_t now_ms,
                                std::span<double> out) {
  return readDigestOf<EndpointShard>(collector_, currentIs(version).get(), index, phase, now_ms,
                                     out);
}

bool Engine::readRouteDigest(uint64_t version, uint32_t index, uint32_t phase, uint64_t now_ms,
                             std::span<double> out) {
  return readDigestOf<RouteShard>(collector_, currentIs(version).get(), index, phase, now_ms, out);
}

std::vector<uint32_t> Engine::usedRoutes(uint64_t version) const {
  std::vector<uint32_t> routes;
  if (const auto installed = currentIs(version); installed != nullptr) {
    for (const auto& [route, state] : installed->routes->used()) routes.push_back(route);
  }
  return routes;
}

void Engine::collectHistograms(uint64_t now_ms) {
  const std::shared_ptr<const InstalledImage> installed = current();
  collector_.collect(now_ms, [&] {
    if (installed == nullptr) return;
    for (const auto& listener : installed->listeners) collector_.take<ListenerShard>(*listener);
    for (const auto& cluster : installed->clusters) collector_.take<ClusterShard>(*cluster);
    for (const auto& endpoint : installed->endpoints) collector_.take<EndpointShard>(*endpoint);
    for (const auto& [route, state] : installed->routes->used())
      collector_.take<RouteShard>(*state);
  });
  if (installed != nullptr) refreshHedges(*installed, now_ms);
}

void Engine::refreshHedges(const InstalledImage& installed, uint64_t now_ms) {
  if (installed.image->hedges().empty()) return;
  auto recent = std::make_unique<HistogramCounts>();
  for (const auto& [route, state] : installed.routes->used()) {
    const uint32_t row = installed.image->routes()[route].hedge;
    if (row == abi::kNone) continue;
    WindowSpan span{kHedgeWindowMs, now_ms};
    collector_.read<RouteShard>(*state, abi::route_histogram::kFirstByte, &span, recent.get());
    state->hedge_delay_us.store(hedgeDelayUs(*recent, installed.image->hedges()[row]),
                                std::memory_order_relaxed);
  }
}

}  // namespace millrace
