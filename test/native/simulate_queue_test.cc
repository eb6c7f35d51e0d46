// The queues of the simulator against queueing theory, where that has formulas.
#include <cmath>

#include "simulate_rig.h"

namespace millrace::test {
namespace {

// Erlang's C: the probability that a request has to wait in M/M/c, of `offered` = arrival rate x
// service time.
double erlangC(uint32_t c, double offered) {
  double inverse_b = 1;  // of Erlang's B, by its recursion
  for (uint32_t k = 1; k <= c; ++k) inverse_b = 1 + inverse_b * k / offered;
  const double b = 1 / inverse_b;
  const double rho = offered / c;
  return b / (1 - rho + rho * b);
}

// The mean over this many requests of a queue at load rho is off by about
// sqrt(8 / (1 - rho)^2 / n) of itself (Asmussen; the waits of neighbours are much alike).
double tolerance(double rho, uint64_t requests) {
  return 5 * std::sqrt(8 / ((1 - rho) * (1 - rho)) / static_cast<double>(requests));
}

Result queue(const ServiceTime& service, uint32_t c, double rho, uint64_t requests) {
  Scenario scenario = plainScenario(abi::policy::kRoundRobin, 1, service, c);
  scenario.rate = rho * capacityOf(scenario);
  scenario.requests = requests;
  return runScenario(scenario);
}

}  // namespace

CASE("waits in M/M/1 as the formula says") {
  constexpr uint64_t kRequests = 400'000;
  for (const double rho : {0.3, 0.5, 0.7, 0.85}) {
    const Result result = queue(exponentialTime(0.01), 1, rho, kRequests);
    const double wait = rho / (1 - rho) * 0.01;
    const double allowed = tolerance(rho, kRequests);
    EXPECT(near(result.groups[0].wait, wait, allowed), std::to_string(rho) + ": " +
                                                           std::to_string(result.groups[0].wait) +
                                                           " for " + std::to_string(wait));
    EXPECT(near(result.latency.mean, wait + 0.01, allowed), std::to_string(rho));
    // The time in an M/M/1 queue is exponential with the mean 1 / (mu - lambda).
    EXPECT(near(result.latency.p50, std::log(2) * (wait + 0.01), allowed + 0.02),
           std::to_string(rho));
    EXPECT(near(result.latency.p99, std::log(100) * (wait + 0.01), 2 * allowed + 0.02),
           std::to_string(rho));
    EXPECT(near(result.groups[0].utilisation, rho, 0.02), std::to_string(rho));
  }
}

CASE("waits in M/M/c as Erlang's formula says") {
  constexpr uint64_t kRequests = 400'000;
  for (const uint32_t c : {2u, 8u, 32u}) {
    for (const double rho : {0.5, 0.8, 0.9}) {
      const Result result = queue(exponentialTime(0.02), c, rho, kRequests);
      const double wait = erlangC(c, rho * c) * 0.02 / (c * (1 - rho));
      const std::string round = std::to_string(c) + " at " + std::to_string(rho) + ": " +
                                std::to_string(result.groups[0].wait) + " for " +
                                std::to_string(wait);
      // Of few waits there is more noise in the mean.
      EXPECT(near(result.groups[0].wait, wait,
                  tolerance(rho, kRequests) / std::sqrt(erlangC(c, rho * c)) + 0.01),
             round);
      EXPECT(near(result.groups[0].utilisation, rho, 0.02), round);
    }
  }
}

CASE("waits in M/G/1 as Pollaczek and Khinchine say") {
  constexpr uint64_t kRequests = 400'000;
  const double sigma = std::log(4) / 2.3263478740408408;
  const double squared_cv = std::exp(sigma * sigma) - 1;
  struct Row {
    ServiceTime service;
    double squared_cv;
  };
  for (const Row& row : {Row{fixed(0.01), 0}, Row{lognormal(0.01, 0.04), squared_cv}}) {
    constexpr double kRho = 0.7;
    const Result result = queue(row.service, 1, kRho, kRequests);
    const double wait = kRho / (1 - kRho) * (1 + row.squared_cv) / 2 * meanOf(row.service);
    EXPECT(near(result.groups[0].wait, wait, tolerance(kRho, kRequests) * (1 + row.squared_cv)),
           std::to_string(result.groups[0].wait) + " for " + std::to_string(wait));
  }
}

CASE("nobody waits in D/D/1 below its capacity") {
  Scenario scenario = plainScenario(abi::policy::kRoundRobin, 1, fixed(0.01));
  scenario.arrivals = Arrivals::kUniform;
  scenario.rate = 99;
  scenario.requests = 10'000;
  scenario.network = 0.002;
  const Result result = runScenario(scenario);
  EXPECT_EQ(result.groups[0].wait, 0.0);
  EXPECT_EQ(result.latency.max, 0.014);
  EXPECT_EQ(countOf(result, Outcome::kAnswered), uint64_t{10'000});
  EXPECT_EQ(result.most_in_flight, 1u);
}

CASE("random choice makes every endpoint an M/M/1 queue") {
  constexpr double kRho = 0.7;
  Scenario scenario = plainScenario(abi::policy::kRandom, 50, exponentialTime(0.01));
  scenario.rate = kRho * capacityOf(scenario);
  scenario.requests = 500'000;
  const Result result = runScenario(scenario);
  EXPECT(near(result.latency.mean, 0.01 / (1 - kRho), tolerance(kRho, scenario.requests)),
         std::to_string(result.latency.mean));
}

CASE("keeps Little's law") {
  for (const uint32_t policy : {abi::policy::kRandom, abi::policy::kLeastRequest}) {
    Scenario scenario = plainScenario(policy, 20, exponentialTime(0.01), 4);
    scenario.rate = 0.9 * capacityOf(scenario);
    const Result result = runScenario(scenario);
    // Without a network, all of the latency is time at an endpoint.
    const double through = static_cast<double>(result.requests) / result.seconds;
    EXPECT(near(result.groups[0].in_flight * 20, through * result.latency.mean, 1e-6),
           std::to_string(policy));
  }
}

CASE("draws what the scenario says") {
  const Stream stream(seed(), 77);
  constexpr uint64_t kDraws = 200'000;
  const ServiceDraw draw(lognormal(0.01, 0.05));
  uint64_t below_median = 0;
  uint64_t below_p99 = 0;
  double sum = 0;
  double normals = 0;
  double squares = 0;
  for (uint64_t i = 0; i < kDraws; ++i) {
    const double time = draw(stream.at(i));
    below_median += time < 0.01;
    below_p99 += time < 0.05;
    sum += time;
    const double z = normal(stream.at(i));
    normals += z;
    squares += z * z;
  }
  const double n = kDraws;
  EXPECT(std::abs(static_cast<double>(below_median) / n - 0.5) < 0.006);
  EXPECT(std::abs(static_cast<double>(below_p99) / n - 0.99) < 0.0012);
  EXPECT(near(sum / n, meanOf(lognormal(0.01, 0.05)), 0.015));
  EXPECT(std::abs(normals / n) < 0.012);
  EXPECT(std::abs(squares / n - 1) < 0.02);
}

CASE("draws keys by Zipf's law") {
  for (const double exponent : {0.0, 0.5, 0.9, 1.0, 1.5, 4.0}) {
    constexpr uint32_t kKeys = 20;
    constexpr uint32_t kDraws = 200'000;
    const Zipf zipf(kKeys, exponent);
    const Stream stream(seed(), 78);
    std::vector<uint32_t> counts(kKeys);
    for (uint32_t i = 0; i < kDraws; ++i) ++counts[zipf(stream.at(i))];
    double all = 0;
    for (uint32_t k = 1; k <= kKeys; ++k) all += std::pow(k, -exponent);
    double statistic = 0;
    for (uint32_t k = 1; k <= kKeys; ++k) {
      const double expected = kDraws * std::pow(k, -exponent) / all;
      statistic += (counts[k - 1] - expected) * (counts[k - 1] - expected) / expected;
    }
    // Chi-square with 19 degrees of freedom: above 60 once in 3 million seeds.
    EXPECT(statistic < 60, std::to_string(exponent) + ": " + std::to_string(statistic));
  }
  // Of a thousand million keys, without a table.
  const Zipf huge(bounds::kMaxKeys, 1.1);
  const Stream stream(seed(), 79);
  uint32_t first = 0;
  for (uint32_t i = 0; i < 100'000; ++i) first += huge(stream.at(i)) == 0;
  // zeta(1.1) = 10.58, of which the keys beyond 10^9 are 10 * 10^-0.9 = 1.26.
  EXPECT(near(first, 100'000 / (10.58 - 1.26), 0.05), std::to_string(first));
}

CASE("bursts have the mean rate of the load, and pauses") {
  Scenario scenario = plainScenario(abi::policy::kLeastRequest, 10, fixed(0.001), 100);
  scenario.arrivals = Arrivals::kBursts;
  scenario.burst_on = 1;
  scenario.burst_off = 3;
  scenario.rate = 1000;
  scenario.requests = 100'000;  // 100 seconds: a row of the timeline each
  const Result result = runScenario(scenario);
  uint32_t busy = 0;
  for (uint32_t i = 0; i < 99; ++i) {
    const double rate = result.timeline[i].rate;
    if (i % 4 == 0)
      busy += near(rate, 4000, 0.1);
    else
      EXPECT(rate < 100 || i > 90, std::to_string(i) + ": " + std::to_string(rate));
  }
  EXPECT(busy >= 22, std::to_string(busy));
  EXPECT(near(result.seconds, 100, 0.05), std::to_string(result.seconds));
}

}  // namespace millrace::test
