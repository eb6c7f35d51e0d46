#ifndef MILLRACE_ENGINE_BALANCER_KEY_HASH_H_
#define MILLRACE_ENGINE_BALANCER_KEY_HASH_H_

#include <bit>
#include <cstdint>
#include <string_view>

#include "base/hash.h"

namespace millrace {

// Finaliser of splitmix64 (https://prng.di.unimi.it/splitmix64.c): a bijection of 64 bits in which
// every input bit moves every output bit.
inline constexpr uint64_t mix64(uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Hash of the value of one hash source. Not keyed: whoever chooses the value chooses the endpoint,
// which is what the policies are for; bounded load is the answer to those who choose badly.
inline uint64_t hashSource(std::string_view value) noexcept {
  return uint64_t{murmur3(value, 0x9747b28cu)} << 32 | murmur3(value, 0x85ebca6bu);
}

// Adds the hash of a further source; a request starts from 0. The order counts: the same value as a
// header and as a cookie gives different keys.
inline constexpr uint64_t combineHash(uint64_t hash, uint64_t source) noexcept {
  return std::rotl(hash, 1) ^ source;
}

// Identity of an endpoint in a hash policy.
inline uint64_t id64(std::string_view name) noexcept {
  return uint64_t{murmur3(name, 0)} << 32 | murmur3(name, 1);
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_KEY_HASH_H_
