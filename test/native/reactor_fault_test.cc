#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"
#include "retry_rig.h"

// Faults that a route injects on purpose.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace ps = abi::process_stat;
constexpr uint32_t kAlways = 1'000'000;

RigSpec faulty(const Origin& origin, const abi::FaultRecord& fault, uint32_t timeout_ms = 15'000) {
  return {{origin.port()}, {{abi::path_kind::kPrefix, "/", 0, {}}}, [=](ImageBuilder& b) {
            b.faults.push_back(fault);
            b.routes[0].fault = 0;
            b.routes[0].timeout_ms = timeout_ms;
          }};
}

// Of all rigs of this program.
double injected(uint32_t stat) {
  std::vector<double> all(ps::kCount);
  Engine::instance().readProcess(all);
  return all[stat];
}

void reply(const Asked& asked, const std::string& answer) {
  asked.origin->take(asked.peer);
  asked.origin->send(asked.peer, answer);
}

CASE("an abort is answered with its status and flag, and no upstream hears of it") {
  Origin origin;
  const double before = injected(ps::kFaultsAborted);
  Rig rig(faulty(origin, {kAlways, 503, 0, 0}), {&origin});
  for (int i = 0; i < 3; ++i) {
    const int32_t handle = rig.get();
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 503u);
    EXPECT_EQ(rig.answer(handle).body, "aborted by fault injection\n");
  }
  EXPECT_EQ(rig.flagged(flag::kFi), 3.0);
  EXPECT_EQ(injected(ps::kFaultsAborted) - before, 3.0);
  EXPECT_EQ(origin.count(), 0u);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("a delayed request goes out when its time has come") {
  Origin origin;
  const double before = injected(ps::kFaultsDelayed);
  Rig rig(faulty(origin, {0, 0, kAlways, 200}), {&origin});
  const int32_t handle = rig.get();
  rig.settle();
  rig.advance(180);
  rig.settle();
  EXPECT_EQ(origin.count(), 0u);
  rig.advance(40);
  const Asked asked = next(rig, {&origin});
  reply(asked, answerOf(200, "late"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).body, "late");
  EXPECT_EQ(injected(ps::kFaultsDelayed) - before, 1.0);
  EXPECT_EQ(rig.flagged(flag::kNone), 1.0);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
}

CASE("a delay, and then an abort") {
  Origin origin;
  Rig rig(faulty(origin, {kAlways, 418, kAlways, 100}), {&origin});
  const int32_t handle = rig.get();
  rig.settle();
  rig.advance(80);
  EXPECT(!rig.answer(handle).done);
  rig.advance(40);
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 418u);
  EXPECT_EQ(rig.flagged(flag::kFi), 1.0);
  EXPECT_EQ(origin.count(), 0u);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("a delay beyond the timeout of the route ends as a slow upstream does") {
  Origin origin;
  Rig rig(faulty(origin, {0, 0, kAlways, 1000}, 300), {&origin});
  const int32_t handle = rig.get();
  rig.settle();
  rig.advance(320);
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.flagged(flag::kUt), 1.0);
  EXPECT_EQ(origin.count(), 0u);
  rig.advance(1000);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("a client that leaves during a delay leaves nothing behind") {
  Origin origin;
  Rig rig(faulty(origin, {0, 0, kAlways, 200}), {&origin});
  const int32_t handle = rig.get();
  rig.settle();
  rig.abort(handle);
  rig.advance(300);
  rig.settle();
  EXPECT_EQ(origin.count(), 0u);
  EXPECT_EQ(rig.flagged(flag::kDc), 1.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("the body that comes during a delay arrives whole") {
  Origin origin;
  Rig rig(faulty(origin, {0, 0, kAlways, 200}), {&origin});
  const int32_t handle = rig.request("POST", "/", {{"content-length", "10"}});
  rig.sendBody(handle, "01234", false);
  rig.advance(220);
  const Asked asked = next(rig, {&origin});
  rig.sendBody(handle, "56789", true);
  EXPECT(rig.until(
      [&] { return origin.peer(asked.peer).in.find("0123456789") != std::string::npos; }));
  reply(asked, answerOf(200, "ok"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).body, "ok");
}

CASE("shares are those of the configuration") {
  Origin origin;
  Rig rig(faulty(origin, {250'000, 500, 0, 0}), {&origin});
  constexpr int kRequests = 4000;
  int aborted = 0;
  for (int i = 0; i < kRequests; ++i) {
    const int32_t handle = rig.get();
    rig.settle();
    if (!rig.answer(handle).done) {
      const Asked asked = next(rig, {&origin});
      reply(asked, answerOf(200, "ok"));
      EXPECT(rig.untilDone(handle));
    }
    if (rig.answer(handle).status == 500) ++aborted;
  }
  // Five standard deviations of a binomial draw: 27.
  EXPECT(aborted > 1000 - 137 && aborted < 1000 + 137);
}

}  // namespace
}  // namespace millrace::test
