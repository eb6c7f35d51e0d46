#ifndef MILLRACE_ENGINE_EXPLAIN_PICK_SHARES_H_
#define MILLRACE_ENGINE_EXPLAIN_PICK_SHARES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/balancer/plan.h"
#include "engine/balancer/settings.h"

namespace millrace {

// How likely each slot of a plan is to be given to the next request that has no hash, by the loads
// of this moment: the policies of plan_pick.cc as probabilities instead of draws. Slots count
// through all groups; `open` says who may be given. roundRobin: the share in the long run, for
// which slot comes next is up to each worker.
//
// Sums up to 1, or to 0 when nobody is open. Nothing when it is not known: prequal goes by what
// each worker has met of late, and a choice of two out of more than kMostPaired endpoints would be
// too many pairs to look at. Reads loads, changes nothing.
std::optional<std::vector<double>> pickShares(const BalancerSettings& settings, const Plan& plan,
                                              std::span<const uint8_t> open, uint64_t now_ms);

inline constexpr std::size_t kMostPaired = 1000;

// What the policy compares of an endpoint: the lower the better. Weight, where it compares nothing.
double pickScore(const BalancerSettings& settings, const PlanSlot& slot, uint64_t now_ms);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_EXPLAIN_PICK_SHARES_H_
