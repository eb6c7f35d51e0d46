#include "engine/simulate/proxy.h"

#include <algorithm>
#include <bit>

#include "engine/balancer/key_hash.h"
#include "engine/balancer/observe.h"
#include "engine/simulate/draws.h"

namespace millrace::simulate {
namespace {

bool usesLatency(uint32_t policy) noexcept {
  return policy == abi::policy::kPeakEwma || policy == abi::policy::kLeastTime ||
         policy == abi::policy::kPrequal;
}

uint64_t seedOf(const Scenario& scenario, uint32_t number, uint64_t purpose) noexcept {
  return Stream(scenario.seed, purpose).at(number);
}

// Nobody here wants to break in: any key will do.
uint64_t clientKey(uint64_t client) noexcept { return mix64(client + 1); }

}  // namespace

EndpointList::EndpointList(const Scenario& scenario) {
  const uint32_t count = endpointsOf(scenario);
  names.reserve(count);
  endpoints.reserve(count);
  for (const EndpointGroup& group : scenario.groups) zones.push_back(group.zone);
  for (const uint32_t g : layOut(scenario)) {
    const EndpointGroup& group = scenario.groups[g];
    const auto index = static_cast<uint32_t>(endpoints.size());
    names.push_back("10.0." + std::to_string(index >> 8) + "." + std::to_string(index & 255) +
                    ":80");
    PlanEndpoint& endpoint = endpoints.emplace_back();
    endpoint.index = index;
    endpoint.weight = group.weight;
    endpoint.priority = group.priority;
    endpoint.max_requests = group.max_requests;
    endpoint.name = names.back();
    endpoint.zone = zones[g];
  }
}

Proxy::Proxy(const Scenario& scenario, const EndpointList& list, uint32_t number)
    : scenario_(scenario),
      settings_(scenario.balancer),
      members_(list.endpoints),
      states_(new EndpointState[list.endpoints.size()]),
      picker_(seedOf(scenario, number, 11)),
      rng_(seedOf(scenario, number, 12)),
      uses_latency_(usesLatency(scenario.balancer.policy)) {
  settings_.local_zone = scenario_.zone;
  const Moment start{kStartNs};
  const uint32_t scope = scenario.breaker.scope;
  const BreakerSettings breaker = breakerSettings(scenario.breaker);
  if ((scope & abi::breaker_scope::kCluster) != 0) {
    cluster_breaker_ = std::make_unique<Breaker>(breaker);
    cluster_window_ = &cluster_breaker_->windowOf(0);
  }
  for (uint32_t i = 0; i < members_.size(); ++i) {
    members_[i].load = &states_[i].load;
    if ((scope & abi::breaker_scope::kEndpoint) != 0)
      states_[i].breaker = std::make_shared<Breaker>(breaker, (i * 4099 + 1) & 0xffff);
    if (scenario.detects_outliers) {
      shards_.push_back(&states_[i].shards.of(0));
      if (members_[i].weight != 0) weighted_.push_back(&states_[i]);
    }
  }
  if (scenario.detects_outliers) {
    cluster_.outlier.next_sweep_ms = start.ms() + scenario.outlier.interval_ms;
    sweep_.begin(scenario.outlier, weighted_);
    if (comparesEndpoints(scenario.outlier))
      control_due_ns_ = cluster_.outlier.next_sweep_ms * 1'000'000;
  }
  if (const RateRules& rules = scenario.rate_limit; rules.limit != 0) {
    // Twice the room, so that nobody is counted together with others. A ring of the exact window
    // takes as much as half its places have keys.
    const uint64_t each = rules.algorithm == abi::rate_algorithm::kSlidingLog
                              ? std::max<uint64_t>(8, std::bit_ceil(rules.limit))
                              : 2;
    table_ = RateTable::create(std::max<uint64_t>(1024, rules.keys * each));
    if (table_ != nullptr)
      rule_ = table_->makeRule({rules.algorithm, rules.limit, rules.window_ms, rules.burst});
  }
  if (const RetryRules& retry = scenario.retry; retry.attempts != 0 && retry.budgeted) {
    budget_ = std::make_unique<RetryBudget>(retry.budget_window_ms);
    budget_requests_ = &budget_->requestsOf(0);
  }
  plan(start);
}

bool Proxy::allows(uint64_t client, Moment now) noexcept {
  return rule_ == nullptr || table_->check(*rule_, clientKey(client), now.ns).allowed;
}

bool Proxy::admits(BreakerTicket* ticket, Moment now) noexcept {
  *ticket = 0;
  if (cluster_breaker_ == nullptr) return true;
  BreakerEvent event;
  *ticket = cluster_breaker_->admit(now.ms(), &event);
  return *ticket != 0;
}

void Proxy::tell(BreakerTicket ticket, bool good, Moment now) noexcept {
  if (ticket == 0) return;
  const uint32_t random = good ? 0 : static_cast<uint32_t>(rng_.next());
  const BreakerEvent event =
      cluster_breaker_->record(*cluster_window_, ticket, good, now.ms(), random);
  if (event.isOpening()) ++opened_;
}

// As Reactor::pickEndpoint.
void Proxy::choose(Choice* choice, Moment now) noexcept {
  constexpr uint32_t kTries = 10;
  constexpr uint32_t kMostRefused = 3;
  PickRequest request;
  request.has_hash = choice->has_hash;
  request.hash = choice->hash;
  request.excluded = choice->tried;
  request.now_ms = now.ms();
  request.total_active = active_;
  std::array<uint32_t, abi::limits::kMaxRetries + 1 + kMostRefused> excluded;
  uint32_t refused = 0;       // by their circuit breakers
  uint32_t out = abi::kNone;  // picked, though it is not available: taken when nobody else is left
  choice->ticket = 0;
  choice->endpoint = kFull;
  for (uint32_t tries = 0; tries < kTries; ++tries) {
    uint32_t picked = plan_->pick(picker_, request);
    if (picked == kFull) return;
    if (picked == abi::kNone) {
      choice->endpoint = abi::kNone;
      if (out == abi::kNone) return;
      picked = out;
      picker_.last_flags |= PickerState::kPickedInPanic;
    }
    EndpointState& state = states_[picked];
    const uint32_t health = state.load.health.load(std::memory_order_relaxed);
    const bool panic = (picker_.last_flags & PickerState::kPickedInPanic) != 0;
    const bool checked = health != 0 && !panic;
    if (checked && !isAvailable(health)) {
      request.avoided_health = ~static_cast<uint32_t>(abi::health::kHalfOpen);
      out = picked;
      continue;
    }
    if (state.breaker != nullptr && !passBreaker(picked, checked, &choice->ticket, now)) {
      if (settings_.panic_percent != 0) out = picked;
      if (refused == kMostRefused) {
        request.avoided_health = ~uint32_t{0};
      } else {
        if (refused == 0) std::copy(choice->tried.begin(), choice->tried.end(), excluded.begin());
        excluded[choice->tried.size() + refused++] = picked;
        request.excluded = ExcludedEndpoints(excluded.data(), choice->tried.size() + refused);
      }
      continue;
    }
    if (panic) ++panic_picks_;
    state.load.active.store(state.load.active.load(std::memory_order_relaxed) + 1,
                            std::memory_order_relaxed);
    ++active_;
    choice->endpoint = picked;
    return;
  }
  choice->endpoint = kFull;
}

void Proxy::leave(uint32_t endpoint) noexcept {
  std::atomic<uint32_t>& active = states_[endpoint].load.active;
  active.store(active.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  --active_;
}

bool Proxy::passBreaker(uint32_t endpoint, bool restricted, BreakerTicket* ticket,
                        Moment now) noexcept {
  Breaker& breaker = *states_[endpoint].breaker;
  *ticket = breaker.ticket();
  if (*ticket == 0) *ticket = breaker.tryProbe(now.ms());
  return *ticket != 0 || !restricted;
}

// As Reactor::observeAnswer, observeEnd and observeFailure: here the head of an answer and its end
// are one moment.
void Proxy::observe(uint32_t endpoint, BreakerTicket ticket, Answer answer, uint64_t took_ns,
                    const Report& report, Moment now) noexcept {
  EndpointLoad& load = states_[endpoint].load;
  const uint32_t status = statusOf(answer);
  const bool good = answer == Answer::kGood;
  const uint64_t took_us = took_ns / 1000;
  if (!shards_.empty()) {
    EndpointShard& shard = *shards_[endpoint];
    namespace stat = abi::endpoint_stat;
    if (status == 0) {
      shard.counters.add(stat::kFailures, 1);
      noteFault(endpoint, Fault::kNoAnswer, now);
    } else {
      if (scenario_.outlier.latency_factor_millis != 0) shard.first_byte.record(took_us);
      shard.counters.add(stat::kResponses, 1);
      if (good) {
        endRuns(load);
      } else {
        shard.counters.add(stat::kResponses5xx, 1);
        noteFault(endpoint, faultOf(status), now);
      }
    }
  }
  if (ticket != 0) tellEndpoint(endpoint, ticket, good, now);
  if (!uses_latency_) return;
  if (status != 0 && report.present && settings_.policy == abi::policy::kPrequal)
    observeReport(load, report.in_flight, report.latency_us, now.ms());
  if (good)
    observeLatency(load, settings_, took_us, now.ms());
  else
    observeFailure(load, settings_, took_us, 0, now.ms());
}

void Proxy::noteFault(uint32_t endpoint, Fault fault, Moment now) noexcept {
  EndpointState& state = states_[endpoint];
  const uint32_t reason = extendRuns(state.load, scenario_.outlier, fault);
  if (reason == abi::transition_reason::kNone) return;
  if (members_[endpoint].weight == 0) return;
  const std::lock_guard lock(cluster_.outlier.mutex);
  ejectForRun({scenario_.outlier, cluster_, weighted_}, state, reason, now.ms(), rng_.next());
  wake(now);
}

void Proxy::tellEndpoint(uint32_t endpoint, BreakerTicket ticket, bool good, Moment now) noexcept {
  Breaker& breaker = *states_[endpoint].breaker;
  const uint32_t random = good ? 0 : static_cast<uint32_t>(rng_.next());
  const BreakerEvent event = breaker.record(breaker.windowOf(0), ticket, good, now.ms(), random);
  if (event.kind == BreakerEvent::Kind::kNone) return;
  if (event.isOpening()) ++opened_;
  showState(endpoint);
  cluster_.plan_dirty.store(true, std::memory_order_relaxed);
  wake(now);
}

void Proxy::showState(uint32_t endpoint) noexcept {
  EndpointState& state = states_[endpoint];
  uint32_t bits = 0;
  if (state.breaker->state() == abi::breaker_state::kOpen) bits = abi::health::kOpen;
  if (state.breaker->state() == abi::breaker_state::kHalfOpen) bits = abi::health::kHalfOpen;
  constexpr uint32_t kBits = abi::health::kOpen | abi::health::kHalfOpen;
  const uint32_t others = state.load.health.load(std::memory_order_relaxed) & ~kBits;
  state.load.health.store(others | bits, std::memory_order_relaxed);
}

uint64_t Proxy::ejected() const noexcept {
  return cluster_.outlier.ejections.load(std::memory_order_relaxed);
}

}  // namespace millrace::simulate
