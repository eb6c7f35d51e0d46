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

// Points of the heaviest member; the others have their part of it. A power of two, so that it stays
// what it is when members come and go, up to about half or twice as many: a number taken from the
// sum of the weights would change everybody's points, and move keys between members that stay.
uint64_t mostPoints(std::span<const HashMember> members, uint32_t points, uint64_t heaviest) {
  const uint64_t n = members.size();
  const uint64_t wanted = std::max<uint64_t>(points == 0 ? HashRing::kDefaultPoints : points,
                                             HashRing::kPointsPerMember * n);
  uint64_t total_weight = 0;
  for (const HashMember& member : members) total_weight += member.weight;
  // All products are below 2^64: weights sum up to less than 2^32, `most` is at most 2^32.
  uint64_t most = 1;
  while (most * total_weight < heaviest * wanted) most *= 2;
  while (most > 1 && most * total_weight + heaviest * n > heaviest * HashRing::kMaxPoints)
    most /= 2;  // rounding up adds at most n
  return most;
}

}  // namespace

HashRing::HashRing(std::span<const HashMember> members, uint32_t points) {
  if (members.empty()) return;
  const uint64_t n = members.size();
  uint64_t heaviest = 1;
  for (const HashMember& member : members) heaviest = std::max<uint64_t>(heaviest, member.weight);
  const uint64_t most = mostPoints(members, points, heaviest);

  std::vector<Point> all;
  std::string text;
  for (uint32_t i = 0; i < n; ++i) {
    const uint64_t count =
        std::max<uint64_t>(1, (most * members[i].weight + heaviest - 1) / heaviest);
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
