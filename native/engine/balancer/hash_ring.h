#ifndef MILLRACE_ENGINE_BALANCER_HASH_RING_H_
#define MILLRACE_ENGINE_BALANCER_HASH_RING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "abi.h"
#include "engine/balancer/hash_member.h"

namespace millrace {

// Consistent hashing on a ring of 2^32 positions (ketama, as Envoy's ring_hash_lb.cc): a member has
// points in proportion to its weight, and a key belongs to the next point at or after it. A removal
// moves the removed member's keys and no others, as long as the number of points of the others
// stays: it is taken from a power of two for the heaviest member, and is the same for, say, 9 to 16
// equal members of a ring of 1024 points.
//
//   positions   ... 17 | 40 | 41 ... 90 |      points in order, 6 bytes each
//   buckets     ^0       ^1        ^2          first point of each equal slice of the ring
//
// A lookup jumps into its slice: one or two points on the average, whatever the size.
class HashRing {
 public:
  static constexpr uint32_t kDefaultPoints = 1024;
  static constexpr uint32_t kMaxPoints = 8388608;
  static constexpr uint32_t kPointsPerMember = 100;  // a standard deviation of 10 % of the share
  static constexpr uint32_t kTries = 256;  // further points of a key whose choice is closed

  HashRing() = default;
  // At least `points` (0 = kDefaultPoints) and kPointsPerMember a member of mean weight. At most
  // 65535 members.
  HashRing(std::span<const HashMember> members, uint32_t points);

  std::span<const uint32_t> positions() const noexcept { return positions_; }
  std::span<const uint16_t> members() const noexcept { return members_; }
  uint32_t slot(uint64_t hash) const noexcept { return members_[find(hash)]; }

  // First member in the order of the ring that `accept` takes, or kNone after kTries more points.
  template <typename Accept>
  uint32_t walk(uint64_t hash, Accept&& accept) const noexcept {
    const auto n = static_cast<uint32_t>(members_.size());
    const uint32_t most = n < kTries + 1 ? n : kTries + 1;
    for (uint32_t k = 0, point = find(hash); k < most;
         ++k, point = point + 1 == n ? 0 : point + 1) {
      if (accept(members_[point])) return members_[point];
    }
    return abi::kNone;
  }

 private:
  // Number of the point that the high half of the hash belongs to.
  uint32_t find(uint64_t hash) const noexcept {
    const auto position = static_cast<uint32_t>(hash >> 32);
    const auto n = static_cast<uint32_t>(positions_.size());
    uint32_t point = buckets_[position >> shift_];
    while (point < n && positions_[point] < position) ++point;
    return point == n ? 0 : point;
  }

  std::vector<uint32_t> positions_;  // ascending
  std::vector<uint16_t> members_;    // parallel to them
  std::vector<uint32_t> buckets_;    // first point of slice i = positions from i << shift_
  uint32_t shift_ = 31;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_HASH_RING_H_
