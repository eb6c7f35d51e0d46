#ifndef MILLRACE_ENGINE_BALANCER_MAGLEV_H_
#define MILLRACE_ENGINE_BALANCER_MAGLEV_H_

#include <cstdint>
#include <span>
#include <vector>

#include "abi.h"
#include "engine/balancer/fast_divide.h"
#include "engine/balancer/hash_member.h"
#include "engine/balancer/key_hash.h"

namespace millrace {

// Maglev consistent hashing (Eisenbud et al., "Maglev", NSDI'16) with Envoy's weights
// (maglev_lb.cc): each member claims slots in the order of its own permutation, a member of half
// the weight in every second round. Shares are within 1 % of the weights when the table has 100
// slots a member; a removal moves the removed member's keys and about as many others as it had
// neighbours in the claiming order (measured in the tests). Same names and weights give the same
// table, in whatever order they come.
class MaglevTable {
 public:
  static constexpr uint32_t kDefaultSize = 65537;
  static constexpr uint32_t kMaxSize = 5000011;
  static constexpr uint32_t kTries = 32;  // further hashes of a key whose choice is closed

  MaglevTable() = default;
  // `size` becomes the next prime from 3 to kMaxSize; 0 = kDefaultSize. At most 65535 members.
  MaglevTable(std::span<const HashMember> members, uint32_t size);

  uint32_t size() const noexcept { return modulus_.divisor(); }
  uint32_t slot(uint64_t hash) const noexcept { return table_[modulus_.remainder(hash)]; }
  std::span<const uint16_t> table() const noexcept { return table_; }

  // First member in the order of the hash that `accept` takes, or kNone after kTries more.
  template <typename Accept>
  uint32_t walk(uint64_t hash, Accept&& accept) const noexcept {
    for (uint32_t k = 0; k <= kTries; ++k, hash = mix64(hash)) {
      const uint32_t member = slot(hash);
      if (accept(member)) return member;
    }
    return abi::kNone;
  }

 private:
  Modulus64 modulus_;
  std::vector<uint16_t> table_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_MAGLEV_H_
