#ifndef MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_
#define MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "abi.h"
#include "base/cache_line.h"
#include "engine/balancer/endpoint_load.h"
#include "engine/state/stats.h"

namespace millrace {

// Runtime state of a cluster: outlives the image it came with, as long as some image names the
// cluster.
struct ClusterState {
  std::string name;
  std::array<std::unique_ptr<ClusterShard>, abi::limits::kMaxWorkers> shards;
};

// Runtime state of an endpoint, shared by all workers: a balancer must see the whole load, and a
// cap must hold for the process.
struct EndpointState {
  std::string key;
  EndpointLoad load;
  alignas(kCacheLine) std::atomic<uint32_t> connections{0};
  // Workers that hold requests back because `connections` is at its cap.
  std::atomic<uint32_t> waiting_workers{0};
  alignas(kCacheLine) std::array<std::unique_ptr<EndpointShard>, abi::limits::kMaxWorkers> shards;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_
