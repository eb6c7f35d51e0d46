#ifndef MILLRACE_ENGINE_SIMULATE_DRAWS_H_
#define MILLRACE_ENGINE_SIMULATE_DRAWS_H_

#include <cmath>
#include <cstdint>

#include "engine/balancer/key_hash.h"
#include "engine/simulate/scenario.h"

namespace millrace::simulate {

// Random numbers by place and not by order (splitmix64 as a counter-based generator): draw n of a
// stream is the same whatever was drawn before. So two policies under the same seed get the same
// requests at the same moments with the same sizes, and a comparison of them is not blurred by
// chance.
class Stream {
 public:
  Stream(uint64_t seed, uint64_t purpose) noexcept
      : base_(mix64(seed + kGolden * 2) ^ mix64(purpose * kGolden + 1)) {}

  uint64_t at(uint64_t n) const noexcept { return mix64(base_ + kGolden * (n + 1)); }

 private:
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;
  uint64_t base_;
};

// In (0, 1), never an end: 53 bits and a half.
inline double unit(uint64_t bits) noexcept {
  return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
}

// In [0, n). Multiply-shift: bias below n / 2^32.
inline uint32_t below(uint64_t bits, uint32_t n) noexcept {
  return static_cast<uint32_t>(((bits >> 32) * n) >> 32);
}

// Exponential with mean 1, by inversion.
inline double exponential(uint64_t bits) noexcept { return -std::log(unit(bits)); }

// Normal with mean 0 and deviation 1, by inversion: P. Acklam's rational approximation, relative
// error below 1.2e-9.
inline double normal(uint64_t bits) noexcept {
  constexpr double kA[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                           1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double kB[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                           6.680131188771972e+01, -1.328068155288572e+01};
  constexpr double kC[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                           -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr double kD[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                           3.754408661907416e+00};
  constexpr double kTail = 0.02425;
  const auto tail = [&](double p) {
    const double q = std::sqrt(-2 * std::log(p));
    return (((((kC[0] * q + kC[1]) * q + kC[2]) * q + kC[3]) * q + kC[4]) * q + kC[5]) /
           ((((kD[0] * q + kD[1]) * q + kD[2]) * q + kD[3]) * q + 1);
  };
  const double p = unit(bits);
  if (p < kTail) return tail(p);
  if (p > 1 - kTail) return -tail(1 - p);
  const double q = p - 0.5;
  const double r = q * q;
  return (((((kA[0] * r + kA[1]) * r + kA[2]) * r + kA[3]) * r + kA[4]) * r + kA[5]) * q /
         (((((kB[0] * r + kB[1]) * r + kB[2]) * r + kB[3]) * r + kB[4]) * r + 1);
}

// The 99 % quantile of that.
inline constexpr double kZ99 = 2.3263478740408408;

// A service time, ready for draws. Seconds.
class ServiceDraw {
 public:
  ServiceDraw() = default;
  explicit ServiceDraw(const ServiceTime& service) noexcept
      : kind_(service.kind), value_(service.value) {
    if (kind_ == ServiceTime::Kind::kLognormal) sigma_ = std::log(service.p99 / value_) / kZ99;
  }

  double operator()(uint64_t bits) const noexcept {
    switch (kind_) {
      case ServiceTime::Kind::kExponential:
        return value_ * exponential(bits);
      case ServiceTime::Kind::kLognormal:
        return value_ * std::exp(sigma_ * normal(bits));
      default:
        return value_;
    }
  }

 private:
  ServiceTime::Kind kind_ = ServiceTime::Kind::kFixed;
  double value_ = 0;
  double sigma_ = 0;
};

// Zipf's law: key k of [0, n) is drawn in proportion to 1 / (k + 1)^exponent. By rejection and
// inversion (Hoermann and Derflinger, "Rejection-inversion to generate variates from monotone
// discrete distributions", 1996): no table, whatever n is, and hardly ever a second try.
class Zipf {
 public:
  Zipf() = default;
  Zipf(uint32_t n, double exponent) noexcept : n_(n == 0 ? 1 : n), exponent_(exponent) {
    if (exponent_ == 0) return;
    first_ = integral(1.5) - 1;
    last_ = integral(n_ + 0.5);
    squeeze_ = 2 - inverse(integral(2.5) - height(2));
  }

  uint32_t operator()(uint64_t bits) const noexcept {
    if (exponent_ == 0) return below(bits, n_);
    for (;; bits = mix64(bits + 1)) {
      const double u = last_ + unit(bits) * (first_ - last_);
      const double x = inverse(u);
      double k = std::floor(x + 0.5);
      if (!(k >= 1)) k = 1;
      if (k > n_) k = n_;
      if (k - x <= squeeze_ || u >= integral(k + 0.5) - height(k))
        return static_cast<uint32_t>(k) - 1;
    }
  }

 private:
  // (x^(1 - s) - 1) / (1 - s), the logarithm where s is 1, and its inverse.
  double integral(double x) const noexcept {
    const double log = std::log(x);
    return overOne((1 - exponent_) * log) * log;
  }
  double inverse(double x) const noexcept {
    const double t = x * (1 - exponent_);
    return std::exp(logOver(t < -1 ? -1 : t) * x);
  }
  double height(double x) const noexcept { return std::exp(-exponent_ * std::log(x)); }
  // (exp(x) - 1) / x and log(1 + x) / x, also next to 0.
  static double overOne(double x) noexcept {
    return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2;
  }
  static double logOver(double x) noexcept {
    return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2;
  }

  uint32_t n_ = 1;
  double exponent_ = 0;
  double first_ = 0;
  double last_ = 0;
  double squeeze_ = 0;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_DRAWS_H_
