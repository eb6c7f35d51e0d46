#include "engine/balancer/plan_groups.h"

#include <algorithm>

namespace millrace {

namespace {

struct Level {
  uint64_t total = 0;
  uint64_t available = 0;
  uint64_t local_total = 0;
  uint64_t local_available = 0;
  uint32_t health = 0;  // percent that it is good for
  uint32_t load = 0;    // percent that it gets
  bool panicking = false;
};

bool isLocal(const BalancerSettings& settings, const PlanEndpoint& endpoint) noexcept {
  return !settings.local_zone.empty() && endpoint.zone == settings.local_zone;
}

std::vector<uint32_t> distinctPriorities(std::span<const PlanEndpoint> endpoints) {
  std::vector<uint32_t> priorities;
  for (const PlanEndpoint& endpoint : endpoints) {
    if (endpoint.weight != 0 && (priorities.empty() || priorities.back() != endpoint.priority))
      priorities.push_back(endpoint.priority);
  }
  std::sort(priorities.begin(), priorities.end());
  priorities.erase(std::unique(priorities.begin(), priorities.end()), priorities.end());
  return priorities;
}

// Loads in proportion to the parts, in whole percent; what rounding leaves over goes to the first
// level that has any.
template <typename PartOf>
void shareOut(std::vector<Level>& levels, uint64_t sum, PartOf&& partOf) noexcept {
  uint32_t left = 100;
  for (Level& level : levels) {
    level.load = static_cast<uint32_t>(std::min<uint64_t>(left, partOf(level) * 100 / sum));
    left -= level.load;
  }
  // With more than a hundred levels of equal parts, no level reaches a whole percent.
  const auto first =
      std::find_if(levels.begin(), levels.end(), [](const Level& level) { return level.load > 0; });
  (first == levels.end() ? levels.front() : *first).load += left;
}

void spreadLoad(const BalancerSettings& settings, std::vector<Level>& levels) noexcept {
  uint64_t sum = 0;
  uint64_t members = 0;
  for (Level& level : levels) {
    level.health = static_cast<uint32_t>(
        std::min<uint64_t>(100, settings.overprovisioning_percent * level.available / level.total));
    sum += level.health;
    members += level.total;
  }
  if (sum > 0) {
    const uint64_t whole = std::min<uint64_t>(100, sum);
    shareOut(levels, whole, [](const Level& level) { return level.health; });
    if (whole == 100) return;
    for (Level& level : levels) {
      level.panicking =
          level.load > 0 && level.available * 100 < settings.panic_percent * level.total;
    }
  } else if (settings.panic_percent > 0) {
    shareOut(levels, members, [](const Level& level) { return level.total; });
    for (Level& level : levels) level.panicking = true;
  }
}

}  // namespace

std::vector<GroupMembers> divideIntoGroups(const BalancerSettings& settings,
                                           std::span<const PlanEndpoint> endpoints) {
  const std::vector<uint32_t> priorities = distinctPriorities(endpoints);
  if (priorities.empty()) return {};
  const auto levelOf = [&](const PlanEndpoint& endpoint) {
    return static_cast<uint32_t>(
        std::lower_bound(priorities.begin(), priorities.end(), endpoint.priority) -
        priorities.begin());
  };

  std::vector<Level> levels(priorities.size());
  uint64_t members = 0;
  for (const PlanEndpoint& endpoint : endpoints) {
    if (endpoint.weight == 0) continue;
    Level& level = levels[levelOf(endpoint)];
    const bool local = isLocal(settings, endpoint);
    ++members;
    ++level.total;
    level.available += endpoint.available;
    level.local_total += local;
    level.local_available += local && endpoint.available;
  }
  spreadLoad(settings, levels);

  const Level& top = levels.front();
  const bool zoned =
      top.local_available > 0 && !top.panicking && members >= settings.zone_min_endpoints;
  // Two places per level, the second for the remote part of level 0.
  std::vector<GroupMembers> groups(levels.size() + 1);
  for (uint32_t i = 0; i < endpoints.size(); ++i) {
    const PlanEndpoint& endpoint = endpoints[i];
    if (endpoint.weight == 0) continue;
    const uint32_t level = levelOf(endpoint);
    if (!endpoint.available && !levels[level].panicking) continue;
    const bool first = level == 0 && !(zoned && !isLocal(settings, endpoint));
    groups[first ? 0 : level + 1].members.push_back(i);
  }
  for (uint32_t i = 0; i < groups.size(); ++i) {
    const uint32_t level = i == 0 ? 0 : i - 1;
    groups[i].priority = priorities[level];
    groups[i].level = level;
    groups[i].panicking = levels[level].panicking;
    groups[i].share = levels[level].load * (kShareScale / 100);
  }
  groups[0].zoned = groups[0].local = groups[1].zoned = zoned;
  if (!zoned) {
    groups[1].share = 0;
  } else if (!groups[1].members.empty()) {
    const uint64_t capacity = std::min<uint64_t>(
        kShareScale, uint64_t{settings.overprovisioning_percent} * (kShareScale / 100) *
                         top.local_available / top.local_total);
    groups[1].share = groups[0].share;
    groups[0].share = static_cast<uint32_t>(groups[0].share * capacity / kShareScale);
    groups[1].share -= groups[0].share;
  }
  std::erase_if(groups, [](const GroupMembers& group) { return group.members.empty(); });
  return groups;
}

}  // namespace millrace
