// Outlier detection of the process: the workers' reports, the sweeps of the control plane, and what
// a new configuration changes about ejections.
#include <algorithm>

#include "base/hash.h"
#include "engine/failover/ejection.h"
#include "engine/failover/outlier.h"
#include "engine/state/engine.h"

namespace millrace {
namespace {

const abi::OutlierRecord* settingsOf(const InstalledImage& installed, uint32_t cluster) noexcept {
  const uint32_t row = installed.image->clusters()[cluster].outlier;
  return row == abi::kNone ? nullptr : &installed.image->outliers()[row];
}

uint32_t thresholdOf(const abi::OutlierRecord& settings, uint32_t reason) noexcept {
  if (reason == abi::transition_reason::kConsecutive5xx) return settings.consecutive5xx;
  if (reason == abi::transition_reason::kConsecutiveGatewayErrors)
    return settings.consecutive_gateway_errors;
  return settings.consecutive_local_errors;
}

// Jitter of ejections by a sweep: differs between endpoints, ejections and processes, and is no
// secret.
uint64_t jitterOf(const EndpointState& endpoint, uint64_t now_ms) noexcept {
  const uint64_t times = endpoint.outlier.ejections.load(std::memory_order_relaxed);
  return mix64(reinterpret_cast<uintptr_t>(&endpoint) ^ mix64(now_ms ^ mix64(times)));
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
  if (settings == nullptr || thresholdOf(*settings, reason) == 0) return;
  const std::span<EndpointState* const> members = installed->members[index];
  const bool member = same ? seen.image->endpoints()[endpoint].weight != 0
                           : std::find(members.begin(), members.end(), &state) != members.end();
  if (!member) return;
  Transition evidence;
  evidence.reason = reason;
  evidence.value = evidence.limit = thresholdOf(*settings, reason);
  eject(owner, members, state, *settings, std::move(evidence), now_ms, random);
}

// Under the cluster's mutex.
void Engine::eject(ClusterState& cluster, std::span<EndpointState* const> members,
                   EndpointState& endpoint, const abi::OutlierRecord& settings, Transition evidence,
                   uint64_t now_ms, uint64_t random) {
  const Verdict verdict = tryEject(settings, cluster, members, endpoint, now_ms, random);
  if (verdict == Verdict::kOut) return;
  evidence.kind = abi::transition_kind::kEjected;
  evidence.at_ms = now_ms;
  if (verdict == Verdict::kEjected) {
    evidence.until_ms = endpoint.outlier.until_ms;
  } else {
    evidence.kind = verdict == Verdict::kShadowed ? abi::transition_kind::kWouldEject
                                                  : abi::transition_kind::kNotEjected;
    // It goes on failing; all of it is counted, and one of an interval told.
    uint64_t& noted_ms = endpoint.outlier.noted_ms;
    if (noted_ms != 0 && now_ms < noted_ms + settings.interval_ms) return;
    noted_ms = now_ms;
  }
  const auto [cluster_name, endpoint_name] = namesInKey(endpoint.key);
  evidence.cluster = cluster_name;
  evidence.endpoint = endpoint_name;
  noteTransition(std::move(evidence));
}

// The end of an ejection.
void Engine::noteEnd(const EndpointState& endpoint, uint32_t reason, uint64_t now_ms) {
  Transition transition;
  transition.kind = abi::transition_kind::kUnejected;
  transition.reason = reason;
  const auto [cluster_name, endpoint_name] = namesInKey(endpoint.key);
  transition.cluster = cluster_name;
  transition.endpoint = endpoint_name;
  transition.at_ms = now_ms;
  noteTransition(std::move(transition));
}

// Sweeps the cluster if that is due, and ends ejections. When the next of it is due; UINT64_MAX =
// nothing is.
uint64_t Engine::tickOutliers(const InstalledImage& installed, uint32_t cluster, uint64_t now_ms) {
  const abi::OutlierRecord* const settings = settingsOf(installed, cluster);
  if (settings == nullptr) return UINT64_MAX;
  ClusterState& owner = *installed.clusters[cluster];
  ClusterOutlier& outlier = owner.outlier;
  const std::span<EndpointState* const> members = installed.members[cluster];
  uint64_t due_ms = UINT64_MAX;
  if (comparesEndpoints(*settings)) {
    if (now_ms >= outlier.next_sweep_ms) {
      const std::span<const Suspect> suspects = sweep_.run(*settings, members);
      // What was late stays late; what was missed is not made up for.
      outlier.next_sweep_ms = std::max(outlier.next_sweep_ms + settings->interval_ms, now_ms + 1);
      if (!suspects.empty()) {
        const std::lock_guard lock(outlier.mutex);
        for (const Suspect& suspect : suspects) {
          Transition evidence;
          evidence.reason = suspect.reason;
          evidence.value = suspect.value;
          evidence.limit = suspect.limit;
          evidence.requests = suspect.requests;
          EndpointState& endpoint = *members[suspect.member];
          eject(owner, members, endpoint, *settings, std::move(evidence), now_ms,
                jitterOf(endpoint, now_ms));
        }
      }
    }
    due_ms = outlier.next_sweep_ms;
  }
  uint64_t end_ms = outlier.due_ms.load(std::memory_order_relaxed);
  if (end_ms != 0 && end_ms <= now_ms) {
    const std::lock_guard lock(outlier.mutex);
    endDueEjections(owner, members, now_ms, [&](EndpointState& endpoint) {
      if (isAvailable(endpoint.load.health.load(std::memory_order_relaxed)))
        warmUp(installed, cluster, endpoint, abi::health::kEjected, now_ms);
      noteEnd(endpoint, abi::transition_reason::kEjectionEnded, now_ms);
    });
    end_ms = outlier.due_ms.load(std::memory_order_relaxed);
  }
  return end_ms == 0 ? due_ms : std::min(due_ms, end_ms);
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
      noteEnd(endpoint, abi::transition_reason::kDetectionRemoved, now_ms);
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
