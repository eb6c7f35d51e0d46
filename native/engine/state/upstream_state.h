#ifndef MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_
#define MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "abi.h"
#include "base/cache_line.h"
#include "base/capped_count.h"
#include "engine/balancer/endpoint_load.h"
#include "engine/balancer/plan.h"
#include "engine/failover/breaker.h"
#include "engine/failover/outlier_state.h"
#include "engine/failover/retry_budget.h"
#include "engine/state/series.h"
#include "engine/state/wait_line.h"

namespace millrace {

// A plan and what it was made from.
struct CachedPlan {
  std::string inputs;  // empty: never taken over
  std::shared_ptr<const Plan> plan;
};

// Runtime state of a cluster: outlives the image it came with, as long as some image names the
// cluster.
struct ClusterState : Series<ClusterShard> {
  std::string name;
  // Requests in flight, kept for balancers that bound the load of an endpoint by the mean.
  alignas(kCacheLine) std::atomic<uint32_t> active{0};
  // What is in use by all workers, of which `limits` may bound each. Requests are counted while
  // they are bounded; pending are those that wait for an endpoint or for a connection.
  alignas(kCacheLine) CappedCount requests;
  alignas(kCacheLine) CappedCount connections;
  CappedCount pending;
  // Pools of workers that hold requests back for want of a connection.
  std::atomic<uint32_t> waiting_pools{0};
  // Workers that may have some, by bit: set and cleared by the worker itself, the latter late.
  std::atomic<uint64_t> waiting_workers{0};
  static_assert(abi::limits::kMaxWorkers <= 64);
  WaitLine line;
  std::vector<CachedPlan> plans;  // control plane only
  std::shared_ptr<RetryBudget>
      retry_budget;  // of the newest image that has one; control plane only
  // Requests that are being tried again, where limits.maxRetries caps them.
  alignas(kCacheLine) std::atomic<uint32_t> retrying{0};
  // The health of an endpoint has changed since the plans were made. Set with release by whoever
  // changed it, on any thread.
  std::atomic<bool> plan_dirty{false};
  ClusterOutlier outlier;
  std::shared_ptr<Breaker> breaker;  // of the current image; the engine's `breaker_mutex_`
};

// Runtime state of an endpoint, shared by all workers: a balancer must see the whole load, and a
// cap must hold for the process.
struct EndpointState : Series<EndpointShard> {
  std::string key;
  std::atomic<uint64_t> warm_since_ms{0};  // slow start began; 0 = none. Control plane writes it
  bool joined = false;                     // came to a cluster that was running. Control plane only
  EndpointLoad load;
  EndpointOutlier outlier;
  alignas(kCacheLine) std::atomic<uint32_t> connections{0};
  // Workers that hold requests back because `connections` is at its cap.
  std::atomic<uint32_t> waiting_workers{0};
  std::shared_ptr<Breaker> breaker;  // of the current image; the engine's `breaker_mutex_`
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_UPSTREAM_STATE_H_
