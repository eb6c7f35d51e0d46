#ifndef MILLRACE_ENGINE_BALANCER_POWERS_H_
#define MILLRACE_ENGINE_BALANCER_POWERS_H_

#include <array>
#include <cmath>
#include <cstdint>

namespace millrace {

// n^bias for a fixed bias, n >= 1, without a call of pow: exact up to 1024. Above, n counts by its
// ten or eleven leading bits only: at most bias * 0.2 % low, and never falling as n grows.
class PowerTable {
 public:
  explicit PowerTable(double bias) noexcept {
    for (uint32_t n = 0; n <= kExact; ++n) exact_[n] = std::pow(n, bias);
    for (uint32_t k = 0; k < kShifts; ++k) shifted_[k] = std::exp2(k * bias);
  }

  double operator()(uint64_t n) const noexcept {
    uint32_t shift = 0;
    while (n > kExact) {
      n >>= 1;
      ++shift;
    }
    return exact_[n] * shifted_[shift];
  }

 private:
  static constexpr uint32_t kExact = 1024;
  static constexpr uint32_t kShifts = 24;  // n is a 32-bit count + 1: at most 2^32

  std::array<double, kExact + 1> exact_;
  std::array<double, kShifts> shifted_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_POWERS_H_
