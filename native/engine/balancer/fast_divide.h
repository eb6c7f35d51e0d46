#ifndef MILLRACE_ENGINE_BALANCER_FAST_DIVIDE_H_
#define MILLRACE_ENGINE_BALANCER_FAST_DIVIDE_H_

#include <cstdint>

namespace millrace {

// Division by a number that is known when the plan is built: a multiplication instead of the 20 or
// more cycles of `div`.

// Exact quotients of 32-bit numbers (Lemire, Kaser, Kurz: "Faster remainder by direct computation",
// 2019): floor(a * ceil(2^64 / d) / 2^64).
class Divider32 {
 public:
  Divider32() noexcept = default;
  explicit Divider32(uint32_t divisor) noexcept
      : inverse_(divisor < 2 ? 0 : ~uint64_t{0} / divisor + 1) {}

  uint32_t quotient(uint32_t a) const noexcept {
    if (inverse_ == 0) return a;  // by 1: its inverse does not fit
    return static_cast<uint32_t>((static_cast<unsigned __int128>(inverse_) * a) >> 64);
  }

 private:
  uint64_t inverse_ = 0;
};

// Exact remainders of 64-bit numbers by a 32-bit divisor. floor(a * floor((2^64-1) / d) / 2^64) is
// the quotient or one below it, which one subtraction puts right.
class Modulus64 {
 public:
  Modulus64() noexcept = default;
  explicit Modulus64(uint32_t divisor) noexcept
      : inverse_(~uint64_t{0} / divisor), divisor_(divisor) {}

  uint32_t divisor() const noexcept { return divisor_; }
  uint32_t remainder(uint64_t a) const noexcept {
    const auto quotient =
        static_cast<uint64_t>((static_cast<unsigned __int128>(inverse_) * a) >> 64);
    const uint64_t rest = a - quotient * divisor_;
    return static_cast<uint32_t>(rest >= divisor_ ? rest - divisor_ : rest);
  }

 private:
  uint64_t inverse_ = ~uint64_t{0};
  uint32_t divisor_ = 1;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_FAST_DIVIDE_H_
