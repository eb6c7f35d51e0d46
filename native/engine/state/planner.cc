#include "engine/state/planner.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/state/engine.h"

namespace millrace {
namespace {

template <typename T>
void appendRaw(std::string* out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void appendText(std::string* out, std::string_view text) {
  appendRaw(out, text.size());
  out->append(text);
}

bool anyAvailable(std::span<const PlanEndpoint> endpoints) noexcept {
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [](const PlanEndpoint& endpoint) { return endpoint.available; });
}

// Everything that a plan is made of, as bytes: equal bytes, equal plans.
std::string inputsOf(const Image& image, const abi::BalancerRecord& balancer,
                     uint32_t panic_percent, std::span<const PlanEndpoint> endpoints) {
  std::string inputs;
  abi::BalancerRecord numbers = balancer;
  numbers.panic_percent = panic_percent;
  // Where the texts lie is no matter; the hash sources are not part of a plan.
  numbers.zone_offset = numbers.hash_start = numbers.hash_count = 0;
  appendRaw(&inputs, numbers);
  appendText(&inputs, image.str(balancer.zone_offset, balancer.zone_length));
  for (const PlanEndpoint& endpoint : endpoints) {
    appendRaw(&inputs, endpoint.index);
    appendRaw(&inputs, endpoint.weight);
    appendRaw(&inputs, endpoint.priority);
    appendRaw(&inputs, endpoint.max_requests);
    appendText(&inputs, endpoint.name);
    appendText(&inputs, endpoint.zone);
    appendRaw(&inputs, endpoint.available);
    appendRaw(&inputs, endpoint.load);
  }
  return inputs;
}

}  // namespace

BalancerSettings settingsOf(const Image& image, uint32_t cluster) {
  const abi::BalancerRecord& balancer = image.balancers()[image.clusters()[cluster].balancer];
  return balancerSettings(balancer, image.str(balancer.zone_offset, balancer.zone_length));
}

uint32_t clusterOf(const Image& image, uint32_t endpoint) {
  const auto clusters = image.clusters();
  const auto after = std::partition_point(
      clusters.begin(), clusters.end(),
      [endpoint](const abi::ClusterRecord& c) { return c.endpoint_start <= endpoint; });
  // Clusters without endpoints start where the next one does.
  for (auto at = after; at != clusters.begin();) {
    --at;
    if (at->endpoint_count == 0) continue;
    return endpoint - at->endpoint_start < at->endpoint_count
               ? static_cast<uint32_t>(at - clusters.begin())
               : abi::kNone;
  }
  return abi::kNone;
}

bool planCluster(const InstalledImage& installed, uint32_t cluster, uint64_t now_ms) {
  const Image& image = *installed.image;
  const abi::ClusterRecord& row = image.clusters()[cluster];
  const abi::BalancerRecord& balancer = image.balancers()[row.balancer];
  const bool has_fallback =
      row.fallback_cluster != abi::kNone || row.fallback_respond != abi::kNone;
  std::vector<CachedPlan>& cache = installed.clusters[cluster]->plans;
  std::vector<CachedPlan> made;
  std::vector<PlanEndpoint> usual;
  std::vector<PlanEndpoint> backups;
  bool warming = false;
  for (uint32_t s = row.subset_start; s < row.subset_start + row.subset_count; ++s) {
    usual.clear();
    backups.clear();
    bool changing = false;
    for (const uint32_t index : image.members(image.subsets()[s])) {
      const abi::EndpointRecord& e = image.endpoints()[index];
      EndpointState& state = *installed.endpoints[index];
      if (state.warm_since_ms + balancer.slow_start_ms <= now_ms) state.warm_since_ms = 0;
      changing |= state.warm_since_ms != 0;
      PlanEndpoint endpoint;
      endpoint.index = index - row.endpoint_start;
      endpoint.weight = e.weight;
      endpoint.priority = e.priority;
      endpoint.max_requests = e.max_requests;
      endpoint.name = image.str(e.name_offset, e.name_length);
      endpoint.zone = image.str(e.zone_offset, e.zone_length);
      endpoint.available = isAvailable(state.load.health.load(std::memory_order_relaxed));
      endpoint.warm_since_ms = state.warm_since_ms;
      endpoint.load = &state.load;
      (e.backup != 0 ? backups : usual).push_back(endpoint);
    }
    warming |= changing;
    // Backups stand in while none of the others is available; when nobody is, it is the others'
    // business.
    const bool stand_in = usual.empty() || (!anyAvailable(usual) && anyAvailable(backups));
    const std::vector<PlanEndpoint>& endpoints = stand_in ? backups : usual;
    // Better the fallback than an endpoint that is not available.
    BalancerSettings settings = installed.balancers[cluster];
    if (has_fallback && !anyAvailable(endpoints)) settings.panic_percent = 0;
    // A plan that changes with time is never taken over.
    CachedPlan plan{
        changing ? std::string() : inputsOf(image, balancer, settings.panic_percent, endpoints),
        nullptr};
    for (const CachedPlan& old : cache) {
      if (!changing && old.inputs == plan.inputs) plan.plan = old.plan;
    }
    if (plan.plan == nullptr) plan.plan = Plan::build(settings, endpoints, now_ms);
    installed.plans->publish(s, plan.plan);
    made.push_back(std::move(plan));
  }
  cache = std::move(made);
  return warming;
}

}  // namespace millrace
