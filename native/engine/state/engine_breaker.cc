// Circuit breakers of clusters and endpoints: which image has which, and what follows when one of
// them changes its state.
#include <algorithm>
#include <tuple>

#include "engine/state/engine.h"

namespace millrace {
namespace {

constexpr uint32_t kBreakerBits = abi::health::kOpen | abi::health::kHalfOpen;

uint32_t healthOf(uint32_t state) noexcept {
  switch (state) {
    case abi::breaker_state::kOpen:
      return abi::health::kOpen;
    case abi::breaker_state::kHalfOpen:
      return abi::health::kHalfOpen;
    default:
      return 0;
  }
}

// The bits follow the state as it is now, whoever changed it, so that of two threads that come here
// in the wrong order both leave them right. With `breaker_mutex_`.
void showState(EndpointState& endpoint) noexcept {
  const uint32_t bits = endpoint.breaker == nullptr ? 0 : healthOf(endpoint.breaker->state());
  endpoint.load.health.fetch_or(bits, std::memory_order_relaxed);
  endpoint.load.health.fetch_and(~(kBreakerBits & ~bits), std::memory_order_relaxed);
}

void describe(const BreakerEvent& event, const BreakerSettings& settings, Transition* transition) {
  namespace kind = abi::transition_kind;
  namespace reason = abi::transition_reason;
  switch (event.kind) {
    case BreakerEvent::Kind::kOpened:
      transition->kind = kind::kBreakerOpened;
      transition->reason = reason::kFailureRatio;
      transition->value = static_cast<double>(event.failures) / static_cast<double>(event.requests);
      transition->limit = settings.threshold_millis / 1000.0;
      transition->requests = static_cast<double>(event.requests);
      break;
    case BreakerEvent::Kind::kReopened:
      transition->kind = kind::kBreakerOpened;
      transition->reason = reason::kProbeFailed;
      break;
    case BreakerEvent::Kind::kHalfOpened:
      transition->kind = kind::kBreakerHalfOpened;
      transition->reason = reason::kIntervalPassed;
      break;
    default:
      transition->kind = kind::kBreakerClosed;
      transition->reason = reason::kProbesPassed;
      break;
  }
  transition->until_ms = event.until_ms;
}

}  // namespace

// The breaker that goes on, with other settings if need be; where it counts in another window, a
// new one, closed.
std::shared_ptr<Breaker> Engine::breakerFor(const std::shared_ptr<Breaker>& present,
                                            const abi::BreakerRecord& row, uint64_t now_ms) {
  const BreakerSettings settings = breakerSettings(row);
  if (present != nullptr && present->settings().window_ms == settings.window_ms) {
    // Requests of the image before go by them a moment early: theirs is the same outage.
    if (present->settings() != settings) present->retune(settings, now_ms);
    return present;
  }
  // Any step will do: tickets of one breaker must not pass for those of the next.
  breaker_generation_ = (breaker_generation_ + 4099) & 0xffff;
  return std::make_shared<Breaker>(settings, breaker_generation_);
}

// Before the plans of the image are made: what has no open breaker any more is available again.
void Engine::adoptBreakers(const Image& image, InstalledImage* installed, uint64_t now_ms) {
  const std::lock_guard lock(breaker_mutex_);
  const auto note_removed = [&](const std::shared_ptr<Breaker>& before,
                                const std::shared_ptr<Breaker>& after, std::string_view cluster,
                                std::string_view endpoint) {
    if (before == nullptr || before == after) return;
    if (before->state() == abi::breaker_state::kClosed) return;
    Transition transition;
    transition.kind = abi::transition_kind::kBreakerClosed;
    transition.reason = abi::transition_reason::kBreakerRemoved;
    transition.cluster = cluster;
    transition.endpoint = endpoint;
    transition.at_ms = now_ms;
    noteTransition(std::move(transition));
  };
  installed->endpoint_breakers.resize(image.endpoints().size());
  for (uint32_t c = 0; c < image.clusters().size(); ++c) {
    const abi::ClusterRecord& row = image.clusters()[c];
    const abi::BreakerRecord* const breaker =
        row.breaker == abi::kNone ? nullptr : &image.breakers()[row.breaker];
    const uint32_t scope = breaker == nullptr ? 0 : breaker->scope;
    ClusterState& cluster = *installed->clusters[c];
    std::shared_ptr<Breaker> own;
    if ((scope & abi::breaker_scope::kCluster) != 0)
      own = breakerFor(cluster.breaker, *breaker, now_ms);
    note_removed(cluster.breaker, own, cluster.name, {});
    cluster.breaker = own;
    installed->cluster_breakers.push_back(std::move(own));
    for (uint32_t e = row.endpoint_start; e < row.endpoint_start + row.endpoint_count; ++e) {
      EndpointState& endpoint = *installed->endpoints[e];
      std::shared_ptr<Breaker> its;
      if ((scope & abi::breaker_scope::kEndpoint) != 0)
        its = breakerFor(endpoint.breaker, *breaker, now_ms);
      const auto [cluster_name, endpoint_name] = namesInKey(endpoint.key);
      note_removed(endpoint.breaker, its, cluster_name, endpoint_name);
      endpoint.breaker = its;
      installed->endpoint_breakers[e] = std::move(its);
      showState(endpoint);
    }
  }
}

void Engine::noteBreaker(const Breaker& breaker, const ClusterState& cluster,
                         const BreakerEvent& event, uint64_t now_ms) {
  {
    const std::lock_guard lock(breaker_mutex_);
    if (cluster.breaker.get() != &breaker) return;  // of an image that is no longer current
  }
  Transition transition;
  describe(event, breaker.settings(), &transition);
  transition.cluster = cluster.name;
  transition.at_ms = now_ms;
  noteTransition(std::move(transition));
}

void Engine::noteBreaker(const Breaker& breaker, ClusterState& cluster, EndpointState& endpoint,
                         const BreakerEvent& event, uint64_t now_ms) {
  {
    const std::lock_guard lock(breaker_mutex_);
    if (endpoint.breaker.get() != &breaker) return;
    showState(endpoint);
  }
  cluster.plan_dirty.store(true, std::memory_order_release);
  Transition transition;
  describe(event, breaker.settings(), &transition);
  std::tie(transition.cluster, transition.endpoint) = namesInKey(endpoint.key);
  transition.at_ms = now_ms;
  noteTransition(std::move(transition));
}

uint64_t Engine::tickBreakers(const InstalledImage& installed, uint64_t now_ms) {
  uint64_t due_ms = UINT64_MAX;
  for (uint32_t e = 0; e < installed.endpoint_breakers.size(); ++e) {
    Breaker* const breaker = installed.endpoint_breakers[e].get();
    if (breaker == nullptr) continue;
    if (breaker->halfOpen(now_ms)) {
      const uint32_t cluster = clusterOf(*installed.image, e);
      noteBreaker(*breaker, *installed.clusters[cluster], *installed.endpoints[e],
                  {BreakerEvent::Kind::kHalfOpened}, now_ms);
    }
    const uint64_t until_ms = breaker->openUntilMs();
    if (until_ms != 0) due_ms = std::min(due_ms, until_ms);
  }
  return due_ms;
}

}  // namespace millrace
