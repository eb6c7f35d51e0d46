#ifndef MILLRACE_ENGINE_STATE_PLANNER_H_
#define MILLRACE_ENGINE_STATE_PLANNER_H_

#include <cstdint>

#include "engine/balancer/settings.h"
#include "engine/image/image.h"

namespace millrace {

struct InstalledImage;

// How a cluster balances. Views point into the image.
BalancerSettings settingsOf(const Image& image, uint32_t cluster);

// The cluster that an ENDPOINT row belongs to, or kNone. The compiler lays the endpoints out in the
// order of their clusters.
uint32_t clusterOf(const Image& image, uint32_t endpoint);

// Builds and publishes the plans of one cluster from the present health and warmth of its
// endpoints. A plan whose inputs are those of a plan that the cluster has already is taken over as
// it is: a reload that leaves a cluster alone costs it a comparison. True when an endpoint of the
// cluster is in slow start, so that its plans change with time. Control plane, one caller at a
// time.
bool planCluster(const InstalledImage& installed, uint32_t cluster, uint64_t now_ms);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_PLANNER_H_
