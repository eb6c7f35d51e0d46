#ifndef MILLRACE_TEST_NATIVE_IMAGE_BUILDER_H_
#define MILLRACE_TEST_NATIVE_IMAGE_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "abi.h"

namespace millrace::test {

struct PredicateSpec {
  uint32_t source = abi::predicate_source::kHeader;
  uint32_t op = abi::predicate_operator::kPresent;
  std::string name = {};
  std::string value = {};  // for kRegex: a literal, with "*" at its end for "and anything"
  bool negate = false;
};

struct RouteSpec {
  uint32_t kind = abi::path_kind::kPrefix;
  std::string path = "/";  // for kRegex as above
  uint32_t methods = 0;
  std::vector<PredicateSpec> predicates;
};

struct VhostSpec {
  std::vector<std::string> hosts;
  std::vector<RouteSpec> routes;
};

// Lays out an image as the configuration compiler does. The sections are open to the tests, which
// put faults into them.
class ImageBuilder {
 public:
  struct Text {
    uint32_t offset;
    uint32_t length;
  };

  Text text(std::string_view content);
  uint32_t addDfa(std::string_view pattern);
  // Returns the ROUTE_TABLE index; ROUTE rows come in declared order, all to cluster 0.
  uint32_t addTable(const std::vector<VhostSpec>& specs);
  uint32_t addCluster(const std::vector<uint32_t>& weights);
  std::vector<std::byte> finish() const;

  std::string bytes;
  std::vector<uint16_t> u16;
  std::vector<uint32_t> index;
  std::vector<abi::ListenerRecord> listeners;
  std::vector<abi::RouteTableRecord> route_tables;
  std::vector<abi::HostRecord> hosts;
  std::vector<abi::VhostRecord> vhosts;
  std::vector<abi::PathRecord> paths;
  std::vector<abi::RegexRecord> regexes;
  std::vector<abi::DfaRecord> dfas;
  std::vector<abi::RouteRecord> routes;
  std::vector<abi::PredicateRecord> predicates;
  std::vector<abi::EditRecord> edits;
  std::vector<abi::WeightRecord> weights;
  std::vector<abi::RedirectRecord> redirects;
  std::vector<abi::RespondRecord> responds;
  std::vector<abi::ClusterRecord> clusters;
  std::vector<abi::EndpointRecord> endpoints;
  std::vector<abi::TlsRecord> tls;
  std::vector<abi::CidrRecord> cidrs;
  std::vector<abi::BalancerRecord> balancers;
  std::vector<abi::HashSourceRecord> hash_sources;
  std::vector<abi::SubsetRecord> subsets;
  std::vector<abi::RateLimitRecord> rate_limits;
  std::vector<abi::RateKeyRecord> rate_keys;
  std::vector<abi::RetryRecord> retries;
  std::vector<abi::HedgeRecord> hedges;
  std::vector<abi::OutlierRecord> outliers;
  std::vector<abi::BreakerRecord> breakers;
  std::vector<abi::FaultRecord> faults;
  std::vector<abi::TracingRecord> tracings;
  std::vector<abi::LogRecord> logs;
  std::vector<abi::LogStepRecord> log_steps;

 private:
  uint32_t addVhost(const VhostSpec& spec);
  uint32_t addRoute(const RouteSpec& spec);
};

// An image with at least one row of every record and every variant of them.
ImageBuilder sampleImage();

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_IMAGE_BUILDER_H_
