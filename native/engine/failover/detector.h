#ifndef MILLRACE_ENGINE_FAILOVER_DETECTOR_H_
#define MILLRACE_ENGINE_FAILOVER_DETECTOR_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "abi.h"
#include "engine/failover/ejection.h"
#include "engine/failover/sweep.h"
#include "engine/failover/transitions.h"

namespace millrace {

// Outlier detection of one cluster, as one configuration has it. Runs of failures are found by the
// workers (ErrorRuns) and reported here at once; comparisons of the endpoints with each other are
// made here, by the control plane, at every interval.
struct OutlierScope {
  const abi::OutlierRecord& settings;
  ClusterState& cluster;
  std::span<EndpointState* const> members;  // those with a weight
};

// A member has had a run of failures (abi::transition_reason): ejects it where that is allowed.
// What there is to tell of it; nothing when it is out already, or when it was told not long ago
// that it is left in. The mutex of the cluster's outlier state is held. `random`: for the jitter.
std::optional<Transition> ejectForRun(const OutlierScope& scope, EndpointState& endpoint,
                                      uint32_t reason, uint64_t now_ms, uint64_t random);

// What a tick did.
struct OutlierNews {
  std::vector<Transition> transitions;
  std::vector<EndpointState*> back;  // whose ejection has ended
};

// Sweeps the cluster if that is due, then ends ejections whose time has passed. When the next of it
// is due; UINT64_MAX = nothing is. Takes the mutex. The control plane.
uint64_t tickOutliers(const OutlierScope& scope, OutlierSweep& sweep, uint64_t now_ms,
                      uint64_t random, OutlierNews* news);

// For the end of an ejection.
Transition endOfEjection(const EndpointState& endpoint, uint32_t reason, uint64_t now_ms);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_DETECTOR_H_
