#ifndef MILLRACE_BASE_RNG_H_
#define MILLRACE_BASE_RNG_H_

#include <bit>
#include <cstdint>

namespace millrace {

// xoshiro256** (https://prng.di.unimi.it), seeded through splitmix64 so that any seed will do, 0
// too. About 1 ns a draw. One owner thread. Not for secrets.
class Rng {
 public:
  explicit Rng(uint64_t seed) noexcept {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15u;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      word = z ^ (z >> 31);
    }
  }

  uint64_t next() noexcept {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // A number in [0, n); 0 for n = 0. Multiply-shift: no division, bias below n / 2^32.
  uint32_t below(uint32_t n) noexcept { return static_cast<uint32_t>(((next() >> 32) * n) >> 32); }

 private:
  uint64_t state_[4];
};

}  // namespace millrace

#endif  // MILLRACE_BASE_RNG_H_
