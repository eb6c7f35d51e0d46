// Picks from plans; plan.cc builds them.
#include "engine/balancer/draw.h"
#include "engine/balancer/key_hash.h"
#include "engine/balancer/latency.h"
#include "engine/balancer/least_time.h"
#include "engine/balancer/plan.h"
#include "engine/balancer/prefer.h"
#include "engine/balancer/prequal.h"
#include "engine/balancer/stride.h"

namespace millrace {

namespace {

// Calls `walk(accept)` of the group's table, then looks at everybody in turn, from a place that
// depends on the key: what is left over must not all go to the same neighbour.
template <typename Walk, typename Accept>
uint32_t walkThenScan(Slots slots, uint64_t hash, const Walk& walk, const Accept& accept) noexcept {
  const uint32_t slot = walk([&](uint32_t i) { return accept(slots[i]); });
  if (slot != abi::kNone) return slot;
  const auto from = static_cast<uint32_t>(((mix64(hash) >> 32) * slots.size()) >> 32);
  return scanSlots(slots, from, accept);
}

// The choice of a hash policy among the open slots, within its bound where there is one.
template <typename Walk, typename Open>
uint32_t pickByHash(const PlanGroup& group, bool bounded, PickerState& state,
                    const PickRequest& request, const Open& open, const Walk& walk) noexcept {
  const uint32_t choice = walkThenScan(group.slots, request.hash, walk, open);
  if (!bounded || choice == abi::kNone) return choice;
  const BoundedLoad::Room room = group.bound.room(request.total_active);
  const auto below = [&](const PlanSlot& slot) {
    const auto i = static_cast<uint32_t>(&slot - group.slots.data());
    return group.bound.below(room, i, static_cast<uint32_t>(activeOf(slot)));
  };
  if (below(group.slots[choice])) return choice;
  const uint32_t other = walkThenScan(group.slots, request.hash, walk, [&](const PlanSlot& slot) {
    return open(slot) && below(slot);
  });
  if (other == abi::kNone) return choice;
  state.last_flags |= PickerState::kHashOverflow;
  return other;
}

}  // namespace

// The group's number. A hash policy draws by the hash, so that a key stays in its group.
uint32_t Plan::drawGroup(PickerState& state, const PickRequest& request,
                         bool by_hash) const noexcept {
  if (groups_.front().share_end == kShareScale) return 0;
  return groupFor(by_hash ? mix64(request.hash) : state.rng.next());
}

uint32_t Plan::groupFor(uint64_t bits) const noexcept {
  const auto draw = static_cast<uint32_t>(((bits >> 32) * kShareScale) >> 32);
  uint32_t group = 0;
  while (group + 1 < groups_.size() && draw >= groups_[group].share_end) ++group;
  return group;
}

// A slot of the group, or kNone when nobody in it is open.
template <typename Open>
uint32_t Plan::pickFrom(uint32_t number, PickerState& state, const PickRequest& request,
                        const Open& open) const noexcept {
  const PlanGroup& group = groups_[number];
  const Slots slots = group.slots;
  const auto now = static_cast<uint32_t>(request.now_ms);
  switch (policy_) {
    case abi::policy::kRoundRobin:
      return strideSlot(group.weights, group.divide,
                        state.sequences[number % PickerState::kSequences],
                        [&](uint32_t slot) { return open(slots[slot]); });
    case abi::policy::kLeastRequest:
      if (bias_ == 1) {
        return pickOfTwo(slots, group.uniform, state.rng, open,
                         [](const PlanSlot& first, const PlanSlot& second) {
                           return secondIsLessBusy(first, second);
                         });
      }
      if (powers_ == nullptr) return drawSlot(slots, state.rng, open);  // bias 0: by weight alone
      return pickOfTwo(slots, group.uniform, state.rng, open,
                       [this](const PlanSlot& first, const PlanSlot& second) {
                         return secondIsLessBusy(first, second, *powers_);
                       });
    case abi::policy::kPeakEwma:
      return pickOfTwo(slots, group.uniform, state.rng, open,
                       [this, now](const PlanSlot& first, const PlanSlot& second) {
                         return secondIsFaster(first, second, now, decay_scale_,
                                               default_latency_us_);
                       });
    case abi::policy::kLeastTime:
      return pickLeastTime(slots, state.rng, open, now, decay_scale_, default_latency_us_);
    case abi::policy::kPrequal:
      return pickPrequal(slots, state, open, request.now_ms, decay_scale_, default_latency_us_);
    case abi::policy::kRingHash:
      if (!request.has_hash) break;
      return pickByHash(group, bounded_, state, request, open,
                        [&](auto&& accept) { return group.ring.walk(request.hash, accept); });
    case abi::policy::kMaglev:
      if (!request.has_hash) break;
      return pickByHash(group, bounded_, state, request, open,
                        [&](auto&& accept) { return group.maglev.walk(request.hash, accept); });
    case abi::policy::kRendezvous:
      if (!request.has_hash) break;
      return pickByHash(group, bounded_, state, request, open,
                        [&](auto&& accept) { return group.rendezvous.walk(request.hash, accept); });
  }
  return drawSlot(slots, state.rng, open);  // random, and a hash policy without a hash
}

uint32_t Plan::pick(PickerState& state, const PickRequest& request) const noexcept {
  state.last_flags = 0;
  if (groups_.empty()) return abi::kNone;
  const uint32_t group = drawGroup(state, request, request.has_hash && hashes(policy_));
  const bool any = request.excluded.empty() && !capped_ && request.avoided_health == 0;
  const uint32_t slot =
      any ? pickFrom(group, state, request, AnySlot{})
          : pickFrom(group, state, request, OpenSlot{request.excluded, request.avoided_health});
  if (slot == abi::kNone) [[unlikely]]
    return pickElsewhere(state, request, group);
  if (groups_[group].panicking) state.last_flags |= PickerState::kPickedInPanic;
  return groups_[group].slots[slot].index;
}

// The drawn group has nobody: the others in their order, those without a share, too.
uint32_t Plan::pickElsewhere(PickerState& state, const PickRequest& request,
                             uint32_t drawn) const noexcept {
  const OpenSlot open{request.excluded, request.avoided_health};
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    if (g == drawn) continue;
    const uint32_t slot = pickFrom(g, state, request, open);
    if (slot == abi::kNone) continue;
    if (groups_[g].panicking) state.last_flags |= PickerState::kPickedInPanic;
    return groups_[g].slots[slot].index;
  }
  for (const PlanGroup& group : groups_) {
    for (const PlanSlot& slot : group.slots) {
      if (!open.isOut(slot) && !isExcluded(request.excluded, slot.index)) return kFull;
    }
  }
  return abi::kNone;
}

}  // namespace millrace
