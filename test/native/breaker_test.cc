#include "engine/failover/breaker.h"

#include <string>

#include "base/rng.h"
#include "harness.h"

using namespace millrace;
namespace state = abi::breaker_state;
using Kind = BreakerEvent::Kind;

namespace {

constexpr uint64_t kStart = 5'000'000;

// A breaker with one worker and no jitter unless a test asks for it.
struct Bench {
  explicit Bench(BreakerSettings settings) : breaker(settings) {}

  BreakerTicket admit(uint64_t now_ms) {
    BreakerEvent event;
    const BreakerTicket ticket = breaker.admit(now_ms, &event);
    half_openings += event.kind == Kind::kHalfOpened ? 1 : 0;
    return ticket;
  }
  BreakerEvent record(BreakerTicket ticket, bool good, uint64_t now_ms, uint32_t worker = 0,
                      uint32_t random = 0) {
    return breaker.record(breaker.windowOf(worker), ticket, good, now_ms, random);
  }
  // A request from its beginning to its end.
  Kind request(bool good, uint64_t now_ms, uint32_t worker = 0) {
    return record(admit(now_ms), good, now_ms, worker).kind;
  }
  // So many failures at once: opens a closed breaker.
  void breakIt(uint64_t now_ms) {
    for (uint32_t i = 0; i < breaker.settings().min_requests; ++i) request(false, now_ms);
  }

  Breaker breaker;
  uint32_t half_openings = 0;
};

BreakerSettings plain() {
  BreakerSettings settings;
  settings.window_ms = 1000;
  settings.min_requests = 10;
  settings.interval_ms = 100;
  settings.max_interval_ms = 1000;
  settings.jitter_percent = 0;
  return settings;
}

}  // namespace

CASE("a breaker that is retuned keeps its state and its counts") {
  Bench bench(plain());
  for (int i = 0; i < 6; ++i) bench.request(false, kStart);
  BreakerSettings other = plain();
  other.min_requests = 7;
  bench.breaker.retune(other, kStart);
  EXPECT(bench.breaker.settings() == other);
  EXPECT_EQ(bench.breaker.counts(kStart).failures, 6u);
  EXPECT(bench.request(false, kStart) == Kind::kOpened);
  EXPECT_EQ(bench.breaker.openUntilMs(), kStart + 100);
  // A longer interval is for the next time, a shorter one counts from now on.
  other.interval_ms = 500;
  bench.breaker.retune(other, kStart + 10);
  EXPECT_EQ(bench.breaker.openUntilMs(), kStart + 100);
  other.interval_ms = 30;
  bench.breaker.retune(other, kStart + 10);
  EXPECT_EQ(bench.breaker.openUntilMs(), kStart + 40);
  EXPECT_EQ(bench.admit(kStart + 39), 0u);
  EXPECT(bench.request(true, kStart + 40) == Kind::kClosed);
}

CASE("a breaker opens at the threshold and not before") {
  for (const uint32_t threshold : {1u, 250u, 333u, 500u, 501u, 999u, 1000u}) {
    BreakerSettings settings = plain();
    settings.threshold_millis = threshold;
    settings.min_requests = 1;
    for (uint32_t good = 0; good < 12; ++good) {
      Bench bench(settings);
      for (uint32_t i = 0; i < good; ++i) EXPECT(bench.request(true, kStart) == Kind::kNone);
      uint32_t failures = 0;
      while (bench.breaker.state() == state::kClosed && failures < 12'000) {
        ++failures;
        const bool due = failures * 1000 >= (failures + good) * threshold;
        EXPECT_EQ(bench.request(false, kStart) == Kind::kOpened, due);
      }
      // A share of 1 is not reached any more once a request was good.
      EXPECT_EQ(failures < 12'000, threshold < 1000 || good == 0);
    }
  }
}

CASE("a breaker stays closed below its least number of requests, however they end") {
  Bench bench(plain());
  for (int i = 0; i < 9; ++i) EXPECT(bench.request(false, kStart) == Kind::kNone);
  EXPECT_EQ(bench.breaker.state(), state::kClosed);
  const BreakerEvent event = bench.record(bench.admit(kStart), false, kStart);
  EXPECT(event.kind == Kind::kOpened);
  EXPECT_EQ(event.requests, 10u);
  EXPECT_EQ(event.failures, 10u);
  EXPECT_EQ(event.until_ms, kStart + 100);
  EXPECT_EQ(bench.breaker.openUntilMs(), kStart + 100);
}

CASE("counts are exact from bucket to bucket, and a bucket leaves whole") {
  BreakerSettings settings = plain();
  settings.window_ms = 95;  // buckets of 9 and 10 ms
  settings.min_requests = 1'000'000;
  Bench bench(settings);
  uint64_t per_ms[400] = {};
  Rng rng(test::seed());
  uint64_t now = kStart;
  for (uint64_t ms = 0; ms < 400; ++ms, ++now) {
    per_ms[ms] = rng.below(5);
    for (uint64_t i = 0; i < per_ms[ms]; ++i) bench.request(i % 2 == 0, now, rng.below(3));
    uint64_t requests = 0;
    uint64_t failures = 0;
    for (uint64_t back = 0; back <= ms; ++back) {
      if ((now - back) * 10 / 95 + 10 <= now * 10 / 95) break;
      requests += per_ms[ms - back];
      failures += per_ms[ms - back] / 2;
    }
    const BreakerCounts counts = bench.breaker.counts(now);
    EXPECT_EQ(counts.requests, requests, "ms " + std::to_string(ms));
    EXPECT_EQ(counts.failures, failures, "ms " + std::to_string(ms));
  }
}

CASE("an idle time of a window forgets everything, of any length") {
  for (const uint64_t gap : {1000ull, 1001ull, 10'000ull, 86'400'000ull, 1ull << 33}) {
    Bench bench(plain());
    for (int i = 0; i < 9; ++i) bench.request(false, kStart);
    EXPECT_EQ(bench.breaker.counts(kStart + gap).requests, 0u, std::to_string(gap));
    EXPECT(bench.request(false, kStart + gap) == Kind::kNone);
    EXPECT_EQ(bench.breaker.counts(kStart + gap).requests, 1u, std::to_string(gap));
  }
}

CASE("a clock that goes back a little counts on") {
  Bench bench(plain());
  for (int i = 0; i < 9; ++i) bench.request(false, kStart);
  EXPECT(bench.request(false, kStart - 150) == Kind::kOpened);
}

CASE("failures of all workers count together") {
  Bench bench(plain());
  for (uint32_t worker = 0; worker < 9; ++worker)
    EXPECT(bench.request(false, kStart, worker) == Kind::kNone);
  EXPECT(bench.request(false, kStart, 9) == Kind::kOpened);
}

CASE("an open breaker lets nothing through until its interval is over, then one probe") {
  Bench bench(plain());
  bench.breakIt(kStart);
  for (uint64_t ms = 0; ms < 100; ++ms) EXPECT_EQ(bench.admit(kStart + ms), 0u);
  EXPECT_EQ(bench.half_openings, 0u);
  const BreakerTicket probe = bench.admit(kStart + 100);
  EXPECT(Breaker::isProbe(probe));
  EXPECT_EQ(bench.half_openings, 1u);
  EXPECT_EQ(bench.breaker.state(), state::kHalfOpen);
  EXPECT_EQ(bench.admit(kStart + 100), 0u);
  EXPECT_EQ(bench.admit(kStart + 199), 0u);
  EXPECT(bench.record(probe, true, kStart + 199).kind == Kind::kClosed);
  EXPECT_EQ(bench.breaker.counts(kStart + 199).requests, 0u);
  EXPECT(bench.admit(kStart + 199) != 0);
}

CASE("each failed probe doubles the interval up to its limit, and closing starts over") {
  Bench bench(plain());
  bench.breakIt(kStart);
  uint64_t now = kStart;
  for (const uint64_t open_ms : {100u, 200u, 400u, 800u, 1000u, 1000u}) {
    EXPECT_EQ(bench.breaker.openUntilMs(), now + open_ms);
    EXPECT_EQ(bench.admit(now + open_ms - 1), 0u);
    now += open_ms;
    EXPECT(bench.record(bench.admit(now), false, now).kind == Kind::kReopened);
  }
  now += 1000;
  EXPECT(bench.record(bench.admit(now), true, now).kind == Kind::kClosed);
  bench.breakIt(now);
  EXPECT_EQ(bench.breaker.openUntilMs(), now + 100);
}

CASE("the longest intervals there are do not overflow") {
  BreakerSettings settings = plain();
  settings.interval_ms = settings.max_interval_ms = 86'400'000;
  settings.jitter_percent = 100;
  Bench bench(settings);
  bench.breakIt(kStart);
  uint64_t now = kStart;
  for (int i = 0; i < 40; ++i) {
    now = bench.breaker.openUntilMs();
    const uint64_t until = bench.record(bench.admit(now), false, now, 0, 0xffffffff).until_ms;
    EXPECT_EQ(until, now + 2 * 86'400'000 - 1);
  }
}

CASE("jitter is a share of the interval, on top of it") {
  BreakerSettings settings = plain();
  settings.jitter_percent = 10;
  for (const auto& [random, extra] : {std::pair{0u, 0u}, {0x80000000u, 5u}, {0xffffffffu, 9u}}) {
    Bench bench(settings);
    for (int i = 0; i < 9; ++i) bench.request(false, kStart);
    EXPECT_EQ(bench.record(bench.admit(kStart), false, kStart, 0, random).until_ms,
              kStart + 100 + extra);
  }
}

CASE("half-open lets as many through at once as it may, and wants as many good ones as it must") {
  BreakerSettings settings = plain();
  settings.probes = 3;
  settings.successes = 5;
  Bench bench(settings);
  bench.breakIt(kStart);
  const uint64_t now = kStart + 100;
  BreakerTicket probes[3];
  for (BreakerTicket& probe : probes) probe = bench.admit(now);
  EXPECT_EQ(bench.admit(now), 0u);
  for (int i = 0; i < 4; ++i) {
    EXPECT(bench.record(probes[i % 3], true, now).kind == Kind::kNone);
    EXPECT_EQ(bench.breaker.state(), state::kHalfOpen);
    probes[i % 3] = bench.admit(now);
    EXPECT(probes[i % 3] != 0);
    EXPECT_EQ(bench.admit(now), 0u);
  }
  EXPECT(bench.record(probes[0], true, now).kind == Kind::kClosed);
  // The two that are left belong to the time before.
  EXPECT(bench.record(probes[1], false, now).kind == Kind::kNone);
  bench.breaker.giveBackProbe(probes[2]);
  EXPECT_EQ(bench.breaker.state(), state::kClosed);
  EXPECT_EQ(bench.breaker.counts(now).requests, 0u);
}

CASE("a place that is given back goes to the next request, once") {
  Bench bench(plain());
  bench.breakIt(kStart);
  const BreakerTicket probe = bench.admit(kStart + 100);
  bench.breaker.giveBackProbe(probe);
  bench.breaker.giveBackProbe(probe);
  EXPECT_EQ(bench.breaker.probesForTest(), 0u);
  EXPECT(bench.admit(kStart + 100) != 0);
  EXPECT_EQ(bench.admit(kStart + 100), 0u);
}

CASE("probes that say nothing for an interval lose their places, and their say") {
  BreakerSettings settings = plain();
  settings.probes = 2;
  settings.successes = 2;
  Bench bench(settings);
  bench.breakIt(kStart);
  const BreakerTicket one = bench.admit(kStart + 100);
  const BreakerTicket two = bench.admit(kStart + 150);
  EXPECT_EQ(bench.admit(kStart + 249), 0u);
  const BreakerTicket next = bench.admit(kStart + 250);
  EXPECT(next != 0);
  EXPECT_EQ(bench.breaker.probesForTest(), 1u);
  EXPECT(bench.record(one, false, kStart + 250).kind == Kind::kNone);
  bench.breaker.giveBackProbe(two);
  EXPECT_EQ(bench.breaker.state(), state::kHalfOpen);
  EXPECT_EQ(bench.breaker.probesForTest(), 1u);
  // A verdict lets the others have one more interval.
  const BreakerTicket other = bench.admit(kStart + 290);
  EXPECT(bench.record(other, true, kStart + 290).kind == Kind::kNone);
  EXPECT(bench.admit(kStart + 290) != 0);
  EXPECT_EQ(bench.admit(kStart + 389), 0u);
  EXPECT(bench.record(next, true, kStart + 389).kind == Kind::kClosed);
}

CASE("an outcome of a request that began before the outage counts for nothing after it") {
  Bench bench(plain());
  const BreakerTicket before = bench.admit(kStart);
  bench.breakIt(kStart);
  EXPECT(bench.record(before, false, kStart + 10).kind == Kind::kNone);
  const BreakerTicket probe = bench.admit(kStart + 100);
  EXPECT(bench.record(before, false, kStart + 100).kind == Kind::kNone);
  EXPECT(bench.record(before, true, kStart + 100).kind == Kind::kNone);
  EXPECT_EQ(bench.breaker.state(), state::kHalfOpen);
  EXPECT(bench.record(probe, true, kStart + 100).kind == Kind::kClosed);
  EXPECT(bench.record(before, false, kStart + 100).kind == Kind::kNone);
  EXPECT_EQ(bench.breaker.counts(kStart + 100).requests, 0u);
}

CASE("another attempt is permitted while closed, and to the probe of the same period") {
  Bench bench(plain());
  const BreakerTicket before = bench.admit(kStart);
  EXPECT(bench.breaker.permits(before));
  bench.breakIt(kStart);
  EXPECT(!bench.breaker.permits(before));
  const BreakerTicket probe = bench.admit(kStart + 100);
  EXPECT(bench.breaker.permits(probe));
  EXPECT(!bench.breaker.permits(before));
  bench.admit(kStart + 200);  // takes the place over
  EXPECT(!bench.breaker.permits(probe));
}

CASE("a breaker of an endpoint becomes half-open by the clock, and gives its places at the pick") {
  Bench bench(plain());
  EXPECT(bench.breaker.ticket() != 0);
  EXPECT_EQ(bench.breaker.tryProbe(kStart), 0u);
  bench.breakIt(kStart);
  EXPECT_EQ(bench.breaker.ticket(), 0u);
  EXPECT(!bench.breaker.halfOpen(kStart + 99));
  EXPECT_EQ(bench.breaker.tryProbe(kStart + 100), 0u);
  EXPECT(bench.breaker.halfOpen(kStart + 100));
  EXPECT(!bench.breaker.halfOpen(kStart + 100));
  const BreakerTicket probe = bench.breaker.tryProbe(kStart + 100);
  EXPECT(Breaker::isProbe(probe));
  EXPECT_EQ(bench.breaker.tryProbe(kStart + 100), 0u);
  EXPECT(bench.record(probe, true, kStart + 100).kind == Kind::kClosed);
}

CASE("tickets of another breaker, of none, and made-up ones change nothing") {
  Breaker other(plain(), 77);
  Bench bench(plain());
  bench.breakIt(kStart);
  const BreakerTicket probe = bench.admit(kStart + 100);
  BreakerEvent event;
  for (const BreakerTicket ticket : {0u, other.admit(kStart, &event), 3u, probe - 2, probe + 4}) {
    EXPECT(bench.record(ticket, false, kStart + 100).kind == Kind::kNone);
    bench.breaker.giveBackProbe(ticket);
  }
  EXPECT_EQ(bench.breaker.state(), state::kHalfOpen);
  EXPECT_EQ(bench.breaker.probesForTest(), 1u);
}

CASE("generations come round without zero") {
  BreakerSettings settings = plain();
  settings.interval_ms = settings.max_interval_ms = 1;
  Bench bench(settings);
  uint64_t now = kStart;
  bench.breakIt(now);
  // Each turn is two generations.
  for (int i = 0; i < 70'000; ++i) {
    ++now;
    const BreakerTicket probe = bench.admit(now);
    EXPECT(probe > 3);
    EXPECT(bench.record(probe, false, now).kind == Kind::kReopened);
  }
}
