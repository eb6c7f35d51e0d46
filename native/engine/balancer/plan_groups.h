#ifndef MILLRACE_ENGINE_BALANCER_PLAN_GROUPS_H_
#define MILLRACE_ENGINE_BALANCER_PLAN_GROUPS_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/balancer/endpoint_load.h"
#include "engine/balancer/settings.h"

namespace millrace {

// Input of a plan: one member of a subset.
struct PlanEndpoint {
  uint32_t index = 0;            // what a pick returns, and what PickRequest.excluded names
  uint32_t weight = 1;           // 0 = never given
  uint32_t priority = 0;         // 0 is used first
  uint32_t max_requests = 0;     // in flight; 0 = no cap
  std::string_view name;         // hash identity, e.g. "127.0.0.1:9001"
  std::string_view zone;         // empty = none
  bool available = true;         // isAvailable(health)
  uint64_t warm_since_ms = 0;    // its slow start began; 0 = none
  EndpointLoad* load = nullptr;  // outlives the plan
};

// Shares are in parts of kShareScale.
inline constexpr uint32_t kShareScale = 10000;

// The candidates of one priority level, or of its local or its remote part.
struct GroupMembers {
  uint32_t priority = 0;
  uint32_t level = 0;  // 0, 1, 2 ... whatever the priorities are
  uint32_t share = 0;  // of the requests; 0 = only when the others have nobody to give
  bool zoned = false;  // the level is divided into local and remote
  bool local = false;
  bool panicking = false;         // availability is ignored
  std::vector<uint32_t> members;  // positions in the input, ascending
};

// Divides the requests of a cluster over its priorities and zones:
//
// 1. Spill-over (Envoy): a level is good for its share of available members x overprovisioning, so
//    that with 1.4 it keeps everything until less than 72 % of it is available; what it cannot take
//    goes to the next level.
// 2. Panic (Envoy), computed after that, so that one bad level cannot panic a cluster whose other
//    levels carry the load (trap 10 of reference/proxies.md, 10.3): only when all levels together
//    cannot take everything, a level below panic_percent ignores availability. With nobody
//    available at all, the loads are by the numbers of members.
// 3. Zone preference, at level 0 only: the local members keep what they are good for, again with
//    overprovisioning, and the rest goes to the other zones. What share of the traffic begins in
//    which zone is not known here, so this is not Envoy's zone aware routing, which equalises the
//    zones: every proxy fills its own zone first, and a zone with much traffic and few endpoints
//    should not use it.
//
// Members of weight 0 count nowhere. Groups come in order of level, local before remote; groups
// without candidates do not come at all. O(n log n).
std::vector<GroupMembers> divideIntoGroups(const BalancerSettings& settings,
                                           std::span<const PlanEndpoint> endpoints);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_PLAN_GROUPS_H_
