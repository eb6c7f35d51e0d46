#ifndef MILLRACE_ENGINE_FAILOVER_EJECTION_H_
#define MILLRACE_ENGINE_FAILOVER_EJECTION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "abi.h"
#include "engine/state/upstream_state.h"

namespace millrace {

// Ejections: endpoints that outlier detection takes out of service for a while. Every function here
// wants the mutex of the cluster's outlier state to be held. `members`: the endpoints of the
// cluster that have a weight.

enum class EjectionVerdict : uint8_t {
  kEjected,
  kOut,       // it is ejected already, or no member
  kShadowed,  // only watched
  kOverflow,  // too few would be left
};

inline bool isEjected(const EndpointState& endpoint) noexcept {
  return (endpoint.load.health.load(std::memory_order_relaxed) & abi::health::kEjected) != 0;
}

// After a good interval an ejection in the past counts one less.
uint32_t multiplierAt(const abi::OutlierRecord& settings, const EndpointOutlier& outlier,
                      uint64_t now_ms) noexcept;

// How long the nth ejection in a row lasts: n times the base, at most the longest, and a random
// part of the jitter on top. `random`: 64 bits.
uint64_t ejectionMs(const abi::OutlierRecord& settings, uint32_t n, uint64_t random) noexcept;

// Takes an endpoint out, if that is allowed: never more than the configured percentage of the
// members (but always one), never the last one that is available. O(1), and O(members) where hardly
// any other is available. A run of faults does not survive it.
EjectionVerdict tryEject(const abi::OutlierRecord& settings, ClusterState& cluster,
                         std::span<EndpointState* const> members, EndpointState& endpoint,
                         uint64_t now_ms, uint64_t random) noexcept;

// Brings an ejected endpoint back.
void endEjection(ClusterState& cluster, EndpointState& endpoint, uint64_t now_ms) noexcept;

// Brings back those whose time has passed, gives them to `each`, and finds out when the next one is
// due. O(members).
template <typename Each>
void endDueEjections(ClusterState& cluster, std::span<EndpointState* const> members,
                     uint64_t now_ms, Each&& each) {
  uint64_t due_ms = 0;
  for (EndpointState* const endpoint : members) {
    if (!isEjected(*endpoint)) continue;
    const uint64_t until_ms = endpoint->outlier.until_ms;
    if (until_ms <= now_ms) {
      endEjection(cluster, *endpoint, now_ms);
      each(*endpoint);
    } else if (due_ms == 0 || until_ms < due_ms) {
      due_ms = until_ms;
    }
  }
  cluster.outlier.due_ms.store(due_ms, std::memory_order_relaxed);
}

// For a new configuration: counts who is ejected among these members. O(members).
void recountEjected(ClusterState& cluster, std::span<EndpointState* const> members) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_EJECTION_H_
