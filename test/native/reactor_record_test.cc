#include <string>
#include <tuple>
#include <vector>

#include "engine/websocket/handshake.h"
#include "harness.h"
#include "reactor_rig.h"
#include "record_rig.h"
#include "retry_rig.h"

// What is remembered of the attempts of a request: in every way that one can go.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace on = abi::retry_on;
namespace t = abi::record_text;
using Tune = std::function<void(ImageBuilder&)>;

// Two origins in turn, and what is remembered of the requests to them.
struct Two {
  explicit Two(
      const Policy& policy = {}, const Tune& more = [](ImageBuilder&) {}, std::size_t used = 2)
      : origins{&a, &b},
        ports{a.port(), b.port()},
        rig(tuned(spec(used == 2 ? origins : std::vector<Origin*>{&a}, policy), more), {&a, &b}) {}

  static RigSpec tuned(RigSpec made, const Tune& more) {
    made.tune = [tune = made.tune, more](ImageBuilder& b) {
      tune(b);
      more(b);
      nameEndpoints(b);
    };
    return made;
  }

  // The last record, which must be in itself consistent.
  std::string line() {
    last = records.last();
    EXPECT_EQ(contradictionIn(last.record()), "");
    return lineOf(last.record());
  }
  const AttemptRecord& attempt(std::size_t i) { return last.record().attemptRecords()[i]; }
  std::string of(uint32_t which) { return std::string(last.record().text(which)); }
  Asked next() { return test::next(rig, origins); }
  void answer(const Asked& asked, const std::string& bytes) {
    asked.origin->take(asked.peer);
    asked.origin->send(asked.peer, bytes);
  }
  // A whole request that is answered at once.
  void ask() {
    const int32_t handle = rig.get();
    answer(next(), okAnswer("x"));
    EXPECT(rig.untilDone(handle));
  }

  Origin a;
  Origin b;
  std::vector<Origin*> origins;
  std::vector<uint16_t> ports;
  Rig rig;
  Records records;
  KeptRecord last{};
};

CASE("a plain request: on a new connection, and on a kept one") {
  Two two;
  const int32_t handle = two.rig.request("GET", "/x?y=1");
  const Asked asked = two.next();
  two.rig.advance(3);
  two.answer(asked, okAnswer("hello"));
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "200 none | 0:200,a");
  const RequestRecord& record = two.last.record();
  EXPECT_EQ(two.of(t::kMethod), "GET");
  EXPECT_EQ(two.of(t::kTarget), "/x?y=1");
  EXPECT_EQ(two.of(t::kAuthority), "a");
  EXPECT_EQ(two.of(t::kListener), "web");
  EXPECT(two.of(t::kCluster).starts_with("cluster-"));
  EXPECT_EQ(two.of(t::kDetail), "");
  EXPECT_EQ(two.of(t::kUpstreamTarget), "");
  EXPECT_EQ(record.duration_us, 3000u);
  EXPECT_EQ(record.response_bytes, 5u);
  EXPECT(two.attempt(0).connecting_us == 0 && two.attempt(0).connected_us == 0);
  EXPECT_EQ(two.attempt(0).first_byte_us, 3000u);

  two.ask();  // the other origin
  two.ask();
  EXPECT_EQ(two.line(), "200 none | 0:200,ra");
  EXPECT_EQ(two.attempt(0).connecting_us, kNoMoment);
  EXPECT_EQ(phasesOf(two.last.record()).connect_us, 0u);
  EXPECT_EQ(two.records.all().size(), 3u);
}

CASE("the first byte is that of the answer, not of an interim one") {
  Two two;
  const int32_t handle = two.rig.get();
  const Asked asked = two.next();
  two.rig.advance(2);
  two.answer(asked, "HTTP/1.1 103 Early Hints\r\n\r\n");
  two.rig.settle();
  two.rig.advance(5);
  asked.origin->send(asked.peer, okAnswer(""));
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "200 none | 0:200,a");
  EXPECT_EQ(two.attempt(0).first_byte_us, 7000u);
}

CASE("connections that cannot be made, and the one that can") {
  Two two({.on = on::kConnectFailure});
  two.a.refuse();
  // One of them begins with the one that is not there.
  for (int i = 0; i < 2 && two.last.record().retries == 0; ++i) {
    const int32_t handle = two.rig.get();
    two.answer(two.next(), okAnswer("x"));
    EXPECT(two.rig.untilDone(handle));
    two.line();
  }
  EXPECT(two.line().starts_with("200 none | 0:UF, 1:200,"));
  EXPECT_EQ(two.last.record().retries + 0, 1);
  EXPECT_EQ(two.attempt(0).connected_us, kNoMoment);
  EXPECT_EQ(two.of(t::kDetail), "");
  two.b.refuse();
  two.b.close(0);
  two.rig.settle();
  EXPECT(two.rig.untilDone(two.rig.get()));
  EXPECT(two.line().starts_with("502 UF L|"));
  EXPECT_EQ(two.last.record().attempt_count + 0, 3);
  EXPECT_EQ(two.of(t::kDetail), "upstream connection failed: refused\n");
}

CASE("a kept connection that had been closed is replaced") {
  Two two(
      {}, [](ImageBuilder&) {}, 1);
  two.ask();
  const int32_t handle = two.rig.get();
  const Asked asked = two.next();
  asked.origin->take(asked.peer);
  asked.origin->close(asked.peer);
  two.answer(two.next(), okAnswer("x"));
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "200 none | 0:UC,rs 0:200,a");
}

CASE("attempts that take too long, with the back-off between") {
  Two two({.on = on::kTimeout, .attempts = 1, .per_try_ms = 50, .backoff_ms = 40});
  const int32_t handle = two.rig.get();
  two.next().origin->take(0);
  two.rig.advance(80);  // timers come a tick late
  two.rig.advance(80);
  two.answer(two.next(), okAnswer("x"));
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "200 none | 0:UPT, 1:200,a");
  EXPECT(two.attempt(0).ended_us >= 50'000u);
  EXPECT_EQ(two.last.record().backoff_us, two.attempt(1).chosen_us - two.attempt(0).ended_us);
}

CASE("answers that are not passed on") {
  Two two({.on = on::k5xx, .attempts = 1});
  const int32_t handle = two.rig.get();
  two.answer(two.next(), answerOf(503, "no"));
  two.answer(two.next(), answerOf(500, "no"));
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "500 none | 0:503, 1:500,a");
}

CASE("an upstream that breaks off, before its answer, within its head, and within its body") {
  Two two({.on = 0, .attempts = 0});
  const auto broken = [&](const std::string& bytes) {
    const int32_t handle = two.rig.get();
    const Asked asked = two.next();
    asked.origin->take(asked.peer);
    if (!bytes.empty()) asked.origin->send(asked.peer, bytes);
    two.rig.settle();
    asked.origin->close(asked.peer);
    EXPECT(two.rig.untilDone(handle));
    return two.line();
  };
  EXPECT_EQ(broken(""), "502 UC L| 0:UC,");
  EXPECT_EQ(two.of(t::kDetail), "upstream connection closed before an answer\n");
  EXPECT_EQ(broken("HTTP/1.1 2"), "502 UC L| 0:UC,");
  EXPECT(two.attempt(0).first_byte_us != kNoMoment);
  EXPECT_EQ(broken("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), "200 UC A| 0:200UC,a");
  EXPECT(!two.of(t::kDetail).empty());
  EXPECT_EQ(two.last.record().response_bytes, 4u);
}

CASE("an upstream that says what it must not") {
  Two two({.on = 0, .attempts = 0});
  const int32_t handle = two.rig.get();
  two.answer(two.next(), "SSH-2.0-x\r\n\r\n");
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "502 UPE L| 0:UPE,");
}

CASE("clients that leave while they wait, within the answer, and in the back-off") {
  Two two({.on = on::k5xx, .attempts = 1, .backoff_ms = 10'000});
  const auto leaves = [&](int32_t handle) {
    two.rig.abort(handle);
    return two.line();
  };
  int32_t handle = two.rig.get();
  two.next();
  EXPECT_EQ(leaves(handle), "0 DC A| 0:DC,");
  EXPECT(two.attempt(0).sent_us != kNoMoment);

  handle = two.rig.get();
  two.answer(two.next(), "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
  EXPECT(two.rig.until([&] { return two.rig.answer(handle).body == "half"; }));
  EXPECT_EQ(leaves(handle), "200 DC A| 0:200DC,a");

  handle = two.rig.get();
  two.answer(two.next(), answerOf(503, ""));
  two.rig.settle();
  two.rig.advance(20);
  EXPECT_EQ(leaves(handle), "0 DC A| 0:503,");  // in the back-off
  EXPECT_EQ(two.last.record().backoff_us, 20'000u);
}

CASE("a client that leaves while a connection is made") {
  DeafPort deaf;
  Rig rig({{deaf.port()}});
  const Records records;
  const int32_t handle = rig.get();
  rig.settle();
  rig.abort(handle);
  const KeptRecord last = records.last();
  EXPECT_EQ(contradictionIn(last.record()), "");
  EXPECT_EQ(lineOf(last.record()), "0 DC A| 0:DC,");
  const AttemptRecord& attempt = last.record().attemptRecords()[0];
  EXPECT(attempt.connecting_us == 0 && attempt.connected_us == kNoMoment);
}

CASE("more attempts than there is room for: the last one is kept") {
  Two two({.on = on::k5xx, .attempts = 9});
  const int32_t handle = two.rig.get();
  for (int i = 0; i < 9; ++i) {
    two.answer(two.next(), answerOf(503, ""));
    two.rig.advance(1);
  }
  two.answer(two.next(), okAnswer("x"));
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "200 none | 0:503, 1:503, 0:503,r 1:503,r 0:503,r 1:200,ra");
  EXPECT_EQ(two.last.record().attempts + 0, 10);
}

// A second attempt after 20 ms.
struct Hedged : Two {
  explicit Hedged(Policy policy = {.on = 0, .attempts = 0})
      : Two(policy, [](ImageBuilder& b) {
          b.hedges.push_back({0, 20, 0, 100, 100});
          b.routes[0].hedge = 0;
        }) {}
  void begin() {
    handle = rig.get();
    first = next();
    first.origin->take(first.peer);
    rig.advance(22);
    rig.settle();
    second = next();
    second.origin->take(second.peer);
  }
  void end() { EXPECT(rig.untilDone(handle)); }
  int32_t handle = 0;
  Asked first;
  Asked second;
};

CASE("second attempts that win, lose, fail, and are left alone") {
  Hedged two;
  two.begin();
  two.answer(two.second, okAnswer("second"));
  two.end();
  EXPECT(two.line().ends_with(":,c 1:200,ha") || two.line().ends_with(":,c 0:200,ha"));
  EXPECT_EQ(two.last.record().attempts + 0, 2);
  EXPECT_EQ(two.attempt(1).chosen_us, 22'000u);

  two.begin();
  two.answer(two.first, okAnswer("first"));
  two.end();
  EXPECT(two.line().find(":200,ra ") != std::string::npos ||
         two.line().find(":200,a ") != std::string::npos);
  EXPECT(two.line().ends_with(":,hc") || two.line().ends_with(":,rhc"));

  two.begin();
  two.second.origin->reset(two.second.peer);
  two.rig.settle();
  two.answer(two.first, okAnswer("first"));
  two.end();
  EXPECT(two.line().ends_with("UC,h") || two.line().ends_with("UC,rh"));

  two.begin();
  two.answer(two.first, answerOf(503, ""));
  two.rig.settle();
  two.answer(two.second, okAnswer("second"));
  two.end();
  EXPECT(two.line().find(":503,") != std::string::npos);
  EXPECT(two.line().ends_with(":200,ha") || two.line().ends_with(":200,rha"));

  two.begin();
  two.rig.abort(two.handle);
  two.line();
  EXPECT_EQ(two.attempt(0).flag + 0u, flag::kDc);
  EXPECT_EQ(two.attempt(1).flag + 0u, flag::kDc);
}

CASE("waits for a place at an endpoint") {
  const auto capRequests = [](ImageBuilder& b) {
    b.endpoints[0].max_requests = 1;
    b.clusters[0].queue_timeout_ms = 500;
  };
  Two two({}, capRequests, 1);
  const int32_t first = two.rig.get();
  const Asked asked = two.next();
  const int32_t second = two.rig.get();
  const int32_t third = two.rig.get();
  two.rig.advance(30);
  two.rig.abort(third);
  EXPECT_EQ(two.line(), "0 DC A|");
  EXPECT_EQ(two.last.record().waited_us, 30'000u);
  EXPECT_EQ(phasesOf(two.last.record()).queue_us, 30'000u);
  two.rig.advance(1);
  two.answer(asked, okAnswer("x"));
  EXPECT(two.rig.untilDone(first));
  const Asked again = two.next();
  two.answer(again, okAnswer("x"));
  EXPECT(two.rig.untilDone(second));
  EXPECT_EQ(two.line(), "200 none | 0:200,ra");
  EXPECT_EQ(two.last.record().waited_us, 31'000u);

  const int32_t busy = two.rig.get();
  two.next();
  const int32_t late = two.rig.get();
  two.rig.advance(550);
  EXPECT(two.rig.untilDone(late));
  EXPECT_EQ(two.line(), "503 UQ L|");
  EXPECT(two.last.record().waited_us >= 500'000u);
  two.rig.abort(busy);
}

CASE("waits for a connection of an endpoint") {
  Two capped(
      {}, [](ImageBuilder& b) { b.clusters[0].max_connections = 1; }, 1);
  const int32_t one = capped.rig.get();
  const Asked only = capped.next();
  const int32_t waits = capped.rig.get();
  capped.rig.advance(40);
  capped.answer(only, okAnswer("x"));
  EXPECT(capped.rig.untilDone(one));
  capped.answer(capped.next(), okAnswer("x"));
  EXPECT(capped.rig.untilDone(waits));
  EXPECT_EQ(capped.line(), "200 none | 0:200,ra");
  EXPECT_EQ(capped.last.record().waited_us, 40'000u);
  EXPECT(capped.attempt(0).chosen_us == 0 && capped.attempt(0).sent_us == 40'000u);
}

CASE("a WebSocket: its handshake, and how it closed") {
  Two two({}, [](ImageBuilder& b) { b.routes[0].web_socket_max_message = 1000; });
  const auto open = [&] {
    const int32_t handle = two.rig.upgrade();
    const Asked asked = two.next();
    const std::string head = asked.origin->take(asked.peer);
    const std::size_t at = head.find("sec-websocket-key: ") + 19;
    char accept[28];
    acceptOf(head.substr(at, 24), accept);
    asked.origin->send(asked.peer,
                       "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: "
                       "websocket\r\nsec-websocket-accept: " +
                           std::string(accept, 28) + "\r\n\r\n");
    EXPECT(two.rig.until([&] { return two.rig.answer(handle).status == 101; }));
    two.rig.advance(50);
    return std::pair(handle, asked);
  };
  auto [handle, asked] = open();
  two.rig.reactor().sendClose(handle, 1000, "", two.rig.now());
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "101 none W| 0:101,a");
  EXPECT_EQ(two.last.record().close_code, 1000);
  EXPECT_EQ(two.last.record().duration_us, 50'000u);

  std::tie(handle, asked) = open();
  two.rig.reactor().sendClose(handle, 1006, "", two.rig.now());
  EXPECT(two.rig.untilDone(handle));
  EXPECT_EQ(two.line(), "101 DC W| 0:101DC,a");

  std::tie(handle, asked) = open();
  asked.origin->close(asked.peer);
  EXPECT(two.rig.untilDone(handle));
  EXPECT(two.line().ends_with(":101UC,a"));
  EXPECT_EQ(two.of(t::kDetail), "upstream connection closed");
}

}  // namespace
}  // namespace millrace::test
