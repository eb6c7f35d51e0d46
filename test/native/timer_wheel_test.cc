#include "engine/net/timer_wheel.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"

namespace millrace {
namespace {

using Nodes = std::vector<TimerNode*>;

constexpr uint64_t kTick = TimerWheel::kTickMs;
constexpr uint64_t kHorizonTicks = TimerWheel::kSlots - 1;

Nodes firedAt(TimerWheel& wheel, uint64_t now_ms) {
  Nodes fired;
  wheel.advance(now_ms, [&](TimerNode& node) { fired.push_back(&node); });
  return fired;
}

bool isArmed(const TimerNode& node) { return node.slot != TimerNode::kUnarmed; }

CASE("timer wheel fires at the first tick after the deadline") {
  for (uint64_t start = 1000; start < 1000 + 2 * kTick; ++start) {
    for (uint64_t after = 0; after < 3 * kTick; ++after) {
      TimerWheel wheel(start);
      TimerNode node;
      wheel.arm(node, start + after);
      const uint64_t due = ((start + after) / kTick + 1) * kTick;
      EXPECT_EQ(wheel.untilNext(start), due - start);
      EXPECT(firedAt(wheel, due - 1).empty());
      EXPECT(firedAt(wheel, due) == Nodes{&node});
      EXPECT(!isArmed(node));
      EXPECT_EQ(wheel.untilNext(due), TimerWheel::kNever);
    }
  }
}

CASE("timer wheel fires a deadline that has passed at the next tick") {
  TimerWheel wheel(kTick * 100);
  TimerNode node;
  wheel.arm(node, 0);
  EXPECT_EQ(wheel.untilNext(kTick * 100), kTick);
  EXPECT(firedAt(wheel, kTick * 101) == Nodes{&node});
}

CASE("timer wheel keeps the earlier of two deadlines of a node") {
  TimerWheel wheel(0);
  TimerNode node;
  wheel.arm(node, 5 * kTick);
  wheel.arm(node, 50 * kTick);  // later: costs nothing, fires early
  EXPECT_EQ(node.armed_tick, 6u);
  wheel.arm(node, 2 * kTick);
  EXPECT_EQ(node.armed_tick, 3u);
  EXPECT_EQ(wheel.untilNext(0), 3 * kTick);
  EXPECT(firedAt(wheel, 3 * kTick) == Nodes{&node});
  EXPECT(firedAt(wheel, 600 * kTick).empty());
}

CASE("timer wheel fires in the order of ticks") {
  TimerWheel wheel(0);
  std::vector<TimerNode> nodes(40);
  for (std::size_t i = 0; i < nodes.size(); ++i) wheel.arm(nodes[i], (i * 17 % 40) * 10 * kTick);
  Nodes fired = firedAt(wheel, 500 * kTick);
  EXPECT_EQ(fired.size(), nodes.size());
  EXPECT(std::is_sorted(fired.begin(), fired.end(), [](const TimerNode* a, const TimerNode* b) {
    return a->armed_tick < b->armed_tick;
  }));
}

CASE("timer wheel fires everything once after a long stall") {
  for (const uint64_t stall : {511u, 512u, 513u, 700u, 1024u, 100'000u}) {
    TimerWheel wheel(7 * kTick);
    std::vector<TimerNode> nodes(TimerWheel::kSlots);
    for (std::size_t i = 0; i < nodes.size(); ++i) wheel.arm(nodes[i], (i + 7) * kTick);
    EXPECT_EQ(firedAt(wheel, (7 + stall) * kTick).size(), nodes.size(), std::to_string(stall));
    EXPECT_EQ(wheel.untilNext((7 + stall) * kTick), TimerWheel::kNever);
  }
}

CASE("timer wheel fires a deadline beyond its horizon at the horizon") {
  for (const uint64_t deadline : {kHorizonTicks * kTick, kHorizonTicks * kTick + 1, kTick << 20,
                                  TimerWheel::kNever, TimerWheel::kNever - 1}) {
    TimerWheel wheel(0);
    TimerNode node;
    wheel.arm(node, deadline);
    EXPECT_EQ(wheel.untilNext(0), kHorizonTicks * kTick);
    EXPECT(firedAt(wheel, kHorizonTicks * kTick - 1).empty());
    EXPECT(firedAt(wheel, kHorizonTicks * kTick) == Nodes{&node});
  }
}

CASE("timer wheel leaves alone what was cancelled") {
  TimerWheel wheel(0);
  TimerNode nodes[3];  // one list: first, middle and last of it
  for (int gone = 0; gone < 3; ++gone) {
    const uint64_t now = 100u * kTick * static_cast<uint64_t>(gone);
    for (TimerNode& node : nodes) wheel.arm(node, now + kTick);
    wheel.cancel(nodes[gone]);
    wheel.cancel(nodes[gone]);
    const Nodes fired = firedAt(wheel, now + 50 * kTick);
    EXPECT_EQ(fired.size(), 2u);
    EXPECT(std::find(fired.begin(), fired.end(), &nodes[gone]) == fired.end());
  }
  wheel.arm(nodes[0], 0);
  wheel.cancel(nodes[0]);
  EXPECT_EQ(wheel.untilNext(250 * kTick), TimerWheel::kNever);
}

CASE("timer wheel lets a firing node cancel its neighbours") {
  TimerWheel wheel(0);
  TimerNode nodes[4];
  for (TimerNode& node : nodes) wheel.arm(node, kTick);
  int fired = 0;
  // The list runs from the last one armed: 3, 2, 1, 0.
  wheel.advance(10 * kTick, [&](TimerNode& node) {
    ++fired;
    EXPECT(&node == &nodes[3] || &node == &nodes[0]);
    wheel.cancel(nodes[2]);  // the cursor's next
    wheel.cancel(nodes[1]);  // and then the new next
  });
  EXPECT_EQ(fired, 2);
}

CASE("timer wheel does not fire twice in one sweep what a firing node arms") {
  for (const uint64_t stall : {1u, 3u, 511u, 512u, 2000u}) {
    TimerWheel wheel(0);
    TimerNode nodes[3];
    for (TimerNode& node : nodes) wheel.arm(node, 0);
    int fired = 0;
    const uint64_t now = stall * kTick;
    wheel.advance(now, [&](TimerNode& node) {
      ++fired;
      wheel.arm(node, now + static_cast<uint64_t>(fired) * 255 * kTick);
      wheel.arm(nodes[0], now);  // moves it, armed or not
    });
    EXPECT_EQ(fired, 3, "stall of " + std::to_string(stall));
    EXPECT_EQ(wheel.untilNext(now), kTick);
    EXPECT(firedAt(wheel, now + kTick) == Nodes{&nodes[0]});
    EXPECT_EQ(firedAt(wheel, now + 600 * kTick).size(), 2u);
  }
}

// The wheel as it is described: a set of nodes, each due at a tick.
struct NaiveWheel {
  uint64_t tick;
  std::vector<uint64_t> due;  // by node; 0 = unarmed

  void arm(std::size_t i, uint64_t deadline_ms) {
    const uint64_t wanted = std::clamp(deadline_ms / kTick + 1, tick + 1, tick + kHorizonTicks);
    if (due[i] == 0 || wanted < due[i]) due[i] = wanted;
  }
  uint64_t untilNext(uint64_t now_ms) const {
    uint64_t first = TimerWheel::kNever;
    for (const uint64_t d : due) {
      if (d != 0) first = std::min(first, d * kTick);
    }
    return first == TimerWheel::kNever ? first : first > now_ms ? first - now_ms : 0;
  }
};

CASE("timer wheel behaves as a naive set of deadlines") {
  constexpr std::size_t kNodes = 60;
  for (uint64_t round = 0; round < 60; ++round) {
    Rng rng(test::seed() + round);
    uint64_t now = rng.below(1'000'000) + 1000;
    TimerWheel wheel(now);
    NaiveWheel naive{now / kTick, std::vector<uint64_t>(kNodes)};
    std::vector<TimerNode> nodes(kNodes);
    const uint32_t spread = rng.below(2) == 0 ? 200 : 20'000;
    const auto arm = [&](std::size_t i) {
      const uint64_t deadline = now + rng.below(spread) - std::min<uint64_t>(now, rng.below(50));
      wheel.arm(nodes[i], deadline);
      naive.arm(i, deadline);
    };
    const auto cancel = [&](std::size_t i) {
      wheel.cancel(nodes[i]);
      naive.due[i] = 0;
    };
    for (int step = 0; step < 1500; ++step) {
      const std::string note = "round " + std::to_string(round) + ", step " + std::to_string(step);
      const uint32_t choice = rng.below(10);
      if (choice < 5) {
        arm(rng.below(kNodes));
      } else if (choice < 7) {
        cancel(rng.below(kNodes));
      } else {
        now += rng.below(20) == 0 ? rng.below(30'000) : rng.below(100);
        const uint64_t target = now / kTick;
        naive.tick = std::max(naive.tick, target);
        wheel.advance(now, [&](TimerNode& node) {
          const std::size_t i = static_cast<std::size_t>(&node - nodes.data());
          EXPECT(naive.due[i] != 0 && naive.due[i] <= target, note);
          naive.due[i] = 0;
          if (rng.below(3) == 0) arm(i);
          if (rng.below(3) == 0) arm(rng.below(kNodes));
          if (rng.below(3) == 0) cancel(rng.below(kNodes));
        });
        for (const uint64_t due : naive.due) EXPECT(due == 0 || due > target, note);
      }
      EXPECT_EQ(wheel.untilNext(now), naive.untilNext(now), note);
    }
    for (std::size_t i = 0; i < kNodes; ++i) EXPECT_EQ(isArmed(nodes[i]), naive.due[i] != 0);
  }
}

}  // namespace
}  // namespace millrace
