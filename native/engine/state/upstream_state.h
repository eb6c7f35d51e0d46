#ifndef MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_
#define MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "base/cache_line.h"
#include "engine/balancer/endpoint_load.h"
#include "engine/state/series.h"

namespace millrace {

// Runtime state of a cluster: outlives the image it came with, as long as some image names the
// cluster.
struct ClusterState : Series<ClusterShard> {
  std::string name;
};

// Runtime state of an endpoint, shared by all workers: a balancer must see the whole load, and a
// cap must hold for the process.
struct EndpointState : Series<EndpointShard> {
  std::string key;
  EndpointLoad load;
  alignas(kCacheLine) std::atomic<uint32_t> connections{0};
  // Workers that hold requests back because `connections` is at its cap.
  std::atomic<uint32_t> waiting_workers{0};
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_
