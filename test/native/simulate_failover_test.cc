// Limits, breakers, detection, retries and time limits, as the scenario sets them.
#include <cmath>

#include "simulate_rig.h"

namespace millrace::test {
namespace {

namespace on = abi::retry_on;

// So many requests a second, evenly spaced, to endpoints that are quick and never full.
Scenario steady(double rate, double seconds, uint32_t endpoints = 10) {
  Scenario scenario = plainScenario(abi::policy::kRoundRobin, endpoints, fixed(0.001), 1000);
  scenario.arrivals = Arrivals::kUniform;
  scenario.rate = rate;
  scenario.requests = static_cast<uint64_t>(rate * seconds);
  return scenario;
}

double errorsAt(const Result& result, double share) {
  return result.timeline[static_cast<size_t>(share * Tally::kRows)].errors;
}

}  // namespace

CASE("a rate limit admits no more than it says") {
  constexpr uint32_t kLimit = 100;
  for (const uint32_t algorithm : {abi::rate_algorithm::kSlidingWindow,
                                   abi::rate_algorithm::kSlidingLog, abi::rate_algorithm::kGcra}) {
    for (const Arrivals arrivals : {Arrivals::kUniform, Arrivals::kPoisson, Arrivals::kBursts}) {
      Scenario scenario = steady(5000, 20);
      scenario.arrivals = arrivals;
      scenario.burst_on = 0.13;
      scenario.burst_off = 0.9;
      scenario.rate_limit = {algorithm, kLimit, 1000, 10, 20, 0.8};
      const Result result = runScenario(scenario);
      const std::string note = std::to_string(algorithm);
      EXPECT_EQ(result.limit.clients, 20u);
      if (arrivals != Arrivals::kBursts) EXPECT(result.limit.most >= kLimit * 9 / 10, note);
      switch (algorithm) {
        case abi::rate_algorithm::kSlidingLog:
          EXPECT_EQ(result.limit.most, kLimit);
          EXPECT_EQ(result.limit.refused_below, uint64_t{0});
          break;
        case abi::rate_algorithm::kGcra:
          EXPECT(result.limit.most <= kLimit + 10, std::to_string(result.limit.most));
          break;
        default:
          EXPECT(result.limit.most < 2 * kLimit, std::to_string(result.limit.most));
      }
      EXPECT_EQ(result.limit.most_together, result.limit.most);
      EXPECT_EQ(countOf(result, Outcome::kAnswered) + countOf(result, Outcome::kRefusedRate),
                scenario.requests);
    }
  }
}

CASE("a steady client over its limit gets the limit") {
  for (const uint32_t algorithm : {abi::rate_algorithm::kSlidingWindow,
                                   abi::rate_algorithm::kSlidingLog, abi::rate_algorithm::kGcra}) {
    Scenario scenario = steady(1000, 50);
    scenario.rate_limit = {algorithm, 100, 1000, 1, 1, 0};
    const Result result = runScenario(scenario);
    const auto admitted = static_cast<double>(countOf(result, Outcome::kAnswered));
    EXPECT(near(admitted, 100 * 50, 0.03),
           std::to_string(algorithm) + ": " + std::to_string(admitted));
  }
}

CASE("every proxy has a limit of its own") {
  Scenario scenario = steady(4000, 10);
  scenario.proxies = 4;
  scenario.rate_limit = {abi::rate_algorithm::kSlidingLog, 50, 1000, 1, 2, 0};
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.limit.most, 50u);
  EXPECT_EQ(result.limit.most_together, 200u);
}

// 100 a second; everything fails from 10 s to 22 s. The window of 10 s is half full of failures at
// 15 s and a bit (its buckets cover 9 to 10 s): open for 5 s, a probe that fails, open for 10 s, a
// probe that is good.
CASE("a breaker opens and recovers as its settings say") {
  Scenario scenario = steady(100, 50);
  scenario.changes.push_back({10, 12, 0, 1, 1, 1, false, {}});
  scenario.breaker = {abi::breaker_scope::kCluster, 500, 10'000, 20, 5000, 300'000, 0, 1, 1};
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.breakers_opened, uint64_t{2});
  EXPECT_EQ(errorsAt(result, 0.1), 0.0);   // 5 s
  EXPECT_EQ(errorsAt(result, 0.26), 1.0);  // 13 s: failing
  const auto failed = static_cast<double>(countOf(result, Outcome::kFailed));
  const auto refused = static_cast<double>(countOf(result, Outcome::kRefusedBreaker));
  EXPECT(failed >= 430 && failed <= 510, std::to_string(failed));
  // Open from 15 to 20 and from 20 to 30 s, but for the probes.
  EXPECT(refused >= 1490 && refused <= 1502, std::to_string(refused));
  EXPECT(errorsAt(result, 0.58) == 1, std::to_string(errorsAt(result, 0.58)));  // 29 s
  for (double at = 0.62; at < 1; at += 0.02) EXPECT_EQ(errorsAt(result, at), 0.0);
}

CASE("a breaker below its threshold stays closed") {
  Scenario scenario = steady(1000, 20);
  scenario.groups[0].fails = 0.4;
  scenario.breaker = {abi::breaker_scope::kCluster, 500, 10'000, 200, 5000, 300'000, 0, 1, 1};
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.breakers_opened, uint64_t{0});
  EXPECT(near(static_cast<double>(countOf(result, Outcome::kFailed)), 8000, 0.05));
}

CASE("the breaker of an endpoint keeps requests away from it") {
  Scenario scenario = steady(1000, 20);
  scenario.changes.push_back({2, 4, 0, 0.1, 1, 1, false, {}});
  scenario.breaker = {abi::breaker_scope::kEndpoint, 500, 1000, 10, 500, 300'000, 0, 1, 1};
  const Result result = runScenario(scenario);
  // Opened at about 2.5 s for 0.5 s, then for 1 and 2 and 4 s: four times, and four probes failed
  // at most. Without it, 400 requests would.
  EXPECT(result.breakers_opened >= 3 && result.breakers_opened <= 4,
         std::to_string(result.breakers_opened));
  EXPECT(countOf(result, Outcome::kFailed) < 70, std::to_string(countOf(result, Outcome::kFailed)));
  EXPECT_EQ(countOf(result, Outcome::kRefusedBreaker), uint64_t{0});
  EXPECT_EQ(errorsAt(result, 0.99), 0.0);
}

// One of ten answers 500 to everything: five in a row and it is out, for 30 s, then for 60 s.
CASE("outlier detection ejects after as many failures as it says") {
  Scenario scenario = steady(1000, 100);
  scenario.changes.push_back({0, 0, 0, 0.1, 1, 1, false, {}});
  scenario.detects_outliers = true;
  scenario.outlier.consecutive5xx = 5;
  scenario.outlier.interval_ms = 10'000;
  scenario.outlier.base_ejection_ms = 30'000;
  scenario.outlier.max_ejection_ms = 300'000;
  scenario.outlier.max_ejection_percent = 10;
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.ejections, uint64_t{3});
  EXPECT_EQ(countOf(result, Outcome::kFailed), uint64_t{15});
  scenario.detects_outliers = false;
  EXPECT_EQ(countOf(runScenario(scenario), Outcome::kFailed), uint64_t{10'000});
}

CASE("outlier detection finds who is slow") {
  Scenario scenario = steady(1000, 60);
  scenario.changes.push_back({0, 0, 0, 0.1, 50, -1, false, {}});
  scenario.detects_outliers = true;
  scenario.outlier.interval_ms = 5000;
  scenario.outlier.base_ejection_ms = 300'000;
  scenario.outlier.max_ejection_percent = 10;
  scenario.outlier.latency_factor_millis = 3000;
  scenario.outlier.latency_quantile_millis = 990;
  scenario.outlier.latency_min_us = 10'000;
  scenario.outlier.latency_min_endpoints = 3;
  scenario.outlier.latency_min_requests = 100;
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.ejections, uint64_t{1});
  EXPECT(result.timeline[5].p99 > 0.04, std::to_string(result.timeline[5].p99));
  EXPECT(result.timeline[50].p99 < 0.002, std::to_string(result.timeline[50].p99));
}

CASE("each proxy ejects by itself") {
  Scenario scenario = steady(1000, 20);
  scenario.proxies = 5;
  scenario.changes.push_back({0, 0, 0, 0.1, 1, 1, false, {}});
  scenario.detects_outliers = true;
  scenario.outlier.consecutive5xx = 5;
  scenario.outlier.interval_ms = 10'000;
  scenario.outlier.base_ejection_ms = 30'000;
  scenario.outlier.max_ejection_percent = 10;
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.ejections, uint64_t{5});
  EXPECT_EQ(countOf(result, Outcome::kFailed), uint64_t{25});
}

// Slow start: an endpoint that is back gets a tenth at first and its share after the window.
CASE("an endpoint that is back starts slowly") {
  const auto comeback = [](uint32_t window_ms) {
    Scenario scenario = steady(1000, 10);
    scenario.changes.push_back({0, 1, 0, 0.1, 1, 1, false, {}});
    scenario.detects_outliers = true;
    scenario.outlier.consecutive5xx = 5;
    scenario.outlier.interval_ms = 10'000;
    scenario.outlier.base_ejection_ms = 2000;
    scenario.outlier.max_ejection_percent = 10;
    scenario.balancer.slow_start_ms = window_ms;
    const Result result = runScenario(scenario);
    EXPECT_EQ(result.ejections, uint64_t{1});
    return result.requests_each;
  };
  // Out for 2 of 10 seconds, it misses 200 of its 1000 requests. With the window of 4 s, ten others
  // get most of what it does not get while it starts: about 180 more.
  EXPECT(near(comeback(0).max_over_mean, 1.022, 0.004), std::to_string(comeback(0).max_over_mean));
  EXPECT(near(comeback(4000).max_over_mean, 1.042, 0.004),
         std::to_string(comeback(4000).max_over_mean));
}

CASE("an endpoint that goes down loses what it had, and refuses the rest") {
  Scenario scenario = steady(1000, 10);
  scenario.groups[0].service = fixed(0.1);
  scenario.changes.push_back({4, 2, 0, 0.1, 1, -1, true, {}});
  const Result result = runScenario(scenario);
  // 10 that it worked on, and the 200 of two seconds.
  EXPECT_EQ(countOf(result, Outcome::kFailed), uint64_t{210});
  EXPECT_EQ(result.groups[0].failed, uint64_t{210});
  EXPECT_EQ(errorsAt(result, 0.35), 0.0);
  EXPECT_EQ(errorsAt(result, 0.61), 0.0);
  scenario.retry.attempts = 1;
  scenario.retry.on = on::kConnectFailure | on::kReset;
  scenario.retry.budgeted = false;
  const Result retried = runScenario(scenario);
  EXPECT_EQ(countOf(retried, Outcome::kAnswered), scenario.requests);
  // More than 210: a retry is a turn of the round robin, too.
  EXPECT(near(static_cast<double>(retried.retries), 210 * 10 / 9.0, 0.03),
         std::to_string(retried.retries));
  // Only resets wait before the next attempt, at most for the first back-off.
  EXPECT(retried.latency.max < 0.2 + 0.025, std::to_string(retried.latency.max));
}

CASE("nobody is asked twice while others are left") {
  Scenario scenario = steady(100, 10, 4);
  scenario.balancer.policy = abi::policy::kRandom;
  scenario.changes.push_back({0, 0, 0, 0.75, 1, -1, true, {}});
  scenario.retry.attempts = 3;
  scenario.retry.on = on::kConnectFailure;
  // Three of four are down: the fourth attempt at the latest finds the one that is not.
  EXPECT_EQ(countOf(runScenario(scenario), Outcome::kAnswered), scenario.requests);
}

CASE("a timeout ends a request at its moment, and not its work") {
  Scenario scenario = steady(10, 20, 1);
  scenario.groups[0].service = fixed(1);
  scenario.timeout = 0.5;
  const Result result = runScenario(scenario);
  EXPECT_EQ(countOf(result, Outcome::kTimedOut), scenario.requests);
  EXPECT_EQ(result.latency.max, 0.5);
  EXPECT_EQ(result.latency.mean, 0.5);
  // Ten places are busy all the time, whatever was given up.
  EXPECT(near(result.groups[0].utilisation * 1000, 10, 0.06),
         std::to_string(result.groups[0].utilisation));
  // An answer at that very moment is in time.
  scenario.timeout = 1;
  EXPECT_EQ(countOf(runScenario(scenario), Outcome::kAnswered), scenario.requests);
}

CASE("perTryTimeout leaves time for another attempt") {
  Scenario scenario = steady(100, 10, 2);
  scenario.changes.push_back({0, 0, 0, 0.5, 1e6, -1, false, {}});  // one of two hangs
  scenario.timeout = 1;
  scenario.per_try_timeout = 0.1;
  scenario.retry.attempts = 1;
  scenario.retry.on = on::kTimeout;
  scenario.retry.budgeted = false;
  const Result result = runScenario(scenario);
  EXPECT_EQ(countOf(result, Outcome::kAnswered), scenario.requests);
  EXPECT(result.latency.max >= 0.1 && result.latency.max <= 0.101 + 0.025,
         std::to_string(result.latency.max));
}

CASE("a retry budget bounds what an outage adds") {
  Scenario scenario = steady(1000, 30);
  scenario.groups[0].fails = 1;
  scenario.retry.attempts = 3;
  scenario.retry.on = on::k5xx;
  scenario.retry.budget_percent = 20;
  scenario.retry.budget_min_per_second = 0;
  const Result result = runScenario(scenario);
  EXPECT(result.retries <= scenario.requests / 5, std::to_string(result.retries));
  EXPECT(result.retries >= scenario.requests / 6, std::to_string(result.retries));
  scenario.retry.budgeted = false;
  EXPECT_EQ(runScenario(scenario).retries, 3 * scenario.requests);
}

CASE("a full queue answers at once") {
  Scenario scenario = steady(100, 20, 1);
  scenario.groups[0].concurrency = 1;
  scenario.groups[0].queue = 0;
  scenario.groups[0].service = fixed(0.0199);
  const Result result = runScenario(scenario);
  // Every other one finds the only place taken.
  EXPECT_EQ(countOf(result, Outcome::kRefusedQueue), scenario.requests / 2);
  EXPECT_EQ(result.latency.max, 0.0199);
}

CASE("caps of the proxy refuse what is above them") {
  Scenario scenario = steady(1000, 10, 2);
  scenario.groups[0].service = fixed(0.1);
  scenario.groups[0].max_requests = 20;  // of 50 that would be in flight at each
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.most_in_flight, 20u);
  EXPECT(near(static_cast<double>(countOf(result, Outcome::kAnswered)), 4000, 0.02));
  EXPECT_EQ(total(result), scenario.requests);
}

CASE("answers come at the rate of the capacity when more is asked") {
  Scenario scenario = plainScenario(abi::policy::kLeastRequest, 20, exponentialTime(0.01), 4);
  scenario.groups[0].queue = 50;
  scenario.rate = 1.5 * capacityOf(scenario);
  const Result result = runScenario(scenario);
  EXPECT(near(result.goodput, capacityOf(scenario), 0.03), std::to_string(result.goodput));
  EXPECT(result.groups[0].utilisation > 0.97);
  EXPECT(countOf(result, Outcome::kRefusedQueue) > scenario.requests / 4);
}

}  // namespace millrace::test
