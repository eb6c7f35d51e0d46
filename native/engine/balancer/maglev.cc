#include "engine/balancer/maglev.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "base/hash.h"
#include "base/prime.h"

namespace millrace {

namespace {

constexpr uint16_t kFree = 0xffff;  // at most 65535 members: their numbers end at 65534

uint32_t nextPrime(uint32_t n) noexcept {
  while (!isPrime(n)) ++n;
  return n;
}

// The order in which one member claims slots: every slot once, since the size is prime.
struct Permutation {
  uint32_t next;  // slot to claim next
  uint32_t skip;
  uint16_t member;
  uint32_t weight;
};

class Builder {
 public:
  Builder(std::span<const HashMember> members, std::vector<uint16_t>& table)
      : table_(table), size_(static_cast<uint32_t>(table.size())) {
    std::vector<uint16_t> order(members.size());
    std::iota(order.begin(), order.end(), uint16_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](uint16_t a, uint16_t b) { return members[a].name < members[b].name; });
    permutations_.reserve(members.size());
    for (const uint16_t i : order) {
      const HashMember& member = members[i];
      permutations_.push_back({murmur3(member.name, 0) % size_,
                               murmur3(member.name, 1) % (size_ - 1) + 1, i, member.weight});
      heaviest_ = std::max(heaviest_, member.weight);
      even_ = even_ && member.weight == permutations_.front().weight;
    }
  }

  void fill() {
    if (even_) {
      for (;;) {
        for (Permutation& p : permutations_) {
          if (!claim(p)) return;
        }
      }
    }
    // A member takes part once in round r when r * weight >= its target, which then rises by
    // the heaviest weight. Rounds in which it does not are skipped with a heap, in the same order:
    // with weights 1 and 65535 there would be 65535 rounds through everybody.
    std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> turns;  // round, member
    std::vector<uint64_t> targets(permutations_.size());
    for (uint32_t i = 0; i < permutations_.size(); ++i) turns.push(uint64_t{1} << 32 | i);
    for (;;) {
      const uint64_t round = turns.top() >> 32;
      const auto i = static_cast<uint32_t>(turns.top());
      turns.pop();
      Permutation& p = permutations_[i];
      if (!claim(p)) return;
      targets[i] += heaviest_;
      const uint64_t due = (targets[i] + p.weight - 1) / p.weight;
      turns.push(std::max(round + 1, due) << 32 | i);
    }
  }

 private:
  // Gives the member its next free slot; false when the table was already full. All permutations
  // are over every slot, so a member that finds none of its slots free does not exist before that.
  bool claim(Permutation& p) noexcept {
    if (claimed_ == size_) return false;
    while (table_[p.next] != kFree) advance(p);
    table_[p.next] = p.member;
    advance(p);
    ++claimed_;
    return true;
  }
  void advance(Permutation& p) const noexcept {
    p.next += p.skip;  // both below 5000011
    if (p.next >= size_) p.next -= size_;
  }

  std::vector<uint16_t>& table_;
  uint32_t size_;
  uint32_t claimed_ = 0;
  uint32_t heaviest_ = 0;
  bool even_ = true;
  std::vector<Permutation> permutations_;
};

}  // namespace

MaglevTable::MaglevTable(std::span<const HashMember> members, uint32_t size) {
  if (members.empty()) return;
  const uint32_t wanted = size == 0 ? kDefaultSize : std::clamp(size, uint32_t{3}, kMaxSize);
  modulus_ = Modulus64(nextPrime(wanted));
  table_.assign(modulus_.divisor(), kFree);
  Builder(members, table_).fill();
}

}  // namespace millrace
