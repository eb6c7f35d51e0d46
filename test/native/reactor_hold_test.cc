#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Requests that wait because every endpoint is at its maxRequests.
namespace millrace::test {
namespace {

const std::vector<RouteSpec> kRoutes = {{abi::path_kind::kPrefix, "/", 0, {}}};

RigSpec capped(const std::vector<uint16_t>& ports, uint32_t cap, uint32_t max_queue = 8,
               uint32_t timeout_ms = 1000) {
  return {ports, kRoutes, [=](ImageBuilder& b) {
            for (abi::EndpointRecord& endpoint : b.endpoints) endpoint.max_requests = cap;
            b.clusters[0].max_queue = max_queue;
            b.clusters[0].queue_timeout_ms = timeout_ms;
          }};
}

std::vector<int32_t> ask(Rig& rig, int count) {
  std::vector<int32_t> handles;
  for (int i = 0; i < count; ++i) handles.push_back(rig.get("/" + std::to_string(i)));
  return handles;
}

CASE("no more requests than the limit are in flight, and the others follow in order") {
  Origin origin;
  Rig rig(capped({origin.port()}, 1), {&origin});
  const std::vector<int32_t> handles = ask(rig, 4);
  EXPECT_EQ(rig.gauges(), "active 1 pending 0 busy 1 idle 0");
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueued), 3.0);
  for (int i = 0; i < 4; ++i) {
    EXPECT(rig.until([&] { return origin.asked(0); }));
    EXPECT(origin.take(0).starts_with("GET /" + std::to_string(i) + " "));
    EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kActive), 1.0);
    origin.send(0, okAnswer("x"));
    EXPECT(rig.untilDone(handles[static_cast<size_t>(i)]));
    EXPECT_EQ(rig.answer(handles[static_cast<size_t>(i)]).status, 200u);
  }
  EXPECT_EQ(origin.count(), 1u);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueued), 0.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueuedTotal), 3.0);
}

CASE("a full queue refuses at once") {
  Origin origin;
  Rig rig(capped({origin.port()}, 1, 2), {&origin});
  const std::vector<int32_t> handles = ask(rig, 4);
  EXPECT(rig.untilDone(handles[3]));
  EXPECT_EQ(rig.answer(handles[3]).status, 503u);
  EXPECT_EQ(rig.flagged(abi::response_flag::kUo), 1.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueueOverflow), 1.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueued), 2.0);
}

CASE("who waits too long is told so, and the place goes to the next") {
  Origin origin;
  Rig rig(capped({origin.port()}, 1, 8, 500), {&origin});
  const int32_t first = rig.get("/first");
  const int32_t late = rig.get("/late");
  rig.advance(400);
  const int32_t next = rig.get("/next");
  rig.advance(150);
  EXPECT(rig.untilDone(late));
  EXPECT_EQ(rig.answer(late).status, 503u);
  EXPECT_EQ(rig.flagged(abi::response_flag::kUq), 1.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueueTimeouts), 1.0);
  EXPECT(!rig.answer(next).done);
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(first));
  EXPECT(rig.until([&] { return origin.asked(0); }));
  EXPECT(origin.take(0).starts_with("GET /next "));
}

CASE("a client that goes away gives its place in the queue up") {
  Origin origin;
  Rig rig(capped({origin.port()}, 1), {&origin});
  const std::vector<int32_t> handles = ask(rig, 3);
  rig.abort(handles[1]);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueued), 1.0);
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  rig.abort(handles[0]);  // its connection goes with it
  EXPECT(rig.until([&] { return origin.count() == 2 && origin.asked(1); }));
  EXPECT(origin.take(1).starts_with("GET /2 "));
}

CASE("a body that comes while its request waits is sent with it") {
  Origin origin;
  Rig rig(capped({origin.port()}, 1), {&origin});
  const int32_t first = rig.get();
  const int32_t post = rig.request("POST", "/p", {{"content-length", "6"}});
  EXPECT_EQ(rig.sendBody(post, "abc", false), abi::send::kOk);
  EXPECT_EQ(rig.sendBody(post, "def", true), abi::send::kOk);
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(first));
  EXPECT(rig.until([&] { return origin.asked(0); }));
  EXPECT(origin.take(0).ends_with("\r\n\r\nabcdef"));
  origin.send(0, okAnswer("y"));
  EXPECT(rig.untilDone(post));
}

CASE("a place that one worker frees goes to the request that waits longest in any") {
  Origin origin;
  Rig one(capped({origin.port()}, 1), {&origin});
  Rig two(one, 1);
  const int32_t running = one.get("/running");
  const int32_t oldest = two.get("/oldest");
  const int32_t younger = one.get("/younger");
  EXPECT(one.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, okAnswer("x"));
  EXPECT(one.untilDone(running));
  EXPECT(!one.answer(younger).done);
  // Woken, not by its timer: its clock stands still.
  EXPECT(two.until([&] { return origin.count() == 2 && origin.asked(1); }));
  EXPECT(origin.take(1).starts_with("GET /oldest "));
  EXPECT_EQ(one.endpointStat(0, abi::endpoint_stat::kActive), 1.0);
  origin.send(1, okAnswer("x"));
  EXPECT(two.untilDone(oldest));
  EXPECT(one.until([&] { return origin.asked(0); }));
  EXPECT(origin.take(0).starts_with("GET /younger "));
}

CASE("a worker that ends leaves neither its places in the queue nor its load behind") {
  Origin origin;
  Rig one(capped({origin.port()}, 1), {&origin});
  const int32_t waits = [&] {
    Rig two(one, 1);
    two.get("/running");
    two.get("/waiting");
    const int32_t handle = one.get("/after");
    EXPECT_EQ(one.stat(abi::cluster_stat::kQueued), 2.0);
    two.stop();
    return handle;
  }();
  EXPECT_EQ(one.stat(abi::cluster_stat::kQueued), 1.0);
  one.advance(20);
  EXPECT(one.until([&] {
    for (std::size_t i = 0; i < origin.count(); ++i) {
      if (origin.asked(i) && origin.take(i).starts_with("GET /after ")) return true;
    }
    return false;
  }));
  EXPECT(!one.answer(waits).done);
}

CASE("endpoints below their limit are preferred to waiting") {
  Origin first;
  Origin second;
  Rig rig(capped({first.port(), second.port()}, 2), {&first, &second});
  ask(rig, 4);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kActive), 2.0);
  EXPECT_EQ(rig.endpointStat(1, abi::endpoint_stat::kActive), 2.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kQueuedTotal), 0.0);
}

}  // namespace
}  // namespace millrace::test
