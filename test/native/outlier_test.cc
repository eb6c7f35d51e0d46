#include "engine/failover/outlier.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/failover/ejection.h"
#include "engine/failover/error_runs.h"
#include "engine/failover/sweep.h"
#include "harness.h"

// Outlier detection by itself, with chosen times: runs of errors, ejections, comparisons.
namespace millrace::test {
namespace {

namespace reason = abi::transition_reason;

abi::OutlierRecord defaults() {
  abi::OutlierRecord r{};
  r.consecutive5xx = 5;
  r.consecutive_gateway_errors = 3;
  r.consecutive_local_errors = 4;
  r.interval_ms = 10'000;
  r.base_ejection_ms = 30'000;
  r.max_ejection_ms = 300'000;
  r.max_ejection_percent = 10;
  r.success_method = abi::outlier_method::kDeviation;
  r.success_factor_millis = 1900;
  r.success_min_endpoints = 5;
  r.success_min_requests = 100;
  return r;
}

struct Cluster {
  explicit Cluster(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      endpoints.push_back(std::make_unique<EndpointState>());
      members.push_back(endpoints.back().get());
    }
  }
  EjectionVerdict eject(const abi::OutlierRecord& settings, size_t i, uint64_t now_ms,
                        uint64_t random = 0) {
    return tryEject(settings, state, members, *endpoints[i], now_ms, random);
  }
  std::string ejected() const {
    std::string out;
    for (const auto& endpoint : endpoints) out += isEjected(*endpoint) ? 'x' : '.';
    return out;
  }
  std::vector<size_t> end(uint64_t now_ms) {
    std::vector<size_t> ended;
    endDueEjections(state, members, now_ms, [&](EndpointState& endpoint) {
      ended.push_back(static_cast<size_t>(std::find(members.begin(), members.end(), &endpoint) -
                                          members.begin()));
    });
    return ended;
  }
  // Answers and failures as a worker counts them.
  void count(size_t i, uint64_t good, uint64_t bad, uint64_t none, uint32_t worker = 0) {
    auto& counters = endpoints[i]->shards.of(worker).counters;
    counters.add(abi::endpoint_stat::kResponses, good + bad);
    counters.add(abi::endpoint_stat::kResponses5xx, bad);
    counters.add(abi::endpoint_stat::kFailures, none);
  }
  ClusterState state;
  std::vector<std::unique_ptr<EndpointState>> endpoints;
  std::vector<EndpointState*> members;
};

// Counts of endpoints that got `requests` each, with these shares of good answers in percent.
std::vector<AnswerCounts> rates(uint64_t requests, const std::vector<double>& percents) {
  std::vector<AnswerCounts> counts;
  for (const double percent : percents) {
    counts.push_back(
        {static_cast<uint32_t>(counts.size()),
         static_cast<uint64_t>(std::lround(percent * static_cast<double>(requests) / 100)),
         requests});
  }
  return counts;
}

std::vector<uint32_t> found(const abi::OutlierRecord& settings,
                            const std::vector<AnswerCounts>& counts) {
  std::vector<Suspect> suspects;
  findUnsuccessful(settings, counts, &suspects);
  std::vector<uint32_t> members;
  for (const Suspect& suspect : suspects) members.push_back(suspect.member);
  return members;
}

using Members = std::vector<uint32_t>;

// ---- runs of errors

CASE("five answers of 5xx in a row make a run, a good answer ends it") {
  const abi::OutlierRecord settings = defaults();
  EndpointLoad load;
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(extendRuns(load, settings, Fault::kServerError), uint32_t{reason::kNone});
  endRuns(load);
  EXPECT_EQ(load.error_runs.load(), uint64_t{0});
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(extendRuns(load, settings, Fault::kServerError), uint32_t{reason::kNone});
  EXPECT_EQ(extendRuns(load, settings, Fault::kServerError), uint32_t{reason::kConsecutive5xx});
  EXPECT_EQ(load.error_runs.load(), uint64_t{0});  // the next run starts again
}

CASE("gateway errors are 5xx too, other 5xx end their run, and both end a run without answers") {
  const abi::OutlierRecord settings = defaults();
  EndpointLoad load;
  const auto fault = [&](Fault f) { return extendRuns(load, settings, f); };
  fault(Fault::kGatewayError);
  fault(Fault::kGatewayError);
  fault(Fault::kServerError);
  ErrorRuns runs = ErrorRuns::unpack(load.error_runs.load());
  EXPECT_EQ(runs.server_errors, uint64_t{3});
  EXPECT_EQ(runs.gateway_errors, uint64_t{0});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fault(Fault::kNoAnswer), uint32_t{reason::kNone});
  runs = ErrorRuns::unpack(load.error_runs.load());
  EXPECT_EQ(runs.server_errors, uint64_t{3});  // no answer says nothing about answers
  EXPECT_EQ(runs.no_answers, uint64_t{3});
  EXPECT_EQ(fault(Fault::kGatewayError), uint32_t{reason::kNone});
  EXPECT_EQ(ErrorRuns::unpack(load.error_runs.load()).no_answers, uint64_t{0});
  // The fifth 5xx; two gateway errors so far, the third makes the narrower run.
  EXPECT_EQ(fault(Fault::kGatewayError), uint32_t{reason::kConsecutive5xx});
  EXPECT_EQ(fault(Fault::kGatewayError), uint32_t{reason::kConsecutiveGatewayErrors});
  for (int i = 0; i < 3; ++i) fault(Fault::kNoAnswer);
  EXPECT_EQ(fault(Fault::kNoAnswer), uint32_t{reason::kConsecutiveLocalErrors});
}

CASE("a detector that is off counts nothing") {
  abi::OutlierRecord settings = defaults();
  settings.consecutive5xx = settings.consecutive_gateway_errors = 0;
  EndpointLoad load;
  for (int i = 0; i < 100; ++i) extendRuns(load, settings, Fault::kGatewayError);
  EXPECT_EQ(load.error_runs.load(), uint64_t{0});
}

CASE("only 502, 503 and 504 are gateway errors") {
  for (uint32_t status = 500; status < 600; ++status) {
    const bool gateway = status == 502 || status == 503 || status == 504;
    EXPECT(faultOf(status) == (gateway ? Fault::kGatewayError : Fault::kServerError),
           std::to_string(status));
  }
}

CASE("the longest run there may be fits") {
  abi::OutlierRecord settings = defaults();
  settings.consecutive5xx = settings.consecutive_gateway_errors =
      settings.consecutive_local_errors = abi::limits::kMaxConsecutiveErrors;
  ErrorRuns runs;
  for (uint32_t i = 1; i < abi::limits::kMaxConsecutiveErrors; ++i) {
    extendRuns(runs, settings, Fault::kGatewayError);
    runs = ErrorRuns::unpack(runs.pack());
  }
  EXPECT_EQ(runs.gateway_errors, uint64_t{abi::limits::kMaxConsecutiveErrors - 1});
  EXPECT_EQ(extendRuns(runs, settings, Fault::kGatewayError),
            uint32_t{reason::kConsecutiveGatewayErrors});
}

// ---- ejections

CASE("an ejection lasts its base times the number in a row, up to the longest") {
  const abi::OutlierRecord settings = defaults();
  Cluster cluster(10);
  uint64_t now = 1'000'000;
  for (uint64_t n = 1; n <= 15; ++n) {
    EXPECT(cluster.eject(settings, 3, now) == EjectionVerdict::kEjected);
    const uint64_t ms = std::min<uint64_t>(n * 30'000, 300'000);
    EXPECT_EQ(cluster.endpoints[3]->outlier.until_ms, now + ms);
    EXPECT_EQ(cluster.state.outlier.due_ms.load(), now + ms);
    EXPECT(cluster.end(now + ms - 1).empty());
    EXPECT(cluster.end(now + ms) == std::vector<size_t>{3});
    EXPECT_EQ(cluster.state.outlier.due_ms.load(), uint64_t{0});
    now += ms + 1;
  }
  EXPECT_EQ(cluster.endpoints[3]->outlier.multiplier, 10u);  // more would only decay longer
  EXPECT_EQ(cluster.endpoints[3]->outlier.ejections.load(), uint64_t{15});
}

CASE("every good interval takes one off the number in a row") {
  const abi::OutlierRecord settings = defaults();
  EndpointOutlier outlier;
  outlier.multiplier = 3;
  outlier.ended_ms = 100'000;
  EXPECT_EQ(multiplierAt(settings, outlier, 100'000), 3u);
  EXPECT_EQ(multiplierAt(settings, outlier, 109'999), 3u);
  EXPECT_EQ(multiplierAt(settings, outlier, 110'000), 2u);
  EXPECT_EQ(multiplierAt(settings, outlier, 130'000), 0u);
  EXPECT_EQ(multiplierAt(settings, outlier, uint64_t{1} << 62), 0u);
  EXPECT_EQ(multiplierAt(settings, outlier, 0), 3u);  // another worker's clock is a little behind
}

CASE("jitter comes on top, from none to all of it") {
  abi::OutlierRecord settings = defaults();
  settings.jitter_ms = 5000;
  EXPECT_EQ(ejectionMs(settings, 1, 0), uint64_t{30'000});
  EXPECT_EQ(ejectionMs(settings, 1, ~uint64_t{0}), uint64_t{35'000});
  EXPECT_EQ(ejectionMs(settings, 4'000'000'000u, ~uint64_t{0}), uint64_t{305'000});
  Rng rng(seed());
  uint64_t sum = 0;
  for (int i = 0; i < 10'000; ++i) sum += ejectionMs(settings, 1, rng.next()) - 30'000;
  EXPECT(sum > 24'000'000 && sum < 26'000'000, std::to_string(sum));
}

CASE("at most the percentage is out, but one always may be") {
  abi::OutlierRecord settings = defaults();
  Cluster few(4);
  EXPECT(few.eject(settings, 0, 1000) == EjectionVerdict::kEjected);  // 10 % of 4 is none
  EXPECT(few.eject(settings, 0, 1000) == EjectionVerdict::kOut);
  EXPECT(few.eject(settings, 1, 1000) == EjectionVerdict::kOverflow);
  EXPECT_EQ(few.ejected(), "x...");
  Cluster many(39);
  size_t out = 0;
  for (size_t i = 0; i < 39; ++i) out += many.eject(settings, i, 1000) == EjectionVerdict::kEjected;
  EXPECT_EQ(out, size_t{3});
  EXPECT_EQ(many.state.outlier.overflow.load(), uint64_t{36});
  settings.max_ejection_percent = 0;
  Cluster none(4);
  EXPECT(none.eject(settings, 0, 1000) == EjectionVerdict::kEjected);
  EXPECT(none.eject(settings, 1, 1000) == EjectionVerdict::kOverflow);
}

CASE("the last endpoint that is available stays, whatever it is that keeps the others out") {
  abi::OutlierRecord settings = defaults();
  settings.max_ejection_percent = 100;
  Cluster cluster(4);
  cluster.endpoints[1]->load.health = abi::health::kUnhealthy;
  cluster.endpoints[2]->load.health = abi::health::kOpen;
  EXPECT(cluster.eject(settings, 0, 1000) == EjectionVerdict::kEjected);
  EXPECT(cluster.eject(settings, 3, 1000) == EjectionVerdict::kOverflow);
  cluster.endpoints[2]->load.health = abi::health::kHalfOpen;  // available to some
  EXPECT(cluster.eject(settings, 3, 1000) == EjectionVerdict::kEjected);
  // One that is out already takes nothing away.
  EXPECT(cluster.eject(settings, 1, 1000) == EjectionVerdict::kEjected);
  EXPECT(cluster.eject(settings, 2, 1000) == EjectionVerdict::kOverflow);
  Cluster one(1);
  EXPECT(one.eject(settings, 0, 1000) == EjectionVerdict::kOverflow);
}

CASE("shadow counts and ejects nothing") {
  abi::OutlierRecord settings = defaults();
  settings.flags = abi::outlier_flag::kShadow;
  Cluster cluster(3);
  EXPECT(cluster.eject(settings, 0, 1000) == EjectionVerdict::kShadowed);
  EXPECT_EQ(cluster.ejected(), "...");
  EXPECT_EQ(cluster.state.outlier.shadowed.load(), uint64_t{1});
  EXPECT_EQ(cluster.state.outlier.ejections.load(), uint64_t{0});
}

CASE("an endpoint comes back without the failures of its ejection") {
  const abi::OutlierRecord settings = defaults();
  Cluster cluster(3);
  cluster.eject(settings, 1, 1000);
  extendRuns(cluster.endpoints[1]->load, settings, Fault::kNoAnswer);
  EXPECT(cluster.end(31'000) == std::vector<size_t>{1});
  EXPECT_EQ(cluster.endpoints[1]->load.error_runs.load(), uint64_t{0});
  EXPECT_EQ(cluster.endpoints[1]->load.health.load(), 0u);
  EXPECT_EQ(cluster.state.outlier.ejected.load(), 0u);
}

// ---- comparisons

CASE("deviation finds Envoy's example, with its numbers") {
  const abi::OutlierRecord settings = defaults();
  std::vector<Suspect> suspects;
  findUnsuccessful(settings, rates(100, {50, 100, 100, 100, 100}), &suspects);
  EXPECT_EQ(suspects.size(), size_t{1});
  EXPECT_EQ(suspects[0].member, 0u);
  EXPECT_EQ(suspects[0].value, 0.5);
  EXPECT(std::abs(suspects[0].limit - 0.52) < 1e-9, std::to_string(suspects[0].limit));
  EXPECT_EQ(suspects[0].requests, 100.0);
}

CASE("deviation is blind to one of four and to two of eight, however bad; mad is not") {
  abi::OutlierRecord deviation = defaults();
  deviation.success_min_endpoints = 3;
  abi::OutlierRecord mad = deviation;
  mad.success_method = abi::outlier_method::kMad;
  mad.success_factor_millis = 3500;
  for (const double bad : {0.0, 1.0, 10.0, 50.0, 80.0}) {
    for (const size_t n : {3, 4, 5, 8, 9, 10, 20, 100}) {
      for (size_t k = 1; 2 * k < n; ++k) {
        std::vector<double> percents(n, 100.0);
        for (size_t i = 0; i < k; ++i) percents[i] = bad;
        const std::vector<AnswerCounts> counts = rates(100'000, percents);
        // z = sqrt((n - k) / k), the badness cancels out.
        const bool visible = std::sqrt(static_cast<double>(n - k) / static_cast<double>(k)) > 1.9;
        const std::string note = std::to_string(n) + " " + std::to_string(k);
        EXPECT_EQ(found(deviation, counts).size(), visible ? k : 0, note);
        EXPECT_EQ(found(mad, counts).size(), k, note);
      }
    }
  }
}

CASE("a share that nobody can tell from the others by so few requests is no outlier") {
  abi::OutlierRecord settings = defaults();
  for (const uint32_t method : {abi::outlier_method::kDeviation, abi::outlier_method::kMad}) {
    settings.success_method = method;
    // One failure more than anybody else: z = 2 in a plain deviation, endless in a plain mad.
    EXPECT(found(settings, rates(1000, {99.9, 100, 100, 100, 100})).empty());
    EXPECT(found(settings, rates(100, {97, 100, 100, 100, 100})).empty());
    EXPECT(found(settings, rates(1'000'000, {99.5, 100, 100, 100, 100})).empty());
    EXPECT(found(settings, rates(100'000, {96, 100, 100, 100, 100})) == Members{0});
  }
}

CASE("endpoints that all fail alike are no outliers, whatever rounding makes of it") {
  abi::OutlierRecord settings = defaults();
  settings.success_factor_millis = 1;
  for (uint64_t n = 100; n < 400; ++n) {
    for (const uint32_t method : {abi::outlier_method::kDeviation, abi::outlier_method::kMad}) {
      settings.success_method = method;
      std::vector<AnswerCounts> counts;
      for (uint32_t i = 0; i < 7; ++i) counts.push_back({i, n / 3, n});
      EXPECT(found(settings, counts).empty(), std::to_string(n));
    }
  }
}

CASE("endpoints without enough requests are not judged, and do not judge") {
  const abi::OutlierRecord settings = defaults();
  std::vector<AnswerCounts> counts = rates(100, {0, 100, 100, 100, 100});
  counts.push_back({5, 0, 99});
  EXPECT(found(settings, counts) == Members{0});
  counts[1].requests = counts[1].good = 99;
  EXPECT(found(settings, counts).empty());  // four are left
  EXPECT(found(settings, {}).empty());
}

CASE("the worst come first") {
  abi::OutlierRecord settings = defaults();
  settings.success_method = abi::outlier_method::kMad;
  settings.success_factor_millis = 3500;
  EXPECT(found(settings, rates(1000, {20, 100, 10, 100, 100, 20, 100, 100})) == Members({2, 0, 5}));
}

CASE("a failure percentage is a limit of its own, reached at exactly its value") {
  abi::OutlierRecord settings = defaults();
  settings.failure_percent = 85;
  settings.failure_min_endpoints = 2;
  settings.failure_min_requests = 100;
  std::vector<Suspect> suspects;
  findFailing(settings, rates(100, {15, 16, 0, 100}), &suspects);
  EXPECT_EQ(suspects.size(), size_t{2});
  EXPECT_EQ(suspects[0].member, 2u);
  EXPECT_EQ(suspects[1].member, 0u);
  EXPECT_EQ(suspects[1].limit, 0.85);
  suspects.clear();
  findFailing(settings, rates(100, {0}), &suspects);
  EXPECT(suspects.empty());
}

CASE("a quantile is held against the median of the others' quantiles") {
  abi::OutlierRecord settings = defaults();
  settings.latency_factor_millis = 3000;
  settings.latency_min_us = 10'000;
  settings.latency_min_endpoints = 3;
  settings.latency_min_requests = 100;
  const auto slow = [&](std::vector<double> us, uint64_t samples = 100) {
    std::vector<LatencyQuantile> rows;
    for (const double value : us)
      rows.push_back({static_cast<uint32_t>(rows.size()), value, samples});
    std::vector<Suspect> suspects;
    findSlow(settings, rows, &suspects);
    Members members;
    for (const Suspect& suspect : suspects) members.push_back(suspect.member);
    return members;
  };
  EXPECT(slow({5000, 5000, 15'001}) == Members{2});
  EXPECT(slow({5000, 5000, 15'000}).empty());  // exactly three times
  EXPECT(slow({1000, 1000, 9999}).empty());    // too fast to matter
  EXPECT(slow({1000, 1000, 10'000}) == Members{2});
  EXPECT(slow({1000, 90'000}).empty());  // two cannot say which of them is odd
  EXPECT(slow({1000, 90'000, 1000}, 99).empty());
  EXPECT(slow({1000, 1000, 90'000, 40'000, 1000}) == Members({2, 3}));
  EXPECT(slow({10'000, 10'000, 90'000, 90'000}).empty());  // half of them: who is right?
}

// ---- sweeps

CASE("a sweep judges what came since the last one, of all workers together") {
  abi::OutlierRecord settings = defaults();
  OutlierSweep sweep;
  Cluster cluster(5);
  for (size_t i = 0; i < 5; ++i) cluster.count(i, i == 0 ? 0 : 1000, i == 0 ? 1000 : 0, 0);
  sweep.begin(settings, cluster.members);
  EXPECT(sweep.run(settings, cluster.members).empty());  // all of that was before
  for (size_t i = 0; i < 5; ++i) {
    cluster.count(i, 60, 0, 0, 0);
    cluster.count(i, i == 2 ? 0 : 60, 0, i == 2 ? 60 : 0, 1);
  }
  const std::span<const Suspect> suspects = sweep.run(settings, cluster.members);
  EXPECT_EQ(suspects.size(), size_t{1});
  EXPECT_EQ(suspects[0].member, 2u);
  EXPECT_EQ(suspects[0].value, 0.5);
  EXPECT_EQ(suspects[0].requests, 120.0);
  EXPECT(sweep.run(settings, cluster.members).empty());
}

CASE("who is ejected is not compared, and who is new is only taken note of") {
  abi::OutlierRecord settings = defaults();
  settings.success_min_endpoints = 3;
  OutlierSweep sweep;
  Cluster cluster(6);
  sweep.begin(settings, std::span(cluster.members).first(5));
  for (size_t i = 0; i < 6; ++i)
    cluster.count(i, i == 0 || i == 5 ? 0 : 200, 0, i == 0 || i == 5 ? 200 : 0);
  cluster.eject(settings, 0, 1000);
  EXPECT(sweep.run(settings, cluster.members).empty());
  cluster.end(1'000'000);
  EXPECT(sweep.run(settings, cluster.members).empty());  // nothing of the past counts
  cluster.count(5, 0, 0, 200);
  for (size_t i = 0; i < 5; ++i) cluster.count(i, 200, 0, 0);
  EXPECT_EQ(sweep.run(settings, cluster.members).size(), size_t{1});
}

CASE("latency is that of the interval, by the same buckets as everywhere") {
  abi::OutlierRecord settings = defaults();
  settings.success_method = 0;
  settings.latency_factor_millis = 3000;
  settings.latency_quantile_millis = 990;
  settings.latency_min_us = 1;
  settings.latency_min_endpoints = 3;
  settings.latency_min_requests = 100;
  OutlierSweep sweep;
  Cluster cluster(4);
  const auto record = [&](size_t i, uint64_t us, uint32_t times, uint32_t worker = 0) {
    cluster.endpoints[i]->shards.of(worker).first_byte.record(us, times);
  };
  for (size_t i = 0; i < 4; ++i) record(i, 500'000, 1000);  // an old outage
  sweep.begin(settings, cluster.members);
  for (size_t i = 0; i < 4; ++i) {
    record(i, 1000, 98, 0);
    record(i, i == 3 ? 20'000 : 1200, 2, 1);
  }
  const std::span<const Suspect> suspects = sweep.run(settings, cluster.members);
  EXPECT_EQ(suspects.size(), size_t{1});
  EXPECT_EQ(suspects[0].member, 3u);
  EXPECT(std::abs(suspects[0].value / 20'000 - 1) < 1.0 / 64, std::to_string(suspects[0].value));
  EXPECT(std::abs(suspects[0].limit / 3600 - 1) < 1.0 / 64, std::to_string(suspects[0].limit));
  EXPECT_EQ(suspects[0].requests, 100.0);
  EXPECT(sweep.run(settings, cluster.members).empty());
  // Switched off and on again: what came meanwhile is not of an interval.
  settings.latency_factor_millis = 0;
  settings.failure_percent = 100;
  sweep.run(settings, cluster.members);
  record(0, 900'000, 1000);
  for (size_t i = 1; i < 4; ++i) record(i, 1000, 1000);
  settings.latency_factor_millis = 3000;
  EXPECT(sweep.run(settings, cluster.members).empty());
}

CASE("intervals add up to the whole, whatever the workers do meanwhile") {
  abi::OutlierRecord settings = defaults();
  settings.success_method = 0;
  settings.failure_percent = 1;
  settings.failure_min_requests = 1;
  settings.failure_min_endpoints = 1;
  Rng rng(seed());
  OutlierSweep sweep;
  Cluster cluster(1);
  sweep.begin(settings, cluster.members);
  uint64_t requests = 0;
  double seen = 0;
  for (int i = 0; i < 200; ++i) {
    const uint64_t good = rng.below(3);
    const uint64_t none = 1 + rng.below(3);
    const uint64_t bad = rng.below(3);
    cluster.count(0, good, bad, none, rng.below(3));
    requests += good + bad + none;
    const std::span<const Suspect> suspects = sweep.run(settings, cluster.members);
    EXPECT_EQ(suspects.size(), size_t{1});
    seen += suspects[0].requests;
    EXPECT_EQ(suspects[0].value,
              1 - static_cast<double>(good) / static_cast<double>(good + bad + none));
  }
  EXPECT_EQ(seen, static_cast<double>(requests));
}

}  // namespace
}  // namespace millrace::test
