#include "engine/explain/pick_shares.h"

#include <cmath>
#include <memory>

#include "engine/balancer/least_time.h"
#include "engine/balancer/prefer.h"

namespace millrace {
namespace {

using Shares = std::vector<double>;
using Open = std::span<const uint8_t>;

bool anyOpen(Open open) {
  for (const uint8_t one : open) {
    if (one != 0) return true;
  }
  return false;
}

Shares byWeight(Slots slots, Open open) {
  Shares shares(slots.size());
  double sum = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) sum += shares[i] = open[i] ? slots[i].weight : 0;
  for (double& share : shares) share /= sum;
  return shares;
}

// Two are drawn by weight, the second one without the first, and compared: over all pairs.
template <typename Prefer>
std::optional<Shares> ofTwo(Slots slots, Open open, const Prefer& preferSecond) {
  const Shares first = byWeight(slots, open);
  std::vector<std::size_t> who;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (open[i]) who.push_back(i);
  }
  if (who.size() == 1) return first;
  if (who.size() > kMostPaired) return std::nullopt;
  Shares shares(slots.size());
  for (const std::size_t i : who) {
    for (const std::size_t j : who) {
      if (i == j) continue;
      const double pair = first[i] * first[j] / (1 - first[i]);
      shares[preferSecond(slots[i], slots[j]) ? j : i] += pair;
    }
  }
  return shares;
}

// pickLeastTime for each place that it may start from.
Shares leastTime(Slots slots, Open open, const std::vector<double>& scores) {
  const auto n = static_cast<uint32_t>(slots.size());
  Shares shares(n);
  for (uint32_t start = 0; start < n; ++start) {
    uint32_t best = n;
    for (uint32_t k = 0; k < leastTimeLooks(n); ++k) {
      if (k >= kLeastTimeLooks && best != n) break;
      const uint32_t slot = leastTimeSlot(start, k, n);
      if (!open[slot]) continue;
      if (best == n || scores[slot] < scores[best]) best = slot;
    }
    shares[best] += 1.0 / static_cast<double>(n);
  }
  return shares;
}

// Inside one group, in which somebody is open.
std::optional<Shares> within(const BalancerSettings& settings, const PlanGroup& group, Open open,
                             uint64_t now_ms) {
  const float scale = decayScale(settings.decay_ms);
  const auto now = static_cast<uint32_t>(now_ms);
  switch (settings.policy) {
    case abi::policy::kLeastRequest: {
      if (settings.bias == 0) return byWeight(group.slots, open);
      if (settings.bias == 1) {
        return ofTwo(group.slots, open, [](const PlanSlot& first, const PlanSlot& second) {
          return secondIsLessBusy(first, second);
        });
      }
      const auto powers = std::make_unique<const PowerTable>(settings.bias);
      return ofTwo(group.slots, open, [&](const PlanSlot& first, const PlanSlot& second) {
        return secondIsLessBusy(first, second, *powers);
      });
    }
    case abi::policy::kPeakEwma:
      return ofTwo(group.slots, open, [&](const PlanSlot& first, const PlanSlot& second) {
        return secondIsFaster(first, second, now, scale, settings.default_latency_us);
      });
    case abi::policy::kLeastTime: {
      std::vector<double> scores;
      for (const PlanSlot& slot : group.slots) scores.push_back(pickScore(settings, slot, now_ms));
      return leastTime(group.slots, open, scores);
    }
    case abi::policy::kPrequal:
      return std::nullopt;
    default:
      return byWeight(group.slots, open);
  }
}

}  // namespace

double pickScore(const BalancerSettings& settings, const PlanSlot& slot, uint64_t now_ms) {
  const double weight = slot.weight;
  switch (settings.policy) {
    case abi::policy::kLeastRequest:
      return std::pow(static_cast<double>(activeOf(slot)) + 1, settings.bias) /
             (weight / kStrideScale);
    case abi::policy::kPeakEwma:
    case abi::policy::kPrequal:
      return latencyLoad(*slot.load, static_cast<uint32_t>(now_ms), decayScale(settings.decay_ms),
                         settings.default_latency_us);
    case abi::policy::kLeastTime:
      return latencyLoad(*slot.load, static_cast<uint32_t>(now_ms), decayScale(settings.decay_ms),
                         settings.default_latency_us) /
             weight;
    default:
      return weight;
  }
}

std::optional<Shares> pickShares(const BalancerSettings& settings, const Plan& plan, Open open,
                                 uint64_t now_ms) {
  const std::span<const PlanGroup> groups = plan.groups();
  // Who answers for a group: itself, or when nobody in it is open, the first of the others.
  std::vector<std::size_t> starts;
  std::size_t total = 0;
  std::size_t first_open = groups.size();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    starts.push_back(total);
    total += groups[g].slots.size();
    if (first_open == groups.size() && anyOpen(open.subspan(starts[g], groups[g].slots.size())))
      first_open = g;
  }
  Shares shares(total);
  if (first_open == groups.size()) return shares;
  std::vector<double> parts(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const bool own = anyOpen(open.subspan(starts[g], groups[g].slots.size()));
    parts[own ? g : first_open] += groups[g].share;
  }
  double whole = 0;
  for (const double part : parts) whole += part;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (parts[g] == 0) continue;
    const std::size_t size = groups[g].slots.size();
    const auto inside = within(settings, groups[g], open.subspan(starts[g], size), now_ms);
    if (!inside) return std::nullopt;
    for (std::size_t i = 0; i < size; ++i) shares[starts[g] + i] = (*inside)[i] * parts[g] / whole;
  }
  return shares;
}

}  // namespace millrace
