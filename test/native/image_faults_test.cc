#include <algorithm>
#include <functional>
#include <string>

#include "engine/image/image.h"
#include "harness.h"
#include "image_builder.h"

using namespace millrace;
using test::ImageBuilder;

namespace {

// Breaks the sample image in one place and looks for the reason that is given.
void refused(const std::string& message, const std::function<void(ImageBuilder&)>& break_it) {
  ImageBuilder builder = test::sampleImage();
  break_it(builder);
  ImageError error;
  const auto image = Image::load(builder.finish(), &error);
  EXPECT_EQ(std::string(image == nullptr ? error.message : "loaded"), message);
}

}  // namespace

CASE("faults of tables are refused") {
  refused("host table capacity is not a power of two",
          [](auto& b) { b.route_tables[0].host_capacity = 3; });
  refused("host table cannot be probed", [](auto& b) {
    for (auto& slot : b.hosts) slot = b.hosts[0].vhost == abi::kNone ? b.hosts[1] : b.hosts[0];
  });
  // Full, though every row is at its home slot: a search for another name would never end.
  refused("host table cannot be probed", [](auto& b) {
    b.route_tables[0].host_start += b.hosts[0].vhost == abi::kNone ? 1 : 0;
    b.route_tables[0].host_capacity = 1;
  });
  refused("wrong hash of a host name", [](auto& b) {
    for (auto& slot : b.hosts) slot.hash ^= slot.vhost == abi::kNone ? 0 : 1;
  });
  refused("host of another table", [](auto& b) {
    for (auto& slot : b.hosts) slot.vhost = slot.vhost == abi::kNone ? abi::kNone : 2;
  });
  refused("default virtual host of another table",
          [](auto& b) { b.route_tables[0].any_vhost = 2; });
  refused("wildcard host has more labels than its table says",
          [](auto& b) { b.route_tables[0].wild_max_labels = 2; });
  refused("prefix lengths do not agree with the prefixes",
          [](auto& b) { b.vhosts[0].prefix_lengths_low = 0; });
  refused("path table cannot be probed", [](auto& b) {
    const auto used =
        *std::find_if(b.paths.begin(), b.paths.end(), [](auto& p) { return p.kind != 0; });
    std::fill(b.paths.begin(), b.paths.begin() + b.vhosts[0].path_capacity, used);
    b.vhosts[0].prefix_lengths_low = b.vhosts[0].prefix_lengths_high = 0;
    if (used.kind == abi::path_kind::kPrefix) {
      const uint64_t bit = uint64_t{1} << std::min(used.key_length, 63u);
      b.vhosts[0].prefix_lengths_low = static_cast<uint32_t>(bit);
      b.vhosts[0].prefix_lengths_high = static_cast<uint32_t>(bit >> 32);
    }
    b.index.resize(b.index.size() + 1000);
  });
  refused("route of another virtual host",
          [](auto& b) { b.index[b.regexes[0].candidate_start] = 6; });
  const auto path_slot = [](ImageBuilder& b, bool sure) {
    return std::find_if(b.paths.begin(), b.paths.end(), [sure](auto& p) {
      return p.kind != 0 && (p.sure_route != abi::kNone) == sure;
    });
  };
  refused("wrong sure route of a path",
          [&](auto& b) { path_slot(b, true)->sure_route = abi::kNone; });
  refused("wrong sure route of a path", [&](auto& b) { ++path_slot(b, true)->sure_route; });
  refused("wrong sure route of a path", [&](auto& b) {
    const auto slot = path_slot(b, false);
    slot->sure_route = b.index[slot->candidate_start];
  });
  refused("route under the wrong path", [](auto& b) { b.routes[4].path_length = 0; });
  refused("listener without a route table", [](auto& b) { b.listeners[0].route_table = 1; });
  refused("trust rows out of bounds", [](auto& b) { b.listeners[0].trust_count = 3; });
  refused("unknown listener flag", [](auto& b) { b.listeners[0].flags |= 64; });
  for (const uint32_t bytes : {0u, 65537u}) {
    refused("request target limit out of range",
            [=](auto& b) { b.listeners[0].max_target_bytes = bytes; });
    refused("header line limit out of range",
            [=](auto& b) { b.listeners[0].max_header_bytes = bytes; });
  }
  for (const uint32_t lines : {0u, abi::kMaxRequestFields + 1})
    refused("number of header lines out of range",
            [=](auto& b) { b.listeners[0].max_headers = lines; });
  refused("unknown rule for underscores", [](auto& b) { b.listeners[0].underscores = 3; });
  refused("unknown rule for slashes", [](auto& b) { b.listeners[0].escaped_slashes = 3; });
  refused("unknown rule for slashes", [](auto& b) { b.listeners[0].backslashes = 3; });
  refused("names with underscores out of bounds",
          [](auto& b) { b.listeners[0].underscore_count = 1; });
  refused("names with underscores out of bounds",
          [](auto& b) { b.listeners[0].underscore_start = 1u << 30; });
  refused("name with an underscore out of bounds",
          [](auto& b) { b.index[b.listeners[0].underscore_start] = 1u << 30; });
}

CASE("faults of automata are refused") {
  refused("transition to an unknown state",
          [](auto& b) { b.u16[b.dfas[0].transition_start + b.dfas[0].class_count] = 999; });
  refused("state 0 is not dead", [](auto& b) { b.u16[b.dfas[0].transition_start] = 1; });
  refused("state 0 accepts", [](auto& b) { b.bytes[b.dfas[0].accept_offset] = 1; });
  refused("byte class out of range", [](auto& b) { b.bytes[b.dfas[0].class_offset + 200] = 100; });
  refused("start state out of range",
          [](auto& b) { b.dfas[0].start_state = b.dfas[0].state_count; });
  refused("accepting states out of bounds",
          [](auto& b) { b.dfas[0].accept_offset = static_cast<uint32_t>(b.bytes.size()) - 1; });
}

CASE("faults of routes and actions are refused") {
  refused("cluster weights do not add up", [](auto& b) { b.weights[1].cumulative = 90; });
  refused("cluster weights do not add up", [](auto& b) { b.weights[0].cumulative = 0; });
  refused("prefix rewrite of a path that is no prefix",
          [](auto& b) { b.routes[2].path_kind = abi::path_kind::kExact; });
  refused("prefix redirect of a path that is no prefix",
          [](auto& b) { b.routes[3].path_kind = abi::path_kind::kExact; });
  refused("bad redirect path", [](auto& b) { b.bytes[b.routes[2].rewrite_offset + 1] = '\r'; });
  refused("bad rewrite", [](auto& b) { b.routes[2].rewrite_offset = b.routes[2].name_offset; });
  refused("control character in a header value",
          [](auto& b) { b.bytes[b.edits[1].value_offset] = '\n'; });
  refused("control character in a header value",
          [](auto& b) { b.bytes[b.edits[1].value_offset] = '\0'; });
  refused("header name of an edit is not a token in lower case",
          [](auto& b) { b.bytes[b.edits[1].name_offset] = 'X'; });
  refused("headers of a direct response are no header lines",
          [](auto& b) { --b.responds[0].headers_length; });
  refused("status of a direct response out of range", [](auto& b) { b.responds[0].status = 100; });
  refused("status is no redirect", [](auto& b) { b.redirects[0].status = 300; });
  refused("redirect host is not a host",
          [](auto& b) { b.bytes[b.redirects[0].host_offset] = '/'; });
  refused("unknown method bit", [](auto& b) { b.routes[0].methods = 1u << abi::method::kCount; });
  refused("negation is neither 0 nor 1", [](auto& b) { b.predicates[0].negate = 2; });
}

CASE("faults of tracing are refused") {
  refused("unknown tracing", [](auto& b) { b.routes[0].tracing = 2; });
  refused("unknown tracing", [](auto& b) { b.tracings.clear(); });
  refused("unknown flag of tracing", [](auto& b) { b.tracings[1].flags |= 16; });
  refused("tracing that is off", [](auto& b) { b.tracings[0].flags |= abi::tracing_flag::kOff; });
}

CASE("faults of clusters are refused") {
  refused("unknown balancer", [](auto& b) { b.clusters[0].balancer = 99; });
  refused("priority out of range",
          [](auto& b) { b.endpoints[0].priority = abi::limits::kMaxPriority + 1; });
  refused("zone out of bounds", [](auto& b) { b.endpoints[0].zone_length = 1u << 30; });
  refused("IPv4 address does not have 4 bytes",
          [](auto& b) { b.endpoints[0].address_length = 16; });
  refused("port out of range", [](auto& b) { b.endpoints[0].port = 65536; });
  refused("prefix longer than the address", [](auto& b) { b.cidrs[0].prefix_bits = 33; });
  refused("client certificate without its key", [](auto& b) {
    b.tls[0].key_offset = abi::kNone;
    b.tls[0].key_length = 0;
  });
}

CASE("faults of subsets are refused") {
  refused("subsets out of bounds", [](auto& b) {
    b.clusters.push_back(b.clusters[1]);
    b.clusters[2].endpoint_start = 5;
    b.clusters[2].endpoint_count = b.clusters[2].subset_count = 0;
  });
  refused("largest WebSocket message out of range", [](auto& b) {
    b.routes[0].web_socket_max_message = abi::limits::kMaxWebSocketMessage + 1;
  });
  refused("WebSocket route without an upstream", [](auto& b) {
    const auto local = std::find_if(b.routes.begin(), b.routes.end(),
                                    [](auto& r) { return r.action == abi::action::kRespond; });
    local->web_socket_max_message = 1;
  });
  refused("subset of another cluster", [](auto& b) { b.clusters[0].subset_count = 2; });
  refused("subset of another cluster", [](auto& b) { b.routes[0].subset = 1; });
  refused("subset of another cluster", [](auto& b) { b.weights[1].subset = 0; });
  refused("subset of another cluster", [](auto& b) { b.weights[1].subset = abi::kNone; });
  refused("member of another cluster", [](auto& b) { b.index[b.subsets[0].member_start] = 4; });
  refused("member of weight 0 or drained",
          [](auto& b) { b.index[b.subsets[0].member_start + 1] = 2; });
  refused("members are not in order", [](auto& b) { b.index[b.subsets[0].member_start + 1] = 0; });
  refused("first subset without some of the endpoints",
          [](auto& b) { --b.subsets[0].member_count; });
  refused("subset name out of bounds", [](auto& b) { b.subsets[1].name_length = 1; });
  refused("subset of an unknown cluster", [](auto& b) { b.subsets[3].cluster = 2; });
  refused("subset that its cluster does not list", [](auto& b) {
    b.subsets[2].cluster = 0;
    b.weights[1] = {0, 2, 100};
  });
  refused("subset that its cluster does not list", [](auto& b) { --b.clusters[1].subset_count; });
  refused("subsets out of bounds", [](auto& b) { b.clusters[1].subset_count = 4; });
  refused("members out of bounds", [](auto& b) { b.subsets[2].member_start = abi::kNone; });
  // Each row is walked once, or a small image could keep the check busy for long.
  refused("members out of bounds", [](auto& b) {
    for (int i = 0; i < 100; ++i) b.subsets.push_back(b.subsets[2]);
    b.clusters[1].subset_count += 100;
  });
  refused("member of another cluster", [](auto& b) { b.index[b.subsets[2].member_start] = 99; });
  refused("endpoints of two clusters overlap", [](auto& b) {
    ++b.clusters[0].endpoint_count;
    b.endpoints[4].weight = b.subsets[1].member_count = b.subsets[2].member_count = 0;
  });
  refused("too many endpoints", [](auto& b) {
    b.clusters[1].endpoint_count = abi::limits::kMaxEndpoints + 1;
    b.endpoints.resize(4 + abi::limits::kMaxEndpoints + 1, b.endpoints[4]);
  });
}

CASE("faults of balancers are refused") {
  const auto with = [](uint32_t abi::BalancerRecord::*field, uint32_t value,
                       uint32_t policy = abi::policy::kMaglev) {
    return [=](ImageBuilder& b) {
      b.balancers[0].policy = policy;
      b.balancers[0].*field = value;
    };
  };
  using R = abi::BalancerRecord;
  refused("unknown balancer policy", [](auto& b) { b.balancers[0].policy = 0; });
  refused("unknown balancer policy", [](auto& b) { b.balancers[0].policy = 10; });
  refused("bias out of range", with(&R::bias_millis, 10'001));
  refused("decay out of range", with(&R::decay_ms, 0));
  refused("default latency out of range", with(&R::default_latency_us, 0));
  refused("failure penalty out of range", with(&R::penalty_ms, 3'600'001));
  for (const uint32_t size : {2u, 3u, 65'537u, 5'000'011u})
    refused("loaded", with(&R::table_size, size));
  for (const uint32_t size : {0u, 1u, 4u, 65'536u, 2235u * 2237u, 5'000'013u}) {
    refused("size of a Maglev table is not a prime in range", with(&R::table_size, size));
  }
  refused("size of a ring out of range", with(&R::table_size, 1023, abi::policy::kRingHash));
  refused("bound of the load out of range", with(&R::hash_balance_percent, 99));
  refused("hash sources out of bounds", with(&R::hash_count, 7));
  refused("hash sources out of bounds", [](auto& b) {
    b.hash_sources.resize(20, b.hash_sources[0]);
    b.balancers[0].hash_count = 17;
  });
  refused("hash sources out of bounds", with(&R::hash_start, 99));
  refused("overprovisioning out of range", with(&R::overprovisioning_percent, 99));
  refused("panic threshold out of range", with(&R::panic_percent, 101));
  refused("slow start out of range", with(&R::slow_start_min_percent, 0));
  refused("slow start out of range", with(&R::slow_start_aggression_millis, 99));
}

CASE("faults of hash sources are refused") {
  refused("unknown hash source", [](auto& b) { b.hash_sources[0].kind = 0; });
  refused("unknown hash source flag", [](auto& b) { b.hash_sources[0].flags = 2; });
  refused("bad name of a hash source", [](auto& b) { b.hash_sources[0].name_length = 0; });
  refused("bad name of a hash source",
          [](auto& b) { b.hash_sources[0].kind = abi::hash_source_kind::kPath; });
  refused("name of a hash source is not a token",
          [](auto& b) { b.bytes[b.hash_sources[0].name_offset] = 'X'; });
  refused("name of a hash source is not a token",
          [](auto& b) { b.bytes[b.hash_sources[1].name_offset] = '='; });
  refused("a cookie that cannot be generated",
          [](auto& b) { b.bytes[b.hash_sources[1].path_offset + 1] = ';'; });
  refused("a cookie that cannot be generated",
          [](auto& b) { b.bytes[b.hash_sources[1].path_offset + 1] = '\n'; });
  refused("a cookie that cannot be generated",
          [](auto& b) { b.bytes[b.hash_sources[1].path_offset + 1] = '\x80'; });
  refused("a cookie that cannot be generated", [](auto& b) { b.hash_sources[3].ttl_seconds = 0; });
  refused("bad name of a hash source", [](auto& b) { b.hash_sources[5].name_length = 0; });
  refused("a cookie that cannot be generated", [](auto& b) { b.hash_sources[0].ttl_seconds = 1; });
}

CASE("faults of rate limits are refused") {
  const auto limit = [](uint32_t row, uint32_t abi::RateLimitRecord::*field, uint32_t value) {
    return [=](ImageBuilder& b) { b.rate_limits[row].*field = value; };
  };
  const auto key = [](uint32_t row, uint32_t abi::RateKeyRecord::*field, uint32_t value) {
    return [=](ImageBuilder& b) { b.rate_keys[row].*field = value; };
  };
  using Limit = abi::RateLimitRecord;
  using Key = abi::RateKeyRecord;
  refused("too many rate limits", [](auto& b) { b.routes[1].limit_count = 17; });
  refused("too many rate limits", [](auto& b) { b.listeners[0].limit_count = 17; });
  refused("rate limits out of bounds",
          [](auto& b) { b.routes[1].limit_start = static_cast<uint32_t>(b.index.size()) - 1; });
  refused("unknown rate limit", [](auto& b) { b.index.back() = 3; });
  refused("listener counts by route", [](auto& b) { b.index.back() = 1; });
  for (const char c : {'"', '\\', '\n', '\x7f', '\x80'}) {
    refused("bad name of a rate limit",
            [=](auto& b) { b.bytes[b.rate_limits[2].name_offset + 1] = c; });
  }
  refused("bad name of a rate limit", limit(0, &Limit::name_length, 0));
  refused("bad name of a rate limit", [](auto& b) {
    const auto text = b.text(std::string(abi::limits::kMaxRateNameBytes + 1, 'n'));
    b.rate_limits[0].name_offset = text.offset;
    b.rate_limits[0].name_length = text.length;
  });
  refused("unknown rate limit algorithm", limit(0, &Limit::algorithm, 0));
  refused("unknown rate limit algorithm", limit(0, &Limit::algorithm, 4));
  refused("requests of a rate limit out of range", limit(0, &Limit::limit, 0));
  refused("requests of a rate limit out of range", limit(0, &Limit::limit, 1'000'001));
  refused("requests of a rate limit out of range", limit(1, &Limit::limit, 129));
  refused("window of a rate limit out of range", limit(0, &Limit::window_ms, 0));
  refused("window of a rate limit out of range", limit(0, &Limit::window_ms, 86'400'001));
  refused("burst of a rate limit out of range", limit(2, &Limit::burst, 0));
  refused("burst of a rate limit out of range", limit(2, &Limit::burst, 1'000'001));
  refused("burst of a rate limit out of range", limit(2, &Limit::burst, 100'801));  // > 7 days
  refused("loaded", limit(2, &Limit::burst, 100'800));
  refused("burst of an algorithm that has none", limit(0, &Limit::burst, 101));
  refused("unknown rate limit flag", limit(0, &Limit::flags, 16));
  refused("rate limit headers both always and never", limit(0, &Limit::flags, 2 | 4));
  refused("status of a refusal out of range", limit(0, &Limit::status, 399));
  refused("status of a refusal out of range", limit(0, &Limit::status, 600));
  refused("bad body of a refusal", limit(0, &Limit::body_length, 1));
  refused("bad body of a refusal", [](auto& b) {
    b.rate_limits[1].body_offset = 0;
    b.rate_limits[1].body_length = abi::limits::kMaxRespondBodyBytes + 1;
    b.bytes.resize(b.bytes.size() + abi::limits::kMaxRespondBodyBytes + 1);
  });
  refused("bad content type of a refusal",
          [](auto& b) { b.bytes[b.rate_limits[1].type_offset + 3] = '\r'; });
  refused("bad content type of a refusal", [](auto& b) {
    b.rate_limits[1].type_offset = abi::kNone;
    b.rate_limits[1].type_length = 0;
  });
  refused("bad content type of a refusal", [](auto& b) {
    const auto text = b.text(std::string(abi::limits::kMaxRateTypeBytes + 1, 't'));
    b.rate_limits[1].type_offset = text.offset;
    b.rate_limits[1].type_length = text.length;
  });
  refused("rate limit keys out of bounds", limit(1, &Limit::key_count, 5));
  refused("rate limit keys out of bounds", [](auto& b) {
    b.rate_keys.resize(20, b.rate_keys[0]);
    b.rate_limits[1].key_count = 9;
  });
  refused("unknown kind of rate key", key(0, &Key::kind, 0));
  refused("unknown kind of rate key", key(0, &Key::kind, 7));
  refused("unknown rate key flag", key(0, &Key::flags, 2));
  refused("bad name of a rate key", key(1, &Key::name_offset, abi::kNone));
  refused("bad name of a rate key", key(3, &Key::name_offset, 0));
  refused("bad name of a rate key", key(1, &Key::name_length, 1u << 30));
  refused("name of a rate key is not a token", key(1, &Key::name_length, 0));
  refused("name of a rate key is not a token",
          [](auto& b) { b.bytes[b.rate_keys[1].name_offset] = 'X'; });
  refused("name of a rate key is not a token",
          [](auto& b) { b.bytes[b.rate_keys[2].name_offset] = '='; });
  refused("address grouping out of range", key(0, &Key::bits4, 0));
  refused("address grouping out of range", key(0, &Key::bits4, 33));
  refused("address grouping out of range", key(0, &Key::bits6, 0));
  refused("address grouping out of range", key(0, &Key::bits6, 129));
  refused("address grouping out of range", key(3, &Key::bits4, 1));
}

CASE("faults of retries and hedging are refused") {
  const auto retry = [](uint32_t abi::RetryRecord::*field, uint32_t value) {
    return [=](ImageBuilder& b) { b.retries[b.routes[2].retry].*field = value; };
  };
  const auto hedge = [](uint32_t abi::HedgeRecord::*field, uint32_t value) {
    return [=](ImageBuilder& b) { b.hedges[0].*field = value; };
  };
  using Retry = abi::RetryRecord;
  using Hedge = abi::HedgeRecord;
  constexpr uint32_t kDay = abi::limits::kMaxFailoverMs;
  refused("statuses to retry out of bounds", retry(&Retry::status_start, 1u << 30));
  refused("statuses to retry out of bounds", [](auto& b) {
    b.index.resize(b.index.size() + 100);
    b.retries[b.routes[2].retry].status_count = abi::limits::kMaxRetryStatuses + 1;
  });
  for (const uint32_t status : {0u, 299u, 600u}) {
    refused("status to retry out of range",
            [=](auto& b) { b.index[b.retries[b.routes[2].retry].status_start] = status; });
  }
  refused("back-off out of range", retry(&Retry::backoff_base_ms, kDay + 1));
  refused("back-off out of range", retry(&Retry::backoff_base_ms, 251));
  refused("back-off out of range", retry(&Retry::backoff_max_ms, kDay + 1));
  refused("back-off out of range", retry(&Retry::retry_after_max_ms, kDay + 1));
  refused("buffer of retries out of range",
          retry(&Retry::buffer_bytes, abi::limits::kMaxRetryBufferBytes + 1));
  refused("unknown retry flag", retry(&Retry::flags, 2));
  refused("unknown retry condition", [](auto& b) { b.routes[2].retry_on = 128; });
  refused("too many retries",
          [](auto& b) { b.routes[2].retry_attempts = abi::limits::kMaxRetries + 1; });
  refused("unknown retry settings",
          [](auto& b) { b.routes[2].retry = static_cast<uint32_t>(b.retries.size()); });
  refused("unknown retry settings", [](auto& b) { b.routes[0].retry = abi::kNone; });
  refused("unknown hedging", [](auto& b) { b.routes[2].hedge = 1; });
  refused("unknown fault", [](auto& b) { b.routes[2].fault = 1; });
  refused("share of a fault out of range",
          [](auto& b) { b.faults[0].delay_per_million = 1'000'001; });
  refused("status of a fault out of range", [](auto& b) { b.faults[0].abort_status = 200; });
  refused("delay of a fault out of range", [](auto& b) { b.faults[0].delay_ms = 0; });
  refused("hedging quantile out of range", hedge(&Hedge::quantile_millis, 1000));
  refused("hedging delay out of range", hedge(&Hedge::min_delay_ms, 1001));
  refused("hedging delay out of range",
          hedge(&Hedge::max_delay_ms, abi::limits::kMaxBalancerTimeMs + 1));
  refused("hedging delay out of range", [](auto& b) {
    b.hedges[0].min_delay_ms = abi::limits::kMaxBalancerTimeMs + 1;
    b.hedges[0].max_delay_ms = 0;
  });
  refused("loaded", hedge(&Hedge::max_delay_ms, 0));
  refused("hedging budget out of range", hedge(&Hedge::percent, 0));
  refused("hedging budget out of range", hedge(&Hedge::percent, 101));
  const auto deadline = [](std::string name) {
    return [=](ImageBuilder& b) {
      const auto text = b.text(name);
      b.routes[2].deadline_offset = text.offset;
      b.routes[2].deadline_length = text.length;
    };
  };
  refused("loaded", deadline("x-left"));
  for (const char* name : {"", "X-left", "x left", "x-left:"})
    refused("deadline header is not a token in lower case", deadline(name));
  refused("deadline header is not a token in lower case",
          [](auto& b) { b.routes[2].deadline_offset = 1u << 30; });
}

CASE("faults of outlier detection and breakers are refused") {
  const auto outlier = [](uint32_t abi::OutlierRecord::*field, uint32_t value) {
    return [=](ImageBuilder& b) { b.outliers[0].*field = value; };
  };
  const auto breaker = [](uint32_t abi::BreakerRecord::*field, uint32_t value) {
    return [=](ImageBuilder& b) { b.breakers[0].*field = value; };
  };
  using Outlier = abi::OutlierRecord;
  using Breaker = abi::BreakerRecord;
  constexpr uint32_t kDay = abi::limits::kMaxFailoverMs;
  for (const auto field : {&Outlier::interval_ms, &Outlier::base_ejection_ms}) {
    refused("time of outlier detection out of range", outlier(field, 0));
    refused("time of outlier detection out of range", outlier(field, kDay + 1));
  }
  for (const auto field : {&Outlier::max_ejection_ms, &Outlier::jitter_ms})
    refused("time of outlier detection out of range", outlier(field, kDay + 1));
  for (const auto field : {&Outlier::max_ejection_percent, &Outlier::failure_percent})
    refused("percentage of outlier detection out of range", outlier(field, 101));
  refused("unknown flag of outlier detection", outlier(&Outlier::flags, 4));
  refused("unknown method of outliers", outlier(&Outlier::success_method, 3));
  refused("factor of outlier detection out of range",
          outlier(&Outlier::success_factor_millis, 1'000'001));
  refused("factor of outlier detection out of range",
          outlier(&Outlier::latency_factor_millis, 1'000));
  refused("factor of outlier detection out of range",
          outlier(&Outlier::latency_factor_millis, 1'000'001));
  refused("loaded", outlier(&Outlier::latency_factor_millis, 0));
  refused("quantile of outlier detection out of range",
          outlier(&Outlier::latency_quantile_millis, 1'000));
  refused("unknown scope of a breaker", breaker(&Breaker::scope, 0));
  refused("unknown scope of a breaker", breaker(&Breaker::scope, 4));
  refused("threshold of a breaker out of range", breaker(&Breaker::threshold_millis, 0));
  refused("threshold of a breaker out of range", breaker(&Breaker::threshold_millis, 1'001));
  refused("time of a breaker out of range", breaker(&Breaker::window_ms, 9));
  refused("loaded", breaker(&Breaker::window_ms, 10));
  refused("time of a breaker out of range", breaker(&Breaker::window_ms, kDay + 1));
  refused("time of a breaker out of range", breaker(&Breaker::interval_ms, 0));
  refused("time of a breaker out of range",
          [](auto& b) { b.breakers[0].max_interval_ms = b.breakers[0].interval_ms - 1; });
  refused("time of a breaker out of range", breaker(&Breaker::max_interval_ms, kDay + 1));
  refused("time of a breaker out of range", breaker(&Breaker::jitter_percent, 101));
  refused("breaker without a least number of requests", breaker(&Breaker::min_requests, 0));
  for (const auto field : {&Breaker::probes, &Breaker::successes}) {
    refused("probes of a breaker out of range", breaker(field, 0));
    refused("probes of a breaker out of range", breaker(field, abi::limits::kMaxBreakerProbes + 1));
  }
}

CASE("faults of what a cluster does about failures are refused") {
  const auto cluster = [](uint32_t abi::ClusterRecord::*field, uint32_t value) {
    return [=](ImageBuilder& b) { b.clusters[0].*field = value; };
  };
  using R = abi::ClusterRecord;
  refused("unknown cluster flag", cluster(&R::flags, 2));
  refused("TLS timeout out of range", cluster(&R::tls_timeout_ms, abi::limits::kMaxFailoverMs + 1));
  refused("retry budget out of range", cluster(&R::budget_percent, 1'001));
  refused("retry budget out of range", cluster(&R::budget_window_ms, 999));
  refused("loaded", [](auto& b) {
    b.clusters[0].budget_percent = abi::kNone;
    b.clusters[0].budget_window_ms = 0;
  });
  refused("unknown outlier detection", cluster(&R::outlier, 1));
  refused("unknown circuit breaker", cluster(&R::breaker, 1));
  refused("unknown fallback answer", cluster(&R::fallback_respond, 99));
  refused("unknown fallback cluster", cluster(&R::fallback_cluster, 2));
  refused("loaded", cluster(&R::fallback_cluster, 1));
  refused("two fallbacks", [](auto& b) {
    b.clusters[0].fallback_cluster = 1;
    b.clusters[0].fallback_respond = 0;
  });
  // Chains must end, whether they are long or go round in a circle.
  refused("too many fallbacks in a row", cluster(&R::fallback_cluster, 0));
  refused("too many fallbacks in a row", [](auto& b) {
    b.clusters[0].fallback_cluster = 1;
    b.clusters[1].fallback_cluster = 0;
  });
  refused("backup flag is neither 0 nor 1", [](auto& b) { b.endpoints[0].backup = 2; });
}
