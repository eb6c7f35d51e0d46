#ifndef MILLRACE_ENGINE_SIMULATE_PROXY_H_
#define MILLRACE_ENGINE_SIMULATE_PROXY_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/balancer/plan.h"
#include "engine/failover/breaker.h"
#include "engine/failover/detector.h"
#include "engine/failover/error_runs.h"
#include "engine/failover/retry_budget.h"
#include "engine/rate/rate_table.h"
#include "engine/simulate/clock.h"
#include "engine/simulate/scenario.h"
#include "engine/state/upstream_state.h"

namespace millrace::simulate {

// How an attempt ended.
enum class Answer : uint8_t {
  kGood,       // 200
  kError,      // 500
  kQueueFull,  // 503: the queue in front of the endpoint is full
  kRefused,    // no connection: the endpoint is down
  kReset,      // it went down while it had the request
  kTimeout,    // perTryTimeout, or the timeout of the request
};
inline uint32_t statusOf(Answer answer) noexcept {
  switch (answer) {
    case Answer::kGood:
      return 200;
    case Answer::kError:
      return 500;
    case Answer::kQueueFull:
      return 503;
    default:
      return 0;
  }
}

// The endpoints as every proxy is told of them.
struct EndpointList {
  explicit EndpointList(const Scenario& scenario);

  std::vector<std::string> names;
  std::vector<std::string> zones;       // of the groups
  std::vector<PlanEndpoint> endpoints;  // without loads; index = place
};

// What a request asks of the balancer, and what it was given.
struct Choice {
  bool has_hash = false;
  uint64_t hash = 0;
  std::span<const uint32_t> tried;
  uint32_t endpoint = abi::kNone;  // or kFull
  BreakerTicket ticket = 0;        // of its endpoint's breaker
};

// What an endpoint says of itself.
struct Report {
  bool present = false;
  uint32_t in_flight = 0;
  uint64_t latency_us = 0;
};

// One proxy with one worker, as far as it decides anything: the balancer's plan and state, rate
// limit, breakers, outlier detection and retry budget of the shipped engine, in the order in which
// the reactor asks them (reactor_balance.cc, reactor_observe.cc, reactor_breaker.cc), and the
// control plane that makes new plans (engine_failover.cc). It knows of the endpoints what it has
// seen itself. One thread.
class Proxy {
 public:
  Proxy(const Scenario& scenario, const EndpointList& list, uint32_t number);

  // False: more memory than there is.
  bool ready() const noexcept { return scenario_.rate_limit.limit == 0 || rule_ != nullptr; }

  bool allows(uint64_t client, Moment now) noexcept;
  // The cluster's breaker; `*ticket` is 0 where there is none.
  bool admits(BreakerTicket* ticket, Moment now) noexcept;
  bool permits(BreakerTicket ticket) const noexcept {
    return ticket == 0 || cluster_breaker_->permits(ticket);
  }
  // The end of a request that was admitted.
  void tell(BreakerTicket ticket, bool good, Moment now) noexcept;
  // Its end says nothing of the cluster.
  void giveBack(BreakerTicket ticket) noexcept {
    if (ticket != 0) cluster_breaker_->giveBackProbe(ticket);
  }

  // Chooses an endpoint, and counts the request against it.
  void choose(Choice* choice, Moment now) noexcept;
  // An attempt has ended: what it says of the endpoint. `ticket` as in the choice.
  void observe(uint32_t endpoint, BreakerTicket ticket, Answer answer, uint64_t took_ns,
               const Report& report, Moment now) noexcept;
  // The endpoint has one request less.
  void leave(uint32_t endpoint) noexcept;

  void countRequest(Moment now) noexcept {
    if (budget_requests_ != nullptr) budget_requests_->add(now.ms());
  }
  bool takeRetry(Moment now) noexcept {
    const RetryRules& retry = scenario_.retry;
    return budget_ == nullptr ||
           budget_->take(retry.budget_percent, retry.budget_min_per_second, now.ms());
  }
  Rng& rng() noexcept { return rng_; }

  // When the control plane of this proxy wants to be called; kNever.
  uint64_t controlDue() const noexcept { return control_due_ns_; }
  void control(Moment now);

  uint64_t opened() const noexcept { return opened_; }  // by breakers
  uint64_t ejected() const noexcept;                    // by outlier detection
  uint64_t panics() const noexcept { return panic_picks_; }

 private:
  void plan(Moment now);
  void wake(Moment now) noexcept;
  bool passBreaker(uint32_t endpoint, bool restricted, BreakerTicket* ticket, Moment now) noexcept;
  void tellEndpoint(uint32_t endpoint, BreakerTicket ticket, bool good, Moment now) noexcept;
  void showState(uint32_t endpoint) noexcept;
  void noteFault(uint32_t endpoint, Fault fault, Moment now) noexcept;

  const Scenario& scenario_;
  BalancerSettings settings_;
  std::vector<PlanEndpoint> members_;
  std::unique_ptr<EndpointState[]> states_;
  std::vector<EndpointState*> weighted_;  // members of outlier detection
  std::vector<EndpointShard*> shards_;    // with outlier detection
  std::unique_ptr<const Plan> plan_;
  PickerState picker_;
  Rng rng_;
  ClusterState cluster_;
  OutlierSweep sweep_;
  bool uses_latency_ = false;
  bool warming_ = false;

  std::unique_ptr<Breaker> cluster_breaker_;
  Breaker::Window* cluster_window_ = nullptr;
  std::unique_ptr<RateTable> table_;
  std::unique_ptr<RateRule> rule_;
  std::unique_ptr<RetryBudget> budget_;
  RetryBudget::Requests* budget_requests_ = nullptr;

  uint64_t control_due_ns_ = UINT64_MAX;
  uint64_t opened_ = 0;
  uint64_t panic_picks_ = 0;
  uint32_t active_ = 0;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_PROXY_H_
