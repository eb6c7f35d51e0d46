// Which endpoint: the plan of the balancer, and what it makes of this moment.
#include <algorithm>
#include <numeric>
#include <optional>

#include "engine/balancer/prefer.h"
#include "engine/balancer/report.h"
#include "engine/explain/explainer.h"
#include "engine/explain/pick_shares.h"

namespace millrace {
namespace {

struct Candidate {
  uint32_t group = abi::kNone;  // kNone: it is in no group, so it is not given now
  const PlanSlot* slot = nullptr;
  uint32_t endpoint = 0;  // ENDPOINT row
  double share = 0;
  bool open = false;  // may be given at this moment
};

// What Reactor::pickEndpoint would do with a hash, without counting. `usable`: by their number in
// the cluster, endpoints that are available and, if half-open, have a place for a probe. The number
// of the endpoint, kNone or kFull.
uint32_t pickByHash(const Plan& plan, PickRequest request, uint64_t seed,
                    std::span<EndpointState* const> endpoints, const std::vector<bool>& usable,
                    uint8_t* flags) {
  constexpr int kTries = 10;
  PickerState state(seed);
  std::vector<uint32_t> excluded;
  uint32_t out = abi::kNone;
  for (int tries = 0; tries < kTries; ++tries) {
    const uint32_t picked = plan.pick(state, request);
    *flags = state.last_flags;
    if (picked == kFull) return kFull;
    if (picked == abi::kNone) return out;
    if (usable[picked] || (state.last_flags & PickerState::kPickedInPanic) != 0) return picked;
    if (!isAvailable(endpoints[picked]->load.health.load(std::memory_order_relaxed))) {
      request.avoided_health = ~static_cast<uint32_t>(abi::health::kHalfOpen);
      out = picked;
    } else {
      excluded.push_back(picked);
      request.excluded = excluded;
    }
  }
  return kFull;
}

// Whom a hash belongs to among all of a group, whatever their load: the slot.
uint32_t ownerOf(uint32_t policy, const PlanGroup& group, uint64_t hash) {
  switch (policy) {
    case abi::policy::kRingHash:
      return group.ring.slot(hash);
    case abi::policy::kMaglev:
      return group.maglev.slot(hash);
    default:
      return group.rendezvous.walk(hash, [](uint32_t) { return true; });
  }
}

const char* resultName(uint32_t picked, bool certain) {
  if (picked == kFull) return "full";
  return picked == abi::kNone ? "none" : certain ? "picked" : "drawn";
}

}  // namespace

bool Explainer::candidates(uint32_t cluster, uint32_t subset, const Hashed& hashed) {
  const abi::ClusterRecord& row = image_.clusters()[cluster];
  const BalancerSettings& settings = installed_.balancers[cluster];
  uint32_t version = 0;
  const std::shared_ptr<const Plan> plan = installed_.plans->fetch(subset, &version);
  const std::span<const PlanGroup> groups = plan->groups();

  json_.key("groups").beginArray();
  for (const PlanGroup& group : groups) {
    json_.beginObject().field("priority", group.priority);
    json_.field("share", group.share / static_cast<double>(kShareScale));
    json_.field("zoned", group.zoned).field("local", group.local);
    json_.field("panicking", group.panicking);
    json_.field("endpoints", static_cast<uint64_t>(group.slots.size())).endObject();
  }
  json_.endArray();

  std::vector<Candidate> all;
  std::vector<uint8_t> open;
  std::vector<bool> planned(row.endpoint_count);
  std::vector<bool> usable(row.endpoint_count);
  bool any_full = false;
  for (uint32_t g = 0; g < groups.size(); ++g) {
    for (const PlanSlot& slot : groups[g].slots) {
      const uint32_t endpoint = row.endpoint_start + slot.index;
      const uint32_t health = slot.load->health.load(std::memory_order_relaxed);
      const uint32_t cap = slot.load->max_requests.load(std::memory_order_relaxed);
      const bool full = cap != 0 && activeOf(slot) >= cap;
      bool given = groups[g].panicking || isAvailable(health);
      // Only its circuit breaker can let somebody through to it.
      if (const Breaker* const breaker = installed_.endpoint_breakers[endpoint].get();
          given && !groups[g].panicking && breaker != nullptr &&
          (health & abi::health::kHalfOpen) != 0) {
        const Breaker::Probes probes = breaker->probes();
        given = breaker->state() != abi::breaker_state::kHalfOpen ||
                probes.held < breaker->settings().probes || nowMs() >= probes.silent_until_ms;
      }
      planned[slot.index] = true;
      usable[slot.index] = given;
      any_full |= full && given;
      open.push_back(!full && given);
      all.push_back({g, &slot, endpoint, 0, !full && given});
    }
  }
  // Better one that has just become unavailable than none; the plan will know soon.
  const bool last_resort =
      !any_full && !all.empty() && std::find(open.begin(), open.end(), 1) == open.end();
  if (last_resort) std::fill(open.begin(), open.end(), 1);
  for (const uint32_t member : image_.members(image_.subsets()[subset])) {
    if (!planned[member - row.endpoint_start])
      all.push_back({abi::kNone, nullptr, member, 0, false});
  }

  // Who it would be, or how likely each of them is.
  uint32_t active = 0;
  if (subset == row.subset_start && plan->bounded()) {
    active = installed_.clusters[cluster]->active.load(std::memory_order_relaxed);
  } else {
    for (const uint32_t member : image_.members(image_.subsets()[subset]))
      active += installed_.endpoints[member]->load.active.load(std::memory_order_relaxed);
  }
  const bool by_hash =
      hashes(settings.policy) && hashed.hash.present && !hashed.made_up && !groups.empty();
  uint32_t picked = std::find(open.begin(), open.end(), 1) != open.end() ? 0
                    : any_full                                           ? kFull
                                                                         : abi::kNone;
  json_.key("pick").beginObject();
  std::optional<std::vector<double>> shares;
  if (by_hash) {
    PickRequest request;
    request.has_hash = true;
    request.hash = hashed.hash.value;
    request.now_ms = nowMs();
    request.total_active = active;
    std::vector<EndpointState*> states;
    for (uint32_t i = 0; i < row.endpoint_count; ++i)
      states.push_back(installed_.endpoints[row.endpoint_start + i].get());
    uint8_t flags = 0;
    picked = pickByHash(*plan, request, context_.seed, states, usable, &flags);
    const PlanGroup& group = groups[plan->groupFor(mix64(request.hash))];
    const uint32_t owner = ownerOf(settings.policy, group, request.hash);
    json_.field("owner", row.endpoint_start + group.slots[owner].index);
    if (plan->bounded()) {
      const BoundedLoad::Room room = group.bound.room(active);
      json_.key("bound").beginObject().field("totalActive", active);
      json_.field("ownerActive", activeOf(group.slots[owner]));
      json_.field("ownerMost", group.bound.ceiling(room, owner));
      json_.field("overflow", (flags & PickerState::kHashOverflow) != 0).endObject();
    }
    if (picked < kFull) {
      json_.field("endpoint", row.endpoint_start + picked);
      for (Candidate& one : all) one.share = one.endpoint == row.endpoint_start + picked ? 1 : 0;
    }
    shares.emplace();
  } else {
    shares = pickShares(settings, *plan, open, nowMs());
    for (std::size_t i = 0; shares && i < shares->size(); ++i) all[i].share = (*shares)[i];
  }
  // Whoever waits already goes first.
  if (picked < kFull && plan->capped() && installed_.clusters[cluster]->line.waiting() != 0)
    picked = kFull;
  json_.field("result", resultName(picked, by_hash)).field("lastResort", last_resort);
  json_.field("sharesKnown", shares.has_value()).endObject();

  const auto shown = static_cast<std::ptrdiff_t>(std::min(all.size(), kMostCandidates));
  std::partial_sort(all.begin(), all.begin() + shown, all.end(),
                    [](const Candidate& a, const Candidate& b) {
                      if (a.share != b.share) return a.share > b.share;
                      if (a.open != b.open) return a.open;
                      return a.endpoint < b.endpoint;
                    });
  json_.field("candidatesMore", static_cast<uint64_t>(all.size()) - static_cast<uint64_t>(shown));
  json_.key("candidates").beginArray();
  for (auto one = all.begin(); one != all.begin() + shown; ++one) {
    const EndpointState& state = *installed_.endpoints[one->endpoint];
    json_.beginObject().field("endpoint", one->endpoint).index("group", one->group);
    json_.field("open", one->open);
    json_.field("health", state.load.health.load(std::memory_order_relaxed));
    json_.field("active", state.load.active.load(std::memory_order_relaxed));
    json_.field("connections", state.connections.load(std::memory_order_relaxed));
    json_.key("share");
    if (shares)
      json_.real(one->share);
    else
      json_.null();
    if (one->slot != nullptr) {
      json_.field("weight", one->slot->weight / static_cast<double>(kStrideScale));
      json_.field("score", pickScore(settings, *one->slot, nowMs()));
    }
    const float cost = projectedCost(state.load.latency.load(std::memory_order_relaxed),
                                     static_cast<uint32_t>(nowMs()), decayScale(settings.decay_ms));
    if (cost > 0) json_.field("latencyUs", static_cast<double>(cost));
    if (const uint64_t warm = state.warm_since_ms.load(std::memory_order_relaxed); warm != 0)
      json_.field("warmForMs", nowMs() > warm ? nowMs() - warm : uint64_t{0});
    const uint64_t report = state.load.report.load(std::memory_order_relaxed);
    if (settings.policy == abi::policy::kPrequal && ReportWord::fresh(report, nowMs())) {
      json_.key("report").beginObject().field("inFlight", ReportWord::rif(report));
      json_.field("latencyUs", ReportWord::latencyUs(report)).endObject();
    }
    breaker("breaker", installed_.endpoint_breakers[one->endpoint].get());
    json_.endObject();
  }
  json_.endArray();
  return picked != abi::kNone;
}

}  // namespace millrace
