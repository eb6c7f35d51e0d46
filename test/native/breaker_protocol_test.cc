// The breaker under every order of the steps of two and three workers.
#include <memory>
#include <string>
#include <vector>

#include "engine/failover/breaker.h"
#include "harness.h"
#include "interleave.h"

using namespace millrace;
using test::Interleaver;
namespace state = abi::breaker_state;
using Kind = BreakerEvent::Kind;

namespace {

using Tested = BasicBreaker<test::InterleavedAtomic>;
using Ticket = Tested::Ticket;
constexpr uint64_t kStart = 5'000'000;

BreakerSettings settingsWith(uint32_t min_requests, uint32_t probes, uint32_t successes) {
  BreakerSettings settings;
  settings.threshold_millis = 500;
  settings.window_ms = 1000;
  settings.min_requests = min_requests;
  settings.interval_ms = 100;
  settings.max_interval_ms = 1000;
  settings.jitter_percent = 0;
  settings.probes = probes;
  settings.successes = successes;
  return settings;
}

struct Rig {
  std::unique_ptr<Tested> breaker;
  std::vector<Tested::Window*> windows;
  Ticket tickets[3] = {};
  int opened = 0, reopened = 0, half_opened = 0, closed = 0;

  void make(const BreakerSettings& settings) {
    breaker = std::make_unique<Tested>(settings);
    windows.clear();
    for (uint32_t worker = 0; worker < 3; ++worker) windows.push_back(&breaker->windowOf(worker));
    opened = reopened = half_opened = closed = 0;
    for (Ticket& ticket : tickets) ticket = 0;
  }
  Ticket admit(uint64_t now_ms) {
    BreakerEvent event;
    const Ticket ticket = breaker->admit(now_ms, &event);
    note(event);
    return ticket;
  }
  void record(uint32_t worker, Ticket ticket, bool good, uint64_t now_ms) {
    note(breaker->record(*windows[worker], ticket, good, now_ms, 0));
  }
  void note(const BreakerEvent& event) {
    opened += event.kind == Kind::kOpened;
    reopened += event.kind == Kind::kReopened;
    half_opened += event.kind == Kind::kHalfOpened;
    closed += event.kind == Kind::kClosed;
  }
  void open(uint64_t now_ms) {
    while (opened == 0) record(0, admit(now_ms), false, now_ms);
  }
};

void explore(int preemptions, Rig& rig, const BreakerSettings& settings,
             const std::vector<Interleaver::Body>& bodies, const Interleaver::Body& prepare,
             const Interleaver::Body& end) {
  const uint64_t orders = Interleaver::explore(
      preemptions, bodies,
      [&] {
        rig.make(settings);
        prepare();
      },
      [&] {
        if (rig.breaker->probesForTest() > settings.probes)
          test::report(__FILE__, __LINE__, "more probes at once than allowed");
      },
      end);
  EXPECT(orders > 20, std::to_string(orders));
}

}  // namespace

CASE("of workers that fail at once, the last one that is needed opens, and exactly one does") {
  Rig rig;
  const BreakerSettings settings = settingsWith(3, 1, 1);
  std::vector<Interleaver::Body> bodies;
  for (uint32_t worker = 0; worker < 3; ++worker) {
    // Into fresh buckets, so that the turn of the ring is among the steps.
    bodies.push_back([&rig, worker] { rig.record(worker, rig.tickets[worker], false, kStart); });
  }
  explore(
      2, rig, settings, bodies,
      [&] {
        for (Ticket& ticket : rig.tickets) ticket = rig.admit(kStart);
      },
      [&] {
        EXPECT_EQ(rig.opened, 1);
        EXPECT_EQ(rig.breaker->state(), state::kOpen);
      });
}

CASE("no count is lost while a worker turns to its next bucket") {
  Rig rig;
  const BreakerSettings settings = settingsWith(4, 1, 1);
  const uint64_t later = kStart + 1000;  // the same slots of the ring
  explore(
      3, rig, settings,
      {[&] { rig.record(0, rig.tickets[0], false, later); },
       [&] { rig.record(1, rig.tickets[1], false, later); }},
      [&] {
        for (Ticket& ticket : rig.tickets) ticket = rig.admit(kStart);
        rig.record(0, rig.tickets[0], false, kStart);
        rig.record(0, rig.tickets[0], false, kStart);
        rig.record(1, rig.tickets[1], false, kStart);
        // Of the window that the two come into.
        rig.record(2, rig.tickets[2], false, later);
        rig.record(2, rig.tickets[2], false, later);
      },
      [&] { EXPECT_EQ(rig.opened, 1); });
}

CASE("what has left the window is not counted, whoever looks while its slot is taken again") {
  Rig rig;
  const BreakerSettings settings = settingsWith(4, 1, 1);
  const uint64_t later = kStart + 1000;
  explore(
      3, rig, settings,
      {[&] { rig.record(0, rig.tickets[0], false, later); },
       [&] { rig.record(1, rig.tickets[1], false, later); }},
      [&] {
        for (Ticket& ticket : rig.tickets) ticket = rig.admit(kStart);
        for (int i = 0; i < 3; ++i) rig.record(0, rig.tickets[0], i == 2, kStart);
        rig.record(1, rig.tickets[1], true, kStart);
        EXPECT_EQ(rig.opened, 0);
      },
      [&] { EXPECT_EQ(rig.opened, 0); });
}

CASE("of requests that find the interval over, as many become probes as may") {
  for (const uint32_t probes : {1u, 2u}) {
    Rig rig;
    const BreakerSettings settings = settingsWith(1, probes, 1);
    std::vector<Interleaver::Body> bodies;
    for (int i = 0; i < 3; ++i)
      bodies.push_back([&rig, i] { rig.tickets[i] = rig.admit(kStart + 100); });
    explore(
        3, rig, settings, bodies, [&] { rig.open(kStart); },
        [&] {
          uint32_t let_through = 0;
          for (const Ticket ticket : rig.tickets) let_through += ticket != 0;
          EXPECT_EQ(let_through, probes);
          EXPECT_EQ(rig.half_opened, 1);
          EXPECT_EQ(rig.breaker->probesForTest(), probes);
        });
  }
}

CASE("a good and a failed probe at once leave one verdict") {
  Rig rig;
  const BreakerSettings settings = settingsWith(1, 2, 1);
  explore(
      3, rig, settings,
      {[&] { rig.record(0, rig.tickets[0], true, kStart + 100); },
       [&] { rig.record(1, rig.tickets[1], false, kStart + 100); },
       [&] { rig.tickets[2] = rig.admit(kStart + 100); }},
      [&] {
        rig.open(kStart);
        rig.tickets[0] = rig.admit(kStart + 100);
        rig.tickets[1] = rig.admit(kStart + 100);
      },
      [&] {
        EXPECT_EQ(rig.closed + rig.reopened, 1);
        EXPECT_EQ(rig.breaker->state(), rig.closed == 1 ? state::kClosed : state::kOpen);
        if (rig.reopened == 1) {
          EXPECT_EQ(rig.breaker->openUntilMs(), kStart + 300);
          EXPECT_EQ(rig.tickets[2], 0u);
        }
      });
}

CASE("good probes at once are all counted") {
  Rig rig;
  const BreakerSettings settings = settingsWith(1, 3, 3);
  std::vector<Interleaver::Body> bodies;
  for (uint32_t i = 0; i < 3; ++i)
    bodies.push_back([&rig, i] { rig.record(i, rig.tickets[i], true, kStart + 100); });
  explore(
      3, rig, settings, bodies,
      [&] {
        rig.open(kStart);
        for (Ticket& ticket : rig.tickets) ticket = rig.admit(kStart + 100);
      },
      [&] { EXPECT_EQ(rig.closed, 1); });
}

CASE("a place that is given back while its silence ends is not there twice") {
  Rig rig;
  const BreakerSettings settings = settingsWith(1, 1, 2);
  explore(
      3, rig, settings,
      {[&] { rig.breaker->giveBackProbe(rig.tickets[0]); },
       [&] { rig.tickets[1] = rig.admit(kStart + 200); },
       [&] { rig.tickets[2] = rig.admit(kStart + 200); }},
      [&] {
        rig.open(kStart);
        rig.tickets[0] = rig.admit(kStart + 100);
      },
      [&] {
        EXPECT_EQ((rig.tickets[1] != 0) + (rig.tickets[2] != 0), 1);
        EXPECT_EQ(rig.breaker->probesForTest(), 1u);
      });
}

CASE("a late verdict and the end of its silence at once: it counts, or it comes too late") {
  Rig rig;
  const BreakerSettings settings = settingsWith(1, 1, 1);
  explore(
      3, rig, settings,
      {[&] { rig.record(0, rig.tickets[0], false, kStart + 200); },
       [&] { rig.tickets[1] = rig.admit(kStart + 200); }},
      [&] {
        rig.open(kStart);
        rig.tickets[0] = rig.admit(kStart + 100);
      },
      [&] {
        EXPECT_EQ(rig.reopened == 1, rig.tickets[1] == 0);
        EXPECT_EQ(rig.breaker->state(), rig.reopened == 1 ? state::kOpen : state::kHalfOpen);
      });
}
