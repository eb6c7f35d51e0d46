// What an attempt says of its endpoint. Balancers, outlier detection and circuit breakers learn
// from here and from nowhere else: when the head of an answer has come, when all of it has, or when
// it is known that it will not. A head of 500 and more says enough by itself; any other is only as
// good as what follows, since an endpoint that breaks off every answer sends good heads, too.
#include "engine/balancer/observe.h"
#include "engine/http/load_report.h"
#include "engine/http/retry_after.h"
#include "engine/reactor/reactor.h"

namespace millrace {
namespace {

// Policies that go by what answers say of an endpoint; the others pay nothing for it.
bool usesLatency(uint32_t policy) noexcept {
  return policy == abi::policy::kPeakEwma || policy == abi::policy::kLeastTime ||
         policy == abi::policy::kPrequal;
}

}  // namespace

// A head has come. May take fields out of it that are meant for us and not for the client.
void Reactor::observeAnswer(Exchange& exchange, ResponseHead* head, Now now) noexcept {
  attemptOf(exchange).status = static_cast<uint16_t>(head->status);
  auto& counters = exchange.pool->shard.counters;
  counters.add(abi::endpoint_stat::kResponses, 1);
  if (head->status >= 500) {
    counters.add(abi::endpoint_stat::kResponses5xx, 1);
    noteFault(exchange, faultOf(head->status), now);
    if (exchange.endpoint_ticket != 0) tellEndpointBreaker(exchange, false, now);
  } else {
    endErrorAnswers(exchange.pool->state->load);
  }

  const BalancerSettings& settings = exchange.image->installed->balancers[exchange.cluster];
  if (!usesLatency(settings.policy)) return;
  EndpointLoad& load = exchange.pool->state->load;
  if (settings.policy == abi::policy::kPrequal) {
    if (const LoadReport report = takeLoadReport(head); report.present)
      observeReport(load, report.requests_in_flight, report.latency_us, now.ms());
  }
  const uint64_t elapsed = usBetween(exchange.attempt_ns, now.ns);
  if (head->status >= 500 || head->status == 429)
    millrace::observeFailure(load, settings, elapsed, retryAfterMs(*head), now.ms());
  else
    observeLatency(load, settings, elapsed, now.ms());
}

// The head of an answer has been handed over, and the rest may take as long as it likes: a probe of
// the endpoint's breaker is decided now, or an endpoint of nothing but endless streams would never
// be closed again.
void Reactor::observeStream(Exchange& exchange, Now now) noexcept {
  if (Breaker::isProbe(exchange.endpoint_ticket)) tellEndpointBreaker(exchange, true, now);
}

// The answer has come to its end, or the client had enough of it.
void Reactor::observeEnd(Exchange& exchange, Now now) noexcept {
  if (exchange.status >= 500) return;  // observed with its head
  endRuns(exchange.pool->state->load);
  if (exchange.endpoint_ticket != 0) tellEndpointBreaker(exchange, true, now);
}

// The endpoint failed the request, or broke off its answer.
void Reactor::observeFailure(Exchange& exchange, Failure failure, Now now) noexcept {
  auto& counters = exchange.pool->shard.counters;
  counters.add(abi::endpoint_stat::kFailures, 1);
  if (failure == Failure::kConnect) counters.add(abi::endpoint_stat::kConnectFailures, 1);
  noteFault(exchange, Fault::kNoAnswer, now);
  if (exchange.endpoint_ticket != 0) tellEndpointBreaker(exchange, false, now);

  const BalancerSettings& settings = exchange.image->installed->balancers[exchange.cluster];
  if (!usesLatency(settings.policy)) return;
  millrace::observeFailure(exchange.pool->state->load, settings,
                           usBetween(exchange.attempt_ns, now.ns), 0, now.ms());
}

// One more failure in a row, which may be one too many.
void Reactor::noteFault(const Exchange& exchange, Fault fault, Now now) noexcept {
  const InstalledImage& installed = *exchange.image->installed;
  const uint32_t row = installed.image->clusters()[exchange.cluster].outlier;
  if (row == abi::kNone) return;
  const uint32_t reason =
      extendRuns(exchange.pool->state->load, installed.image->outliers()[row], fault);
  if (reason == abi::transition_reason::kNone) return;
  Engine::instance().reportRun(installed, exchange.cluster, exchange.endpoint, reason, now.ms(),
                               rng_.next());
}

// The client went away: all that is known is that the answer takes longer than this.
void Reactor::observeAbandoned(const Exchange& exchange, Now now) noexcept {
  const BalancerSettings& settings = exchange.image->installed->balancers[exchange.cluster];
  if (!usesLatency(settings.policy)) return;
  EndpointLoad& load = exchange.pool->state->load;
  const uint64_t elapsed = usBetween(exchange.attempt_ns, now.ns);
  if (elapsed > latencyOf(load, settings, now.ms()))
    observeLatency(load, settings, elapsed, now.ms());
}

}  // namespace millrace
