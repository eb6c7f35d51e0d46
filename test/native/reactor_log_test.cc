#include <string>
#include <thread>
#include <vector>

#include "harness.h"
#include "log_rig.h"
#include "reactor_rig.h"

// What a worker gives to the access log: which requests, for which sinks, and what it keeps of
// them.
namespace millrace::test {
namespace {

// A cluster that answers as it is told, behind a listener with these sinks.
class LogRig {
 public:
  explicit LogRig(std::vector<SinkSpec> sinks, std::vector<RouteSpec> routes = {{}})
      : rig_(specOf(std::move(sinks), std::move(routes)), {&origin_}) {}

  void install(std::vector<SinkSpec> sinks, std::vector<RouteSpec> routes = {{}}) {
    rig_.install(specOf(std::move(sinks), std::move(routes)));
  }
  RigSpec specOf(std::vector<SinkSpec> sinks, std::vector<RouteSpec> routes) {
    return {{origin_.port()}, std::move(routes), [sinks](ImageBuilder& b) {
              for (size_t i = 0; i < sinks.size(); ++i) {
                addSink(b, sinks[i]);
                for (abi::RouteRecord& route : b.routes)
                  if (sinks[i].routes.empty()) route.sinks |= 1u << i;
              }
            }};
  }

  uint64_t lines(const std::string& path) {
    // Two visits of the writer: the first may have begun before the last record.
    AccessLog& log = Engine::instance().accessLog();
    const uint64_t ticket = log.reopen();
    while (!log.isReopened(ticket)) std::this_thread::yield();
    const uint64_t again = log.reopen();
    while (!log.isReopened(again)) std::this_thread::yield();
    return linesIn(contentOf(path));
  }
  int32_t answer(uint32_t status, const std::string& target = "/") {
    const int32_t handle = rig_.request("POST", target, {{"x-tenant", "a"}, {"x-tenant", "b"}});
    EXPECT(rig_.until([&] { return origin_.asked(0); }));
    origin_.take(0);
    origin_.send(0, "HTTP/1.1 " + std::to_string(status) + " X\r\ncontent-length: 0\r\n\r\n");
    EXPECT(rig_.untilDone(handle));
    return handle;
  }

  Rig& rig() { return rig_; }
  Origin& origin() { return origin_; }

 private:
  Origin origin_;
  Rig rig_;
};

CASE("a request is one line in each sink whose filters hold") {
  const WorkDirectory dir;
  LogRig log({{dir.file("all")},
              {dir.file("bad"), {}, {400, 499, 503, 503}},
              {dir.file("slow"), {}, {}, 0, 0, 100}});
  log.answer(200);
  log.answer(404);
  log.answer(500);
  log.answer(503);
  EXPECT_EQ(log.lines(dir.file("all")), uint64_t{4});
  EXPECT_EQ(log.lines(dir.file("bad")), uint64_t{2});
  EXPECT_EQ(log.lines(dir.file("slow")), uint64_t{0});
  const int32_t slow = log.rig().get("/slow");
  EXPECT(log.rig().until([&] { return log.origin().asked(0); }));
  log.origin().take(0);
  log.rig().advance(100);
  log.origin().send(0, okAnswer("x"));
  EXPECT(log.rig().untilDone(slow));
  EXPECT_EQ(log.lines(dir.file("slow")), uint64_t{1});
  EXPECT(contentOf(dir.file("bad")).find(" / 404 a, b\n") != std::string::npos);
}

CASE("a share of the requests is taken, and every failed one") {
  const WorkDirectory dir;
  constexpr uint32_t kQuarter = 1u << 30;
  LogRig log(
      {{dir.file("some"), {}, {}, abi::log_flag::kSampled, kQuarter},
       {dir.file("less"), {}, {}, abi::log_flag::kSampled | abi::log_flag::kSampleFailed, kQuarter},
       {dir.file("failed"), {}, {}, abi::log_flag::kSampled, 0}});
  for (int i = 0; i < 800; ++i) log.answer(i % 2 == 0 ? 200 : 500);
  const auto near = [](uint64_t lines, uint64_t mean) {
    return lines > mean - 50 && lines < mean + 50;  // 4 sigma
  };
  EXPECT(near(log.lines(dir.file("some")), 500), std::to_string(log.lines(dir.file("some"))));
  EXPECT(near(log.lines(dir.file("less")), 200), std::to_string(log.lines(dir.file("less"))));
  EXPECT_EQ(log.lines(dir.file("failed")), uint64_t{400});
}

CASE("clients that leave and requests that are refused have their lines, too") {
  const WorkDirectory dir;
  LogRig log({{dir.file("all")}, {dir.file("none"), {}, {0, 0}}});
  const int32_t left = log.rig().get("/left");
  log.rig().settle();
  log.rig().abort(left);
  EXPECT(log.rig().untilDone(log.rig().request("CONNECT", "/refused")));
  EXPECT_EQ(log.lines(dir.file("all")), uint64_t{2});
  EXPECT(contentOf(dir.file("all")).find(" /left - ") != std::string::npos);
  EXPECT(contentOf(dir.file("all")).find(" /refused 405 ") != std::string::npos);
  EXPECT_EQ(log.lines(dir.file("none")), uint64_t{1});
}

CASE("a request that began before a reload goes to the sinks that there are at its end") {
  const WorkDirectory dir;
  LogRig log({{dir.file("old")}});
  const int32_t handle = log.rig().get("/x");
  EXPECT(log.rig().until([&] { return log.origin().asked(0); }));
  log.install({{dir.file("other"), {"elsewhere"}}, {dir.file("new")}});
  log.rig().settle();
  log.origin().take(0);
  log.origin().send(0, okAnswer("x"));
  EXPECT(log.rig().untilDone(handle));
  EXPECT_EQ(log.lines(dir.file("new")), uint64_t{1});
  EXPECT_EQ(log.lines(dir.file("old")), uint64_t{0});
  EXPECT_EQ(log.lines(dir.file("other")), uint64_t{0});
}

CASE("without a log nothing is kept and nothing is pushed") {
  LogRig log({});
  const uint64_t before = Engine::instance().accessLog().waitingBytes();
  log.answer(200);
  EXPECT_EQ(Engine::instance().accessLog().waitingBytes(), before);
}

}  // namespace
}  // namespace millrace::test
