#include "engine/simulate/scenario.h"

#include <cmath>
#include <cstdio>
#include <utility>

#include "engine/simulate/draws.h"

namespace millrace::simulate {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

// The first thing that is wrong.
class Problems {
 public:
  bool within(const std::string& where, double value, double least, double most) {
    if (value >= least && value <= most) return true;  // not so for NaN
    add(where, "must be from " + number(least) + " to " + number(most) + ", not " + number(value));
    return false;
  }
  void seconds(const std::string& where, double value, double least = 0) {
    within(where, value, least, bounds::kMaxSeconds);
  }
  void add(const std::string& where, const std::string& what) {
    if (text_.empty()) text_ = where + " " + what;
  }
  void service(const std::string& where, const ServiceTime& service) {
    constexpr double kLeast = 1e-9;
    switch (service.kind) {
      case ServiceTime::Kind::kFixed:
        return seconds(where + ".fixed", service.value, kLeast);
      case ServiceTime::Kind::kExponential:
        return seconds(where + ".exponential", service.value, kLeast);
      case ServiceTime::Kind::kLognormal:
        seconds(where + ".lognormal.median", service.value, kLeast);
        seconds(where + ".lognormal.p99", service.p99, kLeast);
        if (service.p99 < service.value) add(where + ".lognormal.p99", "is below the median");
        if (!(meanOf(service) <= bounds::kMaxSeconds))
          add(where + ".lognormal", "has a mean above " + number(bounds::kMaxSeconds) +
                                        " seconds: bring the p99 nearer to the median");
    }
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

void checkGroups(const Scenario& s, Problems& problems) {
  if (s.groups.empty()) problems.add("endpoints", "has no groups: say { count, serviceTime }");
  problems.within("the number of groups in endpoints", static_cast<double>(s.groups.size()), 0,
                  bounds::kMaxGroups);
  double places = 0;
  double endpoints = 0;
  bool any_weight = false;
  for (size_t i = 0; i < s.groups.size(); ++i) {
    const EndpointGroup& group = s.groups[i];
    const std::string at = "endpoints[" + std::to_string(i) + "].";
    problems.within(at + "count", group.count, 1, abi::limits::kMaxEndpoints);
    problems.within(at + "concurrency", group.concurrency, 1, bounds::kMaxConcurrency);
    problems.within(at + "queue", group.queue, 0, bounds::kMaxQueue);
    problems.within(at + "weight", group.weight, 0, abi::limits::kMaxWeight);
    problems.within(at + "priority", group.priority, 0, abi::limits::kMaxPriority);
    problems.within(at + "fails", group.fails, 0, 1);
    problems.service(at + "serviceTime", group.service);
    any_weight = any_weight || group.weight != 0;
    endpoints += group.count;
    places += static_cast<double>(group.count) * group.concurrency;
  }
  if (!any_weight) problems.add("endpoints", "all have the weight 0: nobody would get a request");
  problems.within("the number of endpoints", endpoints, 1, abi::limits::kMaxEndpoints);
  problems.within("endpoints x concurrency", places, 1, bounds::kMaxPlaces);
  problems.within("proxies x endpoints", endpoints * s.proxies, 1, bounds::kMaxViews);
}

void checkChanges(const Scenario& s, Problems& problems) {
  problems.within("the number of changes", static_cast<double>(s.changes.size()), 0,
                  bounds::kMaxChanges);
  for (size_t i = 0; i < s.changes.size(); ++i) {
    const Change& change = s.changes[i];
    const std::string at = "changes[" + std::to_string(i) + "].";
    problems.seconds(at + "at", change.at);
    problems.seconds(at + "for", change.lasts);
    if (change.group >= s.groups.size()) problems.add(at + "group", "names no group of endpoints");
    if (!(change.share > 0 && change.share <= 1))
      problems.add(at + "share", "must be above 0 and at most 1, not " + number(change.share));
    problems.within(at + "factor", change.factor, 1e-6, 1e6);
    if (!(change.fails < 0)) problems.within(at + "fails", change.fails, 0, 1);
    if (change.service) problems.service(at + "serviceTime", *change.service);
  }
}

void checkRateLimit(const Scenario& s, Problems& problems) {
  const RateRules& rules = s.rate_limit;
  if (rules.limit == 0) return;
  const bool log = rules.algorithm == abi::rate_algorithm::kSlidingLog;
  problems.within("rateLimit.algorithm", rules.algorithm, abi::rate_algorithm::kSlidingWindow,
                  abi::rate_algorithm::kGcra);
  problems.within("rateLimit.requests", rules.limit, 1,
                  log ? abi::limits::kMaxSlidingLog : abi::limits::kMaxRateRequests);
  problems.within("rateLimit.window (ms)", rules.window_ms, 1, abi::limits::kMaxRateWindowMs);
  problems.within("rateLimit.burst", rules.burst, 1, abi::limits::kMaxRateRequests);
  problems.within("rateLimit.keys", rules.keys, 1, bounds::kMaxClients);
  problems.within("proxies x rateLimit.keys", static_cast<double>(rules.keys) * s.proxies, 1,
                  bounds::kMaxClients);
  problems.within("rateLimit.zipf", rules.zipf, 0, bounds::kMaxZipf);
  if (log)
    problems.within("proxies x rateLimit.keys x rateLimit.requests of a slidingLog",
                    static_cast<double>(rules.keys) * s.proxies * rules.limit, 1,
                    static_cast<double>(bounds::kMaxLogPlaces));
}

void checkBalancer(const Scenario& s, Problems& problems) {
  const BalancerSettings& balancer = s.balancer;
  problems.within("balancer.policy", balancer.policy, abi::policy::kRoundRobin,
                  abi::policy::kPrequal);
  problems.within("balancer.bias", balancer.bias, 0, abi::limits::kMaxBiasMillis / 1000.0);
  problems.within("balancer.hashBalancePercent", balancer.hash_balance_percent, 0,
                  abi::limits::kMaxHashBalancePercent);
  problems.within("balancer.tableSize", balancer.table_size, 0, abi::limits::kMaxRing);
  problems.within("balancer.tableSize x proxies",
                  static_cast<double>(balancer.table_size) * s.proxies, 0,
                  static_cast<double>(bounds::kMaxTablePlaces));
  problems.within("balancer.slowStartAggression", balancer.slow_start_aggression, 0,
                  abi::limits::kMaxAggressionMillis / 1000.0);
  problems.within("balancer.overprovisioningPercent", balancer.overprovisioning_percent, 100,
                  abi::limits::kMaxOverprovisioningPercent);
}

void checkFailover(const Scenario& s, Problems& problems) {
  constexpr double kMost = abi::limits::kMaxFailoverMs;
  const RetryRules& retry = s.retry;
  problems.within("retry.attempts", retry.attempts, 0, abi::limits::kMaxRetries);
  problems.within("retry.backoff.max (ms)", retry.backoff_max_ms, 0, kMost);
  if (retry.attempts != 0 && retry.budgeted)
    problems.within("retry.budget.window (ms)", retry.budget_window_ms, 1000, kMost);
  const abi::BreakerRecord& breaker = s.breaker;
  if (breaker.scope != 0) {
    problems.within("circuitBreaker.scope", breaker.scope, 0, 3);
    problems.within("circuitBreaker.threshold (thousandths)", breaker.threshold_millis, 1, 1000);
    problems.within("circuitBreaker.window (ms)", breaker.window_ms, 10, kMost);
    problems.within("circuitBreaker.interval (ms)", breaker.interval_ms, 1, kMost);
    problems.within("circuitBreaker.maxInterval (ms)", breaker.max_interval_ms, 1, kMost);
    problems.within("circuitBreaker.minRequests", breaker.min_requests, 1, 4294967295.0);
    problems.within("circuitBreaker.jitter (percent)", breaker.jitter_percent, 0, 100);
    problems.within("circuitBreaker.probes", breaker.probes, 1, abi::limits::kMaxBreakerProbes);
    problems.within("circuitBreaker.successes", breaker.successes, 1,
                    abi::limits::kMaxBreakerProbes);
  }
  if (s.detects_outliers) {
    const abi::OutlierRecord& outlier = s.outlier;
    problems.within("outlierDetection.interval (ms)", outlier.interval_ms, 1, kMost);
    problems.within("outlierDetection.baseEjectionTime (ms)", outlier.base_ejection_ms, 1, kMost);
    problems.within("outlierDetection.maxEjectionTime (ms)", outlier.max_ejection_ms, 0, kMost);
    problems.within("outlierDetection.ejectionJitter (ms)", outlier.jitter_ms, 0, kMost);
    problems.within("outlierDetection.maxEjectionPercent", outlier.max_ejection_percent, 0, 100);
    problems.within("outlierDetection.successRate.method", outlier.success_method,
                    abi::outlier_method::kOff, abi::outlier_method::kMad);
  }
}

}  // namespace

std::string checkScenario(const Scenario& s) {
  Problems problems;
  checkGroups(s, problems);  // first: the rate may come from their capacity
  problems.within("requests", static_cast<double>(s.requests), 1,
                  static_cast<double>(bounds::kMaxRequests));
  if (problems.within("rate", s.rate, bounds::kMinRate, bounds::kMaxRate) &&
      !(static_cast<double>(s.requests) / s.rate <= bounds::kMaxSeconds))
    problems.add("requests", "come over more than " + number(bounds::kMaxSeconds) +
                                 " seconds at this rate: take fewer, or a higher rate");
  problems.within("proxies", s.proxies, 1, bounds::kMaxProxies);
  problems.within("keys.count", s.keys, 0, bounds::kMaxKeys);
  problems.within("keys.zipf", s.key_zipf, 0, bounds::kMaxZipf);
  problems.seconds("network", s.network);
  problems.seconds("timeout", s.timeout);
  problems.seconds("retry.perTryTimeout", s.per_try_timeout);
  if (s.arrivals == Arrivals::kBursts) {
    problems.seconds("arrivals.bursts.on", s.burst_on, 1e-6);
    problems.seconds("arrivals.bursts.off", s.burst_off);
  }
  checkChanges(s, problems);
  checkBalancer(s, problems);
  checkFailover(s, problems);
  checkRateLimit(s, problems);
  return std::move(problems).text();
}

double meanOf(const ServiceTime& service) noexcept {
  if (service.kind != ServiceTime::Kind::kLognormal) return service.value;
  const double sigma = std::log(service.p99 / service.value) / kZ99;
  return service.value * std::exp(sigma * sigma / 2);
}

double capacityOf(const Scenario& scenario) noexcept {
  double capacity = 0;
  for (const EndpointGroup& group : scenario.groups)
    capacity += static_cast<double>(group.count) * group.concurrency / meanOf(group.service);
  return capacity;
}

uint32_t endpointsOf(const Scenario& scenario) noexcept {
  uint32_t count = 0;
  for (const EndpointGroup& group : scenario.groups) count += group.count;
  return count;
}

std::vector<uint32_t> layOut(const Scenario& scenario) {
  std::vector<uint32_t> groups;
  groups.reserve(endpointsOf(scenario));
  for (uint32_t g = 0; g < scenario.groups.size(); ++g)
    groups.insert(groups.end(), scenario.groups[g].count, g);
  const Stream stream(scenario.seed, 7);
  for (auto left = static_cast<uint32_t>(groups.size()); left > 1; --left)
    std::swap(groups[left - 1], groups[below(stream.at(left), left)]);
  return groups;
}

}  // namespace millrace::simulate
