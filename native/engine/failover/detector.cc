#include "engine/failover/detector.h"

#include <algorithm>

#include "engine/balancer/key_hash.h"
#include "engine/failover/error_runs.h"

namespace millrace {
namespace {

void name(const EndpointState& endpoint, Transition* transition) {
  const auto [cluster_name, endpoint_name] = namesInKey(endpoint.key);
  transition->cluster = cluster_name;
  transition->endpoint = endpoint_name;
}

std::optional<Transition> eject(const OutlierScope& scope, EndpointState& endpoint,
                                Transition evidence, uint64_t now_ms, uint64_t random) {
  const EjectionVerdict verdict =
      tryEject(scope.settings, scope.cluster, scope.members, endpoint, now_ms, random);
  if (verdict == EjectionVerdict::kOut) return std::nullopt;
  evidence.at_ms = now_ms;
  if (verdict == EjectionVerdict::kEjected) {
    evidence.kind = abi::transition_kind::kEjected;
    evidence.until_ms = endpoint.outlier.until_ms;
  } else {
    evidence.kind = verdict == EjectionVerdict::kShadowed ? abi::transition_kind::kWouldEject
                                                          : abi::transition_kind::kNotEjected;
    // It goes on failing: all of it is counted, and one of an interval told.
    uint64_t& noted_ms = endpoint.outlier.noted_ms;
    if (noted_ms != 0 && now_ms < noted_ms + scope.settings.interval_ms) return std::nullopt;
    noted_ms = now_ms;
  }
  name(endpoint, &evidence);
  return evidence;
}

void compare(const OutlierScope& scope, OutlierSweep& sweep, uint64_t now_ms, uint64_t random,
             OutlierNews* news) {
  const std::span<const Suspect> suspects = sweep.run(scope.settings, scope.members);
  if (suspects.empty()) return;
  const std::lock_guard lock(scope.cluster.outlier.mutex);
  for (const Suspect& suspect : suspects) {
    Transition evidence;
    evidence.reason = suspect.reason;
    evidence.value = suspect.value;
    evidence.limit = suspect.limit;
    evidence.requests = suspect.requests;
    if (auto told = eject(scope, *scope.members[suspect.member], std::move(evidence), now_ms,
                          mix64(random + suspect.member)))
      news->transitions.push_back(std::move(*told));
  }
}

}  // namespace

std::optional<Transition> ejectForRun(const OutlierScope& scope, EndpointState& endpoint,
                                      uint32_t reason, uint64_t now_ms, uint64_t random) {
  Transition evidence;
  evidence.reason = reason;
  evidence.value = evidence.limit = runThreshold(scope.settings, reason);
  return eject(scope, endpoint, std::move(evidence), now_ms, random);
}

uint64_t tickOutliers(const OutlierScope& scope, OutlierSweep& sweep, uint64_t now_ms,
                      uint64_t random, OutlierNews* news) {
  ClusterOutlier& outlier = scope.cluster.outlier;
  uint64_t due_ms = UINT64_MAX;
  if (comparesEndpoints(scope.settings)) {
    if (now_ms >= outlier.next_sweep_ms) {
      compare(scope, sweep, now_ms, random, news);
      // A late sweep does not put the next one off, but what was missed is not made up for.
      outlier.next_sweep_ms =
          std::max(outlier.next_sweep_ms + scope.settings.interval_ms, now_ms + 1);
    }
    due_ms = outlier.next_sweep_ms;
  }
  uint64_t end_ms = outlier.due_ms.load(std::memory_order_relaxed);
  if (end_ms != 0 && end_ms <= now_ms) {
    const std::lock_guard lock(outlier.mutex);
    endDueEjections(scope.cluster, scope.members, now_ms, [&](EndpointState& endpoint) {
      news->back.push_back(&endpoint);
      news->transitions.push_back(
          endOfEjection(endpoint, abi::transition_reason::kEjectionEnded, now_ms));
    });
    end_ms = outlier.due_ms.load(std::memory_order_relaxed);
  }
  return end_ms == 0 ? due_ms : std::min(due_ms, end_ms);
}

Transition endOfEjection(const EndpointState& endpoint, uint32_t reason, uint64_t now_ms) {
  Transition transition;
  transition.kind = abi::transition_kind::kUnejected;
  transition.reason = reason;
  transition.at_ms = now_ms;
  name(endpoint, &transition);
  return transition;
}

}  // namespace millrace
