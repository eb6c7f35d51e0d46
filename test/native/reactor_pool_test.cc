#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Which connection serves which request.
namespace millrace::test {
namespace {

const std::vector<RouteSpec> kRoutes = {{abi::path_kind::kPrefix, "/", 0, {}}};

RigSpec specOf(const Origin& origin, void (*tune)(abi::ClusterRecord&)) {
  return {{origin.port()}, kRoutes, [tune](ImageBuilder& b) { tune(b.clusters[0]); }};
}

void answerWith(Rig& rig, Origin& origin, std::size_t connection, int32_t handle,
                const std::string& lines = {}) {
  EXPECT(rig.until([&] { return origin.asked(connection); }));
  origin.take(connection);
  origin.send(connection, okAnswer("x", lines));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 200u);
}

CASE("the connection that was used last is used first") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handles[] = {rig.get(), rig.get(), rig.get()};
  for (const std::size_t i : {0u, 2u, 1u}) answerWith(rig, origin, i, handles[i]);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 3");
  for (int round = 0; round < 3; ++round) answerWith(rig, origin, 1, rig.get());
  const int32_t first = rig.get();
  const int32_t second = rig.get();
  answerWith(rig, origin, 1, first);
  answerWith(rig, origin, 2, second);
  EXPECT_EQ(origin.count(), 3u);
}

CASE("idle connections are closed after their time") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handles[] = {rig.get(), rig.get()};
  answerWith(rig, origin, 0, handles[0]);
  rig.advance(2000);
  answerWith(rig, origin, 1, handles[1]);
  rig.advance(2100);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  for (int round = 0; round < 5; ++round) {  // use puts it off
    rig.advance(1500);
    answerWith(rig, origin, 1, rig.get());
  }
  rig.advance(4100);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
  EXPECT_EQ(rig.reactor().untilTimer(rig.now()) == 0, false);
}

CASE("a connection serves as many requests as it may") {
  Origin origin;
  Rig rig(specOf(origin, [](abi::ClusterRecord& c) { c.max_requests_per_connection = 3; }),
          {&origin});
  for (std::size_t i = 0; i < 10; ++i) answerWith(rig, origin, i / 3, rig.get());
  EXPECT_EQ(origin.count(), 4u);
  Origin single;
  Rig once(specOf(single, [](abi::ClusterRecord& c) { c.pool_idle_ms = 0; }), {&single});
  for (std::size_t i = 0; i < 3; ++i) answerWith(once, single, i, once.get());
}

CASE("requests beyond the connections wait in order, beyond the queue they are refused") {
  Origin origin;
  Rig rig(specOf(origin, [](abi::ClusterRecord& c) { c.max_connections = 2, c.max_pending = 2; }),
          {&origin});
  std::vector<int32_t> handles;
  for (int i = 0; i < 5; ++i) handles.push_back(rig.get("/" + std::to_string(i)));
  EXPECT_EQ(rig.gauges(), "active 4 pending 2 busy 2 idle 0");
  EXPECT(rig.untilDone(handles[4]));
  EXPECT_EQ(rig.answer(handles[4]).status, 503u);
  EXPECT_EQ(rig.flagged(abi::response_flag::kUo), 1.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kPendingOverflow), 1.0);
  EXPECT(rig.until([&] { return origin.asked(0) && origin.asked(1); }));
  answerWith(rig, origin, 1, handles[1]);
  EXPECT(rig.until([&] { return origin.asked(1); }));
  EXPECT(origin.peer(1).in.starts_with("GET /2 "));  // the first that waited
  EXPECT_EQ(rig.gauges(), "active 3 pending 1 busy 2 idle 0");
  rig.abort(handles[3]);  // in the queue
  EXPECT_EQ(rig.gauges(), "active 2 pending 0 busy 2 idle 0");
  answerWith(rig, origin, 0, handles[0]);
  answerWith(rig, origin, 1, handles[2]);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 2");
  EXPECT_EQ(origin.count(), 2u);
}

CASE("a queue has a head, a middle and an end to leave it by") {
  for (std::size_t gone = 0; gone < 3; ++gone) {
    Origin origin;
    Rig rig(specOf(origin, [](abi::ClusterRecord& c) { c.max_connections = 1; }), {&origin});
    const int32_t first = rig.get();
    std::vector<int32_t> waiting = {rig.get(), rig.get(), rig.get()};
    rig.abort(waiting[gone]);
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(gone));
    answerWith(rig, origin, 0, first);
    for (const int32_t handle : waiting) answerWith(rig, origin, 0, handle);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  }
}

CASE("a place that an exchange gives up goes to one that waits") {
  for (const char* how : {"abort", "close", "malformed", "not kept"}) {
    Origin origin;
    Rig rig(specOf(origin, [](abi::ClusterRecord& c) { c.max_connections = 1; }), {&origin});
    const int32_t first = rig.request("POST");
    const int32_t second = rig.get();
    EXPECT(rig.until([&] { return origin.asked(0); }));
    if (how[0] == 'a') rig.abort(first);
    if (how[0] == 'c') origin.close(0);
    if (how[0] == 'm') origin.send(0, "what?\n");
    if (how[0] == 'n') origin.send(0, okAnswer("x", "connection: close\r\n"));
    rig.settle();
    rig.advance(40);
    answerWith(rig, origin, 1, second);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1", how);
  }
}

CASE("a request that waits too long is a 504") {
  Origin origin;
  Rig rig(specOf(origin, [](abi::ClusterRecord& c) { c.max_connections = 1; }), {&origin});
  const int32_t first = rig.get();
  rig.advance(1000);
  const int32_t second = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  rig.advance(13'000);
  origin.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
  rig.settle();
  rig.advance(2100);
  EXPECT_EQ(rig.answer(second).status, 504u);
  EXPECT_EQ(rig.gauges(), "active 1 pending 0 busy 1 idle 0");
  rig.abort(first);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

CASE("workers share the connections of an endpoint") {
  Origin origin;
  Rig one(specOf(origin, [](abi::ClusterRecord& c) { c.max_connections = 1; }), {&origin});
  Rig two(one, 1);
  const int32_t first = one.get();
  const int32_t second = two.get();
  EXPECT_EQ(one.gauges(), "active 2 pending 1 busy 1 idle 0");  // of both
  EXPECT_EQ(one.endpointStat(0, abi::endpoint_stat::kActive), 2.0);
  two.advance(40);
  EXPECT(!two.answer(second).done);
  answerWith(one, origin, 0, first);  // not kept: the other worker waits
  EXPECT_EQ(one.gauges(), "active 1 pending 1 busy 0 idle 0");
  two.advance(40);
  answerWith(two, origin, 1, second);
  EXPECT_EQ(one.gauges(), "active 0 pending 0 busy 0 idle 1");
  two.stop();
  EXPECT_EQ(one.gauges(), "active 0 pending 0 busy 0 idle 0");
  answerWith(one, origin, 2, one.get());
}

CASE("a worker whose own connection went to another says that it waits") {
  Origin origin;
  Rig one(specOf(origin, [](abi::ClusterRecord& c) { c.max_connections = 1; }), {&origin});
  Rig two(one, 1);
  const int32_t broken = one.get();
  const int32_t waiting = one.get();  // for that connection
  EXPECT(one.until([&] { return origin.asked(0); }));
  one.abort(broken);
  const int32_t thief = two.get();  // takes the place before the next tick
  one.advance(40);
  EXPECT(!one.answer(waiting).done);
  answerWith(two, origin, 1, thief);
  EXPECT_EQ(two.gauges(), "active 1 pending 1 busy 0 idle 0");  // not kept
  one.advance(40);
  answerWith(one, origin, 2, waiting);
}

CASE("a worker gives up one idle connection that another waits for") {
  Origin origin;
  Rig one(specOf(origin, [](abi::ClusterRecord& c) { c.max_connections = 3; }), {&origin});
  Rig two(one, 1);
  const int32_t kept = two.get();  // having a connection of its own makes no difference
  const int32_t handles[] = {one.get(), one.get()};
  for (std::size_t i = 0; i < 2; ++i) answerWith(one, origin, i + 1, handles[i]);
  EXPECT_EQ(one.gauges(), "active 1 pending 0 busy 1 idle 2");
  for (int round = 0; round < 5; ++round) one.advance(40);
  EXPECT_EQ(one.gauges(), "active 1 pending 0 busy 1 idle 2");
  const int32_t waiting = two.get();
  two.advance(40);
  EXPECT_EQ(one.gauges(), "active 2 pending 1 busy 1 idle 2");
  one.advance(60);
  EXPECT_EQ(one.gauges(), "active 2 pending 1 busy 1 idle 1");
  two.advance(40);
  answerWith(two, origin, 3, waiting);
  two.abort(kept);
  one.advance(60);
  EXPECT_EQ(one.gauges(), "active 0 pending 0 busy 0 idle 2");
}

CASE("a worker that ends takes its load with it") {
  Origin origin;
  Rig one(specOf(origin, [](abi::ClusterRecord& c) { c.max_connections = 1; }), {&origin});
  Rig two(one, 1);
  one.get();
  one.get();
  const int32_t waiting = two.get();
  one.settle();
  one.stop();
  EXPECT_EQ(two.gauges(), "active 1 pending 1 busy 0 idle 0");
  two.advance(40);
  answerWith(two, origin, 1, waiting);
}

}  // namespace
}  // namespace millrace::test
