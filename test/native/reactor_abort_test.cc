#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Clients that leave, in every state and from inside delivery: nothing may be left, and nothing may
// follow.
namespace millrace::test {
namespace {

const std::string kNothing = "active 0 pending 0 busy 0 idle 0";
const std::vector<RouteSpec> kRoutes = {{abi::path_kind::kPrefix, "/", 0, {}}};

RigSpec capped(uint16_t port, bool tls = false) {
  return {{port}, kRoutes, [tls](ImageBuilder& b) {
            b.clusters[0].max_connections = 1;
            if (!tls) return;
            b.clusters[0].tls = 0;
            const ImageBuilder::Text name = b.text("a.internal");
            b.tls.push_back({abi::tls_flag::kInsecureSkipVerify, name.offset, name.length,
                             abi::kNone, 0, abi::kNone, 0, abi::kNone, 0});
          }};
}

void expectNothing(Rig& rig, int32_t handle, const char* state) {
  const int events = rig.answer(handle).events;
  const uint32_t result = rig.sendBody(handle, "x", true);
  EXPECT_EQ(result, abi::send::kOk, state);
  rig.reactor().pause(handle);
  rig.reactor().resume(handle, rig.now());
  rig.abort(handle);
  rig.settle();
  rig.advance(70'000);
  rig.settle();
  EXPECT_EQ(rig.answer(handle).events, events, state);
  EXPECT_EQ(rig.gauges(), kNothing, state);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kActive), 0.0, state);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kConnections), 0.0, state);
}

CASE("a client may leave in every state") {
  for (const char* state : {"connecting", "waiting", "sending", "blocked", "part of a head",
                            "streaming", "paused", "failed", "cut"}) {
    const std::string s = state;
    Origin origin;
    const bool ends = s == "failed" || s == "cut";
    const bool body = ends || s == "sending" || s == "blocked";
    RigSpec spec = capped(origin.port());
    if (ends)
      spec.tune = [](ImageBuilder& b) {
        b.routes[0].max_body_low = 10, b.routes[0].max_body_high = 0;
      };
    Rig rig(spec, {&origin});
    const int32_t handle =
        body ? rig.request("POST", "/", {{"transfer-encoding", "chunked"}}) : rig.get();
    if (s == "connecting") {
      EXPECT_EQ(rig.gauges(), "active 1 pending 0 busy 1 idle 0");
    } else {
      EXPECT(rig.until([&] { return origin.asked(0); }));
    }
    if (s == "sending") rig.sendBody(handle, "x", false);
    if (s == "blocked") {
      origin.reading = false;
      while (rig.sendBody(handle, std::string(100'000, 'x'), false) != abi::send::kPause)
        rig.settle();
    }
    if (s == "part of a head") origin.send(0, "HTTP/1.1 200 OK\r\nA: b\r\n");
    if (s == "streaming" || s == "paused" || s == "cut")
      origin.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\na");
    rig.settle();
    if (s == "paused") rig.reactor().pause(handle);
    // An answer or a cut is due, and not delivered yet.
    if (ends) EXPECT_EQ(rig.sendBody(handle, "01234567890", false), abi::send::kTooLarge);
    rig.abort(handle);
    expectNothing(rig, handle, state);
    EXPECT_EQ(rig.flagged(ends ? abi::response_flag::kBl : abi::response_flag::kDc), 1.0, state);
  }
}

CASE("a client may leave the queue and a handshake") {
  Origin origin;
  Rig rig(capped(origin.port(), true), {&origin});
  const int32_t first = rig.get();
  const int32_t queued = rig.get();
  EXPECT(rig.until([&] { return origin.count() == 1 && origin.peer(0).in == "C"; }));
  rig.abort(queued);
  EXPECT_EQ(rig.gauges(), "active 1 pending 0 busy 1 idle 0");
  rig.abort(first);
  expectNothing(rig, first, "handshaking");
  expectNothing(rig, queued, "queued");
}

CASE("a client may leave while the answers of a turn are delivered") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  constexpr std::size_t kCount = 40;
  // More events than there is room for, so that delivery happens in the middle of things, and
  // every event of one ends another: waiting, streaming, or with an event that is on its way.
  for (const int step : {1, 3, 7}) {
    std::vector<int32_t> handles;
    for (std::size_t i = 0; i < kCount; ++i) handles.push_back(rig.get());
    const std::size_t first = origin.count();
    EXPECT(rig.until(
        [&] { return origin.count() == first + kCount && origin.asked(first + kCount - 1); }));
    rig.settle();
    std::size_t at = 0;
    rig.on_event = [&](const abi::EventRecord&) {
      at += static_cast<std::size_t>(step);
      rig.abort(handles[at % kCount]);
      rig.reactor().pause(handles[(at + 1) % kCount]);
      rig.reactor().resume(handles[(at + 1) % kCount], rig.now());
    };
    for (std::size_t i = first; i < first + kCount; ++i) {
      if (i % 4 == 0)
        origin.send(i, "what?\n");
      else
        origin.send(i, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n");
      if (i % 4 == 1) origin.close(i);
    }
    rig.settle();
    rig.on_event = [](const abi::EventRecord&) {};
    for (const int32_t handle : handles) rig.abort(handle);
    rig.settle();
    EXPECT_EQ(rig.gauges(), kNothing);
  }
}

CASE("exchanges over a connection that encrypts end like any other") {
  Origin origin;
  RigSpec spec = capped(origin.port(), true);
  spec.tune = [tune = spec.tune](ImageBuilder& b) {
    tune(b);
    b.routes[0].retry_attempts = 0;
  };
  Rig rig(spec, {&origin});
  const auto sendRecords = [&](std::size_t i, const std::string& text) {
    std::string records;
    for (std::size_t at = 0; at < text.size(); at += 100) {
      const std::string part = text.substr(at, 100);
      records += std::string(1, static_cast<char>(part.size())) + part;
    }
    origin.send(i, records);
  };
  const int32_t first = rig.get();
  EXPECT(rig.until([&] { return origin.count() == 1 && origin.take(0) == "C"; }));
  origin.send(0, "S");
  EXPECT(rig.until([&] { return origin.asked(0); }));
  // More than one read takes: the rest is pending where epoll does not see it.
  const std::string body(150'000, 'x');
  sendRecords(0, okAnswer(body));
  EXPECT(rig.untilDone(first));
  EXPECT_EQ(rig.answer(first).body.size(), body.size());
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  origin.send(0, std::string(1, '\0'));  // a record without payload, as a session ticket is
  rig.settle();
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  const int32_t second = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  sendRecords(0, "HTTP/1.1 200 OK\r\n\r\nhel");
  rig.settle();
  rig.reactor().pause(second);
  sendRecords(0, "lo");
  rig.settle();
  EXPECT_EQ(rig.answer(second).body, "hel");
  rig.reactor().resume(second, rig.now());
  rig.settle();
  EXPECT_EQ(rig.answer(second).body, "hello");
  origin.close(0);
  EXPECT(rig.untilDone(second));
  const int32_t refused = rig.get();
  EXPECT(rig.until([&] { return origin.count() == 2 && origin.peer(1).in == "C"; }));
  origin.send(1, "E");
  EXPECT(rig.untilDone(refused));
  EXPECT_EQ(rig.answer(refused).status, 502u);
  EXPECT_EQ(rig.flagged(abi::response_flag::kUtls), 1.0);
  const int32_t slow = rig.get();
  EXPECT(rig.until([&] { return origin.count() == 3 && origin.peer(2).in == "C"; }));
  rig.advance(1050);
  EXPECT(rig.untilDone(slow));
  EXPECT_EQ(rig.answer(slow).status, 504u);
  EXPECT_EQ(rig.gauges(), kNothing);
}

}  // namespace
}  // namespace millrace::test
