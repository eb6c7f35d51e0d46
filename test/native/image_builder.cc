#include "image_builder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "base/hash.h"

namespace millrace::test {

namespace {

constexpr uint32_t kNone = abi::kNone;

uint32_t capacityFor(std::size_t count) {
  uint32_t capacity = count == 0 ? 0 : 2;
  while (capacity < count * 2) capacity *= 2;
  return capacity;
}

template <typename Record>
void insert(std::vector<Record>& table, uint32_t start, uint32_t capacity, const Record& row,
            bool (*is_empty)(const Record&)) {
  uint32_t slot = row.hash & (capacity - 1);
  while (!is_empty(table[start + slot])) slot = (slot + 1) & (capacity - 1);
  table[start + slot] = row;
}

bool isEmptyHost(const abi::HostRecord& r) { return r.vhost == kNone; }
bool isEmptyPath(const abi::PathRecord& r) { return r.kind == 0; }

}  // namespace

ImageBuilder::Text ImageBuilder::text(std::string_view content) {
  const Text result{static_cast<uint32_t>(bytes.size()), static_cast<uint32_t>(content.size())};
  bytes += content;
  return result;
}

// States: 0 dead, 1 + i after i bytes of the literal; with a tail the last one loops.
uint32_t ImageBuilder::addDfa(std::string_view pattern) {
  const bool open = pattern.ends_with('*');
  if (open) pattern.remove_suffix(1);
  std::string classes(256, '\0');
  uint32_t class_count = 1;
  for (const char c : pattern) {
    char& byte_class = classes[static_cast<uint8_t>(c)];
    if (byte_class == 0) byte_class = static_cast<char>(class_count++);
  }
  const uint32_t state_count = static_cast<uint32_t>(pattern.size()) + 2;
  const uint32_t start = static_cast<uint32_t>(u16.size());
  u16.resize(start + state_count * class_count);
  for (uint32_t i = 0; i < pattern.size(); ++i) {
    const uint8_t byte_class = static_cast<uint8_t>(classes[static_cast<uint8_t>(pattern[i])]);
    u16[start + (i + 1) * class_count + byte_class] = static_cast<uint16_t>(i + 2);
  }
  const uint16_t last = static_cast<uint16_t>(state_count - 1);
  if (open) std::fill_n(u16.begin() + start + last * class_count, class_count, last);
  std::string accept(state_count, '\0');
  accept[last] = 1;
  dfas.push_back({state_count, class_count, text(classes).offset, start, 1, text(accept).offset});
  return static_cast<uint32_t>(dfas.size()) - 1;
}

uint32_t ImageBuilder::addRoute(const RouteSpec& spec) {
  abi::RouteRecord r{};
  const uint32_t row = static_cast<uint32_t>(routes.size());
  const Text name = text("route-" + std::to_string(row));
  const Text path = text(spec.path);
  r.name_offset = name.offset;
  r.name_length = name.length;
  r.methods = spec.methods;
  r.predicate_start = static_cast<uint32_t>(predicates.size());
  r.predicate_count = static_cast<uint32_t>(spec.predicates.size());
  for (const PredicateSpec& p : spec.predicates) {
    const Text p_name = text(p.name);
    const Text value = text(p.value);
    const bool is_regex = p.op == abi::predicate_operator::kRegex;
    predicates.push_back({p.source, p.op, p.negate ? 1u : 0u, p_name.offset, p_name.length,
                          value.offset, value.length, is_regex ? addDfa(p.value) : kNone});
  }
  r.action = abi::action::kCluster;
  r.action_count = 1;
  r.path_kind = spec.kind;
  r.path_offset = path.offset;
  r.path_length = path.length;
  r.rewrite_offset = r.host_offset = r.hedge = r.deadline_offset = r.fault = r.tracing = kNone;
  r.retry = static_cast<uint32_t>(retries.size());
  retries.push_back({});
  r.max_body_low = r.max_body_high = kNone;
  routes.push_back(r);
  return row;
}

uint32_t ImageBuilder::addVhost(const VhostSpec& spec) {
  abi::VhostRecord r{};
  const Text name = text(spec.hosts.at(0));
  r.name_offset = name.offset;
  r.name_length = name.length;
  r.route_start = static_cast<uint32_t>(routes.size());
  r.route_count = static_cast<uint32_t>(spec.routes.size());
  r.regex_start = static_cast<uint32_t>(regexes.size());
  std::map<std::pair<uint32_t, std::string>, std::vector<uint32_t>> keys;
  for (const RouteSpec& route : spec.routes) {
    const uint32_t row = addRoute(route);
    if (route.kind == abi::path_kind::kRegex) {
      regexes.push_back({addDfa(route.path), static_cast<uint32_t>(index.size()), 1});
      index.push_back(row);
      ++r.regex_count;
    } else {
      keys[{route.kind, route.path}].push_back(row);
    }
  }
  r.path_start = static_cast<uint32_t>(paths.size());
  r.path_capacity = capacityFor(keys.size());
  paths.resize(paths.size() + r.path_capacity);
  uint64_t lengths = 0;
  for (const auto& [key, candidates] : keys) {
    const Text path = text(key.second);
    if (key.first == abi::path_kind::kPrefix) lengths |= uint64_t{1} << std::min(path.length, 63u);
    const abi::RouteRecord& first = routes[candidates.front()];
    const bool sure = first.methods == 0 && first.predicate_count == 0;
    const abi::PathRecord row{murmur3(key.second, key.first),
                              path.offset,
                              path.length,
                              key.first,
                              static_cast<uint32_t>(index.size()),
                              static_cast<uint32_t>(candidates.size()),
                              sure ? candidates.front() : abi::kNone};
    insert(paths, r.path_start, r.path_capacity, row, isEmptyPath);
    index.insert(index.end(), candidates.begin(), candidates.end());
  }
  r.prefix_lengths_low = static_cast<uint32_t>(lengths);
  r.prefix_lengths_high = static_cast<uint32_t>(lengths >> 32);
  vhosts.push_back(r);
  return static_cast<uint32_t>(vhosts.size()) - 1;
}

uint32_t ImageBuilder::addTable(const std::vector<VhostSpec>& specs) {
  abi::RouteTableRecord r{};
  const Text name = text("table");
  r.name_offset = name.offset;
  r.name_length = name.length;
  r.any_vhost = kNone;
  r.vhost_start = static_cast<uint32_t>(vhosts.size());
  r.vhost_count = static_cast<uint32_t>(specs.size());
  std::map<std::string, uint32_t> exact;
  std::map<std::string, uint32_t> wild;
  for (const VhostSpec& spec : specs) {
    const uint32_t vhost = addVhost(spec);
    for (const std::string& host : spec.hosts) {
      if (host == "*") {
        r.any_vhost = vhost;
      } else if (host.starts_with("*.")) {
        wild[host.substr(1)] = vhost;
        const uint32_t labels = static_cast<uint32_t>(std::count(host.begin(), host.end(), '.'));
        r.wild_max_labels = std::max(r.wild_max_labels, labels);
      } else {
        exact[host] = vhost;
      }
    }
  }
  const auto lay_out = [&](const std::map<std::string, uint32_t>& names, uint32_t* start,
                           uint32_t* capacity) {
    *start = static_cast<uint32_t>(hosts.size());
    *capacity = capacityFor(names.size());
    hosts.resize(hosts.size() + *capacity, abi::HostRecord{0, 0, 0, kNone});
    for (const auto& [host, vhost] : names) {
      const Text key = text(host);
      const abi::HostRecord row{murmur3(host, 0), key.offset, key.length, vhost};
      insert(hosts, *start, *capacity, row, isEmptyHost);
    }
  };
  lay_out(exact, &r.host_start, &r.host_capacity);
  lay_out(wild, &r.wild_start, &r.wild_capacity);
  route_tables.push_back(r);
  return static_cast<uint32_t>(route_tables.size()) - 1;
}

uint32_t ImageBuilder::addCluster(const std::vector<uint32_t>& endpoint_weights) {
  abi::ClusterRecord r{};
  const Text name = text("cluster");
  r.name_offset = name.offset;
  r.name_length = name.length;
  r.endpoint_start = static_cast<uint32_t>(endpoints.size());
  r.endpoint_count = static_cast<uint32_t>(endpoint_weights.size());
  r.tls = r.budget_percent = r.outlier = r.breaker = r.fallback_cluster = r.fallback_respond =
      kNone;
  const Text address = text(std::string_view("\x7f\0\0\1", 4));
  const Text endpoint_name = text("127.0.0.1:9001");
  const uint32_t member_start = static_cast<uint32_t>(index.size());
  for (const uint32_t weight : endpoint_weights) {
    if (weight != 0) index.push_back(static_cast<uint32_t>(endpoints.size()));
    endpoints.push_back({endpoint_name.offset, endpoint_name.length, abi::family::kIpv4,
                         address.offset, address.length, 9001, weight, kNone, 0, 0, kNone, 0, 0, 0,
                         0});
  }
  r.balancer = static_cast<uint32_t>(balancers.size());
  abi::BalancerRecord balancer{};
  balancer.policy = abi::policy::kLeastRequest;
  balancer.bias_millis = balancer.slow_start_aggression_millis = 1000;
  balancer.decay_ms = 10'000;
  balancer.default_latency_us = 30'000;
  balancer.penalty_ms = 5000;
  balancer.table_size = 65'537;
  balancer.overprovisioning_percent = 140;
  balancer.panic_percent = 50;
  balancer.zone_offset = kNone;
  balancer.zone_min_endpoints = 6;
  balancer.slow_start_min_percent = 10;
  balancers.push_back(balancer);
  r.subset_start = static_cast<uint32_t>(subsets.size());
  r.subset_count = 1;
  subsets.push_back({static_cast<uint32_t>(clusters.size()), member_start,
                     static_cast<uint32_t>(index.size()) - member_start, kNone, 0});
  r.max_queue = 1024;
  r.queue_timeout_ms = 1000;
  clusters.push_back(r);
  return static_cast<uint32_t>(clusters.size()) - 1;
}

std::vector<std::byte> ImageBuilder::finish() const {
  std::vector<uint32_t> header{abi::kImageMagic, abi::kImageVersion, 0, abi::section::kCount, 1, 2};
  header.resize(abi::kImageHeaderWords + 2 * abi::section::kCount);
  std::vector<std::byte> image((header.size() * 4 + 7) / 8 * 8);
  uint32_t section = 0;
  const auto append = [&](const auto& rows) {
    header[abi::kImageHeaderWords + 2 * section] = static_cast<uint32_t>(image.size());
    header[abi::kImageHeaderWords + 2 * section++ + 1] = static_cast<uint32_t>(rows.size());
    const std::byte* start = reinterpret_cast<const std::byte*>(rows.data());
    image.insert(image.end(), start, start + rows.size() * sizeof(rows[0]));
    image.resize((image.size() + 7) / 8 * 8);
  };
  const auto append_all = [&](const auto&... rows) { (append(rows), ...); };
  append_all(bytes, u16, index, listeners, route_tables, hosts, vhosts, paths, regexes, dfas,
             routes, predicates, edits, weights, redirects, responds, clusters, endpoints, tls,
             cidrs, balancers, hash_sources, subsets, rate_limits, rate_keys, retries, hedges,
             outliers, breakers, faults, tracings, logs, log_steps);
  header[2] = static_cast<uint32_t>(image.size());
  std::memcpy(image.data(), header.data(), header.size() * 4);
  return image;
}

}  // namespace millrace::test
