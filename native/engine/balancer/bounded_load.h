#ifndef MILLRACE_ENGINE_BALANCER_BOUNDED_LOAD_H_
#define MILLRACE_ENGINE_BALANCER_BOUNDED_LOAD_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/balancer/hash_member.h"

namespace millrace {

// Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016) with HAProxy's
// weights (lb_chash.c): the cluster has room for factor percent of the requests in flight, the new
// one included, and that room is dealt out by weight to the last place. An endpoint whose share is
// used up is passed over.
class BoundedLoad {
 public:
  BoundedLoad() = default;
  BoundedLoad(std::span<const HashMember> members, uint32_t percent) : percent_(percent) {
    before_.reserve(members.size() + 1);
    before_.push_back(0);
    for (const HashMember& member : members) {
      total_ += member.weight;
      before_.push_back(total_);
    }
  }

  // The room for one pick.
  struct Room {
    uint64_t each;  // places per unit of weight
    uint64_t rest;  // places that are left over
  };
  Room room(uint32_t total_active) const noexcept {
    const uint64_t places = ((uint64_t{total_active} + 1) * percent_ + 99) / 100;
    return {places / total_, places % total_};
  }

  // Most requests that member i may have before it is passed over; at least 1. All products stay
  // below 2^64: weights sum up to less than 2^32, and so is the rest.
  uint64_t ceiling(const Room& room, uint32_t i) const noexcept {
    const uint64_t weight = before_[i + 1] - before_[i];
    const uint64_t places =
        weight * room.each + before_[i + 1] * room.rest / total_ - before_[i] * room.rest / total_;
    return std::max<uint64_t>(places, 1);
  }

  bool below(const Room& room, uint32_t i, uint32_t active) const noexcept {
    // Without the two divisions where they cannot matter.
    if (active < (before_[i + 1] - before_[i]) * room.each || active == 0) return true;
    return active < ceiling(room, i);
  }

 private:
  uint32_t percent_ = 0;
  uint64_t total_ = 0;
  std::vector<uint64_t> before_;  // sum of the weights in front of member i
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_BOUNDED_LOAD_H_
