#ifndef MILLRACE_ENGINE_BALANCER_RENDEZVOUS_H_
#define MILLRACE_ENGINE_BALANCER_RENDEZVOUS_H_

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "abi.h"
#include "engine/balancer/hash_member.h"
#include "engine/balancer/key_hash.h"

namespace millrace {

// Rendezvous hashing, highest random weight (Thaler, Ravishankar 1998), with weights after Mosharaf
// ("Weighted rendezvous hashing", 2013): each member throws a number u in (0, 1) for the key, and
// the highest -weight / ln(u) wins. No table, shares exact, a removal moves the removed member's
// keys and no others; O(members) a pick, so for clusters of up to about 100.
class Rendezvous {
 public:
  Rendezvous() = default;
  explicit Rendezvous(std::span<const HashMember> members) {
    ids_.reserve(members.size());
    weights_.reserve(members.size());
    for (const HashMember& member : members) {
      ids_.push_back(id64(member.name));
      weights_.push_back(member.weight);
      even_ = even_ && member.weight == members.front().weight;
    }
  }

  // The best member that `accept` takes; the first of equals; kNone when it takes nobody.
  template <typename Accept>
  uint32_t walk(uint64_t hash, Accept&& accept) const noexcept {
    return even_ ? walkEven(hash, accept) : walkWeighted(hash, accept);
  }

 private:
  // -weight / ln(u) rises with u: with equal weights the highest throw wins, without a logarithm.
  template <typename Accept>
  uint32_t walkEven(uint64_t hash, Accept&& accept) const noexcept {
    uint32_t best = abi::kNone;
    uint64_t best_throw = 0;
    for (uint32_t i = 0; i < ids_.size(); ++i) {
      const uint64_t mine = (mix64(hash ^ ids_[i]) >> 11) + 1;  // + 1: above "nobody"
      if (mine > best_throw && accept(i)) {
        best = i;
        best_throw = mine;
      }
    }
    return best;
  }

  template <typename Accept>
  uint32_t walkWeighted(uint64_t hash, Accept&& accept) const noexcept {
    uint32_t best = abi::kNone;
    double best_score = 0;
    for (uint32_t i = 0; i < ids_.size(); ++i) {
      const double u = (static_cast<double>(mix64(hash ^ ids_[i]) >> 11) + 0.5) * 0x1p-53;
      const double weight = weights_[i];
      // -ln(u) >= 1 - u, so weight / (1 - u) is a bound from above, and most members need no
      // logarithm. The margin covers the rounding of both sides.
      if (weight * (1 + 1e-9) <= best_score * (1 - u)) continue;
      const double score = weight / -std::log(u);
      if (score > best_score && accept(i)) {
        best = i;
        best_score = score;
      }
    }
    return best;
  }

  std::vector<uint64_t> ids_;
  std::vector<uint32_t> weights_;
  bool even_ = true;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_RENDEZVOUS_H_
