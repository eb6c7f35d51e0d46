// Faults that a route injects on purpose, to see how callers bear them: an answer of ours instead
// of the upstream's, a delay before the upstream hears of the request, or one after the other.
#include "engine/reactor/reactor.h"

namespace millrace {
namespace {

constexpr uint32_t kAll = 1'000'000;

}  // namespace

// The request has found its route. False when it is over.
bool Reactor::injectFault(Exchange& exchange, const abi::RouteRecord& route, Now now) noexcept {
  const abi::FaultRecord& fault = exchange.image->image->faults()[route.fault];
  exchange.fault_abort = rng_.below(kAll) < fault.abort_per_million;
  // A delay needs an upstream to be delayed: answers of the proxy's own come at once.
  const bool goes_on =
      route.action == abi::action::kCluster || route.action == abi::action::kWeightedClusters;
  if (goes_on && rng_.below(kAll) < fault.delay_per_million)
    exchange.fault_delay_ms = fault.delay_ms;
  if (!exchange.fault_abort || exchange.fault_delay_ms != 0) return true;
  abortByFault(exchange, now);
  return false;
}

// Everything is decided but the endpoint: it is chosen when the delay is over. The delay counts in
// the time that the route gives a request, as that of a slow upstream would.
void Reactor::delayByFault(Exchange& exchange, Now now) noexcept {
  process_.counters.add(abi::process_stat::kFaultsDelayed, 1);
  startBackoff(exchange, exchange.fault_delay_ms, now);
}

void Reactor::abortByFault(Exchange& exchange, Now now) noexcept {
  const Image& image = *exchange.image->image;
  exchange.fault_abort = false;
  process_.counters.add(abi::process_stat::kFaultsAborted, 1);
  fail(exchange, image.faults()[image.routes()[exchange.route].fault].abort_status,
       abi::response_flag::kFi, "aborted by fault injection\n", now);
}

}  // namespace millrace
