#include <string>
#include <string_view>

#include "image_builder.h"

namespace millrace::test {

namespace {

constexpr uint32_t kNone = abi::kNone;

}  // namespace

ImageBuilder sampleImage() {
  namespace op = abi::predicate_operator;
  constexpr uint32_t kHeader = abi::predicate_source::kHeader;
  constexpr uint32_t kQuery = abi::predicate_source::kQuery;
  ImageBuilder b;
  b.addCluster({1, 2, 0, 4});
  b.addCluster({7});
  const ImageBuilder::Text v6 = b.text(std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16));
  b.endpoints[1].family = abi::family::kIpv6;
  b.endpoints[1].address_offset = v6.offset;
  b.endpoints[1].address_length = v6.length;
  const ImageBuilder::Text socket = b.text("/run/app.sock");
  b.endpoints[2] = {socket.offset,
                    socket.length,
                    abi::family::kUnix,
                    socket.offset,
                    socket.length,
                    0,
                    0,
                    socket.offset,
                    0,
                    0,
                    kNone,
                    0,
                    0,
                    0,
                    0};
  const ImageBuilder::Text pem = b.text("-----BEGIN CERTIFICATE-----");
  b.tls.push_back({abi::tls_flag::kInsecureSkipVerify, pem.offset, 5, pem.offset, pem.length,
                   pem.offset, pem.length, pem.offset, pem.length});
  b.tls.push_back({0, kNone, 0, kNone, 0, kNone, 0, kNone, 0});
  b.clusters[0].tls = 0;
  b.outliers.push_back({5,
                        5,
                        5,
                        10'000,
                        30'000,
                        300'000,
                        1000,
                        10,
                        abi::outlier_flag::kShadow,
                        abi::outlier_method::kMad,
                        3500,
                        5,
                        100,
                        85,
                        5,
                        50,
                        3000,
                        990,
                        10'000,
                        3,
                        100});
  b.breakers.push_back({abi::breaker_scope::kCluster | abi::breaker_scope::kEndpoint, 500, 10'000,
                        20, 5000, 300'000, 10, 1, 1});
  b.hedges.push_back({950, 5, 1000, 100, 5});
  b.clusters[0].outlier = b.clusters[0].breaker = 0;
  b.clusters[0].budget_percent = 20;
  b.clusters[0].budget_min_per_second = 10;
  b.clusters[0].budget_window_ms = 10'000;
  const uint32_t table = b.addTable({
      {{"a.example.com", "*.example.com", "*.deep.example.com"},
       {{abi::path_kind::kExact, "/exact", 1, {}},
        {abi::path_kind::kExact, "/exact", 0, {{kHeader, op::kPrefix, "x-a", "v", false}}},
        {abi::path_kind::kPrefix, "/v1", 0, {{kQuery, op::kExact, "q", "1 2", false}}},
        {abi::path_kind::kPrefix, "/v1/" + std::string(70, 'x'), 0, {}},
        {abi::path_kind::kPrefix, "/", 0, {}},
        {abi::path_kind::kRegex, "/item*", 0, {{kHeader, op::kRegex, "x-b", "w*", true}}}}},
      {{"*"}, {{abi::path_kind::kPrefix, "/", 0, {}}, {abi::path_kind::kRegex, "/z", 0, {}}}},
  });
  const ImageBuilder::Text host = b.text("other.example.com");
  const ImageBuilder::Text path = b.text("/new");
  const ImageBuilder::Text value = b.text("value");
  const ImageBuilder::Text name = b.text("x-name");
  const ImageBuilder::Text lines = b.text("content-type: text/plain\r\nx-a: \r\n");
  b.routes[2].hedge = 0;
  b.faults.push_back({10'000, 503, 20'000, 100});
  b.routes[2].fault = 0;
  b.routes[2].deadline_offset = name.offset;
  b.routes[2].deadline_length = name.length;
  b.routes[2].retry_on = abi::retry_on::k5xx;
  b.routes[2].retry_attempts = 2;
  b.retries[b.routes[2].retry] = {static_cast<uint32_t>(b.index.size()), 1, 25, 250, 60'000, 65'536,
                                  abi::retry_flag::kNonIdempotent};
  b.index.push_back(404);
  const ImageBuilder::Text log_path = b.text("/var/log/access.log");
  const ImageBuilder::Text log_text = b.text("target");
  const uint32_t log_index = static_cast<uint32_t>(b.index.size());
  for (const uint32_t word : {400u, 499u, name.offset, name.length, host.offset, host.length})
    b.index.push_back(word);
  b.logs.push_back({log_path.offset, log_path.length, abi::log_target::kFile,
                    abi::log_flag::kSampled | abi::log_flag::kSampleFailed, 1u << 30, 500,
                    log_index, 2, log_index + 2, 2, log_index + 4, 2, 0, 3});
  b.logs.push_back({log_text.offset, log_text.length, abi::log_target::kStdout,
                    abi::log_flag::kJson, 0, 0, log_index, 0, log_index, 0, log_index, 0, 3, 2});
  b.log_steps.push_back(
      {abi::log_op::kHeader, name.offset, name.length, abi::log_step_flag::kAlternative, 0});
  b.log_steps.push_back({abi::log_op::kUserAgent, kNone, 0, abi::log_step_flag::kUnderscores, 10});
  b.log_steps.push_back({abi::log_op::kTimeUtc, log_text.offset, log_text.length, 0, 0});
  b.log_steps.push_back({abi::log_op::kTarget, log_text.offset, log_text.length, 0, 0});
  b.log_steps.push_back(
      {abi::log_op::kDurationMs, log_text.offset, log_text.length, abi::log_step_flag::kWhole, 0});
  b.routes[0].sinks = 2;
  b.routes[1].sinks = 3;
  b.routes[2].rewrite = abi::rewrite::kPrefix;
  b.routes[2].rewrite_offset = path.offset;
  b.routes[2].rewrite_length = path.length;
  b.routes[2].host_offset = host.offset;
  b.routes[2].host_length = host.length;
  b.routes[2].request_edit_count = b.routes[2].response_edit_count = 3;
  b.edits.push_back({abi::edit_operator::kRemove, name.offset, name.length, kNone, 0});
  b.edits.push_back(
      {abi::edit_operator::kSet, name.offset, name.length, value.offset, value.length});
  b.edits.push_back({abi::edit_operator::kAdd, name.offset, name.length, value.offset, 0});
  b.routes[3].action = abi::action::kRedirect;
  b.redirects.push_back({308, b.text("https").offset, 5, host.offset, host.length, 8443,
                         abi::rewrite::kPrefix, path.offset, path.length, 1});
  b.routes[4].action = abi::action::kWeightedClusters;
  b.routes[4].action_count = 2;
  b.weights = {{0, 0, 90}, {1, 2, 100}};
  b.routes[5].action = abi::action::kRespond;
  b.responds.push_back({200, value.offset, value.length, lines.offset, lines.length});
  const ImageBuilder::Text hash_header = b.text("x-user");
  const ImageBuilder::Text hash_cookie = b.text("sid");
  const ImageBuilder::Text cookie_path = b.text("/app");
  b.hash_sources.push_back({abi::hash_source_kind::kHeader, abi::hash_source_flag::kTerminal,
                            hash_header.offset, hash_header.length, kNone, kNone, 0});
  b.hash_sources.push_back({abi::hash_source_kind::kCookie, 0, hash_cookie.offset,
                            hash_cookie.length, 3600, cookie_path.offset, cookie_path.length});
  b.hash_sources.push_back({abi::hash_source_kind::kClientIp, 0, kNone, 0, kNone, kNone, 0});
  b.hash_sources.push_back(
      {abi::hash_source_kind::kCookie, 0, hash_cookie.offset, hash_cookie.length, kNone, kNone, 0});
  b.hash_sources.push_back({abi::hash_source_kind::kPath, 0, kNone, 0, kNone, kNone, 0});
  b.hash_sources.push_back(
      {abi::hash_source_kind::kQuery, 0, hash_cookie.offset, hash_cookie.length, kNone, kNone, 0});
  b.balancers[0].policy = abi::policy::kMaglev;
  b.balancers[0].hash_count = 3;
  b.balancers[0].hash_balance_percent = 150;
  const ImageBuilder::Text zone = b.text("eu-1a");
  b.balancers[1].policy = abi::policy::kRingHash;
  b.balancers[1].table_size = 1024;
  b.balancers[1].hash_start = b.balancers[1].hash_count = 3;
  b.balancers[1].zone_offset = b.endpoints[0].zone_offset = zone.offset;
  b.balancers[1].zone_length = b.endpoints[0].zone_length = zone.length;
  b.balancers[1].slow_start_ms = 30'000;
  b.endpoints[3].priority = 127;
  b.endpoints[3].max_requests = 10;
  // Two more subsets of the second cluster: its endpoint, and none.
  const ImageBuilder::Text version = b.text("version=v2");
  const uint32_t members = static_cast<uint32_t>(b.index.size());
  b.index.push_back(4);
  b.subsets.push_back({1, members, 1, version.offset, version.length});
  b.subsets.push_back({1, members + 1, 0, version.offset, version.length - 1});
  b.clusters[1].subset_count = 3;
  const ImageBuilder::Text web = b.text("web");
  const ImageBuilder::Text allowed = b.text("x_tenant");
  const uint32_t names = static_cast<uint32_t>(b.index.size());
  b.index.insert(b.index.end(), {allowed.offset, allowed.length});
  b.listeners.push_back({web.offset, web.length, table, 63, 0, 2, 16384, 0, 0, 8192, 4096, 98,
                         abi::underscores::kKeep, names, 2, abi::slashes::kKeep,
                         abi::slashes::kSlash});
  b.cidrs = {{abi::family::kIpv4, 8, 0x0a000000, 0, 0, 0},
             {abi::family::kIpv6, 32, 0x20010db8, 0, 0, 0}};
  const ImageBuilder::Text tenant = b.text("x-tenant");
  const ImageBuilder::Text cookie = b.text("Sid");
  const ImageBuilder::Text type = b.text("application/json");
  const ImageBuilder::Text by_route = b.text("table/0/1#2");
  namespace key = abi::rate_key_kind;
  b.rate_keys = {{key::kClientIp, 0, kNone, 0, 24, 64},
                 {key::kHeader, 1, tenant.offset, tenant.length, 0, 0},
                 {key::kCookie, 0, cookie.offset, cookie.length, 0, 0},
                 {key::kPath, 0, kNone, 0, 0, 0},
                 {key::kHost, 0, kNone, 0, 0, 0},
                 {key::kRoute, 0, kNone, 0, 0, 0}};
  b.rate_limits = {
      {web.offset, web.length, 0x11111111, abi::rate_algorithm::kSlidingWindow, 100, 1000, 100,
       abi::rate_flag::kShadow | abi::rate_flag::kHeadersAlways, 429, kNone, 0, kNone, 0, 0, 5},
      {host.offset, host.length, 0x22222222, abi::rate_algorithm::kSlidingLog, 128, 86'400'000, 128,
       abi::rate_flag::kHeadersNever, 503, value.offset, value.length, type.offset, type.length, 2,
       4},
      {by_route.offset, by_route.length, 0x33333333, abi::rate_algorithm::kGcra, 10, 60'000, 20,
       abi::rate_flag::kXHeaders, 429, kNone, 0, kNone, 0, 0, 0}};
  const uint32_t limits = static_cast<uint32_t>(b.index.size());
  b.index.insert(b.index.end(), {1, 2, 0});
  b.routes[1].limit_start = b.routes[2].limit_start = limits;
  b.routes[1].limit_count = 2;
  b.routes[2].limit_count = 1;
  b.listeners[0].limit_start = limits + 2;
  b.listeners[0].limit_count = 1;
  namespace tracing = abi::tracing_flag;
  b.tracings = {{tracing::kParentBased | tracing::kB3, 1u << 11, 42949672},
                {tracing::kTrustedPeers | tracing::kOff, kNone, kNone}};
  b.routes[1].tracing = 1;
  return b;
}

}  // namespace millrace::test
