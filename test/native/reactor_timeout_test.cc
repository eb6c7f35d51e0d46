#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// What ends by time: each limit, and the flag that says which it was.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace stat = abi::cluster_stat;
const std::vector<RouteSpec> kRoutes = {{abi::path_kind::kPrefix, "/", 0, {}}};
const std::string kNothing = "active 0 pending 0 busy 0 idle 0";
const Fields kChunked = {{"transfer-encoding", "chunked"}};

RigSpec limited(const std::vector<uint16_t>& ports, uint32_t abi::RouteRecord::*limit,
                uint32_t ms) {
  return {ports, kRoutes, [=](ImageBuilder& b) { b.routes[0].*limit = ms; }};
}

// Sends until the upstream takes no more, and the client is held back.
void fill(Rig& rig, int32_t handle) {
  const std::string piece(64 * 1024, 'x');
  while (rig.sendBody(handle, piece, false) != abi::send::kPause) rig.settle();
}

CASE("a connect that nobody answers is a 504 with a flag of its own") {
  DeafPort deaf;
  Rig rig({{deaf.port()}, kRoutes, [](ImageBuilder& b) { b.routes[0].retry_attempts = 0; }});
  const int32_t handle = rig.get();
  rig.settle();
  rig.advance(990);
  EXPECT(!rig.answer(handle).done);
  rig.advance(30);
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.answer(handle).body, "upstream connection failed: timed out\n");
  EXPECT_EQ(rig.flagged(flag::kUct), 1.0);
  EXPECT_EQ(rig.stat(stat::kConnectTimeouts), 1.0);
  EXPECT_EQ(rig.stat(stat::kConnectFailures), 1.0);
  EXPECT_EQ(rig.stat(stat::kTimeouts), 0.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("the flag is that of the last endpoint when all have failed to connect") {
  DeafPort deaf;
  Origin dead;
  dead.refuse();
  int refused_last = 0;
  int deaf_last = 0;
  Rig rig({{deaf.port(), dead.port()},
           {{abi::path_kind::kPrefix, "/", 0, {}}},
           [](ImageBuilder& b) { b.routes[0].retry_attempts = 1; }});
  for (int i = 0; i < 20; ++i) {
    const int32_t handle = rig.get();
    rig.settle();
    const bool by_time = rig.answer(handle).status == 0;
    if (by_time) rig.advance(1020);
    EXPECT(rig.untilDone(handle));
    const bool timed_out = rig.answer(handle).status == 504;
    EXPECT_EQ(rig.answer(handle).body, timed_out ? "upstream connection failed: timed out\n"
                                                 : "upstream connection failed: refused\n");
    ++(timed_out ? deaf_last : refused_last);
  }
  EXPECT(deaf_last != 0 && refused_last != 0);
  EXPECT_EQ(rig.flagged(flag::kUct), static_cast<double>(deaf_last));
  EXPECT_EQ(rig.flagged(flag::kUf), static_cast<double>(refused_last));
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("a request whose end does not come in time is a 408, however steadily it grows") {
  Origin origin;
  Rig rig(limited({origin.port()}, &abi::RouteRecord::request_timeout_ms, 10'000), {&origin});
  const int32_t handle = rig.request("POST", "/", kChunked);
  for (int second = 0; second < 9; ++second) {
    rig.sendBody(handle, "x", false);
    rig.settle();
    rig.advance(1000);
  }
  rig.advance(990);
  EXPECT(!rig.answer(handle).done);
  rig.advance(30);
  EXPECT_EQ(rig.answer(handle).status, 408u);
  EXPECT_EQ(rig.answer(handle).body, "request timed out: its end did not come in time\n");
  EXPECT((rig.answer(handle).flags & abi::event_flag::kClose) != 0);
  EXPECT_EQ(rig.flagged(flag::kDrt), 1.0);
  // The client's doing: nothing of it counts against the upstream.
  EXPECT_EQ(rig.stat(stat::kTimeouts), 0.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kFailures), 0.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("requestTimeout ends with the last byte of the request") {
  Origin origin;
  Rig rig(limited({origin.port()}, &abi::RouteRecord::request_timeout_ms, 10'000), {&origin});
  const int32_t with_body = rig.request("POST", "/", {{"content-length", "2"}});
  const int32_t without = rig.get();
  EXPECT(rig.until([&] { return origin.count() == 2; }));
  rig.settle();
  rig.advance(9000);
  rig.sendBody(with_body, "hi", true);
  rig.advance(5000);
  EXPECT(!rig.answer(with_body).done);
  EXPECT(!rig.answer(without).done);
  rig.advance(1100);  // the 15 s that the upstream has, of the one without a body
  EXPECT_EQ(rig.answer(without).status, 504u);
  EXPECT(!rig.answer(with_body).done);
  EXPECT_EQ(rig.flagged(flag::kDrt), 0.0);
}

CASE("the time that a slow upstream holds the client back is not the client's") {
  Origin origin;
  Rig rig(limited({origin.port()}, &abi::RouteRecord::request_timeout_ms, 10'000), {&origin});
  const int32_t handle = rig.request("POST", "/", kChunked);
  EXPECT(rig.until([&] { return origin.count() == 1; }));
  origin.reading = false;
  rig.advance(4000);
  fill(rig, handle);
  rig.advance(50'000);  // held back
  EXPECT(!rig.answer(handle).done);
  origin.reading = true;
  EXPECT(rig.until([&] { return rig.answer(handle).resumed == 1; }));
  rig.advance(5900);
  EXPECT(!rig.answer(handle).done);
  rig.advance(150);
  EXPECT_EQ(rig.answer(handle).status, 408u);
  EXPECT_EQ(rig.flagged(flag::kDrt), 1.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("an upstream that answers early is cut when the request does not end in time") {
  Origin origin;
  Rig rig(limited({origin.port()}, &abi::RouteRecord::request_timeout_ms, 10'000), {&origin});
  const int32_t handle = rig.request("POST", "/", kChunked);
  rig.sendBody(handle, "x", false);
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na");
  EXPECT(rig.until([&] { return rig.answer(handle).status == 200; }));
  rig.advance(10'100);
  EXPECT(rig.answer(handle).aborted);
  EXPECT_EQ(rig.flagged(flag::kDrt), 1.0);
}

CASE("maxDuration before the head of the answer is a 504") {
  Origin origin;
  Rig rig(limited({origin.port()}, &abi::RouteRecord::max_duration_ms, 10'000), {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  rig.advance(9990);
  EXPECT(!rig.answer(handle).done);
  rig.advance(30);
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.answer(handle).body, "the longest duration of a request was reached\n");
  EXPECT_EQ(rig.flagged(flag::kUmsdr), 1.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kFailures), 1.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("a client that takes the time of an exchange for itself proves nothing of the endpoint") {
  Origin origin;
  Rig rig(limited({origin.port()}, &abi::RouteRecord::max_duration_ms, 10'000), {&origin});
  const int32_t handle = rig.request("POST", "/", {{"content-length", "1"}});
  EXPECT(rig.until([&] { return origin.asked(0); }));
  rig.advance(9000);
  rig.sendBody(handle, "x", true);
  rig.advance(1100);
  EXPECT_EQ(rig.flagged(flag::kUmsdr), 1.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kFailures), 0.0);
}

CASE("an upstream that does not take the request in fails by idle time") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.request("POST", "/", kChunked);
  EXPECT(rig.until([&] { return origin.count() == 1; }));
  origin.reading = false;
  fill(rig, handle);
  rig.advance(60'100);
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.answer(handle).body, "upstream request timed out: nothing moved for too long\n");
  EXPECT_EQ(rig.flagged(flag::kSi), 1.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kFailures), 1.0);
  EXPECT_EQ(rig.stat(stat::kTimeouts), 1.0);
}

CASE("a loop that comes late names the limit that was reached first") {
  for (const bool answer_first : {true, false}) {
    Origin origin;
    Rig rig({{origin.port()},
             kRoutes,
             [=](ImageBuilder& b) {
               b.routes[0].timeout_ms = answer_first ? 2000 : 3000;
               b.routes[0].idle_timeout_ms = answer_first ? 3000 : 2000;
               b.routes[0].max_duration_ms = 4000;
             }},
            {&origin});
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return origin.asked(0); }));
    rig.advance(60'000);
    EXPECT_EQ(rig.answer(handle).status, 504u);
    EXPECT_EQ(rig.flagged(answer_first ? flag::kUt : flag::kSi), 1.0);
  }
}

}  // namespace
}  // namespace millrace::test
