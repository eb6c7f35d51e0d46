#ifndef MILLRACE_BASE_PRIME_H_
#define MILLRACE_BASE_PRIME_H_

#include <cstdint>

namespace millrace {

// By trial division: a thousand of them for numbers of a few millions.
inline bool isPrime(uint32_t n) noexcept {
  if (n < 4) return n >= 2;
  if (n % 2 == 0) return false;
  for (uint64_t d = 3; d * d <= n; d += 2) {
    if (n % d == 0) return false;
  }
  return true;
}

}  // namespace millrace

#endif  // MILLRACE_BASE_PRIME_H_
