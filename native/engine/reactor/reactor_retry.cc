// Another attempt for a request whose last one failed, where that is allowed and safe.
#include "engine/reactor/reactor.h"

namespace millrace {

// True when the exchange goes on; else nothing was changed, and the caller ends it. `retry_on`: the
// condition (abi::retry_on) that the attempt met. `flag` and `text`: what the client is told when
// no endpoint is left. The attempt must not have given anything to the client.
bool Reactor::retry(Exchange& exchange, uint32_t retry_on, uint32_t flag, std::string_view text,
                    Now now) noexcept {
  const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
  if ((route.retry_on & retry_on) == 0 || exchange.retries_left == 0) return false;
  --exchange.retries_left;
  ++exchange.retries;
  exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kRetries, 1);
  releaseEndpoint(exchange, now);
  noteTried(exchange);
  exchange.fresh_only = false;
  exchange.flag = flag;
  exchange.local_body = text;  // in case that no endpoint is left
  dispatch(exchange, now);
  if (exchange.state != Exchange::State::kFailed) exchange.flag = abi::response_flag::kNone;
  return true;
}

// A kept connection that ran into the upstream's own time limit says nothing of the upstream: it is
// replaced by a new one, once, whatever the route says of retries.
bool Reactor::replaceStale(Exchange& exchange, Now now) noexcept {
  if (!exchange.reused || exchange.replaced) return false;
  exchange.replaced = true;
  ++exchange.retries;
  exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kRetries, 1);
  releaseEndpoint(exchange, now);
  exchange.fresh_only = true;
  dispatch(exchange, now);
  return true;
}

}  // namespace millrace
