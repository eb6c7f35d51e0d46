#ifndef MILLRACE_BENCH_LOAD_GENERATOR_ARRIVALS_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_ARRIVALS_H_

#include <cmath>
#include <cstdint>

#include "base/rng.h"
#include "common/clock.h"

namespace millrace::load {

// The times at which requests of an open loop are meant to start: evenly spaced, or a Poisson
// process of the same rate (exponential gaps). They depend on nothing that happens meanwhile.
class Arrivals {
 public:
  Arrivals(double rate, bool poisson, uint64_t seed) noexcept
      : gap_ns_(static_cast<double>(kNsPerSecond) / rate), poisson_(poisson), rng_(seed) {}

  // The first one is at `now` when they are even.
  void start(uint64_t now) noexcept {
    start_ns_ = now;
    if (poisson_) advance();
  }
  uint64_t next() const noexcept { return start_ns_ + static_cast<uint64_t>(offset_ns_); }
  void advance() noexcept {
    if (poisson_) {
      const double u = (static_cast<double>(rng_.next() >> 11) + 1) * 0x1p-53;  // (0, 1]
      offset_ns_ -= std::log(u) * gap_ns_;
    } else {
      offset_ns_ = static_cast<double>(++count_) * gap_ns_;  // a product, so that nothing adds up
    }
  }

 private:
  const double gap_ns_;
  const bool poisson_;
  Rng rng_;
  uint64_t start_ns_ = 0;
  uint64_t count_ = 0;
  double offset_ns_ = 0;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_ARRIVALS_H_
