#include <algorithm>
#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// The caps of a whole cluster: requests, connections and waiting requests of all workers.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace stat = abi::cluster_stat;
const std::vector<RouteSpec> kRoutes = {{abi::path_kind::kPrefix, "/", 0, {}}};
const std::string kNoRequests = "the upstream cluster is at its limit of requests (maxRequests)\n";
const std::string kNoPending =
    "too many requests of the upstream cluster wait (maxPendingRequests)\n";

RigSpec capped(
    const std::vector<uint16_t>& ports, std::function<void(abi::ClusterRecord&)> tune,
    std::function<void(ImageBuilder&)> more = [](ImageBuilder&) {}) {
  return {ports, kRoutes, [=](ImageBuilder& b) {
            tune(b.clusters[0]);
            more(b);
          }};
}

RigSpec requests(const std::vector<uint16_t>& ports, uint32_t limit) {
  return capped(ports, [=](abi::ClusterRecord& c) { c.limit_requests = limit; });
}

RigSpec connections(const std::vector<uint16_t>& ports, uint32_t limit) {
  return capped(ports, [=](abi::ClusterRecord& c) { c.limit_connections = limit; });
}

const ClusterState& cluster() { return *Engine::instance().current()->clusters[0]; }

// Lets every request that has come to an origin have its answer; returns how many.
int answerAll(const std::vector<Origin*>& origins) {
  int answered = 0;
  for (Origin* origin : origins) {
    for (size_t i = 0; i < origin->count(); ++i) {
      if (!origin->asked(i)) continue;
      origin->take(i);
      origin->send(i, okAnswer("x"));
      ++answered;
    }
  }
  return answered;
}

CASE("one request more than maxRequests is refused, and says by what") {
  Origin origin;
  Rig rig(requests({origin.port()}, 2), {&origin});
  const int32_t first = rig.get();
  const int32_t second = rig.get();
  const int32_t third = rig.get();
  EXPECT(rig.untilDone(third));
  EXPECT_EQ(rig.answer(third).status, 503u);
  EXPECT_EQ(rig.answer(third).body, kNoRequests);
  EXPECT_EQ(rig.flagged(flag::kUo), 1.0);
  EXPECT_EQ(rig.stat(stat::kRequestOverflow), 1.0);
  EXPECT(rig.until([&] { return origin.count() == 2 && origin.asked(0) && origin.asked(1); }));
  answerAll({&origin});
  EXPECT(rig.untilDone(first));
  EXPECT(rig.untilDone(second));
  EXPECT_EQ(cluster().requests.now(), 0u);
  const int32_t fourth = rig.get();
  rig.settle();
  EXPECT(!rig.answer(fourth).done);
}

CASE("maxRequests counts the requests of all workers") {
  Origin origin;
  Rig rig(requests({origin.port()}, 2), {&origin});
  Rig other(rig, 1);
  rig.get();
  const int32_t there = other.get();
  const int32_t refused = rig.get();
  const int32_t refused_there = other.get();
  EXPECT(rig.untilDone(refused));
  EXPECT(other.untilDone(refused_there));
  EXPECT_EQ(rig.answer(refused).status, 503u);
  EXPECT_EQ(other.answer(refused_there).status, 503u);
  EXPECT(!other.answer(there).done);
  // A worker that ends gives its places back.
  rig.stop();
  EXPECT_EQ(cluster().requests.now(), 1u);
  const int32_t next = other.get();
  other.settle();
  EXPECT(!other.answer(next).done);
}

CASE("every end of a request gives its place back") {
  Origin origin;
  Origin dead;
  dead.refuse();
  Rig rig(capped(
              {origin.port(), dead.port()}, [](abi::ClusterRecord& c) { c.limit_requests = 1; },
              [](ImageBuilder& b) { b.routes[0].web_socket_max_message = 1000; }),
          {&origin});
  const auto asked = [&] { return origin.count() != 0 && origin.asked(origin.count() - 1); };
  const auto at = [&] { return origin.count() - 1; };
  // Answered, after a retry or not.
  for (int i = 0; i < 10; ++i) {
    const int32_t handle = rig.get();
    EXPECT(rig.until(asked));
    EXPECT_EQ(cluster().requests.now(), 1u);
    origin.take(at());
    origin.send(at(), okAnswer("x", "connection: close\r\n"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
    EXPECT_EQ(cluster().requests.now(), 0u);
  }
  // Left by the client.
  const int32_t left = rig.get();
  EXPECT(rig.until(asked));
  origin.take(at());
  rig.abort(left);
  EXPECT_EQ(cluster().requests.now(), 0u);
  // Failed, then cut.
  const int32_t failed = rig.get();
  EXPECT(rig.until(asked));
  origin.take(at());
  rig.advance(16'000);
  EXPECT(rig.untilDone(failed));
  EXPECT_EQ(cluster().requests.now(), 0u);
  const int32_t torn = rig.get();
  EXPECT(rig.until(asked));
  origin.take(at());
  origin.send(at(), "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na");
  EXPECT(rig.until([&] { return rig.answer(torn).status == 200; }));
  origin.close(at());
  EXPECT(rig.untilDone(torn));
  EXPECT_EQ(cluster().requests.now(), 0u);
}

CASE("who waits for an endpoint holds no place, and gets one when there is one") {
  Origin origin;
  Rig rig(capped(
              {origin.port()}, [](abi::ClusterRecord& c) { c.limit_requests = 1; },
              [](ImageBuilder& b) { b.endpoints[0].max_requests = 1; }),
          {&origin});
  const int32_t first = rig.get();
  EXPECT(rig.until([&] { return origin.count() == 1 && origin.asked(0); }));
  // The endpoint would have it wait, but the cluster takes no more at all.
  const int32_t refused = rig.get();
  EXPECT(rig.untilDone(refused));
  EXPECT_EQ(rig.answer(refused).body, kNoRequests);
  answerAll({&origin});
  EXPECT(rig.untilDone(first));

  rig.install(capped(
      {origin.port()}, [](abi::ClusterRecord& c) { c.limit_requests = 2; },
      [](ImageBuilder& b) { b.endpoints[0].max_requests = 1; }));
  const int32_t busy = rig.get();
  const int32_t held = rig.get();
  EXPECT_EQ(rig.stat(stat::kQueued), 1.0);
  EXPECT_EQ(cluster().requests.now(), 1u);
  EXPECT_EQ(cluster().pending.now(), 1u);
  for (const int32_t handle : {busy, held}) {
    EXPECT(rig.until([&] { return origin.asked(0); }));
    answerAll({&origin});
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
  }
  EXPECT_EQ(cluster().requests.now(), 0u);
  EXPECT_EQ(cluster().pending.now(), 0u);
}

CASE("maxPendingRequests bounds those that wait, for an endpoint or a connection") {
  for (const bool held : {true, false}) {
    Origin origin;
    Rig rig(capped(
                {origin.port()},
                [=](abi::ClusterRecord& c) {
                  c.limit_pending = 2;
                  if (!held) c.max_connections = 1;
                },
                [=](ImageBuilder& b) { b.endpoints[0].max_requests = held ? 1 : 0; }),
            {&origin});
    std::vector<int32_t> handles;
    for (int i = 0; i < 4; ++i) handles.push_back(rig.get());
    EXPECT(rig.untilDone(handles[3]));
    EXPECT_EQ(rig.answer(handles[3]).status, 503u);
    EXPECT_EQ(rig.answer(handles[3]).body, kNoPending);
    EXPECT_EQ(rig.flagged(flag::kUo), 1.0);
    EXPECT_EQ(rig.stat(stat::kPendingOverflow), 1.0);
    EXPECT_EQ(cluster().pending.now(), 2u);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT(rig.until([&] { return origin.asked(0); }));
      answerAll({&origin});
      EXPECT(rig.untilDone(handles[i]));
    }
    EXPECT_EQ(cluster().pending.now(), 0u);
    // Those of a worker that ends do not count any more.
    for (int i = 0; i < 3; ++i) rig.get();
    EXPECT_EQ(cluster().pending.now(), 2u);
    rig.stop();
    EXPECT_EQ(cluster().pending.now(), 0u);
    EXPECT_EQ(cluster().waiting_pools.load(), 0u);
  }
}

CASE("an idle connection of another endpoint makes room under maxConnections") {
  Origin a;
  Origin b;
  Rig rig(connections({a.port(), b.port()}, 1), {&a, &b});
  for (int i = 0; i < 20; ++i) {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return answerAll({&a, &b}) == 1; }));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
    EXPECT_EQ(cluster().connections.now(), 1u);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  }
  EXPECT(a.count() > 1 && b.count() > 1);
  EXPECT_EQ(rig.stat(stat::kConnectionOverflow), 0.0);
  rig.stop();
  EXPECT_EQ(cluster().connections.now(), 0u);
}

CASE("without an idle one they wait, and the longest wait comes first") {
  Origin a;
  Origin b;
  Origin c;
  const std::vector<Origin*> origins = {&a, &b, &c};
  Rig rig(connections({a.port(), b.port(), c.port()}, 2), origins);
  std::vector<int32_t> handles;
  for (int i = 0; i < 12; ++i) {
    handles.push_back(rig.get("/" + std::to_string(i)));
    rig.passTime(1);
  }
  EXPECT_EQ(rig.stat(stat::kConnectionOverflow), 10.0);
  EXPECT_EQ(rig.stat(stat::kPending), 10.0);
  std::vector<size_t> order;
  for (int round = 0; round < 200 && order.size() < handles.size(); ++round) {
    rig.settle();
    EXPECT(cluster().connections.now() <= 2);
    answerAll(origins);
    rig.settle();
    rig.advance(20);
    for (size_t i = 0; i < handles.size(); ++i) {
      if (rig.answer(handles[i]).done && std::find(order.begin(), order.end(), i) == order.end())
        order.push_back(i);
    }
  }
  EXPECT_EQ(order.size(), handles.size());
  for (const int32_t handle : handles) EXPECT_EQ(rig.answer(handle).status, 200u);
  // Two at a time, so nobody is overtaken by more than one.
  for (size_t i = 0; i < order.size(); ++i) EXPECT(order[i] <= i + 1 && i <= order[i] + 1);
  EXPECT_EQ(cluster().pending.now(), 0u);
  EXPECT_EQ(cluster().waiting_pools.load(), 0u);
}

CASE("when the queue behind maxConnections is full, the refusal names it") {
  Origin origin;
  Rig rig(capped({origin.port()},
                 [](abi::ClusterRecord& c) {
                   c.limit_connections = 1;
                   c.max_pending = 1;
                 }),
          {&origin});
  rig.get();
  rig.get();
  const int32_t refused = rig.get();
  EXPECT(rig.untilDone(refused));
  EXPECT_EQ(rig.answer(refused).body,
            "the upstream cluster is at its limit of connections (maxConnections), and too many "
            "requests wait for one\n");
  EXPECT_EQ(rig.flagged(flag::kUo), 1.0);
  EXPECT_EQ(rig.stat(stat::kConnectionOverflow), 2.0);
}

CASE("a worker gives up an idle connection that another one waits for") {
  Origin origin;
  Rig rig(connections({origin.port()}, 1), {&origin});
  Rig other(rig, 1);
  const int32_t first = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  answerAll({&origin});
  EXPECT(rig.untilDone(first));
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  const int32_t waiting = other.get();
  other.settle();
  EXPECT_EQ(cluster().connections.now(), 1u);
  rig.advance(50);
  EXPECT_EQ(cluster().connections.now(), 0u);
  other.advance(20);
  EXPECT(other.until([&] { return origin.count() == 2 && origin.asked(1); }));
  answerAll({&origin});
  EXPECT(other.untilDone(waiting));
  EXPECT_EQ(other.answer(waiting).status, 200u);
}

CASE("a busy worker lets the other one have its turn") {
  Origin origin;
  Rig rig(connections({origin.port()}, 1), {&origin});
  Rig other(rig, 1);
  for (int i = 0; i < 3; ++i) rig.get();
  const int32_t waiting = other.get();
  int rounds = 0;
  for (; rounds < 500 && !other.answer(waiting).done; ++rounds) {
    rig.settle();
    other.settle();
    EXPECT(cluster().connections.now() <= 1);
    answerAll({&origin});
    rig.settle();
    other.settle();
    if (rig.stat(stat::kPending) < 3) rig.get();
    // Whoever is busy always looks first, and often.
    rig.advance(3);
    rig.settle();
    other.advance(3);
  }
  EXPECT(other.answer(waiting).done);
  EXPECT_EQ(other.answer(waiting).status, 200u);
}

CASE("a connection that could not be made counts no more") {
  Origin dead;
  dead.refuse();
  Rig rig(connections({dead.port()}, 1));
  for (int i = 0; i < 3; ++i) {
    const int32_t handle = rig.get();
    rig.settle();
    rig.advance(1000);
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 502u);
    EXPECT_EQ(cluster().connections.now(), 0u);
  }
}

}  // namespace
}  // namespace millrace::test
