#include <string>
#include <vector>

#include "breaker_rig.h"
#include "harness.h"
#include "reactor_rig.h"
#include "record_rig.h"

// What is remembered of requests that we answer ourselves, that others stand in for, and that are
// not what they should be; and whose worker ends.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace t = abi::record_text;

struct One {
  explicit One(RigSpec spec = {}) : rig(named(std::move(spec), origin), {&origin}) {}

  static RigSpec named(RigSpec spec, const Origin& origin) {
    spec.ports = {origin.port()};
    spec.tune = [tune = spec.tune](ImageBuilder& b) {
      tune(b);
      nameEndpoints(b);
    };
    return spec;
  }
  std::string line() {
    last = records.last();
    EXPECT_EQ(contradictionIn(last.record()), "");
    return lineOf(last.record());
  }
  std::string of(uint32_t which) { return std::string(last.record().text(which)); }
  std::string take() {
    EXPECT(rig.until([&] {
      for (std::size_t i = 0; i < origin.count(); ++i) {
        if (origin.asked(i)) {
          peer = i;
          return true;
        }
      }
      return false;
    }));
    return origin.take(peer);
  }

  Origin origin;
  Rig rig;
  Records records;
  KeptRecord last;
  std::size_t peer = 0;
};

CASE("answers of our own") {
  One one({{},
           {{abi::path_kind::kPrefix, "/a", 0, {}}, {abi::path_kind::kPrefix, "/big", 0, {}}},
           [](ImageBuilder& b) {
             const ImageBuilder::Text body = b.text("hello");
             b.responds.push_back({200, body.offset, body.length, abi::kNone, 0});
             b.routes[0].action = abi::action::kRespond;
             b.routes[0].action_start = 0;
             const ImageBuilder::Text name = b.text("greeting");
             b.routes[0].name_offset = name.offset;
             b.routes[0].name_length = name.length;
             b.routes[1].max_body_low = 3;
             b.routes[1].max_body_high = 0;
           }});
  EXPECT(one.rig.untilDone(one.rig.get("/a?b")));
  EXPECT_EQ(one.line(), "200 DI L|");
  EXPECT_EQ(one.of(t::kRoute), "greeting");
  EXPECT_EQ(one.of(t::kTarget), "/a?b");
  EXPECT_EQ(one.of(t::kCluster), "");
  EXPECT_EQ(phasesOf(one.last.record()).queue_us, kNoMoment);
  EXPECT_EQ(one.last.record().response_bytes, 5u);

  EXPECT(one.rig.untilDone(one.rig.get("/nowhere")));
  EXPECT_EQ(one.line(), "404 NR L|");
  EXPECT_EQ(one.of(t::kRoute), "");
  EXPECT_EQ(one.of(t::kDetail), "no route matches this request\n");

  EXPECT(one.rig.untilDone(one.rig.request("POST", "/big", {{"content-length", "4"}})));
  EXPECT_EQ(one.line(), "413 BL L|");

  // It may have gone upstream already.
  const int32_t handle = one.rig.request("POST", "/big", {{"transfer-encoding", "chunked"}});
  one.take();
  one.rig.sendBody(handle, "1234", false);
  EXPECT(one.rig.untilDone(handle));
  EXPECT_EQ(one.line(), "413 BL L| 0:BL,");
  EXPECT_EQ(one.last.record().request_bytes, 4u);

  // A client that leaves before the answer is delivered.
  const int32_t gone = one.rig.get("/a");
  one.rig.abort(gone);
  EXPECT_EQ(one.line(), "0 DI A|");
}

CASE("requests that are refused leave what is known of them, and nothing of those before") {
  One one;
  EXPECT(one.rig.untilDone(one.rig.request("GET", "/bad\x01", {{"user-agent", "x"}})));
  EXPECT_EQ(one.line(), "400 DPE L|");
  EXPECT_EQ(one.of(t::kTarget), "/bad\x01");
  EXPECT_EQ(one.of(t::kAuthority), "");
  EXPECT(!one.of(t::kDetail).empty());
  EXPECT(one.rig.untilDone(one.rig.request("GET", "/" + std::string(70'000, 'x'))));
  EXPECT(one.line().ends_with(" DPE L|"));
  EXPECT(one.of(t::kTarget).starts_with("/xxxx"));
  EXPECT((one.last.record().bits & abi::record_bit::kCut) != 0);
  EXPECT(!one.of(t::kDetail).empty());
}

CASE("a target and a request id as they go upstream") {
  One one({{}, {{abi::path_kind::kPrefix, "/", 0, {}}}, [](ImageBuilder& b) {
             b.listeners[0].flags |= abi::listener_flag::kRequestId;
           }});
  const auto ask = [&](const std::string& target) {
    const int32_t handle = one.rig.get(target);
    const std::string head = one.take();
    one.origin.send(one.peer, okAnswer("x"));
    EXPECT(one.rig.untilDone(handle));
    EXPECT_EQ(one.line().substr(0, 11), "200 none | ");
    return head;
  };
  const std::string head = ask("/x");
  const std::string id = one.of(t::kRequestId);
  EXPECT_EQ(id.size(), 32u);
  EXPECT(head.find("x-request-id: " + id + "\r\n") != std::string::npos);
  EXPECT_EQ(one.of(t::kUpstreamTarget), "");
  RequestQuery query;
  query.id = id;
  EXPECT_EQ(one.records.find(query).size(), 1u);

  ask("/a/../b%41?q");
  EXPECT_EQ(one.of(t::kTarget), "/a/../b%41?q");
  EXPECT_EQ(one.of(t::kUpstreamTarget), "/bA?q");
  EXPECT(one.of(t::kRequestId) != id);
}

CASE("a listener that is gone has its name, and the request its line") {
  One one;
  RigSpec other = One::named({}, one.origin);
  other.tune = [](ImageBuilder& b) {
    const ImageBuilder::Text name = b.text("other");
    b.listeners[0].name_offset = name.offset;
    b.listeners[0].name_length = name.length;
  };
  one.rig.install(other);
  EXPECT(one.rig.untilDone(one.rig.request("GET", "/late?x")));
  EXPECT_EQ(one.line(), "503 NC L|");
  EXPECT_EQ(one.of(t::kListener), "web");
  EXPECT_EQ(one.of(t::kMethod), "GET");
  EXPECT_EQ(one.of(t::kTarget), "/late?x");
  EXPECT_EQ(one.last.record().version, 0u);
}

CASE("an injected delay is no back-off") {
  One one({{}, {{abi::path_kind::kPrefix, "/", 0, {}}}, [](ImageBuilder& b) {
             b.faults.push_back({0, 0, 1'000'000, 70});
             b.routes[0].fault = 0;
           }});
  const int32_t handle = one.rig.get();
  one.rig.advance(100);  // timers come a tick late
  one.rig.settle();
  one.take();
  one.origin.send(one.peer, okAnswer("x"));
  EXPECT(one.rig.untilDone(handle));
  EXPECT_EQ(one.line(), "200 none | 0:200,a");
  EXPECT(one.last.record().fault_delay_us >= 70'000u);
  EXPECT_EQ(one.last.record().backoff_us, 0u);
}

CASE("who stands in for a cluster, and why") {
  BreakerRig p(
      1, abi::breaker_scope::kCluster,
      [&p](ImageBuilder& b) {
        p.addFallback(b, 0, 1);
        nameEndpoints(b);
      },
      1);
  const Records records;
  const auto line = [&] {
    const KeptRecord last = records.last();
    EXPECT_EQ(contradictionIn(last.record()), "");
    return lineOf(last.record());
  };
  p.breakIt();
  EXPECT_EQ(line(), "500 none | 0:500,ra");
  p.ask(200);
  EXPECT_EQ(line(), "200 none F| 0:200,a");
  EXPECT(records.last().record().text(t::kCluster).starts_with("standby-"));
  RequestQuery query;
  query.cluster = std::string(records.last().record().text(t::kCluster));
  EXPECT_EQ(records.find(query).size(), 1u);
}

CASE("connections that cannot be made are told with the fallback that answers in the end") {
  BreakerRig p(
      1, 0,
      [&p](ImageBuilder& b) {
        p.addFallback(b, 0, 1);
        nameEndpoints(b);
      },
      1);
  const Records records;
  p.origins[0].refuse();
  p.ask(200);
  const KeptRecord last = records.last();
  EXPECT_EQ(contradictionIn(last.record()), "");
  EXPECT_EQ(lineOf(last.record()), "200 none F| 0:UF, 1:200,a");
  // Found by either cluster.
  for (uint32_t i = 0; i < 2; ++i) {
    RequestQuery query;
    query.cluster = std::string(last.record().namesOf(i)[0]);
    EXPECT_EQ(records.find(query).size(), 1u);
  }
}

CASE("an open breaker without a fallback is a failure without an attempt") {
  BreakerRig p(1, abi::breaker_scope::kCluster, nameEndpoints);
  p.breakIt();
  const Records records;
  EXPECT(p.rig->untilDone(p.rig->get("/x")));
  const KeptRecord last = records.last();
  EXPECT_EQ(contradictionIn(last.record()), "");
  EXPECT_EQ(lineOf(last.record()), "503 CB L|");
  EXPECT_EQ(last.record().text(t::kDetail), "the circuit breaker of the upstream is open\n");
  EXPECT(last.record().text(t::kCluster).starts_with("cluster-"));
  RequestQuery query;
  query.failed = true;
  EXPECT_EQ(records.find(query).size(), 1u);
}

CASE("what a worker remembers outlives it, and the numbers of its requests go on") {
  One one;
  EXPECT(one.rig.untilDone(one.rig.request("GET", "/first", {{"content-length", "x"}})));
  const KeptRecord before = one.records.last();
  one.rig.stop();
  Rig next(one.rig, 0);
  EXPECT(next.untilDone(next.request("GET", "/second", {{"content-length", "x"}})));
  const std::vector<KeptRecord> all = one.records.all();
  EXPECT_EQ(all.size(), 2u);
  EXPECT_EQ(all.front().record().id, before.record().id);
  EXPECT(all.back().record().id > before.record().id);
}

CASE("of good requests a ring full is kept in each tenth of a second, of failed ones all") {
  RigSpec spec;
  spec.ports = {1};
  spec.tune = [](ImageBuilder& b) {
    b.faults.push_back({1'000'000, 503, 0, 0});
    b.routes[0].fault = 0;
  };
  Rig rig(spec);
  const RequestRings& rings = Engine::instance().requestRings(0);
  const auto kept = [&](int requests, const Fields& fields) {
    const uint64_t before = rings.recent.written();
    for (int i = 0; i < requests; ++i) EXPECT(rig.untilDone(rig.request("GET", "/x", fields)));
    return rings.recent.written() - before;
  };
  const Fields refused = {{"content-length", "x"}};  // no failure, for the client brought it about
  rig.advance(100);
  EXPECT_EQ(kept(300, refused), uint64_t{decltype(rings.recent)::kCapacity});
  const uint64_t failed = rings.failed.written();
  EXPECT_EQ(kept(50, {}), 50u);
  EXPECT_EQ(rings.failed.written() - failed, 50u);
  EXPECT_EQ(kept(5, refused), 0u);
  rig.advance(100);
  EXPECT_EQ(kept(5, refused), 5u);
}

}  // namespace
}  // namespace millrace::test
