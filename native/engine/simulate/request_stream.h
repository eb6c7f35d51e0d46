#ifndef MILLRACE_ENGINE_SIMULATE_REQUEST_STREAM_H_
#define MILLRACE_ENGINE_SIMULATE_REQUEST_STREAM_H_

#include <cmath>
#include <cstdint>

#include "engine/simulate/clock.h"
#include "engine/simulate/draws.h"
#include "engine/simulate/scenario.h"

namespace millrace::simulate {

// When requests come, and where.
class RequestStream {
 public:
  explicit RequestStream(const Scenario& scenario) noexcept
      : kind_(scenario.arrivals),
        proxies_(scenario.proxies),
        count_(scenario.requests),
        rate_(scenario.rate),
        on_(scenario.burst_on),
        period_(scenario.burst_on + scenario.burst_off),
        times_(scenario.seed, 3),
        places_(scenario.seed, 4) {
    advance();
  }

  bool over() const noexcept { return number_ == count_; }
  uint64_t nextAt() const noexcept { return over() ? kNever : next_ns_; }
  // The number of the request that comes at nextAt().
  uint32_t take() noexcept {
    const auto number = static_cast<uint32_t>(number_++);
    if (!over()) advance();
    return number;
  }

  // Share of the requests that have come.
  double progress() const noexcept {
    return static_cast<double>(number_) / static_cast<double>(count_);
  }

  // Every client may come to every proxy; evenly spaced requests are dealt out in turn.
  uint32_t proxyOf(uint32_t number) const noexcept {
    if (proxies_ == 1) return 0;
    return kind_ == Arrivals::kUniform ? number % proxies_ : below(places_.at(number), proxies_);
  }

 private:
  void advance() noexcept {
    double seconds;
    if (kind_ == Arrivals::kUniform) {
      seconds = static_cast<double>(number_) / rate_;
    } else {
      passed_ += exponential(times_.at(number_)) / rate_;
      seconds = passed_;
      if (kind_ == Arrivals::kBursts) {
        // The clock of a steady stream, run at `period / on` times its pace and stopped between.
        const double running = passed_ * on_ / period_;
        const double bursts = std::floor(running / on_);
        seconds = bursts * period_ + (running - bursts * on_);
      }
    }
    next_ns_ = kStartNs + nsOf(seconds);
  }

  const Arrivals kind_;
  const uint32_t proxies_;
  const uint64_t count_;
  const double rate_;
  const double on_;
  const double period_;
  const Stream times_;
  const Stream places_;
  uint64_t number_ = 0;
  double passed_ = 0;  // seconds, of a Poisson stream of that rate
  uint64_t next_ns_ = 0;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_REQUEST_STREAM_H_
