// Image checks of balancers, their hash sources and the subsets that they choose from.

#include "base/prime.h"
#include "engine/image/image_check.h"
#include "engine/image/text_rules.h"

namespace millrace {

namespace {

namespace limits = abi::limits;

bool isIn(uint32_t value, uint32_t low, uint32_t high) noexcept {
  return value >= low && value <= high;
}

// Stands in Set-Cookie as the value of Path: nothing that ends the attribute or the line.
bool isCookiePath(std::string_view path) noexcept {
  if (!path.starts_with('/')) return false;
  for (const char c : path) {
    if (c < 0x21 || c > 0x7e || c == ';') return false;
  }
  return true;
}

}  // namespace

bool ImageCheck::balancer(const abi::BalancerRecord& r) noexcept {
  namespace policy = abi::policy;
  if (!isIn(r.policy, policy::kRoundRobin, policy::kPrequal))
    return fail("unknown balancer policy");
  if (r.bias_millis > limits::kMaxBiasMillis) return fail("bias out of range");
  if (!isIn(r.decay_ms, 1, limits::kMaxBalancerTimeMs)) return fail("decay out of range");
  if (r.default_latency_us == 0 || r.default_latency_us / 1000 > limits::kMaxBalancerTimeMs)
    return fail("default latency out of range");
  if (r.penalty_ms > limits::kMaxBalancerTimeMs) return fail("failure penalty out of range");
  if (r.policy == policy::kMaglev &&
      (r.table_size > limits::kMaxMaglevTable || !isPrime(r.table_size))) {
    return fail("size of a Maglev table is not a prime in range");
  }
  if (r.policy == policy::kRingHash && !isIn(r.table_size, limits::kMinRing, limits::kMaxRing))
    return fail("size of a ring out of range");
  if (r.hash_balance_percent != 0 &&
      !isIn(r.hash_balance_percent, 100, limits::kMaxHashBalancePercent)) {
    return fail("bound of the load out of range");
  }
  if (r.hash_count > limits::kMaxHashSources ||
      !isRange(abi::section::kHashSource, r.hash_start, r.hash_count)) {
    return fail("hash sources out of bounds");
  }
  if (!isIn(r.overprovisioning_percent, 100, limits::kMaxOverprovisioningPercent))
    return fail("overprovisioning out of range");
  if (r.panic_percent > 100) return fail("panic threshold out of range");
  if (!isOptionalText(r.zone_offset, r.zone_length)) return fail("zone out of bounds");
  if (!isIn(r.slow_start_aggression_millis, limits::kMinAggressionMillis,
            limits::kMaxAggressionMillis) ||
      !isIn(r.slow_start_min_percent, 1, 100)) {
    return fail("slow start out of range");
  }
  return true;
}

bool ImageCheck::hashSource(const abi::HashSourceRecord& r) noexcept {
  namespace kind = abi::hash_source_kind;
  if (!isIn(r.kind, kind::kHeader, kind::kQuery)) return fail("unknown hash source");
  if ((r.flags & ~abi::hash_source_flag::kTerminal) != 0) return fail("unknown hash source flag");
  const bool named = r.kind != kind::kClientIp && r.kind != kind::kPath;
  if (!isOptionalText(r.name_offset, r.name_length) || named != (r.name_length != 0))
    return fail("bad name of a hash source");
  const std::string_view name = image_.str(r.name_offset, r.name_length);
  if ((r.kind == kind::kHeader && !text::isLowerToken(name)) ||
      (r.kind == kind::kCookie && !text::isToken(name))) {
    return fail("name of a hash source is not a token");
  }
  if (!isOptionalText(r.path_offset, r.path_length)) return fail("path of a cookie out of bounds");
  if (r.ttl_seconds == abi::kNone) return true;
  const std::string_view path = image_.str(r.path_offset, r.path_length);
  return (r.kind == kind::kCookie && isCookiePath(path)) ||
         fail("a cookie that cannot be generated");
}

bool ImageCheck::subset(const abi::SubsetRecord& r) noexcept {
  if (r.cluster >= count(abi::section::kCluster)) return fail("subset of an unknown cluster");
  if (!claim(abi::section::kIndex, r.member_start, r.member_count))
    return fail("members out of bounds");
  if (r.member_count > limits::kMaxEndpoints) return fail("too many members");
  if (!isOptionalText(r.name_offset, r.name_length)) return fail("subset name out of bounds");
  const abi::ClusterRecord& cluster = image_.clusters()[r.cluster];
  // A row that no cluster lists would have no plan to pick from.
  if (row_ - cluster.subset_start >= cluster.subset_count)
    return fail("subset that its cluster does not list");
  uint32_t next = 0;
  for (const uint32_t index : image_.members(r)) {
    if (index - cluster.endpoint_start >= cluster.endpoint_count ||
        index >= count(abi::section::kEndpoint)) {
      return fail("member of another cluster");
    }
    if (index < next) return fail("members are not in order");
    const abi::EndpointRecord& member = image_.endpoints()[index];
    if (member.weight == 0 || member.drain != 0) return fail("member of weight 0 or drained");
    next = index + 1;
  }
  return true;
}

// The subset that a route's cluster is picked from.
bool ImageCheck::isSubsetOf(uint32_t subset, uint32_t cluster) const noexcept {
  return subset < count(abi::section::kSubset) && image_.subsets()[subset].cluster == cluster;
}

}  // namespace millrace
