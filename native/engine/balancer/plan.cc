// Builds plans; plan_pick.cc picks from them.
#include "engine/balancer/plan.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "engine/balancer/alias_table.h"
#include "engine/balancer/decay.h"

namespace millrace {

namespace {

constexpr std::size_t kMaxMembers = 65535;  // numbers of slots are 16 bits in the hash tables

// Part of its weight that an endpoint has earned (Envoy's slow start): grows from min_percent to
// all of it in the course of the window.
double slowStartFactor(const BalancerSettings& settings, uint64_t warm_since_ms,
                       uint64_t now_ms) noexcept {
  if (settings.slow_start_ms == 0 || warm_since_ms == 0) return 1;
  const uint64_t age = now_ms > warm_since_ms ? now_ms - warm_since_ms : 0;
  if (age >= settings.slow_start_ms) return 1;
  double factor = static_cast<double>(age) / settings.slow_start_ms;
  const double aggression = settings.slow_start_aggression;
  if (aggression > 0 && aggression != 1) factor = std::pow(factor, 1 / aggression);
  return std::clamp(factor, std::min(settings.slow_start_min_percent / 100.0, 1.0), 1.0);
}

// Thousandths, so that a weight of 1 can start at 0.1.
uint32_t earnedWeight(uint32_t weight, double factor) noexcept {
  constexpr double kMost = 4e9;  // a configured weight is at most 1,000,000
  return static_cast<uint32_t>(std::clamp(std::floor(weight * 1000.0 * factor), 1.0, kMost));
}

// Scales to 1 .. kStrideScale; the heaviest becomes kStrideScale.
void scaleWeights(std::span<PlanSlot> slots) noexcept {
  uint64_t most = 1;
  for (const PlanSlot& slot : slots) most = std::max<uint64_t>(most, slot.weight);
  for (PlanSlot& slot : slots) {
    const uint64_t scaled = (uint64_t{slot.weight} * kStrideScale + most / 2) / most;
    slot.weight = static_cast<uint32_t>(std::max<uint64_t>(scaled, 1));
  }
}

}  // namespace

std::unique_ptr<const Plan> Plan::build(const BalancerSettings& settings,
                                        std::span<const PlanEndpoint> endpoints, uint64_t now_ms) {
  endpoints = endpoints.first(std::min(endpoints.size(), kMaxMembers));
  std::unique_ptr<Plan> plan(new Plan);
  plan->policy_ = settings.policy;
  plan->default_latency_us_ = settings.default_latency_us;
  plan->decay_scale_ = decayScale(settings.decay_ms);
  plan->bias_ = settings.bias;
  plan->bounded_ = hashes(settings.policy) && settings.hash_balance_percent > 0;
  if (settings.policy == abi::policy::kLeastRequest && settings.bias != 0 && settings.bias != 1)
    plan->powers_ = std::make_unique<const PowerTable>(settings.bias);

  std::vector<GroupMembers> groups = divideIntoGroups(settings, endpoints);
  std::size_t total = 0;
  for (const GroupMembers& group : groups) total += group.members.size();
  plan->slots_.resize(total);
  plan->weights_.resize(settings.policy == abi::policy::kRoundRobin ? total : 0);
  plan->groups_.resize(groups.size());

  std::size_t start = 0;
  uint32_t share_end = 0;
  std::vector<HashMember> members;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const GroupMembers& from = groups[g];
    PlanGroup& group = plan->groups_[g];
    group.priority = from.priority;
    group.level = from.level;
    group.share = from.share;
    group.share_end = share_end += from.share;
    group.zoned = from.zoned;
    group.local = from.local;
    group.panicking = from.panicking;
    plan->panicking_ = plan->panicking_ || from.panicking;

    const std::span<PlanSlot> slots(plan->slots_.data() + start, from.members.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const PlanEndpoint& endpoint = endpoints[from.members[i]];
      MILLRACE_CHECK(endpoint.load != nullptr);
      const double factor = slowStartFactor(settings, endpoint.warm_since_ms, now_ms);
      plan->warming_ = plan->warming_ || factor < 1;
      plan->capped_ = plan->capped_ || endpoint.max_requests != 0;
      slots[i].load = endpoint.load;
      slots[i].index = endpoint.index;
      slots[i].weight = earnedWeight(endpoint.weight, factor);
      // On the load and not in the slot: requests that wait on an older plan go by the new cap,
      // too.
      endpoint.load->max_requests.store(endpoint.max_requests, std::memory_order_relaxed);
    }
    scaleWeights(slots);
    group.slots = slots;
    for (const PlanSlot& slot : slots)
      group.uniform = group.uniform && slot.weight == slots.front().weight;
    buildAliases(slots);  // the hash policies need them for requests without a hash
    if (settings.policy == abi::policy::kRoundRobin) {
      for (std::size_t i = 0; i < slots.size(); ++i)
        plan->weights_[start + i] = static_cast<uint16_t>(slots[i].weight);
      group.weights = std::span(plan->weights_).subspan(start, slots.size());
      group.divide = Divider32(static_cast<uint32_t>(slots.size()));
    } else if (hashes(settings.policy)) {
      members.clear();
      for (std::size_t i = 0; i < slots.size(); ++i)
        members.push_back({endpoints[from.members[i]].name, slots[i].weight});
      plan->buildTables(settings, group, members);
    }
    start += slots.size();
  }
  return plan;
}

void Plan::buildTables(const BalancerSettings& settings, PlanGroup& group,
                       std::span<const HashMember> members) {
  switch (settings.policy) {
    case abi::policy::kRingHash:
      group.ring = HashRing(members, settings.table_size);
      break;
    case abi::policy::kMaglev:
      group.maglev = MaglevTable(members, settings.table_size);
      break;
    default:
      group.rendezvous = Rendezvous(members);
  }
  if (bounded_) group.bound = BoundedLoad(members, settings.hash_balance_percent);
}

}  // namespace millrace
