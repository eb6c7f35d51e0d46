// The real sliding log under every order of the steps of two threads. Its definitions are included,
// so that they can be compiled with atomics that are stepped through.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/rate/sliding_log.cc"
#include "harness.h"
#include "interleave.h"

using namespace millrace;
using test::Interleaver;

namespace {

using Log = BasicSlidingLog<test::InterleavedAtomic>;

constexpr uint64_t kWindowUs = 1000;
constexpr uint64_t kStart = 1'000'000;
constexpr uint64_t kA = 1;
constexpr uint64_t kB = 2;

// Eight slots, which are all that any client may have.
struct Rig {
  RateWindows windows;
  RateRule rule;
  std::unique_ptr<Log> log;
  uint32_t admitted[3] = {};
  uint32_t unplaced[3] = {};

  explicit Rig(uint32_t limit) {
    rule.limit = limit;
    rule.window_us = kWindowUs;
    rule.window_class = windows.classOf(kWindowUs);
  }
  uint64_t tag(uint64_t client) const {
    return rate_tag::make(Rng(client).next(), rule.window_class);
  }
  void reset() {
    log = Log::create(1, Log::classOf(rule.limit), windows);
    EXPECT_EQ(log->capacity(), 8u);
    for (uint32_t& n : admitted) n = 0;
    for (uint32_t& n : unplaced) n = 0;
  }
  // Other clients in all slots but one, for longer than the test.
  void crowd() {
    for (uint64_t client = 100; client < 107; ++client)
      EXPECT(log->check(rule, tag(client), kStart + 50 * kWindowUs).allowed);
  }
  void request(uint64_t client, uint64_t time_us) {
    const Log::Verdict verdict = log->check(rule, tag(client), kStart + time_us);
    admitted[client] += verdict.allowed;
    unplaced[client] += verdict.unplaced;
  }
};

void explore(int preemptions, const std::vector<Interleaver::Body>& bodies,
             const Interleaver::Body& begin, const Interleaver::Body& end) {
  const Interleaver::Body each_step = [] {};
  const uint64_t orders = Interleaver::explore(preemptions, bodies, begin, each_step, end);
  EXPECT(orders > 500, "orders: " + std::to_string(orders));
  std::cout << orders << " orders\n";
}

}  // namespace

CASE("two threads on a new client admit exactly its limit") {
  Rig rig(2);
  const auto body = [&] {
    rig.request(kA, 0);
    rig.request(kA, 0);
  };
  explore(
      2, {body, body}, [&] { rig.reset(); },
      [&] {
        EXPECT_EQ(rig.admitted[kA], 2u);
        EXPECT_EQ(rig.log->countKeys(kStart), 1u);
      });
}

CASE("two threads on a known client admit exactly what is left") {
  Rig rig(3);
  const auto body = [&] {
    rig.request(kA, 10);
    rig.request(kA, 10);
  };
  explore(
      3, {body, body},
      [&] {
        rig.reset();
        rig.request(kA, 0);
      },
      [&] { EXPECT_EQ(rig.admitted[kA], 3u); });
}

CASE("the ring goes round under two threads") {
  // Places of the lap before are what tells whether a place is taken.
  Rig rig(8);
  const auto body = [&] {
    for (int i = 0; i < 4; ++i) rig.request(kA, 1500);
  };
  explore(
      2, {body, body},
      [&] {
        rig.reset();
        for (int i = 0; i < 8; ++i) rig.request(kA, 0);
      },
      [&] {
        EXPECT_EQ(rig.admitted[kA], 16u, "nobody is refused before the ring is full");
        rig.request(kA, 1500);
        EXPECT_EQ(rig.admitted[kA], 16u);
      });
}

CASE("the oldest leaves while two threads ask") {
  // One place gets free at 1000, the next at 1400.
  Rig rig(2);
  explore(
      3,
      {[&] { rig.request(kA, 1000); },
       [&] {
         rig.request(kA, 999);
         rig.request(kA, 1001);
       }},
      [&] {
        rig.reset();
        rig.request(kA, 0);
        rig.request(kA, 400);
      },
      [&] { EXPECT_EQ(rig.admitted[kA], 3u); });
}

CASE("of two clients that want one expired slot one gets it, and is limited") {
  Rig rig(1);
  explore(
      2, {[&] { rig.request(kA, 1500); }, [&] { rig.request(kB, 1500); }},
      [&] {
        rig.reset();
        rig.request(kA, 0);
        rig.crowd();
        rig.admitted[kA] = 0;
      },
      [&] {
        EXPECT_EQ(rig.admitted[kA] + rig.admitted[kB], 1u);
        EXPECT_EQ(rig.unplaced[kA] + rig.unplaced[kB], 1u);
        const uint64_t winner = rig.admitted[kA] ? kA : kB;
        rig.request(winner, 1600);
        EXPECT_EQ(rig.admitted[winner], 1u);
        rig.request(winner, 2500);
        EXPECT_EQ(rig.admitted[winner], 2u, "a window later");
      });
}

CASE("a request that lost its slot does not count for the next client") {
  Rig rig(2);
  uint32_t most_admitted = 0;
  explore(
      2,
      {[&] { rig.request(kA, 1500); },
       [&] {
         rig.request(kB, 1500);
         rig.request(kB, 1500);
         rig.request(kB, 1500);
       }},
      [&] {
        rig.reset();
        rig.request(kA, 0);
        rig.crowd();
        rig.admitted[kA] = 0;
      },
      [&] {
        if (rig.admitted[kA] == 1) {
          EXPECT_EQ(rig.unplaced[kB], 3u);
        } else {
          EXPECT_EQ(rig.unplaced[kA], 1u);
          // Without room as long as A is about to take the slot, before A loses it again.
          EXPECT_EQ(rig.admitted[kB], std::min(2u, 3 - rig.unplaced[kB]));
          most_admitted = std::max(most_admitted, rig.admitted[kB]);
        }
      });
  EXPECT_EQ(most_admitted, 2u);
}

CASE("a thread that stops for good in the middle of a request holds up nobody") {
  // With a full ring the place that it takes is the oldest one, too.
  for (const uint32_t limit : {1, 8}) {
    Rig rig(limit);
    int steps = 1;
    for (bool ended = false; !ended; ++steps) {
      rig.reset();
      for (uint32_t i = 0; i < limit; ++i) rig.request(kA, 0);
      ended = Interleaver::runSteps(steps, [&] { rig.request(kA, 1500); });
      const std::string note = std::to_string(limit) + ", " + std::to_string(steps) + " steps";
      EXPECT(rig.log->peek(rig.rule, rig.tag(kA), kStart + 1500).allowed || limit == 1, note);
      for (uint32_t i = 0; i < limit; ++i) rig.request(kA, 1500);
      // The one that stopped may have been counted without an answer.
      const uint32_t left = 2 * limit - rig.admitted[kA];
      EXPECT(left == 0 || (left == 1 && !ended), note);
      EXPECT(!rig.log->peek(rig.rule, rig.tag(kA), kStart + 1500).allowed, note);
    }
    EXPECT(steps > 10, std::to_string(steps));
  }
}
