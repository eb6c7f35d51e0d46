#include "engine/balancer/hash_ring.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <string>

#include "base/hash.h"

namespace millrace {

namespace {

struct Point {
  uint32_t position;
  uint16_t member;
};

// Sorts by position; equal positions keep their order (members ascending). Three counting passes of
// 11 bits: a comparison sort of a ring of 10,000 members takes ten times as long.
void sortPoints(std::vector<Point>& points) {
  constexpr uint32_t kBits = 11;
  std::vector<Point> other(points.size());
  for (uint32_t shift = 0; shift < 32; shift += kBits) {
    std::vector<uint32_t> starts((1u << kBits) + 1);
    const auto digit = [shift](const Point& p) {
      return (p.position >> shift) & ((1u << kBits) - 1);
    };
    for (const Point& p : points) ++starts[digit(p) + 1];
    for (uint32_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    for (const Point& p : points) other[starts[digit(p)]++] = p;
    points.swap(other);
  }
}

}  // namespace

HashRing::HashRing(std::span<const HashMember> members, uint32_t points) {
  if (members.empty()) return;
  const uint64_t n = members.size();
  const uint64_t wanted =
      std::max<uint64_t>(points == 0 ? kDefaultPoints : points, kPointsPerMember * n);
  const uint64_t target = std::min(wanted, kMaxPoints - n);  // rounding up adds at most n
  uint64_t total_weight = 0;
  for (const HashMember& member : members) total_weight += member.weight;

  std::vector<Point> all;
  all.reserve(target + n);
  std::string text;
  for (uint32_t i = 0; i < n; ++i) {
    const uint64_t count =
        std::max<uint64_t>(1, (target * members[i].weight + total_weight - 1) / total_weight);
    text.assign(members[i].name);
    text += '_';
    const std::size_t prefix = text.size();
    text.resize(prefix + 10);
    for (uint32_t j = 0; j < count; ++j) {
      char* const end = std::to_chars(text.data() + prefix, text.data() + text.size(), j).ptr;
      const std::string_view key(text.data(), static_cast<std::size_t>(end - text.data()));
      all.push_back({murmur3(key, 0), static_cast<uint16_t>(i)});
    }
  }
  sortPoints(all);

  positions_.reserve(all.size());
  members_.reserve(all.size());
  for (const Point& p : all) {
    positions_.push_back(p.position);
    members_.push_back(p.member);
  }
  // As many slices as points, to the next power of two, from 2 on so that the shift is below 32.
  const uint32_t slices = std::bit_ceil(std::max<uint32_t>(2, static_cast<uint32_t>(all.size())));
  shift_ = 32 - static_cast<uint32_t>(std::countr_zero(slices));
  buckets_.resize(slices);
  uint32_t point = 0;
  for (uint32_t slice = 0; slice < slices; ++slice) {
    while (point < all.size() && positions_[point] < slice << shift_) ++point;
    buckets_[slice] = point;
  }
}

}  // namespace millrace
