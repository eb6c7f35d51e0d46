#ifndef MILLRACE_ENGINE_REACTOR_WORKER_IMAGE_H_
#define MILLRACE_ENGINE_REACTOR_WORKER_IMAGE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/balancer/plan.h"
#include "engine/failover/hedge.h"
#include "engine/http/request_rules.h"
#include "engine/reactor/hold_queue.h"
#include "engine/state/engine.h"
#include "engine/upstream/pool.h"

namespace millrace {

// One worker's part of the balancing of one subset.
struct SubsetBinding {
  explicit SubsetBinding(uint64_t seed) : state(seed) {}
  uint32_t version = 0;        // of `plan`
  uint32_t request_limit = 0;  // of its cluster: limits.maxRequests
  std::shared_ptr<const Plan> plan;
  PickerState state;
};

// One worker's part of a route that hedges.
struct HedgeBinding {
  RouteShard* shard = nullptr;
  const std::atomic<uint32_t>* delay_us = nullptr;  // of all workers; kNone = not now
  HedgeBudget budget;
};

// A cluster's circuit breaker and this worker's part of it; null where there is none.
struct BoundBreaker {
  Breaker* breaker = nullptr;
  Breaker::Window* window = nullptr;
};

// An installed image as one worker uses it: the shared image plus this worker's pools, shards and
// balancer positions. A new image gets a new one of these; the old one stays until its last
// exchange has ended, so that nothing that an exchange refers to ever moves.
struct WorkerImage {
  std::shared_ptr<const InstalledImage> installed;
  const Image* image = nullptr;
  std::vector<Pool*> pools;                             // by endpoint
  std::vector<ClusterShard*> cluster_shards;            // by cluster
  std::vector<RetryBudget::Requests*> budget_requests;  // by cluster, null without a budget
  std::vector<std::unique_ptr<SubsetBinding>> subsets;  // by subset, made at its first use
  std::vector<HoldQueue*> hold_queues;                  // by cluster
  std::vector<BoundBreaker> breakers;                   // by cluster
  std::vector<RouteShard*> route_shards;                // by route, bound at its first use
  std::vector<std::unique_ptr<HedgeBinding>> hedges;    // by route; empty until one hedges
  std::vector<RateShard*> rate_shards;                  // by rate limit
  std::vector<uint32_t> listeners;              // by listener key: index in the image or kNone
  std::vector<RequestRules> rules;              // by listener
  bool asks_for_peer = false;                   // a limit or a hash goes by the client's address
  const abi::TracingRecord* tracing = nullptr;  // null = nothing is traced
  uint32_t exchanges = 0;                       // in flight on this image
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_REACTOR_WORKER_IMAGE_H_
