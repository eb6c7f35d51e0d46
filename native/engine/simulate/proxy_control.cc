// What the control plane of a proxy does.
#include <algorithm>

#include "engine/simulate/proxy.h"

namespace millrace::simulate {

// It is woken by a change, and comes to it a moment later.
void Proxy::wake(Moment now) noexcept {
  constexpr uint64_t kLateNs = 1'000'000;
  control_due_ns_ = std::min(control_due_ns_, now.ns + kLateNs);
}

// As Engine::failoverTick and Engine::refreshPlans.
void Proxy::control(Moment now) {
  uint64_t due_ms = UINT64_MAX;
  if ((scenario_.breaker.scope & abi::breaker_scope::kEndpoint) != 0) {
    for (uint32_t i = 0; i < members_.size(); ++i) {
      Breaker& breaker = *states_[i].breaker;
      if (breaker.halfOpen(now.ms())) {
        showState(i);
        cluster_.plan_dirty.store(true, std::memory_order_relaxed);
      }
      if (const uint64_t until_ms = breaker.openUntilMs(); until_ms != 0)
        due_ms = std::min(due_ms, until_ms);
    }
  }
  if (scenario_.detects_outliers) {
    OutlierNews news;
    const uint64_t tick_ms = tickOutliers({scenario_.outlier, cluster_, weighted_}, sweep_,
                                          now.ms(), rng_.next(), &news);
    due_ms = std::min(due_ms, tick_ms);
    for (EndpointState* const state : news.back) {
      if (!isAvailable(state->load.health.load(std::memory_order_relaxed))) continue;
      if (settings_.slow_start_ms != 0)
        members_[static_cast<size_t>(state - states_.get())].warm_since_ms = now.ms();
    }
  }
  if (cluster_.plan_dirty.exchange(false, std::memory_order_relaxed) || warming_) plan(now);
  if (warming_)
    due_ms = std::min<uint64_t>(due_ms, now.ms() + std::max(settings_.slow_start_ms / 20, 50u));
  control_due_ns_ =
      due_ms == UINT64_MAX ? UINT64_MAX : std::max(due_ms, now.ms() + 1) * uint64_t{1'000'000};
}

// As planCluster: a plan of the same inputs goes on, unless it changes with time.
void Proxy::plan(Moment now) {
  bool changed = plan_ == nullptr || warming_;
  warming_ = false;
  for (PlanEndpoint& endpoint : members_) {
    const EndpointState& state = states_[endpoint.index];
    const bool available = isAvailable(state.load.health.load(std::memory_order_relaxed));
    changed = changed || available != endpoint.available;
    endpoint.available = available;
    if (endpoint.warm_since_ms + settings_.slow_start_ms <= now.ms()) endpoint.warm_since_ms = 0;
    warming_ = warming_ || endpoint.warm_since_ms != 0;
  }
  if (changed || warming_) plan_ = Plan::build(settings_, members_, now.ms());
}

}  // namespace millrace::simulate
