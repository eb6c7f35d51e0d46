// Outlier detection of the process: the workers' reports, the sweeps of the control plane, and what
// a new configuration changes about ejections.
#include <algorithm>

#include "engine/balancer/key_hash.h"
#include "engine/failover/detector.h"
#include "engine/failover/error_runs.h"
#include "engine/state/engine.h"

namespace millrace {
namespace {

const abi::OutlierRecord* settingsOf(const InstalledImage& installed, uint32_t cluster) noexcept {
  const uint32_t row = installed.image->clusters()[cluster].outlier;
  return row == abi::kNone ? nullptr : &installed.image->outliers()[row];
}

bool isMember(const abi::EndpointRecord& endpoint) noexcept {
  return endpoint.weight != 0 && endpoint.drain == 0;
}

// The cluster of an older image in the present one.
uint32_t findCluster(const InstalledImage& installed, const ClusterState& cluster) noexcept {
  for (uint32_t c = 0; c < installed.clusters.size(); ++c) {
    if (installed.clusters[c].get() == &cluster) return c;
  }
  return abi::kNone;
}

}  // namespace

void Engine::reportRun(const InstalledImage& seen, uint32_t cluster, uint32_t endpoint,
                       uint32_t reason, uint64_t now_ms, uint64_t random) {
  ClusterState& owner = *seen.clusters[cluster];
  EndpointState& state = *seen.endpoints[endpoint];
  const std::lock_guard lock(owner.outlier.mutex);
  // Under the mutex: an installation that comes after this settles what is done here.
  const std::shared_ptr<const InstalledImage> installed = current();
  const bool same = installed->version == seen.version;
  const uint32_t index = same ? cluster : findCluster(*installed, owner);
  const abi::OutlierRecord* const settings =
      index == abi::kNone ? nullptr : settingsOf(*installed, index);
  if (settings == nullptr || runThreshold(*settings, reason) == 0) return;
  const OutlierScope scope{*settings, owner, installed->members[index]};
  const bool member =
      same ? isMember(seen.image->endpoints()[endpoint])
           : std::find(scope.members.begin(), scope.members.end(), &state) != scope.members.end();
  if (!member) return;
  if (auto told = ejectForRun(scope, state, reason, now_ms, random))
    noteTransition(std::move(*told));
}

// When the next of it is due; UINT64_MAX = nothing is.
uint64_t Engine::tickOutliersOf(const InstalledImage& installed, uint32_t cluster,
                                uint64_t now_ms) {
  const abi::OutlierRecord* const settings = settingsOf(installed, cluster);
  if (settings == nullptr) return UINT64_MAX;
  ClusterState& owner = *installed.clusters[cluster];
  // For the jitter: differs between clusters, times and processes, and is no secret.
  const uint64_t random = mix64(reinterpret_cast<uintptr_t>(&owner) ^ mix64(now_ms));
  OutlierNews news;
  const uint64_t due_ms =
      tickOutliers({*settings, owner, installed.members[cluster]}, sweep_, now_ms, random, &news);
  for (EndpointState* const endpoint : news.back) {
    if (isAvailable(endpoint->load.health.load(std::memory_order_relaxed)))
      warmUp(installed, cluster, *endpoint, abi::health::kEjected, now_ms);
  }
  for (Transition& transition : news.transitions) noteTransition(std::move(transition));
  return due_ms;
}

// A new configuration: bits of mechanisms that the cluster does not have any more are cleared, and
// what was ejected is counted among its present endpoints. True when its plans must be made again.
bool Engine::settleHealth(const InstalledImage& installed, uint32_t cluster, uint64_t now_ms) {
  const abi::ClusterRecord& row = installed.image->clusters()[cluster];
  const abi::OutlierRecord* const settings = settingsOf(installed, cluster);
  uint32_t gone = 0;
  if ((row.flags & abi::cluster_flag::kHealthChecked) == 0)
    gone |= abi::health::kUnhealthy | abi::health::kUnchecked;
  if (settings == nullptr) gone |= abi::health::kEjected;
  if (row.breaker == abi::kNone ||
      (installed.image->breakers()[row.breaker].scope & abi::breaker_scope::kEndpoint) == 0)
    gone |= abi::health::kOpen | abi::health::kHalfOpen;

  ClusterState& owner = *installed.clusters[cluster];
  ClusterOutlier& outlier = owner.outlier;
  const std::span<EndpointState* const> members = installed.members[cluster];
  const std::lock_guard lock(outlier.mutex);
  bool changed = false;
  for (uint32_t i = 0; i < row.endpoint_count; ++i) {
    EndpointState& endpoint = *installed.endpoints[row.endpoint_start + i];
    if (settings == nullptr || !comparesEndpoints(*settings)) endpoint.outlier.swept = {};
    if (settings == nullptr) endpoint.outlier.multiplier = 0;
    if ((endpoint.load.health.load(std::memory_order_relaxed) & gone) == 0) continue;
    changed = true;
    if (isEjected(endpoint) && settings == nullptr) {
      endEjection(owner, endpoint, now_ms);
      noteTransition(endOfEjection(endpoint, abi::transition_reason::kDetectionRemoved, now_ms));
    }
    endpoint.load.health.fetch_and(~gone, std::memory_order_relaxed);
  }
  recountEjected(owner, members);
  if (settings != nullptr && comparesEndpoints(*settings)) {
    sweep_.begin(*settings, members);
    // A longer interval counts from the next sweep on, a shorter one at once.
    const uint64_t next_ms = now_ms + settings->interval_ms;
    if (outlier.next_sweep_ms == 0 || outlier.next_sweep_ms > next_ms)
      outlier.next_sweep_ms = next_ms;
  } else {
    outlier.next_sweep_ms = 0;
  }
  return changed;
}

}  // namespace millrace
