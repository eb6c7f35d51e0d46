#include <sys/resource.h>

#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Connections that wait for a request: what comes on them is never taken for the answer to one.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
constexpr uint32_t kUnsolicited =
    abi::cluster_stat::kErrornone + static_cast<uint32_t>(ResponseError::kUnsolicited);
constexpr uint32_t kExtra =
    abi::cluster_stat::kErrornone + static_cast<uint32_t>(ResponseError::kExtraBytes);
const std::string kPoison = okAnswer("poison");
const std::string kFarewell =
    "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

RigSpec withoutRetries(const Origin& origin) {
  return {{origin.port()}, {{abi::path_kind::kPrefix, "/", 0, {}}}, [](ImageBuilder& b) {
            for (abi::RouteRecord& route : b.routes) route.retry_attempts = route.retry_on = 0;
          }};
}

// Answers the request on a connection with its target as the body.
void answer(Rig& rig, Origin& origin, std::size_t connection, int32_t handle,
            const std::string& body, const std::string& lines = {}) {
  EXPECT(rig.until([&] { return origin.asked(connection); }));
  origin.take(connection);
  origin.send(connection, okAnswer(body, lines));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 200u);
  EXPECT_EQ(rig.answer(handle).body, body);
}

std::vector<int32_t> openConnections(Rig& rig, Origin& origin, std::size_t count) {
  std::vector<int32_t> handles;
  for (std::size_t i = 0; i < count; ++i) handles.push_back(rig.get());
  for (std::size_t i = 0; i < count; ++i) answer(rig, origin, i, handles[i], "first");
  return handles;
}

CASE("what came on an idle connection is never an answer, even before the loop has seen it") {
  const std::string whole_answers[] = {kPoison, kPoison + kPoison, "x",
                                       "\r\n",  kFarewell,         "HTTP/1.1 100 Continue\r\n\r\n"};
  for (const std::string& bytes : whole_answers) {
    for (const char* method : {"GET", "POST"}) {
      Origin origin;
      Rig rig(withoutRetries(origin), {&origin});
      openConnections(rig, origin, 1);
      origin.send(0, bytes);
      // No turn of the loop in between: the request comes in the same one.
      const int32_t handle = rig.request(method, "/second");
      answer(rig, origin, 1, handle, "second");
      EXPECT_EQ(origin.take(0), "");  // nothing was written to it
      EXPECT(origin.peer(0).ended);
      EXPECT_EQ(rig.stat(kUnsolicited), bytes == kFarewell ? 0.0 : 1.0, bytes);
      EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), 0.0);
      EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
    }
  }
}

CASE("a connection that ended while idle costs no request anything, whatever its method") {
  for (const bool reset : {false, true}) {
    Origin origin;
    Rig rig(withoutRetries(origin), {&origin});
    openConnections(rig, origin, 1);
    reset ? origin.reset(0) : origin.close(0);
    const int32_t handle = rig.request("POST", "/second");
    answer(rig, origin, 1, handle, "second");
    EXPECT_EQ(rig.stat(abi::cluster_stat::kProtocolErrors), 0.0);
    EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), 0.0);
    EXPECT_EQ(rig.flagged(flag::kNone), 2.0);
  }
}

CASE("one look tells of all idle connections") {
  Origin origin;
  Rig rig(withoutRetries(origin), {&origin});
  openConnections(rig, origin, 5);
  for (const std::size_t i : {0u, 2u, 4u}) origin.send(i, kPoison);
  std::vector<int32_t> handles;
  for (int i = 0; i < 3; ++i) handles.push_back(rig.get("/second"));
  answer(rig, origin, 3, handles[0], "second");
  answer(rig, origin, 1, handles[1], "second");
  answer(rig, origin, 5, handles[2], "second");
  EXPECT_EQ(rig.stat(kUnsolicited), 3.0);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 3");
}

CASE("the look is repeated in every turn, and in a long one") {
  Origin origin;
  Rig rig(withoutRetries(origin), {&origin});
  openConnections(rig, origin, 3);
  const int32_t first = rig.get("/a");  // looks
  origin.send(1, kPoison);
  rig.advance(2);  // of the same turn, but long after
  const int32_t second = rig.get("/b");
  answer(rig, origin, 2, first, "a");
  answer(rig, origin, 0, second, "b");
  origin.send(0, kPoison);
  const int32_t third = rig.get("/c");
  answer(rig, origin, 2, third, "c");
  origin.send(2, kPoison);
  const int32_t fourth = rig.get("/d");
  answer(rig, origin, 3, fourth, "d");
  EXPECT_EQ(rig.stat(kUnsolicited), 3.0);
}

CASE("the look is right however many answers wait to be read") {
  constexpr std::size_t kBusy = 1100;  // more than one look takes in
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 2 * kBusy + 100) return;  // not in such an environment
  Origin origin;
  Rig rig(withoutRetries(origin), {&origin});
  openConnections(rig, origin, 2);
  std::vector<int32_t> handles;
  // In steps that the queue of the listening socket holds.
  while (handles.size() < kBusy) {
    for (int i = 0; i < 50; ++i) handles.push_back(rig.get("/busy"));
    EXPECT(rig.until([&] { return origin.count() == std::max<std::size_t>(handles.size(), 2); }));
  }
  EXPECT(rig.until([&] { return origin.asked(kBusy - 1); }));
  // Two of them come to rest: the one used last is spoilt below, the other one is clean.
  for (std::size_t i = kBusy - 2; i < kBusy; ++i) {
    origin.take(i);
    origin.send(i, okAnswer("idle now"));
    EXPECT(rig.until([&] { return rig.answer(handles[i]).done; }));
  }
  EXPECT_EQ(rig.stat(abi::cluster_stat::kConnectionsIdle), 2.0);
  for (std::size_t i = 0; i < kBusy - 2; ++i) origin.send(i, okAnswer("late"));
  origin.send(kBusy - 1, kPoison);
  const int32_t handle = rig.get("/clean");
  EXPECT(rig.untilDone(handles[0]));
  EXPECT(rig.until([&] { return origin.asked(kBusy - 2); }));
  answer(rig, origin, kBusy - 2, handle, "clean");
  for (std::size_t i = 0; i < kBusy - 2; ++i) {
    EXPECT(rig.untilDone(handles[i]));
    EXPECT_EQ(rig.answer(handles[i]).body, "late");
  }
  EXPECT_EQ(rig.stat(kUnsolicited), 1.0);
}

CASE("an answer to HEAD that has a body ends the connection, however late the body comes") {
  for (const bool late : {false, true}) {
    Origin origin;
    Rig rig({{origin.port()}}, {&origin});
    const int32_t first = rig.request("HEAD");
    EXPECT(rig.until([&] { return origin.asked(0); }));
    const std::string head = "HTTP/1.1 200 OK\r\ncontent-length: 42\r\n\r\n";
    origin.send(0, late ? head : head + kPoison);
    EXPECT(rig.untilDone(first));
    EXPECT_EQ(rig.answer(first).status, 200u);
    EXPECT_EQ(rig.answer(first).body, "");
    if (late) origin.send(0, kPoison);
    const int32_t second = rig.get("/second");
    answer(rig, origin, 1, second, "second");
    EXPECT_EQ(rig.stat(late ? kUnsolicited : kExtra), 1.0);
  }
}

CASE("an answer before the request is none, and its connection serves nobody") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.get();
  // Accepted and answered before the reactor has looked at its new connection.
  origin.step();
  EXPECT_EQ(origin.count(), 1u);
  origin.send(0, kPoison);
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 502u);
  EXPECT_EQ(rig.answer(handle).body,
            "upstream sent a malformed answer: response before the request\n");
  EXPECT_EQ(rig.flagged(flag::kUpe), 1.0);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
  EXPECT_EQ(origin.take(0), "");
}

CASE("a request on a connection that ends at that moment is sent again, without any retry left") {
  for (const char* how : {"closed", "reset", "408"}) {
    Origin origin;
    Rig rig(withoutRetries(origin), {&origin});
    openConnections(rig, origin, 1);
    const int32_t handle = rig.get("/again");
    EXPECT(rig.until([&] { return origin.asked(0); }));
    if (how[0] == '4') origin.send(0, kFarewell);
    how[0] == 'r' ? origin.reset(0) : origin.close(0);
    answer(rig, origin, 1, handle, "again");
    EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), 1.0, how);
    EXPECT_EQ(rig.flagged(flag::kNone), 2.0, how);

    // Once: a new connection that fails, too, is the upstream's fault.
    const int32_t unlucky = rig.get("/unlucky");
    for (const std::size_t i : {1u, 2u}) {
      EXPECT(rig.until([&] { return origin.asked(i); }));
      origin.close(i);
    }
    EXPECT(rig.untilDone(unlucky));
    EXPECT_EQ(rig.answer(unlucky).status, 502u);
    EXPECT_EQ(rig.answer(unlucky).body, "upstream connection closed before an answer\n");
  }
}

CASE("a connection that refuses the first write is replaced, whatever the method") {
  Origin origin;
  Rig rig(withoutRetries(origin), {&origin});
  openConnections(rig, origin, 2);
  const int32_t first = rig.get("/first");  // this turn's look: nothing has come
  origin.reset(0);
  const int32_t second = rig.request("POST", "/second", {{"content-length", "5"}});
  rig.sendBody(second, "hello", true);
  answer(rig, origin, 1, first, "first");
  EXPECT(rig.until([&] { return origin.asked(2); }));
  EXPECT(origin.peer(2).in.ends_with("\r\n\r\nhello"));
  answer(rig, origin, 2, second, "second");
  EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), 1.0);
  EXPECT_EQ(rig.flagged(flag::kNone), 4.0);
}

CASE("a 408 is an answer where it can be one") {
  const std::string kept = "HTTP/1.1 408 x\r\ncontent-length: 0\r\n\r\n";
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t on_new = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, kFarewell);
  EXPECT(rig.untilDone(on_new));
  EXPECT_EQ(rig.answer(on_new).status, 408u);
  const int32_t on_kept = rig.get();
  EXPECT(rig.until([&] { return origin.asked(1); }));
  origin.take(1);
  origin.send(1, kept);
  EXPECT(rig.untilDone(on_kept));
  EXPECT_EQ(rig.answer(on_kept).status, 408u);
  // To a request whose body does not come.
  const int32_t slow = rig.request("POST", "/", {{"content-length", "5"}});
  EXPECT(rig.until([&] { return origin.asked(1); }));
  origin.send(1, kFarewell);
  EXPECT(rig.untilDone(slow));
  EXPECT_EQ(rig.answer(slow).status, 408u);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), 0.0);
}

CASE("a connection is not idle for longer than the upstream says, less a second") {
  struct Row {
    const char* lines;
    uint64_t kept_ms;  // 0 = not at all
  };
  for (const Row& row : {Row{"keep-alive: timeout=3\r\n", 2000},
                         {"keep-alive: timeout=1\r\n", 0},
                         {"keep-alive: timeout=0\r\n", 0},
                         {"keep-alive: max=0\r\n", 0},
                         {"keep-alive: Timeout = 3 , MAX=7\r\n", 2000},
                         {"keep-alive: timeout=3\r\nkeep-alive: timeout=2\r\n", 1000},
                         {"keep-alive: timeout=999999999\r\n", 4000},
                         {"keep-alive: timeout=99999999999999999999\r\n", 4000},
                         {"keep-alive: timeout=-1, x, =, timeout=\r\n", 4000},
                         {"", 4000}}) {
    Origin origin;
    Rig rig({{origin.port()}}, {&origin});
    answer(rig, origin, 0, rig.get(), "x", row.lines);
    EXPECT_EQ(rig.gauges(),
              std::string("active 0 pending 0 busy 0 idle ") + (row.kept_ms == 0 ? "0" : "1"),
              row.lines);
    if (row.kept_ms == 0) continue;
    rig.advance(row.kept_ms - 50);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1", row.lines);
    rig.advance(100);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0", row.lines);
  }
}

CASE("a connection whose time is over is not reused, even before its timer") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  answer(rig, origin, 0, rig.get(), "x", "keep-alive: timeout=2\r\n");
  rig.passTime(1001);
  answer(rig, origin, 1, rig.get("/second"), "second");
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
}

}  // namespace
}  // namespace millrace::test
