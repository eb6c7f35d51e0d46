// What each policy that does not hash chooses.
#include <algorithm>
#include <numeric>

#include "balancer_rig.h"

using namespace millrace;
using test::fits;
using test::kNow;
using test::Rig;
using test::text;

CASE("random draws by weight") {
  for (const std::vector<uint32_t>& weights :
       {std::vector<uint32_t>{1, 1}, {1, 2, 3, 4, 5}, {10, 1, 1, 1, 1, 1, 1, 100}, {7, 7, 7}}) {
    Rig rig(abi::policy::kRandom, weights);
    const std::vector<uint32_t> counts = rig.counts(200000);
    EXPECT(fits(counts, {weights.begin(), weights.end()}), text(counts));
    EXPECT(
        !fits(counts, std::vector<double>(weights.size(), 1)) || weights.front() == weights.back(),
        "the check would take anything");
  }
}

CASE("draws keep to the weights among those that are left") {
  Rig rig(abi::policy::kRandom, {1000, 1, 2, 3});
  rig.excluded = {test::kFirst};  // the scan decides here: 99 % of the draws fall on it
  const std::vector<uint32_t> counts = rig.counts(60000);
  EXPECT(fits(counts, {0, 1, 2, 3}), text(counts));
}

// Trap 1 of reference/proxies.md, 10.3: with replacement, the busier of two gets 25 %.
CASE("two choices are two endpoints") {
  for (const std::vector<uint32_t>& weights : {std::vector<uint32_t>{1, 1}, {1, 3}, {100000, 1}}) {
    for (const uint32_t policy : {abi::policy::kLeastRequest, abi::policy::kPeakEwma}) {
      Rig rig(policy, weights);
      rig.begin(0, 4000000000u);
      rig.begin(1);
      observeLatency(rig.loads[0], rig.settings, 1000, kNow);
      observeLatency(rig.loads[1], rig.settings, 1000, kNow);
      EXPECT_EQ(rig.counts(20000)[0], 0u);
      rig.settings.bias = 0.5;
      rig.rebuild();
      if (weights[0] <= 3) EXPECT_EQ(rig.counts(2000)[0], 0u);
    }
  }
  Rig rig(abi::policy::kLeastRequest, {1, 1, 1});
  rig.begin(1, 5);
  rig.begin(0);
  rig.begin(2);
  const std::vector<uint32_t> counts = rig.counts(30000);
  EXPECT_EQ(counts[1], 0u);
  EXPECT(fits({counts[0], counts[2]}, {1, 1}), text(counts));
}

CASE("least request shares an idle cluster by weight and fills it by weight") {
  Rig rig(abi::policy::kLeastRequest, {3, 2, 1});
  const std::vector<uint32_t> idle = rig.counts(60000);
  EXPECT(fits(idle, {3, 2, 1}), text(idle));
  for (int k = 0; k < 6000; ++k) rig.begin(rig.pick());
  EXPECT(std::abs(rig.loads[0].active - 3000.0) < 60, std::to_string(rig.loads[0].active));
  EXPECT(std::abs(rig.loads[2].active - 1000.0) < 60, std::to_string(rig.loads[2].active));
}

CASE("powers fall nowhere and are exact where they are said to be") {
  for (const double bias : {0.5, 1.3, 2.0}) {
    const PowerTable power(bias);
    double last = 0;
    for (uint64_t n = 1; n <= uint64_t{1} << 32; n += 1 + n / 100) {
      EXPECT(power(n) >= last, std::to_string(n));
      last = power(n);
      const double off = std::abs(last / std::pow(n, bias) - 1);
      EXPECT(off <= (n <= 1024 ? 0 : bias * 0.002), std::to_string(n));
    }
  }
}

CASE("decay is within its stated error and ends at 0") {
  for (float x = 0; x < 16; x += 0.003f) {
    const double off = kDecayTable(x * 32) / std::exp(-static_cast<double>(x)) - 1;
    EXPECT(off > -1e-6 && off < 1.3e-4, std::to_string(x));
  }
  EXPECT_EQ(kDecayTable(512), 0.0f);
  EXPECT_EQ(elapsedMs(5, 3), 0u);             // a stamp of the near future
  EXPECT_EQ(elapsedMs(0xfffffff0u, 4), 20u);  // the clock wraps
}

CASE("a slow answer counts at once, fast ones take their time") {
  Rig rig(abi::policy::kPeakEwma, {1});
  EndpointLoad& load = rig.loads[0];
  EXPECT_EQ(latencyOf(load, rig.settings, kNow), 0u);
  observeLatency(load, rig.settings, 1000, kNow);
  observeLatency(load, rig.settings, 9000, kNow + 1);
  EXPECT_EQ(latencyOf(load, rig.settings, kNow + 1), 9000u);
  observeLatency(load, rig.settings, 1000, kNow + 1);
  EXPECT_EQ(latencyOf(load, rig.settings, kNow + 1), 9000u);
  observeLatency(load, rig.settings, 1000, kNow + 10001);  // one time constant: 1/e is left
  const uint64_t left = latencyOf(load, rig.settings, kNow + 10001);
  EXPECT(left > 3940 && left < 3946, std::to_string(left));  // 9000/e + 1000 (1 - 1/e)
  EXPECT_EQ(latencyOf(load, rig.settings, kNow + 900000), 0u);
}

// Trap 2 of reference/proxies.md, 10.3.
CASE("an endpoint that fails fast gets next to nothing") {
  for (const uint32_t policy :
       {abi::policy::kPeakEwma, abi::policy::kLeastTime, abi::policy::kPrequal}) {
    Rig rig(policy, {1, 1, 1, 1});
    uint32_t failed = 0;
    for (uint32_t k = 0; k < 10000; ++k) {
      const uint64_t now = kNow + k;
      const uint32_t i = rig.pick(now);
      if (i == 0) {
        ++failed;
        observeFailure(rig.loads[0], rig.settings, 100, 0, now);
      } else {
        observeLatency(rig.loads[i], rig.settings, 20000, now);
        if (policy == abi::policy::kPrequal) observeReport(rig.loads[i], 3, 20000, now);
      }
    }
    EXPECT(failed >= 1 && failed < 100, std::to_string(policy) + ": " + std::to_string(failed));
  }
}

CASE("a failure counts as long as the endpoint asks for, within reason") {
  Rig rig(abi::policy::kPeakEwma, {1, 1, 1});
  observeFailure(rig.loads[0], rig.settings, 10, 0, kNow);
  observeFailure(rig.loads[1], rig.settings, 10, 60000, kNow);
  observeFailure(rig.loads[2], rig.settings, 10, uint64_t{1} << 60, kNow);
  EXPECT_EQ(latencyOf(rig.loads[0], rig.settings, kNow), 5000000u);
  EXPECT_EQ(latencyOf(rig.loads[1], rig.settings, kNow), 60000000u);
  EXPECT_EQ(latencyOf(rig.loads[2], rig.settings, kNow), 300000000u);
}

CASE("a newcomer is tried at once, but not by everybody") {
  Rig rig(abi::policy::kPeakEwma, {1, 1});
  observeLatency(rig.loads[0], rig.settings, 1000, kNow);
  rig.begin(0);
  EXPECT_EQ(rig.counts(100)[1], 100u);
  rig.begin(1);  // its first request is under way: default latency
  EXPECT_EQ(rig.counts(100)[1], 0u);
}

CASE("least time takes the lowest of sixteen, and goes round between equals") {
  Rig rig(abi::policy::kLeastTime, std::vector<uint32_t>(16, 1));
  for (uint32_t i = 0; i < 16; ++i) observeLatency(rig.loads[i], rig.settings, 1000 + i, kNow);
  EXPECT_EQ(rig.counts(100)[0], 100u);
  rig.begin(0);
  EXPECT_EQ(rig.counts(100)[1], 100u);
  rig.endpoints[9].weight = 2;
  rig.rebuild();
  EXPECT_EQ(rig.counts(100)[9], 100u);
  Rig even(abi::policy::kLeastTime, {1, 1, 1});
  for (uint32_t i = 0; i < 3; ++i) observeLatency(even.loads[i], even.settings, 500, kNow);
  const std::vector<uint32_t> counts = even.counts(30000);
  EXPECT(fits(counts, {1, 1, 1}), text(counts));
}

// Endpoints of one kind stand together in most configurations.
CASE("least time sees past a row of slow neighbours") {
  Rig rig(abi::policy::kLeastTime, std::vector<uint32_t>(1000, 1));
  for (uint32_t i = 0; i < 1000; ++i)
    observeLatency(rig.loads[i], rig.settings, i < 100 ? 100000 : 10000, kNow);
  const std::vector<uint32_t> counts = rig.counts(10000);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.begin() + 100, 0u), 0u);
}

CASE("least time takes the mean, which idling does not make better") {
  Rig rig(abi::policy::kLeastTime, {1});
  observeLatency(rig.loads[0], rig.settings, 8000, kNow);
  observeLatency(rig.loads[0], rig.settings, 16000, kNow);
  EXPECT_EQ(latencyOf(rig.loads[0], rig.settings, kNow), 9000u);  // 8000 + 8000 / 8
  observeLatency(rig.loads[0], rig.settings, 9000, kNow + 5000);
  EXPECT_EQ(latencyOf(rig.loads[0], rig.settings, kNow + 5000), 9000u);
  // What is forgotten altogether must not cancel to "never measured".
  rig.settings.decay_ms = 1;
  observeLatency(rig.loads[0], rig.settings, uint64_t{1} << 50, kNow);
  observeLatency(rig.loads[0], rig.settings, 0, kNow + 16);
  EXPECT_EQ(latencyOf(rig.loads[0], rig.settings, kNow + 16), 1u);
}

CASE("prequal takes the fastest of the cold, and the least busy when all are hot") {
  Rig rig(abi::policy::kPrequal, {1, 1});  // of two, both are drawn
  const auto report = [&](std::initializer_list<uint32_t> rifs) {
    uint32_t i = 0;
    for (const uint32_t rif : rifs) {
      observeReport(rig.loads[i], rif, 9000 - 1000 * i, kNow);
      ++i;
    }
  };
  for (int k = 0; k < 64; ++k) {
    report({5, 5});
    EXPECT_EQ(rig.pick(), 1u);
    EXPECT_EQ(ReportWord::rif(rig.loads[1].report), 6u);  // the caller's own request
  }
  // The history is full of 5, so 30 and more is hot; endpoint 1 is the faster one still.
  report({30, 31});
  EXPECT_EQ(rig.pick(), 0u);
}

CASE("prequal falls back to peakEwma where nothing is reported, and comes back to the silent") {
  Rig rig(abi::policy::kPrequal, {1, 1});
  observeLatency(rig.loads[0], rig.settings, 1000, kNow);
  observeLatency(rig.loads[1], rig.settings, 2000, kNow);
  EXPECT_EQ(rig.counts(100)[0], 100u);
  Rig three(abi::policy::kPrequal, {1, 1, 1});
  uint32_t silent = 0;
  for (int k = 0; k < 8000; ++k) {
    for (uint32_t i = 0; i < 2; ++i) {
      observeReport(three.loads[i], 1, 1000, kNow);
      observeLatency(three.loads[i], three.settings, 1000, kNow);
    }
    silent += three.pick() == 2 ? 1 : 0;
  }
  EXPECT(silent > 500 && silent < 1300, std::to_string(silent));  // an eighth of nearly all
  EXPECT(!ReportWord::fresh(ReportWord::pack(0, 0, kNow), kNow + 1001));
  EXPECT(ReportWord::fresh(ReportWord::pack(0, 0, kNow), kNow + 1000));
}

CASE("round robin gives exact shares, per group of its own") {
  Rig rig(abi::policy::kRoundRobin, {3, 2, 1});
  const std::vector<uint32_t> counts = rig.counts(60000);
  EXPECT(std::abs(counts[0] - 30000.0) <= 3, text(counts));
  EXPECT(std::abs(counts[2] - 10000.0) <= 3, text(counts));
  Rig even(abi::policy::kRoundRobin, {1, 1, 1, 1});
  const uint32_t first = even.pick();
  for (uint32_t k = 1; k < 400; ++k) EXPECT_EQ(even.pick(), (first + k) % 4);
}
