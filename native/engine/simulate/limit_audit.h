#ifndef MILLRACE_ENGINE_SIMULATE_LIMIT_AUDIT_H_
#define MILLRACE_ENGINE_SIMULATE_LIMIT_AUDIT_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/simulate/clock.h"
#include "engine/simulate/scenario.h"

namespace millrace::simulate {

// The moments at which requests of one client were admitted within the last window, every one of
// them: what a limit would know that remembers everything. Microseconds, as the limits count.
class AdmittedLog {
 public:
  explicit AdmittedLog(uint32_t room) : ring_(room) {}

  // In (now - window, now].
  uint32_t count(uint64_t now_us, uint64_t window_us) noexcept {
    while (size_ != 0 && ring_[first_] + window_us <= now_us) drop();
    return size_;
  }
  void add(uint64_t now_us) noexcept {
    if (size_ == ring_.size()) drop();  // more than anybody asks for
    const std::size_t at = first_ + size_++;
    ring_[at < ring_.size() ? at : at - ring_.size()] = now_us;
  }

 private:
  void drop() noexcept {
    first_ = first_ + 1 == ring_.size() ? 0 : first_ + 1;
    --size_;
  }

  std::vector<uint64_t> ring_;
  uint32_t first_ = 0;
  uint32_t size_ = 0;
};

// Holds a rate limit against its own words: how many requests of a client were admitted within any
// window, by one proxy and by all of them together, and how many were refused that a limit which
// remembers everything would have let pass. For as many clients as there is room for, the most
// popular ones.
class LimitAudit {
 public:
  explicit LimitAudit(const Scenario& scenario) : limit_(scenario.rate_limit.limit) {
    const RateRules& rules = scenario.rate_limit;
    if (limit_ == 0) return;
    window_us_ = uint64_t{rules.window_ms} * 1000;
    // Twice the limit can be admitted (see SlidingWindow); gcra adds the burst.
    const uint64_t each = 2 * uint64_t{limit_} + rules.burst + 1;
    const uint64_t all = scenario.proxies == 1 ? 0 : each * scenario.proxies;
    clients_ = static_cast<uint32_t>(std::min<uint64_t>(
        {rules.keys, kMostClients, kMostPlaces / (each * scenario.proxies + all)}));
    for (uint32_t p = 0; p < scenario.proxies; ++p) logs_.emplace_back(clients_, AdmittedLog(each));
    if (scenario.proxies > 1) together_.assign(clients_, AdmittedLog(all));
  }

  void note(uint32_t proxy, uint32_t client, bool admitted, Moment now) noexcept {
    if (client >= clients_) return;
    const uint64_t now_us = now.ns / 1000;
    AdmittedLog& log = logs_[proxy][client];
    const uint32_t before = log.count(now_us, window_us_);
    if (!admitted) {
      refused_below_ += before < limit_ ? 1 : 0;
      return;
    }
    log.add(now_us);
    most_ = std::max(most_, before + 1);
    if (together_.empty()) {
      most_together_ = most_;
      return;
    }
    AdmittedLog& all = together_[client];
    most_together_ = std::max(most_together_, all.count(now_us, window_us_) + 1);
    all.add(now_us);
  }

  uint32_t clients() const noexcept { return clients_; }
  uint32_t most() const noexcept { return most_; }
  uint32_t mostTogether() const noexcept { return most_together_; }
  uint64_t refusedBelow() const noexcept { return refused_below_; }

 private:
  static constexpr uint64_t kMostClients = 1024;
  static constexpr uint64_t kMostPlaces = 1u << 22;  // 32 MiB

  const uint32_t limit_;
  uint64_t window_us_ = 1;
  uint32_t clients_ = 0;
  std::vector<std::vector<AdmittedLog>> logs_;  // by proxy and client
  std::vector<AdmittedLog> together_;           // by client
  uint32_t most_ = 0;
  uint32_t most_together_ = 0;
  uint64_t refused_below_ = 0;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_LIMIT_AUDIT_H_
