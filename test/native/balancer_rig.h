#ifndef MILLRACE_TEST_NATIVE_BALANCER_RIG_H_
#define MILLRACE_TEST_NATIVE_BALANCER_RIG_H_

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "engine/balancer/key_hash.h"
#include "engine/balancer/observe.h"
#include "engine/balancer/plan.h"
#include "harness.h"

namespace millrace::test {

inline constexpr uint64_t kNow = 1000000;
// Endpoint i has the index kFirst + i, so that slots and indexes cannot be mixed up.
inline constexpr uint32_t kFirst = 100;

inline constexpr uint32_t kAllPolicies[] = {
    abi::policy::kRoundRobin, abi::policy::kLeastRequest, abi::policy::kRandom,
    abi::policy::kPeakEwma,   abi::policy::kLeastTime,    abi::policy::kRingHash,
    abi::policy::kMaglev,     abi::policy::kRendezvous,   abi::policy::kPrequal};

// A balancer over endpoints of its own.
struct Rig {
  BalancerSettings settings;
  std::vector<std::string> names;
  std::unique_ptr<EndpointLoad[]> loads;
  std::vector<PlanEndpoint> endpoints;
  std::unique_ptr<const Plan> plan;
  PickerState state{seed()};
  std::vector<uint32_t> excluded;
  uint32_t total = 0;

  Rig(uint32_t policy, const std::vector<uint32_t>& weights)
      : names(weights.size()), loads(new EndpointLoad[weights.size()]), endpoints(weights.size()) {
    settings.policy = policy;
    for (uint32_t i = 0; i < weights.size(); ++i) {
      names[i] = "10.0." + std::to_string(i >> 8) + "." + std::to_string(i & 255) + ":80";
      endpoints[i].index = kFirst + i;
      endpoints[i].weight = weights[i];
      endpoints[i].name = names[i];
      endpoints[i].load = &loads[i];
    }
    rebuild();
  }
  void rebuild(uint64_t now_ms = kNow) { plan = Plan::build(settings, endpoints, now_ms); }

  // Position of the endpoint, or kNone or kFull.
  uint32_t pick(uint64_t now_ms = kNow) { return ask({}, now_ms); }
  uint32_t pickFor(uint64_t hash) { return ask(hash, kNow, true); }
  uint32_t ask(uint64_t hash, uint64_t now_ms, bool has_hash = false) {
    const uint32_t got = plan->pick(state, {has_hash, hash, excluded, now_ms, total});
    return got >= kFull ? got : got - kFirst;
  }
  void begin(uint32_t i, uint32_t requests = 1) {
    loads[i].active += requests;
    total += requests;
  }
  std::vector<uint32_t> counts(uint32_t picks) {
    std::vector<uint32_t> out(endpoints.size());
    for (uint32_t k = 0; k < picks; ++k) {
      const uint32_t i = pick();
      if (i < out.size()) ++out[i];
    }
    return out;
  }
  std::vector<uint32_t> countsByHash(uint32_t keys) {
    std::vector<uint32_t> out(endpoints.size());
    for (uint32_t k = 0; k < keys; ++k) {
      const uint32_t i = pickFor(mix64(k + 1));
      if (i < out.size()) ++out[i];
    }
    return out;
  }
  // Shares of the groups in 1/10000.
  std::vector<uint32_t> shares() const {
    std::vector<uint32_t> out;
    for (const PlanGroup& group : plan->groups()) out.push_back(group.share);
    return out;
  }
};

inline std::string text(const std::vector<uint32_t>& numbers) {
  std::string out;
  for (const uint32_t n : numbers) out += (out.empty() ? "" : " ") + std::to_string(n);
  return out;
}

// Pearson's chi-square against these odds stays below its limit at 1e-6 (Wilson, Hilferty).
inline bool fits(const std::vector<uint32_t>& counts, const std::vector<double>& odds) {
  double total = 0;
  double sum = 0;
  double statistic = 0;
  for (const uint32_t c : counts) total += c;
  for (const double o : odds) sum += o;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = total * odds[i] / sum;
    if (expected == 0) {
      if (counts[i] != 0) return false;
      continue;
    }
    statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  const double df = static_cast<double>(counts.size()) - 1;
  const double spread = 2 / (9 * df);
  return total > 0 && statistic < df * std::pow(1 - spread + 4.753 * std::sqrt(spread), 3);
}

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_BALANCER_RIG_H_
