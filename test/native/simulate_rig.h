#ifndef MILLRACE_TEST_NATIVE_SIMULATE_RIG_H_
#define MILLRACE_TEST_NATIVE_SIMULATE_RIG_H_

#include <numeric>
#include <sstream>
#include <string>

#include "engine/simulate/simulation.h"
#include "harness.h"

namespace millrace::test {

using namespace simulate;

inline ServiceTime fixed(double seconds) { return {ServiceTime::Kind::kFixed, seconds, 0}; }
inline ServiceTime exponentialTime(double mean) {
  return {ServiceTime::Kind::kExponential, mean, 0};
}
inline ServiceTime lognormal(double median, double p99) {
  return {ServiceTime::Kind::kLognormal, median, p99};
}

// One proxy in front of `count` endpoints that are alike, nothing else.
inline Scenario plainScenario(uint32_t policy, uint32_t count, ServiceTime service,
                              uint32_t concurrency = 1) {
  Scenario scenario;
  scenario.seed = seed();
  scenario.requests = 100'000;
  scenario.balancer.policy = policy;
  EndpointGroup group;
  group.name = "all";
  group.count = count;
  group.service = service;
  group.concurrency = concurrency;
  group.queue = 1'000'000;
  scenario.groups.push_back(group);
  scenario.rate = 0.8 * capacityOf(scenario);
  return scenario;
}

inline Result runScenario(const Scenario& scenario) {
  const std::string problem = checkScenario(scenario);
  EXPECT_EQ(problem, std::string());
  if (!problem.empty()) return {};
  Simulation run(scenario);
  while (!run.step(10'000)) {
  }
  EXPECT_EQ(run.error(), std::string());
  return run.result();
}

inline uint64_t countOf(const Result& result, Outcome outcome) {
  return result.outcomes[static_cast<uint32_t>(outcome)];
}
inline uint64_t total(const Result& result) {
  return std::accumulate(result.outcomes.begin(), result.outcomes.end(), uint64_t{0});
}

// Everything that a run found, so that two runs can be compared byte for byte.
inline std::string bytesOf(const Result& result) {
  std::ostringstream out;
  out << std::hexfloat;
  for (const uint64_t n : result.outcomes) out << n << ' ';
  const Quantiles& q = result.latency;
  out << q.p50 << ' ' << q.p90 << ' ' << q.p99 << ' ' << q.p999 << ' ' << q.p9999 << ' ' << q.max
      << ' ' << q.mean << ' ' << q.count << ' ' << result.attempts << ' ' << result.retries << ' '
      << result.goodput << ' ' << result.seconds << ' ' << result.in_flight.cv << ' '
      << result.requests_each.max_over_mean << ' ' << result.most_in_flight << ' '
      << result.breakers_opened << ' ' << result.ejections << ' ' << result.panic_picks << ' '
      << result.limit.most << ' ' << result.limit.refused_below << '\n';
  for (const auto& [upper, count] : result.histogram) out << upper << ':' << count << ' ';
  for (const GroupResult& g : result.groups)
    out << '\n' << g.name << g.requests << ' ' << g.failed << ' ' << g.utilisation << ' ' << g.wait;
  for (const TimelineRow& row : result.timeline)
    out << '\n' << row.at << ' ' << row.rate << ' ' << row.p50 << ' ' << row.p99 << row.errors;
  return out.str();
}

// |actual - expected| <= share of expected.
inline bool near(double actual, double expected, double share) {
  return std::abs(actual - expected) <= share * std::abs(expected);
}

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_SIMULATE_RIG_H_
