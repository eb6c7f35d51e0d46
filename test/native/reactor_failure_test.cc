#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Upstreams that are gone, silent or broken, and clients that leave.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
const std::string kNothing = "active 0 pending 0 busy 0 idle 0";

// A connection that waits for its next request.
void leaveIdleConnection(Rig& rig, Origin& origin) {
  const std::size_t i = origin.count();
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(i); }));
  origin.take(i);
  origin.send(i, okAnswer("x"));
  EXPECT(rig.untilDone(handle));
}

CASE("a request on a connection that the origin closes at that moment is sent again") {
  for (const bool reset : {false, true}) {
    Origin origin;
    Rig rig({{origin.port()}}, {&origin});
    leaveIdleConnection(rig, origin);
    const int32_t handle = rig.get("/again");
    EXPECT(rig.until([&] { return origin.asked(0); }));
    if (reset)
      origin.reset(0);
    else
      origin.close(0);
    EXPECT(rig.until([&] { return origin.asked(1); }));
    EXPECT_EQ(origin.take(1), "GET /again HTTP/1.1\r\nhost: a\r\n\r\n");
    origin.send(1, okAnswer("hello"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).body, "hello");
    EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), 1.0);
    EXPECT_EQ(rig.flagged(flag::kNone), 2.0);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  }
}

CASE("the head of a request waits for the first piece of its body, until the end of the turn") {
  for (const bool at_once : {true, false}) {
    Origin origin;
    Rig rig({{origin.port()}}, {&origin});
    leaveIdleConnection(rig, origin);
    const int32_t handle = rig.request("POST", "/", {{"content-length", "5"}});
    origin.step();
    EXPECT_EQ(origin.peer(0).in, "");
    const std::string head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n";
    if (at_once) {
      // A piece without bytes is no piece, and no reason to hold the client back.
      EXPECT_EQ(rig.sendBody(handle, "", false), abi::send::kOk);
      origin.step();
      EXPECT_EQ(origin.peer(0).in, "");
      EXPECT_EQ(rig.sendBody(handle, "hel", false), abi::send::kOk);
      origin.step();
      EXPECT_EQ(origin.peer(0).in, head + "hel");
      rig.sendBody(handle, "lo", true);
    } else {
      rig.reactor().endTurn(rig.now());
      EXPECT(rig.until([&] { return origin.peer(0).in == head; }));
      rig.sendBody(handle, "hello", true);
    }
    EXPECT(rig.until([&] { return origin.peer(0).in == head + "hello"; }));
    origin.take(0);
    origin.send(0, okAnswer("x"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  }
}

CASE(
    "a first piece that is refused with its head goes to a new connection, with all that follows") {
  for (const std::size_t size : {std::size_t{3}, std::size_t{100'000}}) {
    Origin origin;
    Rig rig({{origin.port()}}, {&origin});
    leaveIdleConnection(rig, origin);
    const std::string piece(size, 'x');
    const int32_t handle = rig.request("POST", "/", {{"content-length", std::to_string(size + 4)}});
    origin.reset(0);  // after the idle connection was looked at
    EXPECT_EQ(rig.sendBody(handle, piece, false), size < 1000 ? abi::send::kOk : abi::send::kPause);
    rig.sendBody(handle, "rest", true);
    EXPECT(rig.until([&] {
      return origin.count() == 2 && origin.peer(1).in.ends_with("\r\n\r\n" + piece + "rest");
    }));
    origin.send(1, okAnswer("y"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  }
}

CASE("a head that is refused alone, and a client that goes before its body, leave nothing") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  leaveIdleConnection(rig, origin);
  const int32_t gone = rig.request("POST", "/", {{"content-length", "5"}});
  rig.abort(gone);
  rig.settle();
  EXPECT_EQ(rig.gauges(), kNothing);
  EXPECT_EQ(origin.take(0), "");
  const int32_t first = rig.request("POST", "/", {{"content-length", "5"}});
  rig.sendBody(first, "hello", true);
  EXPECT(rig.until([&] { return origin.count() == 2 && origin.peer(1).in.ends_with("hello"); }));
  origin.take(1);
  origin.send(1, okAnswer("x"));
  EXPECT(rig.untilDone(first));
  const int32_t second = rig.request("POST", "/", {{"content-length", "5"}});
  origin.reset(1);
  rig.reactor().endTurn(rig.now());
  rig.sendBody(second, "again", true);
  EXPECT(rig.until([&] { return origin.count() == 3 && origin.peer(2).in.ends_with("again"); }));
  origin.send(2, okAnswer("x"));
  EXPECT(rig.untilDone(second));
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
}

CASE("a request that may have had an effect is not sent again") {
  for (const bool with_body : {false, true}) {
    Origin origin;
    Rig rig({{origin.port()}}, {&origin});
    leaveIdleConnection(rig, origin);
    const int32_t handle =
        with_body ? rig.request("PUT", "/", {{"content-length", "2"}}) : rig.request("POST");
    if (with_body) rig.sendBody(handle, "hi", true);
    EXPECT(rig.until([&] { return origin.asked(0); }));
    origin.close(0);
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 502u);
    EXPECT_EQ(rig.answer(handle).body, "upstream connection closed before an answer\n");
    EXPECT_EQ(rig.flagged(flag::kUc), 1.0);
    EXPECT_EQ(origin.count(), 1u);
    EXPECT_EQ(rig.gauges(), kNothing);
  }
}

CASE("an endpoint that closes before it answers is left for another") {
  Origin bad;
  Origin good;
  Rig rig({{bad.port(), good.port()}}, {&bad, &good});
  int bad_ones = 0;
  for (int round = 0; round < 20; ++round) {
    const int32_t handle = rig.get();
    const std::size_t at_bad = bad.count();
    const auto good_asked = [&] { return good.count() != 0 && good.asked(good.count() - 1); };
    EXPECT(rig.until([&] { return bad.asked(at_bad) || good_asked(); }));
    if (bad.asked(at_bad)) {
      ++bad_ones;
      bad.close(at_bad);
      EXPECT(rig.until(good_asked));
    }
    good.take(good.count() - 1);
    good.send(good.count() - 1, okAnswer("x"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
  }
  EXPECT(bad_ones > 0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), static_cast<double>(bad_ones));
  EXPECT_EQ(rig.flagged(flag::kNone), 20.0);
}

CASE("a connect that is refused goes to another endpoint, whatever the method") {
  Origin dead;
  Origin good;
  dead.refuse();
  Rig rig({{dead.port(), good.port()}}, {&good});
  for (std::size_t i = 0; i < 20; ++i) {
    const int32_t handle = rig.request("POST", "/", {{"content-length", "2"}});
    rig.sendBody(handle, "hi", true);
    EXPECT(rig.until([&] { return good.asked(i); }));
    EXPECT(rig.until([&] { return good.peer(i).in.ends_with("\r\n\r\nhi"); }));
    good.send(i, okAnswer("x", "connection: close\r\n"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
  }
  const double failures = rig.stat(abi::cluster_stat::kConnectFailures);
  EXPECT(failures > 0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), failures);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kConnectFailures), failures);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kConnections), 0.0);
}

CASE("with all endpoints dead the answer is 502") {
  for (const std::size_t count : {1u, 2u, 5u}) {
    std::vector<uint16_t> ports;
    std::vector<std::unique_ptr<Origin>> dead;
    for (std::size_t i = 0; i < count; ++i) {
      dead.push_back(std::make_unique<Origin>());
      dead.back()->refuse();
      ports.push_back(dead.back()->port());
    }
    Rig rig({ports});
    const int32_t handle = rig.get();
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 502u);
    EXPECT_EQ(rig.answer(handle).body, "upstream connection failed: refused\n");
    EXPECT_EQ(rig.flagged(flag::kUf), 1.0);
    // Two attempts more than the first, if need be at the same endpoint.
    EXPECT_EQ(rig.stat(abi::cluster_stat::kConnectFailures), 3.0);
    EXPECT_EQ(rig.gauges(), kNothing);
  }
}

CASE("a connect that hangs is given up after its timeout") {
  DeafPort deaf;
  Origin good;
  Rig rig({{deaf.port(), good.port()}}, {&good});
  int hung = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    const int32_t handle = rig.get();
    rig.settle();
    if (!good.asked(i)) {
      ++hung;
      rig.advance(900);
      rig.settle();
      EXPECT(!good.asked(i));
      rig.advance(150);
    }
    EXPECT(rig.until([&] { return good.asked(i); }));
    good.send(i, okAnswer("x", "connection: close\r\n"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
  }
  EXPECT(hung > 0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kConnectFailures), static_cast<double>(hung));
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("an upstream that does not answer in time is a 504") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  rig.advance(14'990);
  EXPECT(!rig.answer(handle).done);
  rig.advance(30);
  EXPECT(rig.answer(handle).done);
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.flagged(flag::kUt), 1.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kTimeouts), 1.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("the time to answer begins when the request is complete, and ends with the head") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.request("POST", "/", {{"content-length", "3"}});
  rig.settle();
  for (const char* piece : {"a", "b"}) {
    rig.advance(14'000);
    rig.settle();
    rig.sendBody(handle, piece, false);
  }
  rig.advance(14'000);
  rig.sendBody(handle, "c", true);
  rig.advance(14'000);
  EXPECT(!rig.answer(handle).done);
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na");
  rig.settle();
  rig.advance(50'000);
  rig.settle();
  EXPECT(!rig.answer(handle).done);
  rig.advance(10'100);
  EXPECT(rig.answer(handle).aborted);  // idle for a minute
  EXPECT_EQ(rig.flagged(flag::kSi), 1.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("a client that stops sending is a 408, an upstream that stops reading a 504") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t slow = rig.request("POST", "/", {{"transfer-encoding", "chunked"}});
  rig.sendBody(slow, "a", false);
  rig.settle();
  rig.advance(60'100);
  EXPECT_EQ(rig.answer(slow).status, 408u);
  EXPECT((rig.answer(slow).flags & abi::event_flag::kClose) != 0);

  const int32_t held = rig.request("POST", "/", {{"transfer-encoding", "chunked"}});
  EXPECT(rig.until([&] { return origin.count() == 2; }));
  origin.reading = false;
  const std::string piece(64 * 1024, 'x');
  while (rig.sendBody(held, piece, false) != abi::send::kPause) rig.settle();
  rig.advance(60'100);
  EXPECT_EQ(rig.answer(held).status, 504u);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("the longest duration of a route cuts an answer that goes on") {
  Origin origin;
  Rig rig({{origin.port()},
           {{abi::path_kind::kPrefix, "/", 0, {}}},
           [](ImageBuilder& b) { b.routes[0].max_duration_ms = 30'000; }},
          {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  for (int second = 0; second < 29; ++second) {
    origin.send(0, "1\r\nx\r\n");
    rig.settle();
    rig.advance(1000);
  }
  EXPECT(!rig.answer(handle).done);
  rig.advance(1100);
  EXPECT(rig.answer(handle).aborted);
  EXPECT_EQ(rig.flagged(flag::kUmsdr), 1.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

}  // namespace
}  // namespace millrace::test
