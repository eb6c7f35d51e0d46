// What the balancers do to queues: exact where they are, against theory where they draw.
#include <cmath>

#include "simulate_rig.h"

namespace millrace::test {
namespace {

// Requests that never end, spread over endpoints: balls into bins.
Result throwBalls(uint32_t policy, uint32_t bins, uint64_t balls, uint32_t proxies = 1) {
  Scenario scenario = plainScenario(policy, bins, fixed(10'000));
  scenario.arrivals = Arrivals::kUniform;
  scenario.proxies = proxies;
  scenario.requests = balls;
  scenario.rate = static_cast<double>(balls);
  return runScenario(scenario);
}

Result supermarket(uint32_t policy, double rho, uint32_t proxies = 1) {
  Scenario scenario = plainScenario(policy, 300, exponentialTime(0.01));
  scenario.rate = rho * capacityOf(scenario);
  scenario.requests = 600'000;
  scenario.proxies = proxies;
  return runScenario(scenario);
}

Scenario everything(uint32_t policy) {
  Scenario s = plainScenario(policy, 12, lognormal(0.01, 0.08), 3);
  s.groups[0].queue = 20;
  s.groups[0].fails = 0.02;
  EndpointGroup other = s.groups[0];
  other.name = "others";
  other.count = 8;
  other.weight = 3;
  other.zone = "b";
  other.service = exponentialTime(0.02);
  s.groups.push_back(other);
  s.zone = "b";
  s.proxies = 3;
  s.requests = 30'000;
  s.rate = 1.1 * capacityOf(s);
  s.arrivals = Arrivals::kBursts;
  s.burst_on = 0.3;
  s.burst_off = 0.1;
  s.keys = 1000;
  s.key_zipf = 0.9;
  s.network = 0.0005;
  s.timeout = 0.4;
  s.per_try_timeout = 0.15;
  s.retry.attempts = 3;
  s.retry.on = ~0u;
  s.rate_limit = {abi::rate_algorithm::kGcra, 80, 1000, 20, 50, 0.5};
  s.breaker = {abi::breaker_scope::kCluster | abi::breaker_scope::kEndpoint,
               500,
               1000,
               20,
               300,
               2000,
               10,
               2,
               2};
  s.detects_outliers = true;
  s.outlier.consecutive5xx = 3;
  s.outlier.consecutive_local_errors = 3;
  s.outlier.interval_ms = 500;
  s.outlier.base_ejection_ms = 700;
  s.outlier.max_ejection_ms = 5000;
  s.outlier.max_ejection_percent = 40;
  s.outlier.success_method = abi::outlier_method::kMad;
  s.outlier.success_factor_millis = 3500;
  s.outlier.success_min_endpoints = 3;
  s.outlier.success_min_requests = 10;
  s.outlier.latency_factor_millis = 3000;
  s.outlier.latency_quantile_millis = 900;
  s.outlier.latency_min_endpoints = 3;
  s.outlier.latency_min_requests = 10;
  s.balancer.slow_start_ms = 1000;
  s.balancer.hash_balance_percent = 150;
  // Plans are made often here: the table of maglev and the ring need not be large.
  s.balancer.table_size = policy == abi::policy::kMaglev ? 251 : 0;
  s.changes.push_back({1, 1.5, 0, 0.3, 1, -1, true, {}});
  s.changes.push_back({2, 1, 1, 0.5, 6, -1, false, {}});
  s.changes.push_back({3, 0.7, 0, 1, 1, 0.8, false, {}});
  s.changes.push_back({3.2, 0, 1, 0.2, 1, -1, false, exponentialTime(0.05)});
  return s;
}

constexpr uint32_t kPolicies[] = {
    abi::policy::kRoundRobin, abi::policy::kLeastRequest, abi::policy::kRandom,
    abi::policy::kPeakEwma,   abi::policy::kLeastTime,    abi::policy::kRingHash,
    abi::policy::kMaglev,     abi::policy::kRendezvous,   abi::policy::kPrequal};

}  // namespace

CASE("round robin is exactly even") {
  Scenario scenario = plainScenario(abi::policy::kRoundRobin, 37, exponentialTime(0.01));
  scenario.requests = 37 * 2000;
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.requests_each.cv, 0.0);
  EXPECT_EQ(result.requests_each.max_over_mean, 1.0);
}

CASE("round robin keeps to the weights") {
  Scenario scenario = plainScenario(abi::policy::kRoundRobin, 5, fixed(0.001));
  scenario.groups[0].weight = 1;
  scenario.groups.push_back(scenario.groups[0]);
  scenario.groups.push_back(scenario.groups[0]);
  scenario.groups[1].weight = 2;
  scenario.groups[2].weight = 4;
  scenario.requests = 70'000;
  const Result result = runScenario(scenario);
  for (uint32_t g = 0; g < 3; ++g) {
    const double expected = 10'000.0 * (1u << g);
    EXPECT(std::abs(static_cast<double>(result.groups[g].requests) - expected) < 10,
           std::to_string(result.groups[g].requests));
  }
}

// n balls into n bins: random choice leaves a bin with ln n / ln ln n (1 + o(1)) of them, for 4096
// by the tail of the Poisson distribution 6 or 7; the better of two leaves ln ln n / ln 2 + O(1),
// by the limit of Mitzenmacher's equations 36 bins with 3 and none with 4 (0.05 expected).
CASE("two choices level the fullest bin") {
  const uint32_t random = throwBalls(abi::policy::kRandom, 4096, 4096).most_in_flight;
  EXPECT(random >= 5 && random <= 10, std::to_string(random));
  const uint32_t two = throwBalls(abi::policy::kLeastRequest, 4096, 4096).most_in_flight;
  EXPECT(two >= 3 && two <= 4, std::to_string(two));
}

// With many balls per bin the gap above the mean grows with their number for random choice, as
// sqrt(2 m / n ln n) = 37, and does not for two choices (Berenbrink et al. 2000).
CASE("the gap of two choices does not grow with the load") {
  const uint32_t random = throwBalls(abi::policy::kRandom, 1000, 100'000).most_in_flight;
  EXPECT(random >= 120 && random <= 160, std::to_string(random));
  const uint32_t two = throwBalls(abi::policy::kLeastRequest, 1000, 100'000).most_in_flight;
  EXPECT(two >= 101 && two <= 104, std::to_string(two));
  EXPECT_EQ(throwBalls(abi::policy::kRoundRobin, 1000, 100'000).most_in_flight, 100u);
}

// Mitzenmacher's supermarket model: the mean time is sum over i >= 1 of rho^(2^i - 2) service
// times, where random choice has 1 / (1 - rho).
CASE("two choices wait as the supermarket model says") {
  for (const double rho : {0.5, 0.8, 0.9}) {
    double time = 0;
    for (int i = 1; i < 12; ++i) time += std::pow(rho, std::pow(2, i) - 2);
    const Result result = supermarket(abi::policy::kLeastRequest, rho);
    EXPECT(near(result.latency.mean, 0.01 * time, 0.03),
           std::to_string(rho) + ": " + std::to_string(result.latency.mean * 100) + " for " +
               std::to_string(time));
  }
}

CASE("proxies do not see each other's load") {
  // Each has one request to give: without a look at the others, 1000 balls fall at random.
  const uint32_t alone = throwBalls(abi::policy::kLeastRequest, 100, 1000, 1).most_in_flight;
  const uint32_t apart = throwBalls(abi::policy::kLeastRequest, 100, 1000, 1000).most_in_flight;
  EXPECT(alone <= 13, std::to_string(alone));
  EXPECT(apart >= 15, std::to_string(apart));
  // So the more of them there are, the less their choice of two is worth.
  const double one = supermarket(abi::policy::kLeastRequest, 0.9, 1).latency.mean;
  const double ten = supermarket(abi::policy::kLeastRequest, 0.9, 10).latency.mean;
  const double many = supermarket(abi::policy::kLeastRequest, 0.9, 300).latency.mean;
  EXPECT(one * 1.1 < ten && ten * 1.1 < many && many < 0.1,
         std::to_string(one) + " " + std::to_string(ten) + " " + std::to_string(many));
}

CASE("policies by latency leave slow endpoints alone") {
  for (const uint32_t policy : {abi::policy::kPeakEwma, abi::policy::kLeastTime}) {
    Scenario scenario = plainScenario(policy, 18, exponentialTime(0.005), 4);
    scenario.groups.push_back(scenario.groups[0]);
    scenario.groups[1].name = "slow";
    scenario.groups[1].count = 2;
    scenario.groups[1].service = exponentialTime(0.1);
    scenario.rate = 0.6 * capacityOf(scenario);
    const Result result = runScenario(scenario);
    EXPECT(result.groups[1].share < 0.03, std::to_string(result.groups[1].share));
    scenario.balancer.policy = abi::policy::kRoundRobin;
    const Result blind = runScenario(scenario);
    EXPECT(near(blind.groups[1].share, 0.1, 0.001), std::to_string(blind.groups[1].share));
    EXPECT(result.latency.p99 * 5 < blind.latency.p99, std::to_string(policy));
  }
}

CASE("prequal goes by what endpoints report") {
  Scenario scenario = plainScenario(abi::policy::kPrequal, 100, exponentialTime(0.01), 8);
  scenario.network = 0.0005;
  scenario.proxies = 10;
  const double reported = runScenario(scenario).latency.mean;
  scenario.balancer.policy = abi::policy::kRandom;
  const double random = runScenario(scenario).latency.mean;
  scenario.balancer.policy = abi::policy::kPeakEwma;
  const double measured = runScenario(scenario).latency.mean;
  EXPECT(reported < random && reported < 1.5 * measured,
         std::to_string(reported) + " " + std::to_string(measured) + " " + std::to_string(random));
  // Without reports it is peakEwma.
  scenario.balancer.policy = abi::policy::kPrequal;
  scenario.groups[0].reports = false;
  EXPECT(near(runScenario(scenario).latency.mean, measured, 0.05));
}

CASE("a key stays with its endpoint, unless the load is bounded") {
  for (const uint32_t policy :
       {abi::policy::kRingHash, abi::policy::kMaglev, abi::policy::kRendezvous}) {
    Scenario scenario = plainScenario(policy, 10, fixed(0.01), 100);
    scenario.keys = 1;
    scenario.proxies = 3;
    scenario.requests = 5000;
    // All proxies have the same table.
    EXPECT(near(runScenario(scenario).requests_each.max_over_mean, 10, 1e-9),
           std::to_string(policy));
    scenario.balancer.hash_balance_percent = 120;
    const Result bounded = runScenario(scenario);
    EXPECT(bounded.requests_each.max_over_mean < 1.6,
           std::to_string(bounded.requests_each.max_over_mean));
  }
}

CASE("every policy meets the same requests") {
  const Result one =
      runScenario(plainScenario(abi::policy::kRoundRobin, 10, exponentialTime(0.01)));
  const Result two = runScenario(plainScenario(abi::policy::kPeakEwma, 10, exponentialTime(0.01)));
  for (uint32_t i = 0; i < Tally::kRows; ++i) EXPECT_EQ(one.timeline[i].rate, two.timeline[i].rate);
  // And they are of the same size: the work is the same, to the rounding of a few that were cut.
  EXPECT(
      near(one.groups[0].utilisation * one.seconds, two.groups[0].utilisation * two.seconds, 1e-9));
}

CASE("the same seed gives the same bytes") {
  for (const uint32_t policy : kPolicies) {
    const Scenario scenario = everything(policy);
    const std::string once = bytesOf(runScenario(scenario));
    EXPECT_EQ(bytesOf(runScenario(scenario)), once, std::to_string(policy));
    // However it is cut into steps.
    Simulation run(scenario);
    while (!run.step(1)) {
    }
    EXPECT_EQ(bytesOf(run.result()), once, std::to_string(policy));
    Scenario other = scenario;
    ++other.seed;
    EXPECT(bytesOf(runScenario(other)) != once, std::to_string(policy));
  }
}

CASE("every request has exactly one outcome") {
  for (const uint32_t policy : kPolicies) {
    Scenario scenario = everything(policy);
    for (uint64_t round = 0; round < 3; ++round) {
      scenario.seed = seed() + round;
      const Result result = runScenario(scenario);
      const std::string note = std::to_string(policy) + ", seed " + std::to_string(scenario.seed);
      EXPECT_EQ(total(result), scenario.requests, note);
      EXPECT_EQ(result.requests, scenario.requests, note);
      EXPECT_EQ(countOf(result, Outcome::kUnfinished), uint64_t{0}, note);
      // All of what can happen does, so that the sum means something.
      EXPECT(countOf(result, Outcome::kAnswered) > 1000, note);
      EXPECT(countOf(result, Outcome::kTimedOut) > 0, note);
      EXPECT(countOf(result, Outcome::kRefusedRate) > 0, note);
      EXPECT(countOf(result, Outcome::kFailed) > 0, note);
      EXPECT(result.retries > 0 && result.ejections > 0 && result.breakers_opened > 0, note);
      uint64_t attempts = 0;
      for (const GroupResult& group : result.groups) attempts += group.requests;
      EXPECT_EQ(attempts, result.attempts, note);
      EXPECT_EQ(result.latency.count,
                countOf(result, Outcome::kAnswered) + countOf(result, Outcome::kTimedOut), note);
      EXPECT(result.latency.max <= scenario.timeout + 1e-9, note);
      for (const GroupResult& group : result.groups)
        EXPECT(group.utilisation >= 0 && group.utilisation <= 1, note);
    }
  }
}

}  // namespace millrace::test
