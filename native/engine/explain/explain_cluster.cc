// A cluster that is to take the request, and who stands in for it: the steps of
// Reactor::enterCluster and Reactor::choose, with nothing taken.
#include "engine/explain/explainer.h"
#include "engine/http/client_address.h"

namespace millrace {
namespace {

void used(JsonWriter& json, std::string_view name, uint64_t now, uint64_t limit) {
  json.key(name).beginObject().field("now", now).field("limit", limit).endObject();
}

}  // namespace

void Explainer::chain(uint32_t cluster, uint32_t subset) {
  json_.key("chain").beginArray();
  while (station(cluster, subset)) {
    const uint32_t next = image_.clusters()[cluster].fallback_cluster;
    if (next == abi::kNone) break;  // a fixed answer stands in
    cluster = next;
    subset = image_.clusters()[cluster].subset_start;
  }
  json_.endArray();
}

// True when it does not take the request and has a fallback.
bool Explainer::station(uint32_t cluster, uint32_t subset) {
  const abi::ClusterRecord& row = image_.clusters()[cluster];
  const ClusterState& state = *installed_.clusters[cluster];
  const bool has_fallback = (row.fallback_cluster & row.fallback_respond) != abi::kNone;
  json_.beginObject().field("cluster", cluster).field("subset", subset);
  const bool permitted = breaker("breaker", installed_.cluster_breakers[cluster].get());
  caps(cluster);
  const Hashed hashed = hashing(image_.balancers()[row.balancer]);
  const bool available = candidates(cluster, subset, hashed);
  const bool crowded = row.limit_requests != 0 && state.requests.now() >= row.limit_requests;
  const bool hands_on = has_fallback && (!permitted || (!crowded && !available));
  json_.field("permitted", permitted).field("available", available).field("crowded", crowded);
  json_.field("handsOn", hands_on).endObject();
  return hands_on;
}

// Whether the next request is let through.
bool Explainer::breaker(std::string_view name, const Breaker* breaker) {
  if (breaker == nullptr) return true;
  const BreakerSettings& settings = breaker->settings();
  const uint32_t state = breaker->state();
  const uint64_t until_ms = breaker->openUntilMs();
  const Breaker::Probes probes = breaker->probes();
  const BreakerCounts counts = breaker->counts(nowMs());
  const bool due = state == abi::breaker_state::kOpen && nowMs() >= until_ms;
  const bool half_open = state == abi::breaker_state::kHalfOpen;
  json_.key(name).beginObject().field("state", state);
  json_.field("requests", counts.requests).field("failures", counts.failures);
  json_.field("leftMs", until_ms > nowMs() ? until_ms - nowMs() : uint64_t{0});
  json_.field("probes", probes.held).field("probesMost", settings.probes);
  json_.field("successes", probes.successes).endObject();
  return state == abi::breaker_state::kClosed || due ||
         (half_open && (probes.held < settings.probes || nowMs() >= probes.silent_until_ms));
}

void Explainer::caps(uint32_t cluster) {
  const abi::ClusterRecord& row = image_.clusters()[cluster];
  const ClusterState& state = *installed_.clusters[cluster];
  uint64_t active = 0;
  state.shards.forEach([&](const ClusterShard& shard) {
    active += shard.counters.read(abi::cluster_stat::kActive);
  });
  json_.field("active", active);
  json_.key("limits").beginObject();
  // Counted only while it is bounded.
  used(json_, "requests", row.limit_requests == 0 ? active : state.requests.now(),
       row.limit_requests);
  used(json_, "connections", state.connections.now(), row.limit_connections);
  used(json_, "pending", state.pending.now(), row.limit_pending);
  used(json_, "retries", state.retrying.load(std::memory_order_relaxed), row.limit_retries);
  used(json_, "queue", state.line.waiting(), row.max_queue);
  json_.endObject();
  if (const RetryBudget* const budget = installed_.retry_budgets[cluster].get();
      budget != nullptr) {
    const uint64_t requests = budget->requests(nowMs());
    // As BasicRetryBudget::take counts; the request itself is one more of them.
    const uint64_t allowed = ((requests + 1) * row.budget_percent * 10 +
                              uint64_t{row.budget_min_per_second} * row.budget_window_ms) /
                             1000;
    json_.key("retryBudget").beginObject().field("requests", requests);
    json_.field("allowed", allowed).field("spent", budget->spent(nowMs())).endObject();
  }
}

Explainer::Hashed Explainer::hashing(const abi::BalancerRecord& balancer) {
  Hashed hashed;
  if (balancer.hash_count == 0) return hashed;
  Buffer lines;
  hashed.hash =
      hashRequest(image_, listener(), balancer, request_, path_, downstream_, rng_, &lines);
  hashed.made_up = !lines.empty();
  json_.key("hash").beginObject().field("present", hashed.hash.present);
  json_.field("madeUp", hashed.made_up);
  json_.field("value", std::to_string(hashed.hash.value)).key("sources").beginArray();
  for (const abi::HashSourceRecord& source :
       image_.hashSources().subspan(balancer.hash_start, balancer.hash_count)) {
    AddressBytes bytes;
    const auto value =
        hashSourceValue(image_, listener(), source, request_, path_, downstream_, bytes);
    if (!value) {
      json_.null();
    } else if (source.kind == abi::hash_source_kind::kClientIp) {
      char ip[kIpTextBytes];
      const IpAddress client =
          clientAddressOf(request_, downstream_.peer, image_.trust(listener()));
      json_.text({ip, formatIp(client, ip)});
    } else {
      json_.text(*value);
    }
  }
  json_.endArray().endObject();
  return hashed;
}

}  // namespace millrace
