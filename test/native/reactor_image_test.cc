#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// A new configuration while exchanges of the old one are on their way.
namespace millrace::test {
namespace {

// One exchange on each of `count` connections, all answered: so many idle ones.
void fill(Rig& rig, Origin& origin, std::size_t count) {
  const std::size_t before = origin.count();
  std::vector<int32_t> handles;
  for (std::size_t i = 0; i < count; ++i) handles.push_back(rig.get());
  EXPECT(rig.until(
      [&] { return origin.count() == before + count && origin.asked(before + count - 1); }));
  rig.settle();
  for (std::size_t i = before; i < before + count; ++i) {
    origin.take(i);
    origin.send(i, okAnswer("x"));
  }
  for (const int32_t handle : handles) EXPECT(rig.untilDone(handle));
}

CASE("idle connections to an endpoint that is gone are closed") {
  Origin old_origin;
  Origin new_origin;
  Rig rig({{old_origin.port()}}, {&old_origin, &new_origin});
  fill(rig, old_origin, 5);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 5");
  rig.install({{new_origin.port()}});
  rig.settle();
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
  for (std::size_t i = 0; i < 5; ++i) EXPECT(old_origin.peer(i).ended);
  fill(rig, new_origin, 2);
  EXPECT_EQ(old_origin.count(), 5u);
  rig.stop();
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

CASE("connections survive a configuration that keeps their endpoint") {
  Origin origin;
  Origin other;
  Rig rig({{origin.port()}}, {&origin, &other});
  fill(rig, origin, 3);
  for (int round = 0; round < 3; ++round) {
    rig.install({{other.port(), origin.port()}});
    rig.settle();
    rig.install({{origin.port()}});
    rig.settle();
  }
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 3");
  const int32_t handle = rig.get();
  rig.settle();
  EXPECT_EQ(origin.count(), 3u);
  EXPECT(origin.asked(2));  // the one that was used last
  rig.abort(handle);
}

CASE("an exchange ends on the configuration that it began with") {
  Origin old_origin;
  Origin new_origin;
  const auto named = [](uint16_t port, const char* value) {
    return RigSpec{{port}, {{abi::path_kind::kPrefix, "/", 0, {}}}, [value](ImageBuilder& b) {
                     const ImageBuilder::Text name = b.text("x-version");
                     const ImageBuilder::Text text = b.text(value);
                     b.edits.push_back({abi::edit_operator::kSet, name.offset, name.length,
                                        text.offset, text.length});
                     b.routes[0].response_edit_count = 1;
                   }};
  };
  Rig rig(named(old_origin.port(), "old"), {&old_origin, &new_origin});
  const int32_t first = rig.get();
  const int32_t streamed = rig.get();
  EXPECT(rig.until([&] { return old_origin.asked(0) && old_origin.asked(1); }));
  old_origin.send(1, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab");
  rig.settle();
  rig.install(named(new_origin.port(), "new"));
  const int32_t second = rig.get();
  EXPECT(rig.until([&] { return new_origin.asked(0); }));
  old_origin.send(0, okAnswer("1"));
  old_origin.send(1, "cd");
  new_origin.send(0, okAnswer("2"));
  EXPECT(rig.untilDone(first) && rig.untilDone(second) && rig.untilDone(streamed));
  EXPECT_EQ(rig.answer(first).head, "200 OK\r\nx-version: old");
  EXPECT_EQ(rig.answer(streamed).body, "abcd");
  EXPECT_EQ(rig.answer(second).head, "200 OK\r\nx-version: new");
  rig.settle();
  EXPECT(old_origin.peer(0).ended && old_origin.peer(1).ended);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
}

CASE("requests that wait for an endpoint that is gone are still served by it") {
  Origin old_origin;
  Origin new_origin;
  const auto tune = [](ImageBuilder& b) { b.clusters[0].max_connections = 1; };
  const std::vector<RouteSpec> routes = {{abi::path_kind::kPrefix, "/", 0, {}}};
  Rig rig({{old_origin.port()}, routes, tune}, {&old_origin, &new_origin});
  const int32_t first = rig.get();
  const int32_t second = rig.get();
  EXPECT(rig.until([&] { return old_origin.asked(0); }));
  rig.install({{new_origin.port()}, routes, tune});
  rig.settle();
  old_origin.send(0, okAnswer("1"));
  EXPECT(rig.untilDone(first));
  EXPECT(rig.until([&] { return old_origin.asked(1); }));
  old_origin.send(1, okAnswer("2"));
  EXPECT(rig.untilDone(second));
  EXPECT_EQ(rig.answer(second).body, "2");
  rig.settle();
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

// What the origins may say, whole and broken.
void answerSomehow(Origin& origin, std::size_t i, Rng& rng) {
  origin.take(i);
  switch (rng.below(6)) {
    case 0:
      origin.send(i, "what?\n");
      break;
    case 1:
      origin.send(i, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx");
      break;
    case 2:
      origin.send(i, "HTTP/1.1 200 OK\r\n\r\nx");
      break;
    default:
      origin.send(i, okAnswer("x"));
  }
  if (rng.below(4) == 0) origin.close(i);
}

CASE("many configurations and exchanges leave nothing behind") {
  Origin origins[3];
  Rig rig({{origins[0].port()}}, {&origins[0], &origins[1], &origins[2]});
  Rng rng(seed());
  std::vector<int32_t> open;
  const auto any = [&] {
    return open.empty() ? 0 : open[rng.below(static_cast<uint32_t>(open.size()))];
  };
  rig.on_event = [&](const abi::EventRecord&) {
    if (rng.below(8) == 0 && !open.empty()) rig.abort(any());
    if (rng.below(8) == 0 && !open.empty()) rig.sendBody(any(), "x", rng.below(2) == 0);
  };
  for (int round = 0; round < 3000; ++round) {
    switch (rng.below(8)) {
      case 0: {
        if (rng.below(10) != 0) break;
        std::vector<uint16_t> ports;
        for (const Origin& origin : origins) {
          if (rng.below(2) == 0) ports.push_back(origin.port());
        }
        if (ports.empty()) ports.push_back(origins[rng.below(3)].port());
        const uint32_t cap = rng.below(4);
        const auto tune = [cap](ImageBuilder& b) {
          b.clusters[0].max_connections = cap;
          b.clusters[0].max_pending = cap * 3;
        };
        rig.install({ports, {{abi::path_kind::kPrefix, "/", 0, {}}}, tune});
        break;
      }
      case 1:
        if (!open.empty()) rig.abort(any());
        break;
      case 2:
        if (!open.empty()) rig.sendBody(any(), "x", rng.below(2) == 0);
        break;
      case 3:
        if (open.empty()) break;
        if (rng.below(2) == 0)
          rig.reactor().pause(any());
        else
          rig.reactor().resume(any(), rig.now());
        break;
      case 4:
        rig.settle();
        for (Origin& origin : origins) {
          for (std::size_t i = 0; i < origin.count(); ++i) {
            const bool gone = origin.peer(i).fd < 0 || origin.peer(i).ended;
            if (!gone && origin.asked(i) && rng.below(2) == 0) answerSomehow(origin, i, rng);
          }
        }
        rig.settle();
        rig.advance(rng.below(10) == 0 ? rng.below(20'000) : 20);
        break;
      default:
        open.push_back(rng.below(2) == 0
                           ? rig.get()
                           : rig.request("POST", "/", {{"transfer-encoding", "chunked"}}));
        if (rng.below(2) == 0) rig.settle();
    }
    std::erase_if(open, [&](int32_t handle) { return rig.answer(handle).released; });
  }
  rig.on_event = [](const abi::EventRecord&) {};
  for (const int32_t handle : open) rig.abort(handle);
  rig.install({{origins[0].port()}});
  rig.settle();
  rig.advance(5000);
  rig.settle();
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kActive), 0.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kConnections), 0.0);
  // Every request ended once.
  double ended = 0;
  for (uint32_t flag = 0; flag < abi::response_flag::kCount; ++flag) ended += rig.flagged(flag);
  EXPECT_EQ(ended, rig.stat(abi::cluster_stat::kRequests));
}

}  // namespace
}  // namespace millrace::test
