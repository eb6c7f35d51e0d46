#include "engine/failover/ejection.h"

#include <algorithm>

namespace millrace {
namespace {

bool isAvailable(const EndpointState& endpoint) noexcept {
  return millrace::isAvailable(endpoint.load.health.load(std::memory_order_relaxed));
}

// How many of the members may be out at once.
uint64_t mostEjected(const abi::OutlierRecord& settings, size_t members) noexcept {
  return std::max<uint64_t>(1, uint64_t{members} * settings.max_ejection_percent / 100);
}

bool isLastAvailable(std::span<EndpointState* const> members,
                     const EndpointState& endpoint) noexcept {
  return isAvailable(endpoint) &&
         std::none_of(members.begin(), members.end(), [&](const EndpointState* other) {
           return other != &endpoint && isAvailable(*other);
         });
}

uint64_t longestMs(const abi::OutlierRecord& settings) noexcept {
  return std::max(settings.base_ejection_ms, settings.max_ejection_ms);
}

}  // namespace

uint32_t multiplierAt(const abi::OutlierRecord& settings, const EndpointOutlier& outlier,
                      uint64_t now_ms) noexcept {
  const uint64_t good_ms = now_ms > outlier.ended_ms ? now_ms - outlier.ended_ms : 0;
  const uint64_t decayed = good_ms / settings.interval_ms;
  return decayed >= outlier.multiplier ? 0 : outlier.multiplier - static_cast<uint32_t>(decayed);
}

uint64_t ejectionMs(const abi::OutlierRecord& settings, uint32_t n, uint64_t random) noexcept {
  const uint64_t fixed = std::min(uint64_t{settings.base_ejection_ms} * n, longestMs(settings));
  // Multiply-shift of the upper half: 0 to jitter_ms.
  return fixed + ((random >> 32) * (uint64_t{settings.jitter_ms} + 1) >> 32);
}

EjectionVerdict tryEject(const abi::OutlierRecord& settings, ClusterState& cluster,
                         std::span<EndpointState* const> members, EndpointState& endpoint,
                         uint64_t now_ms, uint64_t random) noexcept {
  ClusterOutlier& all = cluster.outlier;
  EndpointOutlier& one = endpoint.outlier;
  if (isEjected(endpoint)) return EjectionVerdict::kOut;
  if ((settings.flags & abi::outlier_flag::kShadow) != 0) {
    all.shadowed.fetch_add(1, std::memory_order_relaxed);
    return EjectionVerdict::kShadowed;
  }
  if (all.ejected.load(std::memory_order_relaxed) >= mostEjected(settings, members.size()) ||
      isLastAvailable(members, endpoint)) {
    all.overflow.fetch_add(1, std::memory_order_relaxed);
    return EjectionVerdict::kOverflow;
  }
  const uint32_t n = multiplierAt(settings, one, now_ms) + 1;
  // Beyond the longest time, more ejections would only take longer to be forgotten.
  const uint64_t most =
      (longestMs(settings) + settings.base_ejection_ms - 1) / settings.base_ejection_ms;
  one.multiplier = static_cast<uint32_t>(std::min<uint64_t>(n, most));
  one.until_ms = now_ms + ejectionMs(settings, n, random);
  one.ejections.fetch_add(1, std::memory_order_relaxed);
  all.ejections.fetch_add(1, std::memory_order_relaxed);
  all.ejected.fetch_add(1, std::memory_order_relaxed);
  const uint64_t due_ms = all.due_ms.load(std::memory_order_relaxed);
  if (due_ms == 0 || one.until_ms < due_ms)
    all.due_ms.store(one.until_ms, std::memory_order_relaxed);
  endpoint.load.health.fetch_or(abi::health::kEjected, std::memory_order_relaxed);
  // Release: who takes the flag plans with the bit.
  cluster.plan_dirty.store(true, std::memory_order_release);
  return EjectionVerdict::kEjected;
}

void endEjection(ClusterState& cluster, EndpointState& endpoint, uint64_t now_ms) noexcept {
  EndpointOutlier& one = endpoint.outlier;
  one.until_ms = 0;
  one.ended_ms = now_ms;
  // What came in while it was out is not held against it.
  endpoint.load.error_runs.store(0, std::memory_order_relaxed);
  endpoint.load.health.fetch_and(~static_cast<uint32_t>(abi::health::kEjected),
                                 std::memory_order_relaxed);
  cluster.outlier.ejected.fetch_sub(1, std::memory_order_relaxed);
  cluster.plan_dirty.store(true, std::memory_order_release);
}

void recountEjected(ClusterState& cluster, std::span<EndpointState* const> members) noexcept {
  uint32_t ejected = 0;
  uint64_t due_ms = 0;
  for (const EndpointState* const endpoint : members) {
    if (!isEjected(*endpoint)) continue;
    ++ejected;
    const uint64_t until_ms = endpoint->outlier.until_ms;
    if (due_ms == 0 || until_ms < due_ms) due_ms = until_ms;
  }
  cluster.outlier.ejected.store(ejected, std::memory_order_relaxed);
  cluster.outlier.due_ms.store(due_ms, std::memory_order_relaxed);
}

}  // namespace millrace
