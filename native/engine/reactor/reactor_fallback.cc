// Who takes a request: its cluster, or what stands in for it while its circuit breaker is open or
// nobody in it is available.
#include "engine/http/downstream_head.h"
#include "engine/reactor/reactor.h"
#include "engine/reactor/request_hash.h"

namespace millrace {
namespace {

bool hasFallback(const abi::ClusterRecord& cluster) noexcept {
  return (cluster.fallback_cluster & cluster.fallback_respond) != abi::kNone;
}

}  // namespace

// From the cluster of the exchange along its fallbacks to the first that takes it. False when the
// exchange has ended. Chains end: the image was checked for that.
bool Reactor::enterCluster(Exchange& exchange, Now now) noexcept {
  WorkerImage& image = *exchange.image;
  while (true) {
    const abi::ClusterRecord& cluster = image.image->clusters()[exchange.cluster];
    auto& counters = image.cluster_shards[exchange.cluster]->counters;
    counters.add(abi::cluster_stat::kRequests, 1);
    if ((cluster.breaker & cluster.fallback_cluster & cluster.fallback_respond) == abi::kNone)
      break;
    if (!passBreaker(exchange, now)) {
      counters.add(abi::cluster_stat::kBreakerRejected, 1);
      if (!hasFallback(cluster)) {
        fail(exchange, 503, abi::response_flag::kCb, kBreakerOpenText, now);
        return false;
      }
      if (!handOn(exchange, abi::response_flag::kCb)) return false;
      continue;
    }
    if (!hasFallback(cluster) || !bindingOf(image, exchange.subset).plan->groups().empty()) break;
    tellBreaker(exchange, Verdict::kNone, now);
    if (!handOn(exchange, abi::response_flag::kUh)) return false;
  }
  if (RetryBudget::Requests* const requests = image.budget_requests[exchange.cluster])
    requests->add(now.ms());
  return true;
}

// Nothing of the request has gone to any upstream, and nobody is left to send it to for the reason
// of `flag`: lets the fallback have it. False when there is none; else the exchange goes on, or has
// ended.
bool Reactor::fallBack(Exchange& exchange, uint32_t flag, Now now) noexcept {
  const abi::ClusterRecord& cluster = exchange.image->image->clusters()[exchange.cluster];
  if (!hasFallback(cluster) || exchange.sent) return false;
  tellBreaker(exchange, verdictOf(0, flag), now);
  releaseEndpoint(exchange, now);
  if (!handOn(exchange, flag) || !enterCluster(exchange, now)) return true;
  exchange.tried_count = 0;
  exchange.fresh_only = false;
  exchange.backed_off = false;
  exchange.last_flag = abi::response_flag::kNone;
  exchange.local_body = {};
  exchange.state = Exchange::State::kWaiting;
  dispatch(exchange, now);
  return true;
}

// To the fallback of its cluster, which has one. True when that is another cluster: the exchange is
// in it now; else it has been answered, with the reason as its flag.
bool Reactor::handOn(Exchange& exchange, uint32_t flag) noexcept {
  WorkerImage& image = *exchange.image;
  const abi::ClusterRecord& cluster = image.image->clusters()[exchange.cluster];
  image.cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kFallbacks, 1);
  if (cluster.fallback_cluster == abi::kNone) {
    respond(exchange, image.image->responds()[cluster.fallback_respond], flag);
    return false;
  }
  exchange.cluster = cluster.fallback_cluster;
  exchange.subset = image.image->clusters()[exchange.cluster].subset_start;
  exchange.endpoint = abi::kNone;
  const uint32_t hop = exchange.fallbacks++;
  exchange.hashed = (exchange.fallbacks_hashed >> hop & 1) != 0;
  exchange.hash = exchange.fallback_hashes[hop];
  return true;
}

// Hashes the request for the balancers of whoever may have to stand in for its cluster: later on,
// the request is no longer there to be looked at.
void Reactor::hashForFallbacks(Exchange& exchange, const RequestHead& request,
                               const abi::ListenerRecord& listener, const Downstream& downstream,
                               std::string_view path) noexcept {
  const Image& image = *exchange.image->image;
  exchange.fallbacks_hashed = 0;
  uint32_t cluster = image.clusters()[exchange.cluster].fallback_cluster;
  for (uint32_t hop = 0; cluster != abi::kNone && hop < abi::limits::kMaxFallbacks; ++hop) {
    const abi::ClusterRecord& row = image.clusters()[cluster];
    const abi::BalancerRecord& balancer = image.balancers()[row.balancer];
    if (balancer.hash_count != 0) {
      // Cookies that would be made up are not given to clients whose request may never get there.
      const RequestHash hash =
          hashRequest(image, listener, balancer, request, path, downstream, rng_, &unsent_lines_);
      unsent_lines_.clear();
      exchange.fallbacks_hashed |= static_cast<uint8_t>((hash.present ? 1 : 0) << hop);
      exchange.fallback_hashes[hop] = hash.value;
    }
    cluster = row.fallback_cluster;
  }
}

// Answers with a fixed answer of the configuration.
void Reactor::respond(Exchange& exchange, const abi::RespondRecord& respond,
                      uint32_t flag) noexcept {
  const Image& image = *exchange.image->image;
  const bool bodiless = exchange.head_request || respond.status == 204 || respond.status == 304;
  const size_t length = writeRespondHead(image, respond, bodiless, local_buffer_);
  exchange.status = respond.status;
  exchange.local_body = image.str(respond.body_offset, respond.body_length);
  exchange.head.clear();
  exchange.head.append(local_buffer_.data(), length);
  exchange.body.clear();
  if (flag == abi::response_flag::kCb) exchange.detail = kBreakerOpenText;
  if (flag == abi::response_flag::kUh) exchange.detail = kNobodyHealthyText;
  exchange.state = Exchange::State::kFailed;
  exchange.flag = flag;
  deferred_.push_back(exchange.handle);
}

}  // namespace millrace
