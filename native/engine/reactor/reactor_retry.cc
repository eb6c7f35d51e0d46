// Another attempt for a request whose last one failed, or was answered in a way that the route does
// not take for an answer: where that is allowed, safe and worth it. Nothing of the attempt has gone
// to the client.
//
//   attempt fails -> retry         \                          / an endpoint not tried yet
//   status        -> retryAnswer    > mayRetry -> [ wait ] -> <
//   too slow      -> attemptTimedOut/                          \ all tried: any but the last, again
#include <utility>

#include "engine/failover/backoff.h"
#include "engine/http/retry_after.h"
#include "engine/reactor/reactor.h"
#include "engine/upstream/failure_text.h"

namespace millrace {
namespace {

const abi::RouteRecord& routeOf(const Exchange& exchange) noexcept {
  return exchange.image->image->routes()[exchange.route];
}

const abi::RetryRecord& settingsOf(const Exchange& exchange) noexcept {
  return exchange.image->image->retries()[routeOf(exchange).retry];
}

void count(const Exchange& exchange, uint32_t stat) noexcept {
  exchange.image->cluster_shards[exchange.cluster]->counters.add(stat, 1);
}

// How many have been begun.
uint32_t retriesOf(const Exchange& exchange) noexcept {
  return std::min(routeOf(exchange).retry_attempts, abi::limits::kMaxRetries) -
         exchange.retries_left;
}

bool triesAgain(const Image& image, const abi::RouteRecord& route, uint32_t status) noexcept {
  namespace on = abi::retry_on;
  uint32_t conditions = 0;
  if (status >= 500) conditions |= on::k5xx;
  if (status >= 502 && status <= 504) conditions |= on::kGatewayError;
  if (status == 409) conditions |= on::kRetriable4xx;
  if (status == 429) conditions |= on::kRateLimited;
  if ((route.retry_on & conditions) != 0) return true;
  const abi::RetryRecord& settings = image.retries()[route.retry];
  for (const uint32_t listed :
       image.indexes().subspan(settings.status_start, settings.status_count)) {
    if (listed == status) return true;
  }
  return false;
}

}  // namespace

// True when the exchange goes on; else nothing was changed, and the caller ends it. `retry_on`: the
// conditions (abi::retry_on) that the attempt met. `flag` and `text`: what the client is told when
// this stays the last word.
bool Reactor::retry(Exchange& exchange, uint32_t retry_on, uint32_t flag, std::string_view text,
                    Now now) noexcept {
  if (exchange.retries_left == 0 || (routeOf(exchange).retry_on & retry_on) == 0) return false;
  // Of what has not left, each endpoint is asked at once: see `choose` for when all have been.
  const uint32_t delay_ms = exchange.reached ? backoffOf(exchange, retriesOf(exchange) + 1) : 0;
  if (!mayRetry(exchange, delay_ms, now)) return false;
  exchange.backed_off = exchange.reached;
  leaveAttempt(exchange, now);
  exchange.last_flag = flag;
  exchange.local_body = exchange.detail = text;
  startBackoff(exchange, delay_ms, now);
  return true;
}

// The head of an answer has come; true when the client is not to see it. `clean`: the whole of the
// answer has come, and nothing else.
bool Reactor::retryAnswer(Connection& connection, const ResponseHead& head, bool clean,
                          Now now) noexcept {
  Exchange& exchange = *connection.exchange;
  if (!triesAgain(*exchange.image->image, routeOf(exchange), head.status)) return false;
  uint64_t delay_ms = backoffOf(exchange, retriesOf(exchange) + 1);
  if (const uint32_t longest_ms = settingsOf(exchange).retry_after_max_ms; longest_ms != 0) {
    // The jitter comes on top: everybody has been told the same moment.
    const uint64_t asked_ms = retryAfterMs(head);
    if (asked_ms > longest_ms) return false;
    delay_ms += asked_ms;
  }
  if (!mayRetry(exchange, delay_ms, now)) return false;
  if (head.status < 500) observeEnd(exchange, now);
  Pool& pool = connection.pool;
  const uint64_t first_byte_us = usBetween(exchange.sent_ns, connection.first_byte_ns);
  pool.cluster_shard->first_byte.record(first_byte_us);
  pool.shard.first_byte.record(first_byte_us);
  connection.in.clear();  // the views in `head` end here
  if (!clean && connection.decoder.done())
    noteError(pool, ResponseError::kExtraBytes, 0, &exchange, now);
  // What is still to come of the answer is not worth waiting for.
  keepConnection(exchange, connection, clean, now);
  exchange.backed_off = true;
  leaveAttempt(exchange, now);
  exchange.last_flag = abi::response_flag::kNone;
  if (pool.waiting_count != 0) serveWaiting(pool, now);
  startBackoff(exchange, delay_ms, now);
  return true;
}

// perTryTimeout has passed.
void Reactor::attemptTimedOut(Exchange& exchange, Now now) noexcept {
  const TimeLimitOutcome outcome = outcomeOf(TimeLimit::kAttempt);
  count(exchange, abi::cluster_stat::kPerTryTimeouts);
  uint32_t met = abi::retry_on::kTimeout;
  if (exchange.state == Exchange::State::kConnecting) met |= abi::retry_on::kConnectFailure;
  if (exchange.state != Exchange::State::kQueued) observeFailure(exchange, Failure::kTimeout, now);
  failAttempt(exchange, outcome.flag);
  if (adoptHedge(exchange, false, now))
    armExchange(exchange);
  else if (!retry(exchange, met, outcome.flag, outcome.text, now))
    fail(exchange, outcome.status, outcome.flag, outcome.text, now);
}

// A kept connection that ran into the upstream's own time limit says nothing of the upstream: it is
// replaced by a new one, once, whatever the route says of retries.
bool Reactor::replaceStale(Exchange& exchange, Now now) noexcept {
  if (!exchange.reused || exchange.replaced) return false;
  if (exchange.reached && !exchange.repeatable) return false;
  if (exchange.body_sent && !exchange.keep_body) return false;
  exchange.replaced = true;
  attemptOf(exchange).bits |= abi::attempt_bit::kStale;
  ++exchange.retries;
  count(exchange, abi::cluster_stat::kRetries);
  // The same attempt goes on, as the probe that it may be.
  const BreakerTicket ticket = std::exchange(exchange.endpoint_ticket, 0);
  releaseEndpoint(exchange, now);
  exchange.endpoint_ticket = ticket;
  exchange.fresh_only = true;
  dispatch(exchange, now);
  return true;
}

// Whether another attempt is allowed and safe, and can begin in time.
bool Reactor::mayRetry(Exchange& exchange, uint64_t delay_ms, Now now) noexcept {
  if (!breakerPermits(exchange)) return false;
  if (exchange.reached && !exchange.repeatable) return false;
  if (exchange.body_sent && !exchange.keep_body) {
    count(exchange, abi::cluster_stat::kRetryBodyTooLarge);
    return false;
  }
  if (now.ms() + delay_ms >= requestDueOf(exchange).at_ms) return false;
  return !exchange.reached || takeRetry(exchange, now);
}

// Attempts that may add to what the upstreams have to do are few: those of the whole cluster at
// once, and those of the last seconds. A connection that could not be made has cost nobody
// anything.
bool Reactor::takeRetry(Exchange& exchange, Now now) noexcept {
  const InstalledImage& installed = *exchange.image->installed;
  const abi::ClusterRecord& cluster = installed.image->clusters()[exchange.cluster];
  std::atomic<uint32_t>& retrying = installed.clusters[exchange.cluster]->retrying;
  const bool counts = cluster.limit_retries != 0 && !exchange.retrying;
  // Relaxed: nothing is published by it. Race: two workers may both see the last place left; the
  // compare-exchange lets one of them have it.
  if (uint32_t others = retrying.load(std::memory_order_relaxed); counts) {
    do {
      if (others >= cluster.limit_retries) {
        count(exchange, abi::cluster_stat::kRetryOverflow);
        return false;
      }
    } while (!retrying.compare_exchange_weak(others, others + 1, std::memory_order_relaxed));
  }
  RetryBudget* const budget = installed.retry_budgets[exchange.cluster].get();
  if (budget != nullptr &&
      !budget->take(cluster.budget_percent, cluster.budget_min_per_second, now.ms())) {
    if (counts) retrying.fetch_sub(1, std::memory_order_relaxed);
    count(exchange, abi::cluster_stat::kRetryBudgetExhausted);
    return false;
  }
  exchange.retrying |= counts;
  return true;
}

void Reactor::leaveRetries(Exchange& exchange) noexcept {
  exchange.retrying = false;
  exchange.image->installed->clusters[exchange.cluster]->retrying.fetch_sub(
      1, std::memory_order_relaxed);
}

// The attempt is over, and another follows.
void Reactor::leaveAttempt(Exchange& exchange, Now now) noexcept {
  --exchange.retries_left;
  ++exchange.retries;
  ++exchange.attempt;
  exchange.retried = true;
  count(exchange, abi::cluster_stat::kRetries);
  releaseEndpoint(exchange, now);
  noteTried(exchange);
  exchange.fresh_only = false;
  numberAttempt(exchange);
}

uint32_t Reactor::backoffOf(const Exchange& exchange, uint32_t retry) noexcept {
  const abi::RetryRecord& settings = settingsOf(exchange);
  return backoffMs(settings.backoff_base_ms, settings.backoff_max_ms, retry, rng_);
}

// The exchange holds nothing of any endpoint.
void Reactor::startBackoff(Exchange& exchange, uint64_t delay_ms, Now now) noexcept {
  exchange.state = Exchange::State::kBackoff;
  exchange.backoff_until_ms = now.ms() + delay_ms;
  exchange.wait_ns = now.ns;
  if (delay_ms == 0)
    endBackoff(exchange, now);
  else
    armExchange(exchange);
}

void Reactor::endBackoff(Exchange& exchange, Now now) noexcept {
  noteBackoff(exchange, now);
  exchange.state = Exchange::State::kWaiting;
  if (exchange.fault_abort) return abortByFault(exchange, now);
  if (breakerPermits(exchange)) return dispatch(exchange, now);
  // It has opened meanwhile.
  if (exchange.last_flag != abi::response_flag::kNone)
    fail(exchange, gatewayStatus(exchange.last_flag), exchange.last_flag, exchange.local_body, now);
  else
    fail(exchange, 503, abi::response_flag::kCb, kBreakerOpenText, now);
}

// Every endpoint has been tried. True when the exchange waits before it asks one of them again, or
// ends here; false when it need not wait.
bool Reactor::waitForTried(Exchange& exchange, Now now) noexcept {
  if (exchange.backed_off) return false;
  exchange.backed_off = true;
  const uint32_t delay_ms = backoffOf(exchange, retriesOf(exchange));
  if (delay_ms == 0) return false;
  if (exchange.state == Exchange::State::kHeld) release(exchange, now);
  if (now.ms() + delay_ms < requestDueOf(exchange).at_ms) {
    startBackoff(exchange, delay_ms, now);
  } else {
    fail(exchange, gatewayStatus(exchange.last_flag), exchange.last_flag, exchange.local_body, now);
  }
  return true;
}

// Rather not the one that failed just now.
uint32_t Reactor::pickAmongTried(Exchange& exchange, SubsetBinding& binding, Now now) noexcept {
  exchange.tried[0] = exchange.tried[exchange.tried_count - 1];
  exchange.tried_count = 1;
  const uint32_t other = pickEndpoint(exchange, binding, now);
  if (other != abi::kNone) return other;
  exchange.tried_count = 0;
  return pickEndpoint(exchange, binding, now);
}

// An answer with this status goes to the client: there is no way back.
void Reactor::endRetries(Exchange& exchange, uint32_t status) noexcept {
  if (exchange.keep_body) {
    exchange.keep_body = false;
    exchange.body.clear();
  }
  if (!exchange.retried) return;
  if (exchange.retrying) leaveRetries(exchange);
  if (!triesAgain(*exchange.image->image, routeOf(exchange), status))
    count(exchange, abi::cluster_stat::kRetrySuccesses);
}

}  // namespace millrace
