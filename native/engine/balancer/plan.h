#ifndef MILLRACE_ENGINE_BALANCER_PLAN_H_
#define MILLRACE_ENGINE_BALANCER_PLAN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/balancer/bounded_load.h"
#include "engine/balancer/fast_divide.h"
#include "engine/balancer/hash_ring.h"
#include "engine/balancer/maglev.h"
#include "engine/balancer/picker.h"
#include "engine/balancer/plan_groups.h"
#include "engine/balancer/powers.h"
#include "engine/balancer/rendezvous.h"
#include "engine/balancer/settings.h"
#include "engine/balancer/slot.h"

namespace millrace {

// A group of endpoints that a policy chooses from, with the tables of that policy.
struct PlanGroup {
  uint32_t priority = 0;
  uint32_t level = 0;
  uint32_t share = 0;      // of kShareScale
  uint32_t share_end = 0;  // running sum of the shares
  bool zoned = false;
  bool local = false;
  bool panicking = false;
  bool uniform = true;  // all weights are equal
  Slots slots;
  Divider32 divide;                   // roundRobin: by the number of slots
  std::span<const uint16_t> weights;  // roundRobin: of the slots
  HashRing ring;
  MaglevTable maglev;
  Rendezvous rendezvous;
  BoundedLoad bound;
};

// How the requests of one subset are shared out, computed from settings, health and slow start: the
// control plane builds a new one whenever one of them changes, the workers pick from it. Immutable
// once built, so all workers may read it at once; what changes between two plans is in the
// EndpointLoad of each endpoint, in the caller's PickerState, and nowhere else.
class Plan {
 public:
  // The strings of the arguments are not needed afterwards; the loads are. Takes 65535 endpoints at
  // most, the rest is ignored. `now_ms` as in PickRequest.
  static std::unique_ptr<const Plan> build(const BalancerSettings& settings,
                                           std::span<const PlanEndpoint> endpoints,
                                           uint64_t now_ms);

  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  bool warming() const noexcept { return warming_; }      // in slow start: build again soon
  bool panicking() const noexcept { return panicking_; }  // some group ignores availability
  bool bounded() const noexcept { return bounded_; }      // PickRequest.total_active is used
  bool capped() const noexcept { return capped_; }        // some endpoint has max_requests

  // The index of an endpoint, kNone when there is none (or each was excluded), or kFull. Does not
  // count the request: the caller does. O(1), but O(members) for rendezvous and where nearly all
  // are excluded or full. Any thread, with a state of its own.
  uint32_t pick(PickerState& state, const PickRequest& request) const noexcept;

  // For explanations and tests.
  std::span<const PlanGroup> groups() const noexcept { return groups_; }
  // The group that 64 random bits stand for, by the shares; mix64 of the hash of a request that has
  // one. There must be a group.
  uint32_t groupFor(uint64_t bits) const noexcept;

 private:
  Plan() = default;

  void buildTables(const BalancerSettings& settings, PlanGroup& group,
                   std::span<const HashMember> members);
  uint32_t drawGroup(PickerState& state, const PickRequest& request, bool by_hash) const noexcept;
  uint32_t pickElsewhere(PickerState& state, const PickRequest& request,
                         uint32_t drawn) const noexcept;
  template <typename Open>
  uint32_t pickFrom(uint32_t group, PickerState& state, const PickRequest& request,
                    const Open& open) const noexcept;

  uint32_t policy_ = 0;
  bool warming_ = false;
  bool panicking_ = false;
  bool bounded_ = false;
  bool capped_ = false;
  uint32_t default_latency_us_ = 0;
  float decay_scale_ = 0;
  double bias_ = 1;
  std::unique_ptr<const PowerTable> powers_;  // leastRequest with a bias that needs it
  std::vector<PlanSlot> slots_;
  std::vector<uint16_t> weights_;
  std::vector<PlanGroup> groups_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_PLAN_H_
