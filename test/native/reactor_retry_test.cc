#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"
#include "reactor_rig.h"

// Further attempts: for which failures and statuses, when, with what, and what the client hears
// when they run out.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace on = abi::retry_on;
namespace stat = abi::cluster_stat;
const std::string kNothing = "active 0 pending 0 busy 0 idle 0";

struct Policy {
  uint32_t on = 0;
  uint32_t attempts = 2;
  std::vector<uint32_t> statuses = {};
  uint32_t per_try_ms = 0;
  uint32_t backoff_ms = 0;  // base and bound
  uint32_t retry_after_ms = 0;
  uint32_t buffer_bytes = 0;
  uint32_t flags = 0;
  uint32_t timeout_ms = 15'000;
  uint32_t limit = 0;
  uint32_t budget_percent = abi::kNone;
  uint32_t budget_floor = 0;  // a second
};

RigSpec spec(const std::vector<Origin*>& origins, const Policy& policy) {
  RigSpec made;
  for (const Origin* origin : origins) made.ports.push_back(origin->port());
  made.tune = [policy](ImageBuilder& b) {
    b.balancers[0].policy = abi::policy::kRoundRobin;
    b.clusters[0].limit_retries = policy.limit;
    b.clusters[0].budget_percent = policy.budget_percent;
    b.clusters[0].budget_min_per_second = policy.budget_floor;
    b.clusters[0].budget_window_ms = 1000;
    abi::RouteRecord& route = b.routes[0];
    route.retry_on = policy.on;
    route.retry_attempts = policy.attempts;
    route.per_try_timeout_ms = policy.per_try_ms;
    route.timeout_ms = policy.timeout_ms;
    abi::RetryRecord& retry = b.retries[route.retry];
    retry.status_start = static_cast<uint32_t>(b.index.size());
    retry.status_count = static_cast<uint32_t>(policy.statuses.size());
    b.index.insert(b.index.end(), policy.statuses.begin(), policy.statuses.end());
    retry.backoff_base_ms = retry.backoff_max_ms = policy.backoff_ms;
    retry.retry_after_max_ms = policy.retry_after_ms;
    retry.buffer_bytes = policy.buffer_bytes;
    retry.flags = policy.flags;
  };
  return made;
}

std::string answerOf(uint32_t status, const std::string& body, const std::string& lines = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " Status\r\n" + lines +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Which of the origins has a request that was not answered yet, as (origin, connection).
struct Asked {
  Origin* origin = nullptr;
  std::size_t peer = 0;
};
Asked find(const std::vector<Origin*>& origins) {
  for (Origin* origin : origins) {
    for (std::size_t i = 0; i < origin->count(); ++i) {
      if (!origin->peer(i).ended && origin->asked(i)) return {origin, i};
    }
  }
  return {};
}
Asked next(Rig& rig, const std::vector<Origin*>& origins) {
  EXPECT(rig.until([&] { return find(origins).origin != nullptr; }));
  return find(origins);
}

CASE("each condition means its statuses, and no others") {
  const std::vector<std::pair<Policy, std::set<uint32_t>>> table = {
      {{on::k5xx}, {500, 501, 502, 503, 504, 599}},
      {{on::kGatewayError}, {502, 503, 504}},
      {{on::kRetriable4xx}, {409}},
      {{on::kRateLimited}, {429}},
      {{0, 2, {404, 503}}, {404, 503}},
      {{on::kRateLimited, 2, {301}}, {301, 429}},
      {{on::kConnectFailure | on::kReset | on::kTimeout}, {}},
      {{on::k5xx, 0}, {}},
  };
  for (const auto& [policy, again] : table) {
    Origin one;
    Origin two;
    const std::vector<Origin*> origins = {&one, &two};
    Rig rig(spec(origins, policy), origins);
    for (const uint32_t status : {200u, 204u, 301u, 304u, 404u, 408u, 409u, 425u, 429u, 499u, 500u,
                                  501u, 502u, 503u, 504u, 599u}) {
      const double before = rig.stat(stat::kRetries);
      const int32_t handle = rig.get();
      Asked first = next(rig, origins);
      const bool bodiless = status == 204 || status == 304;
      first.origin->take(first.peer);
      first.origin->send(first.peer, bodiless ? "HTTP/1.1 " + std::to_string(status) + " S\r\n\r\n"
                                              : answerOf(status, "first"));
      if (again.contains(status)) {
        const Asked second = next(rig, origins);
        EXPECT(second.origin != first.origin);
        second.origin->take(second.peer);
        second.origin->send(second.peer, okAnswer("second"));
      }
      EXPECT(rig.untilDone(handle));
      const Answer& answer = rig.answer(handle);
      EXPECT_EQ(answer.status, again.contains(status) ? 200u : status);
      EXPECT_EQ(answer.body, again.contains(status) ? "second" : bodiless ? "" : "first");
      EXPECT_EQ(rig.stat(stat::kRetries) - before, again.contains(status) ? 1.0 : 0.0);
    }
    EXPECT_EQ(rig.stat(stat::kRetrySuccesses), static_cast<double>(again.size()));
    // Every refused answer was whole: no connection was lost for it.
    EXPECT_EQ(one.count() + two.count(), 2u);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 2");
  }
}

CASE("when attempts run out, the client gets the upstream's own last answer") {
  Origin origin;
  Rig rig(spec({&origin}, {on::k5xx, 2}), {&origin});
  const int32_t handle = rig.get();
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT(rig.until([&] { return origin.asked(0); }));
    origin.take(0);
    origin.send(0, answerOf(503, "no " + std::to_string(attempt), "x-who: origin\r\n"));
  }
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 503u);
  EXPECT_EQ(rig.answer(handle).body, "no 3");
  EXPECT(rig.answer(handle).head.find("x-who: origin") != std::string::npos);
  EXPECT_EQ(rig.flagged(flag::kNone), 1.0);
  EXPECT_EQ(rig.stat(stat::kRetries), 2.0);
  EXPECT_EQ(rig.stat(stat::kRetrySuccesses), 0.0);
  EXPECT_EQ(rig.stat(stat::kResponses5xx), 1.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kResponses5xx), 3.0);
  EXPECT_EQ(origin.count(), 1u);
}

CASE("an answer that is not whole yet is not waited for: its connection closes") {
  for (const std::string& part :
       {std::string("HTTP/1.1 503 S\r\ncontent-length: 5\r\n\r\nha"),
        std::string("HTTP/1.1 503 S\r\ntransfer-encoding: chunked\r\n\r\n"),
        std::string("HTTP/1.1 503 S\r\n\r\nuntil the end"),
        std::string("HTTP/1.1 503 S\r\ncontent-length: 2\r\n\r\nhi and more"),
        std::string("HTTP/1.1 503 S\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi")}) {
    Origin origin;
    Rig rig(spec({&origin}, {on::k5xx}), {&origin});
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return origin.asked(0); }));
    origin.send(0, part);
    EXPECT(rig.until([&] { return origin.asked(1); }));
    EXPECT(rig.until([&] { return origin.peer(0).ended; }));
    origin.send(1, okAnswer("good"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).body, "good");
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
  }
}

CASE("a refused answer that came in pieces leaves nothing behind for the next") {
  Origin origin;
  Rig rig(spec({&origin}, {on::k5xx}), {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  for (const char c : answerOf(500, "", "x-long: " + std::string(40, 'y') + "\r\n")) {
    origin.send(0, {&c, 1});
    rig.settle();
  }
  EXPECT(rig.until([&] { return origin.asked(0); }));
  EXPECT_EQ(origin.count(), 1u);
  origin.send(0, okAnswer("good"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).body, "good");
  EXPECT_EQ(rig.answer(handle).head.find("x-long"), std::string::npos);
}

CASE("what may have had an effect is not sent again, unless the route says so") {
  for (const uint32_t flags : {0u, abi::retry_flag::kNonIdempotent}) {
    for (const std::string method : {"POST", "PATCH", "PUT", "DELETE", "GET", "QUERY"}) {
      const bool idempotent = method != "POST" && method != "PATCH";
      for (const bool by_status : {true, false}) {
        Origin origin;
        Policy policy{on::k5xx | on::kReset};
        policy.flags = flags;
        Rig rig(spec({&origin}, policy), {&origin});
        const int32_t handle = rig.request(method);
        EXPECT(rig.until([&] { return origin.asked(0); }));
        origin.take(0);
        if (by_status)
          origin.send(0, answerOf(500, "no", "connection: close\r\n"));
        else
          origin.close(0);
        if (idempotent || flags != 0) {
          EXPECT(rig.until([&] { return origin.asked(1); }));
          origin.send(1, okAnswer("good"));
        }
        EXPECT(rig.untilDone(handle));
        EXPECT_EQ(rig.answer(handle).status,
                  idempotent || flags != 0 ? 200u : (by_status ? 500u : 502u));
        EXPECT_EQ(origin.count(), idempotent || flags != 0 ? 2u : 1u);
        EXPECT_EQ(rig.stat(stat::kRetryBodyTooLarge), 0.0);
      }
    }
  }
}

CASE("an answer's head that breaks off is tried again like none at all") {
  Origin origin;
  Rig rig(spec({&origin}, {on::kReset, 1}), {&origin});
  const int32_t handle = rig.get();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT(rig.until([&] { return origin.asked(i); }));
    origin.send(i, "HTTP/1.1 200 OK\r\nconte");
    rig.settle();
    origin.reset(i);
  }
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 502u);
  EXPECT_EQ(rig.flagged(flag::kUc), 1.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kFailures), 2.0);

  const int32_t begun = rig.get();
  EXPECT(rig.until([&] { return origin.asked(2); }));
  origin.send(2, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nha");
  EXPECT(rig.until([&] { return rig.answer(begun).body == "ha"; }));
  origin.reset(2);
  EXPECT(rig.untilDone(begun));
  EXPECT(rig.answer(begun).aborted);
  EXPECT_EQ(origin.count(), 3u);
  EXPECT_EQ(rig.gauges(), kNothing);
}

// ---- time

CASE("an attempt that is too slow makes room for another; the last one is a 504 of its own") {
  for (const bool on_timeout : {true, false}) {
    Origin origin;
    Policy policy{on_timeout ? on::kTimeout : on::kReset, 2};
    policy.per_try_ms = 1000;
    Rig rig(spec({&origin}, policy), {&origin});
    const int32_t handle = rig.get();
    const std::size_t attempts = on_timeout ? 3 : 1;
    for (std::size_t i = 0; i < attempts; ++i) {
      EXPECT(rig.until([&] { return origin.asked(i); }));
      rig.advance(980);
      rig.settle();
      EXPECT(!rig.answer(handle).done);
      EXPECT_EQ(origin.count(), i + 1);
      EXPECT(!origin.peer(i).ended);
      rig.advance(40);
      EXPECT(rig.until([&] { return origin.peer(i).ended; }));
    }
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 504u);
    EXPECT_EQ(rig.answer(handle).body,
              "upstream request timed out: no answer within perTryTimeout\n");
    EXPECT_EQ(rig.flagged(flag::kUpt), 1.0);
    EXPECT_EQ(rig.stat(stat::kPerTryTimeouts), static_cast<double>(attempts));
    EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kFailures), static_cast<double>(attempts));
    EXPECT_EQ(rig.stat(stat::kTimeouts), 0.0);
    EXPECT_EQ(rig.gauges(), kNothing);
  }
}

CASE("the time of an attempt is not that of a client that still sends, nor of the answer's body") {
  Origin origin;
  Policy policy{on::kTimeout, 1};
  policy.per_try_ms = 1000;
  Rig rig(spec({&origin}, policy), {&origin});
  const int32_t handle = rig.request("PUT", "/", {{"content-length", "2"}});
  EXPECT(rig.until([&] { return origin.asked(0); }));
  rig.advance(5000);
  rig.sendBody(handle, "a", false);
  rig.advance(5000);
  rig.sendBody(handle, "b", true);
  rig.settle();
  rig.advance(900);
  EXPECT(!rig.answer(handle).done);
  origin.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n1");
  EXPECT(rig.until([&] { return rig.answer(handle).status == 200; }));
  rig.advance(5000);
  origin.send(0, "2");
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).body, "12");
  EXPECT_EQ(rig.stat(stat::kPerTryTimeouts), 0.0);
}

CASE("a connect that takes all the time of its attempt is left, whatever the method") {
  DeafPort deaf;
  Origin good;
  for (const uint32_t condition : {on::kTimeout, on::kConnectFailure}) {
    Policy policy{condition, 1};
    policy.per_try_ms = 200;
    RigSpec made = spec({&good}, policy);
    made.ports.push_back(deaf.port());
    Rig rig(made, {&good});
    int hung = 0;
    for (int round = 0; round < 4; ++round) {
      const std::size_t at = good.count();
      const int32_t handle = rig.request("POST");
      rig.settle();
      if (good.count() == at) {
        ++hung;
        rig.advance(220);
      }
      EXPECT(rig.until([&] { return good.count() > at && good.asked(at); }));
      good.send(at, okAnswer("x", "connection: close\r\n"));
      EXPECT(rig.untilDone(handle));
      EXPECT_EQ(rig.answer(handle).status, 200u);
    }
    EXPECT(hung > 0);
    EXPECT_EQ(rig.stat(stat::kPerTryTimeouts), static_cast<double>(hung));
  }
}

CASE("a failed attempt is followed by a wait; a refused connection is not, while another is left") {
  Origin bad;
  Policy policy{on::kReset | on::k5xx | on::kConnectFailure, 1};
  policy.backoff_ms = 400;
  uint64_t longest = 0;
  uint64_t total = 0;
  constexpr int kRounds = 60;
  Rig rig(spec({&bad}, policy), {&bad});
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t at = bad.count();
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return bad.count() > at && bad.asked(at); }));
    if (round % 2 == 0)
      bad.close(at);
    else
      bad.send(at, answerOf(500, "no", "connection: close\r\n"));
    rig.settle();
    uint64_t waited = 0;
    for (; bad.count() == at + 1; waited += 16) {
      EXPECT_EQ(rig.gauges(), kNothing);  // nothing is held while it waits
      rig.advance(16);
      rig.settle();
      if (waited > 1000) break;
    }
    longest = std::max(longest, waited);
    total += waited;
    EXPECT(rig.until([&] { return bad.asked(at + 1); }));
    bad.send(at + 1, okAnswer("x", "connection: close\r\n"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
  }
  // Full jitter below 400 ms, in ticks of 16 ms.
  EXPECT(longest <= 432 && longest >= 300, std::to_string(longest));
  EXPECT(total / kRounds >= 150 && total / kRounds <= 270, std::to_string(total / kRounds));
}

CASE("every endpoint is asked at once when connections are refused, and then again after a wait") {
  std::vector<Origin> dead(2);
  for (Origin& origin : dead) origin.refuse();
  Policy policy{on::kConnectFailure, 4};
  policy.backoff_ms = 200;
  Rig rig(spec({&dead[0], &dead[1]}, policy));
  const int32_t handle = rig.get();
  rig.settle();
  EXPECT_EQ(rig.stat(stat::kConnectFailures), 2.0);
  EXPECT(!rig.answer(handle).done);
  double seen = 2;
  for (int tick = 0; tick < 200 && !rig.answer(handle).done; ++tick) {
    rig.advance(16);
    rig.settle();
    seen = std::max(seen, rig.stat(stat::kConnectFailures));
  }
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 502u);
  EXPECT_EQ(rig.answer(handle).body, "upstream connection failed: refused\n");
  EXPECT_EQ(rig.flagged(flag::kUf), 1.0);
  EXPECT_EQ(rig.stat(stat::kConnectFailures), 5.0);
  // Never the same one twice in a row.
  EXPECT(rig.endpointStat(0, abi::endpoint_stat::kConnectFailures) >= 2);
  EXPECT(rig.endpointStat(1, abi::endpoint_stat::kConnectFailures) >= 2);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("a route's timeout bounds all attempts and the waits between them together") {
  Origin origin;
  Policy policy{on::kTimeout | on::kReset | on::k5xx, 10};
  policy.per_try_ms = 300;
  policy.backoff_ms = 250;
  policy.timeout_ms = 1000;
  for (int round = 0; round < 10; ++round) {
    Rig rig(spec({&origin}, policy), {&origin});
    const int32_t handle = rig.get();
    uint64_t took = 0;
    for (; took < 5000 && !rig.answer(handle).done; took += 4) {
      rig.settle();
      // Some attempts break, some are answered, the others are left alone.
      if (const Asked asked = find({&origin}); asked.origin != nullptr && took % 12 != 0) {
        origin.take(asked.peer);
        if (took % 8 == 0)
          origin.close(asked.peer);
        else if (took % 20 == 0)
          origin.send(asked.peer, answerOf(503, "no", "connection: close\r\n"));
      }
      rig.advance(4);
    }
    EXPECT(took <= 1000 + 2 * TimerWheel::kTickMs, std::to_string(took));
    EXPECT(rig.answer(handle).status >= 502);
    EXPECT_EQ(rig.gauges(), kNothing);
  }
}

CASE("a wait that the request has no time for is not begun") {
  for (const bool by_status : {true, false}) {
    Origin origin;
    Policy policy{on::kReset | on::k5xx, 2};
    policy.retry_after_ms = 60'000;
    policy.backoff_ms = 0;
    policy.timeout_ms = 1000;
    Rig rig(spec({&origin}, policy), {&origin});
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return origin.asked(0); }));
    rig.passTime(by_status ? 0 : 1005);
    if (by_status)
      origin.send(0, answerOf(503, "later", "retry-after: 1\r\n"));
    else
      origin.close(0);
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, by_status ? 503u : 502u);
    EXPECT_EQ(rig.stat(stat::kRetries), 0.0);
  }
}

CASE("Retry-After is waited for, in seconds or until a date, and passed on when it is too long") {
  const std::string date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  const std::vector<std::pair<std::string, uint64_t>> table = {
      {"retry-after: 2\r\n", 2000},
      {date + "retry-after: Sun, 06 Nov 1994 08:49:40 GMT\r\n", 3000},
      {date + "retry-after: Sun, 06 Nov 1994 08:49:30 GMT\r\n", 0},
      {"retry-after: soon\r\n", 0},
      {"retry-after: 3\r\n", 3000},
      {"retry-after: 4\r\n", 4000},
      {"retry-after: 99999999999999999999\r\n", 4000},
  };
  for (const auto& [lines, wait] : table) {
    Origin origin;
    Policy policy{on::kRateLimited, 2};
    policy.retry_after_ms = 3000;
    Rig rig(spec({&origin}, policy), {&origin});
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return origin.asked(0); }));
    origin.take(0);
    origin.send(0, answerOf(429, "slow down", lines));
    rig.settle();
    if (wait > 3000) {
      EXPECT(rig.untilDone(handle));
      EXPECT_EQ(rig.answer(handle).status, 429u);
      EXPECT(rig.answer(handle).head.find("retry-after: ") != std::string::npos);
      continue;
    }
    if (wait != 0) {
      rig.advance(wait - 20);
      rig.settle();
      EXPECT(!origin.asked(0));
      rig.advance(40);
    }
    EXPECT(rig.until([&] { return origin.asked(0); }));
    origin.send(0, okAnswer("good"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).body, "good");
  }
}

CASE("Retry-After means nothing where the route does not heed it") {
  Origin origin;
  Rig rig(spec({&origin}, {on::kRateLimited, 1}), {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, answerOf(429, "", "retry-after: 100\r\n"));
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, okAnswer("good"));
  EXPECT(rig.untilDone(handle));
}

CASE("a client that leaves during a wait, or a configuration that changes in it, costs nothing") {
  Origin origin;
  Policy policy{on::kReset, 2};
  policy.backoff_ms = 1000;
  Rig rig(spec({&origin}, policy), {&origin});
  const auto wait = [&] {
    const std::size_t at = origin.count();
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return origin.count() > at && origin.asked(at); }));
    origin.close(at);
    rig.settle();
    return handle;
  };
  rig.abort(wait());
  const std::size_t after = origin.count();
  rig.advance(2000);
  rig.settle();
  EXPECT_EQ(origin.count(), after);
  EXPECT_EQ(rig.flagged(flag::kDc), 1.0);
  const int32_t handle = wait();
  rig.install(spec({&origin}, policy));
  rig.get();  // the reactor takes the new image over
  EXPECT(rig.until([&] { return origin.count() == after + 2; }));
  rig.advance(1100);
  EXPECT(rig.until([&] { return origin.count() == after + 3 && origin.asked(after + 2); }));
  origin.send(after + 2, okAnswer("good"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 200u);
}

// ---- what is sent

CASE("upstreams are told the number of an attempt after the first, and clients cannot tell them") {
  Origin origin;
  Rig rig(spec({&origin}, {on::k5xx, 3}), {&origin});
  const int32_t handle = rig.request(
      "GET", "/a", {{"x-millrace-attempt", "7"}, {"x-a", "b"}, {"x-millrace-attempt", "8"}});
  const std::string head = "GET /a HTTP/1.1\r\nhost: a\r\nx-a: b\r\n";
  for (const std::string& line :
       {std::string(), std::string("x-millrace-attempt: 2\r\n"),
        std::string("x-millrace-attempt: 3\r\n"), std::string("x-millrace-attempt: 4\r\n")}) {
    EXPECT(rig.until([&] { return origin.asked(0); }));
    EXPECT_EQ(origin.take(0), head + line + "\r\n");
    origin.send(0, answerOf(500, "no"));
  }
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 500u);
}

CASE("a kept connection that was closed is replaced, which is not another attempt") {
  Origin origin;
  Rig rig(spec({&origin}, {0, 0}), {&origin});
  for (int round = 0; round < 2; ++round) {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return find({&origin}).origin != nullptr; }));
    if (round == 1) {
      origin.close(0);
      EXPECT(rig.until([&] { return origin.count() == 2 && origin.asked(1); }));
    }
    const std::size_t at = round == 1 ? 1 : 0;
    EXPECT_EQ(origin.take(at), "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    origin.send(at, okAnswer("x"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
  }
}

// What of a body reached an origin, without the head and the framing of chunks.
std::string bodyOf(const std::string& request) {
  const std::size_t head = request.find("\r\n\r\n");
  if (head == std::string::npos) return {};
  std::string rest = request.substr(head + 4);
  if (request.find("chunked") == std::string::npos) return rest;
  std::string body;
  while (!rest.empty()) {
    const std::size_t size = std::stoul(rest, nullptr, 16);
    if (size == 0) return body + "|";  // the end has come
    const std::size_t at = rest.find("\r\n") + 2;
    body += rest.substr(at, size);
    rest.erase(0, std::min(rest.size(), at + size + 2));
  }
  return body;
}

CASE("a body is sent again whole, however much of it had gone out when the attempt failed") {
  constexpr std::size_t kBytes = 3000;
  std::string body;
  for (std::size_t i = 0; i < kBytes; ++i) body += static_cast<char>('a' + i % 26);
  for (const bool chunked : {false, true}) {
    const std::string whole = chunked ? body + "|" : body;
    // Pieces sent before the first attempt fails, and during the back-off.
    for (const std::size_t before : {0u, 1u, 3u, 6u}) {
      for (const std::size_t meanwhile : {0u, 2u}) {
        for (const bool by_status : {true, false}) {
          Origin origin;
          Policy policy{on::k5xx | on::kReset, 2};
          policy.buffer_bytes = kBytes;
          policy.backoff_ms = 500;
          Rig rig(spec({&origin}, policy), {&origin});
          const int32_t handle = rig.request(
              "PUT", "/",
              {chunked ? std::pair<std::string, std::string>{"transfer-encoding", "chunked"}
                       : std::pair<std::string, std::string>{"content-length",
                                                             std::to_string(kBytes)}});
          EXPECT(rig.until([&] { return origin.asked(0); }));
          std::size_t sent = 0;
          const auto send = [&](std::size_t pieces) {
            for (; pieces > 0 && sent < kBytes; --pieces, sent += 500)
              EXPECT_EQ(rig.sendBody(handle, std::string_view(body).substr(sent, 500),
                                     sent + 500 == kBytes),
                        abi::send::kOk);
          };
          send(before);
          rig.settle();
          origin.take(0);
          if (by_status)
            origin.send(0, answerOf(503, "no"));
          else
            origin.reset(0);
          rig.settle();
          // What was cut off in the middle has cost the connection.
          const std::size_t at = by_status && before == 6 ? 0 : 1;
          send(meanwhile);
          const auto asked = [&] { return origin.count() == at + 1 && origin.asked(at); };
          for (int ticks = 0; ticks < 40 && !asked(); ++ticks) {
            rig.advance(16);
            rig.settle();
          }
          EXPECT(rig.until(asked));
          send(6);
          EXPECT(rig.until([&] { return bodyOf(origin.peer(at).in) == whole; }));
          origin.send(at, okAnswer("good"));
          EXPECT(rig.untilDone(handle));
          EXPECT_EQ(rig.answer(handle).body, "good");
          EXPECT_EQ(rig.stat(stat::kRetries), 1.0);
          EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
        }
      }
    }
  }
}

CASE("more body than the buffer takes is not sent again, and counted") {
  for (const bool chunked : {false, true}) {
    for (const std::size_t size : {1000u, 1001u}) {
      Origin origin;
      Policy policy{on::k5xx, 2};
      policy.buffer_bytes = 1000;
      Rig rig(spec({&origin}, policy), {&origin});
      const int32_t handle = rig.request(
          "PUT", "/",
          {chunked ? std::pair<std::string, std::string>{"transfer-encoding", "chunked"}
                   : std::pair<std::string, std::string>{"content-length", std::to_string(size)}});
      EXPECT(rig.until([&] { return origin.asked(0); }));
      rig.sendBody(handle, std::string(size - 1, 'x'), false);
      rig.sendBody(handle, "x", true);
      rig.settle();
      origin.take(0);
      origin.send(0, answerOf(503, "no"));
      const bool again = size == 1000;
      if (again) {
        EXPECT(rig.until([&] { return origin.asked(0); }));
        origin.send(0, okAnswer("good"));
      }
      EXPECT(rig.untilDone(handle));
      EXPECT_EQ(rig.answer(handle).status, again ? 200u : 503u);
      EXPECT_EQ(rig.stat(stat::kRetryBodyTooLarge), again ? 0.0 : 1.0);
    }
  }
}

CASE(
    "a large body that waits for its connection does not count against the buffer until it "
    "leaves") {
  Origin dead;
  dead.refuse();
  Origin good;
  Policy policy{on::kConnectFailure | on::k5xx, 2};
  policy.buffer_bytes = 100;
  for (int round = 0; round < 4; ++round) {
    Rig rig(spec({&dead, &good}, policy), {&good});
    const std::size_t at = good.count();
    const int32_t handle = rig.request("PUT", "/", {{"content-length", "5000"}});
    rig.sendBody(handle, std::string(5000, 'x'), true);
    EXPECT(rig.until([&] { return good.count() > at && good.peer(at).in.ends_with("xxx"); }));
    EXPECT_EQ(bodyOf(good.take(at)), std::string(5000, 'x'));
    good.send(at, answerOf(503, "no", "connection: close\r\n"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 503u);
    EXPECT_EQ(rig.stat(stat::kRetryBodyTooLarge), 1.0);
  }
}

CASE("a client that was held back during a wait is told to go on") {
  Origin origin;
  Policy policy{on::kReset, 1};
  policy.buffer_bytes = 1024 * 1024;
  policy.backoff_ms = 1000;
  Rig rig(spec({&origin}, policy), {&origin});
  const int32_t handle = rig.request("PUT", "/", {{"transfer-encoding", "chunked"}});
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.close(0);
  rig.settle();
  uint64_t sent = 0;
  const std::string piece(16 * 1024, 'x');
  while (rig.sendBody(handle, piece, false) == abi::send::kOk) sent += piece.size();
  sent += piece.size();
  EXPECT_EQ(sent, 64u * 1024);
  EXPECT_EQ(rig.answer(handle).resumed, 0);
  rig.advance(1100);
  EXPECT(rig.until([&] { return rig.answer(handle).resumed == 1; }));
  rig.sendBody(handle, piece, true);
  EXPECT(rig.until([&] { return origin.peer(1).in.ends_with("0\r\n\r\n"); }));
  EXPECT_EQ(bodyOf(origin.take(1)), std::string(sent + piece.size(), 'x') + "|");
  origin.send(1, okAnswer("good"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 200u);
}

CASE("the handshake of a WebSocket is tried again like any GET") {
  Origin origin;
  RigSpec made = spec({&origin}, {on::k5xx | on::kReset, 2});
  const auto tune = made.tune;
  made.tune = [tune](ImageBuilder& b) {
    tune(b);
    b.routes[0].web_socket_max_message = 1024;
    b.routes[0].web_socket_idle_ms = 60'000;
  };
  Rig rig(made, {&origin});
  const int32_t handle = rig.upgrade();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, answerOf(503, "busy", "connection: close\r\n"));
  EXPECT(rig.until([&] { return origin.count() == 2 && origin.asked(1); }));
  origin.reset(1);
  EXPECT(rig.until([&] { return origin.count() == 3 && origin.asked(2); }));
  const std::string head = origin.take(2);
  EXPECT(head.find("upgrade: websocket\r\n") != std::string::npos, head);
  EXPECT(head.find("x-millrace-attempt: 3\r\n") != std::string::npos, head);
  origin.send(2, answerOf(403, "not you"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 403u);
  EXPECT_EQ(rig.stat(stat::kRetrySuccesses), 1.0);
}

// ---- beside second attempts

RigSpec hedged(const std::vector<Origin*>& origins, const Policy& policy) {
  RigSpec made = spec(origins, policy);
  const auto tune = made.tune;
  made.tune = [tune](ImageBuilder& b) {
    tune(b);
    b.hedges.push_back({0, 20, 0, 100, 100});  // after 20 ms, always
    b.routes[0].hedge = 0;
  };
  return made;
}

CASE("when both of two attempts are refused, the next is the third, at the first one's endpoint") {
  Origin one;
  Origin two;
  const std::vector<Origin*> origins = {&one, &two};
  Rig rig(hedged(origins, {on::k5xx, 1}), origins);
  const int32_t handle = rig.get();
  Origin* const first = next(rig, origins).origin;
  Origin* const other = first == &one ? &two : &one;
  rig.advance(24);
  EXPECT(rig.until([&] { return other->asked(0); }));
  EXPECT(other->take(0).find("x-millrace-attempt: 2\r\n") != std::string::npos);
  first->take(0);
  first->send(0, answerOf(500, "one"));
  rig.settle();
  EXPECT(!rig.answer(handle).done);
  EXPECT_EQ(rig.stat(stat::kRetries), 0.0);  // the other attempt is waited for
  other->send(0, answerOf(500, "two"));
  EXPECT(rig.until([&] { return find(origins).origin != nullptr; }));
  const Asked third = find(origins);
  EXPECT(third.origin == first);
  EXPECT(third.origin->take(third.peer).find("x-millrace-attempt: 3\r\n") != std::string::npos);
  third.origin->send(third.peer, okAnswer("three"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).body, "three");
  EXPECT_EQ(rig.stat(stat::kRetries), 1.0);
  EXPECT_EQ(rig.stat(stat::kActive), 0.0);
}

CASE("each of two attempts has its own time, and the request goes on with the one that is left") {
  Origin one;
  Origin two;
  const std::vector<Origin*> origins = {&one, &two};
  Policy policy{on::kTimeout, 0};
  policy.per_try_ms = 200;
  Rig rig(hedged(origins, policy), origins);
  const int32_t handle = rig.get();
  Origin* const first = next(rig, origins).origin;
  Origin* const other = first == &one ? &two : &one;
  rig.advance(100);
  EXPECT(rig.until([&] { return other->asked(0); }));
  rig.advance(110);
  EXPECT(rig.until([&] { return first->peer(0).ended; }));
  EXPECT(!rig.answer(handle).done);
  EXPECT_EQ(rig.stat(stat::kPerTryTimeouts), 1.0);
  rig.advance(80);
  rig.settle();
  EXPECT(!rig.answer(handle).done);
  rig.advance(40);
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.flagged(flag::kUpt), 1.0);
  EXPECT_EQ(rig.stat(stat::kPerTryTimeouts), 2.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

// ---- how many

CASE("the budget of a cluster bounds its retries, and a refused connection draws nothing from it") {
  Origin origin;
  Policy policy{on::k5xx | on::kReset | on::kConnectFailure, 1};
  policy.budget_percent = 20;
  Rig rig(spec({&origin}, policy), {&origin});
  int tried_again = 0;
  for (int i = 1; i <= 50; ++i) {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return origin.asked(0); }));
    origin.take(0);
    origin.send(0, answerOf(500, "no"));
    rig.settle();
    if (!rig.answer(handle).done) {
      ++tried_again;
      EXPECT(origin.asked(0));
      origin.take(0);
      origin.send(0, okAnswer("good"));
    }
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(tried_again, i / 5);  // 20 % at any moment
  }
  EXPECT_EQ(rig.stat(stat::kRetryBudgetExhausted), 40.0);
  EXPECT_EQ(rig.stat(stat::kRetrySuccesses), 10.0);
  // A window later nothing is left of either side.
  rig.advance(1200);
  const auto failOnce = [&] {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return find({&origin}).origin != nullptr; }));
    const Asked asked = find({&origin});
    origin.take(asked.peer);
    origin.send(asked.peer, answerOf(500, "no"));
    EXPECT(rig.untilDone(handle));
    return rig.answer(handle).status;
  };
  EXPECT_EQ(failOnce(), 500u);
  EXPECT_EQ(rig.stat(stat::kRetries), 10.0);

  Origin dead;
  dead.refuse();
  Rig refused(spec({&dead}, policy));
  const int32_t handle = refused.get();
  EXPECT(refused.untilDone(handle));
  EXPECT_EQ(refused.stat(stat::kRetries), 1.0);
  EXPECT_EQ(refused.stat(stat::kRetryBudgetExhausted), 0.0);
}

CASE("what was spent of a budget carries over when the configuration changes") {
  Origin origin;
  Policy policy{on::k5xx, 1};
  policy.budget_percent = 0;
  policy.budget_floor = 2;
  Rig rig(spec({&origin}, policy), {&origin});
  const auto fail = [&](bool again) {
    const int32_t handle = rig.get();
    for (int attempt = 0; attempt < (again ? 2 : 1); ++attempt) {
      EXPECT(rig.until([&] { return origin.asked(0); }));
      origin.take(0);
      origin.send(0, answerOf(500, "no"));
    }
    EXPECT(rig.untilDone(handle));
  };
  fail(true);
  fail(true);
  fail(false);
  rig.install(spec({&origin}, policy));
  fail(false);
  policy.budget_floor = 3;
  rig.install(spec({&origin}, policy));
  fail(true);
  fail(false);
  policy.budget_percent = abi::kNone;
  rig.install(spec({&origin}, policy));
  for (int i = 0; i < 10; ++i) fail(true);
}

CASE("limits.maxRetries caps what is tried again at once; a place is free when the answer begins") {
  Origin origin;
  Policy policy{on::k5xx, 2};
  policy.limit = 2;
  Rig rig(spec({&origin}, policy), {&origin});
  const auto refuseNext = [&] {
    EXPECT(rig.until([&] { return find({&origin}).origin != nullptr; }));
    const Asked asked = find({&origin});
    origin.take(asked.peer);
    origin.send(asked.peer, answerOf(500, "no"));
    rig.settle();
    return asked.peer;
  };
  std::vector<int32_t> handles;
  std::vector<std::size_t> peers;
  for (int i = 0; i < 3; ++i) {
    handles.push_back(rig.get());
    peers.push_back(refuseNext());
    if (i < 2) origin.take(find({&origin}).peer);  // left alone
  }
  EXPECT(rig.answer(handles[2]).done);
  EXPECT_EQ(rig.answer(handles[2]).status, 500u);
  EXPECT_EQ(rig.stat(stat::kRetryOverflow), 1.0);
  EXPECT(!rig.answer(handles[0]).done && !rig.answer(handles[1]).done);
  // One of them gets its answer, though not all of it; another one leaves.
  origin.send(peers[0], "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nha");
  EXPECT(rig.until([&] { return rig.answer(handles[0]).status == 200; }));
  rig.abort(handles[1]);
  for (int i = 0; i < 2; ++i) {
    handles.push_back(rig.get());
    refuseNext();
    EXPECT(!rig.answer(handles.back()).done);
    origin.take(find({&origin}).peer);
  }
  handles.push_back(rig.get());
  refuseNext();
  EXPECT(rig.answer(handles.back()).done);
  EXPECT_EQ(rig.stat(stat::kRetryOverflow), 2.0);
}

CASE("a worker that ends in the middle of retries gives their places back") {
  Origin origin;
  Policy policy{on::k5xx, 1};
  policy.limit = 1;
  policy.backoff_ms = 1000;
  Rig first(spec({&origin}, policy), {&origin});
  Rig second(first, 1);
  first.get();
  EXPECT(first.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, answerOf(500, "no"));
  first.settle();
  const auto fail = [&] {
    const int32_t handle = second.get();
    const Asked asked = next(second, {&origin});
    origin.take(asked.peer);
    origin.send(asked.peer, answerOf(500, "no"));
    second.settle();
    return handle;
  };
  EXPECT(second.answer(fail()).done);
  EXPECT_EQ(second.stat(stat::kRetryOverflow), 1.0);
  first.stop();
  EXPECT(!second.answer(fail()).done);
  EXPECT_EQ(second.stat(stat::kRetryOverflow), 1.0);
}

// ---- all of it

CASE("in any mix of failing origins, each request gets exactly one answer") {
  for (int round = 0; round < 30; ++round) {
    Origin origins[3];
    const std::vector<Origin*> all = {&origins[0], &origins[1], &origins[2]};
    Policy policy{on::kConnectFailure | on::kReset | on::kTimeout | on::k5xx | on::kRateLimited};
    policy.attempts = round % 4;
    policy.per_try_ms = round % 3 == 0 ? 120 : 0;
    policy.backoff_ms = round % 2 == 0 ? 60 : 0;
    policy.retry_after_ms = 2000;
    policy.buffer_bytes = 400;
    policy.timeout_ms = 3000;
    if (round % 5 == 0) policy.limit = 3;
    if (round % 5 == 1) policy.budget_percent = 30;
    Rig rig(spec(all, policy), all);
    Rng rng(seed());
    if (round % 6 == 5) origins[2].refuse();
    std::vector<int32_t> open;
    uint64_t asked = 0;
    uint64_t answered = 0;
    uint64_t left = 0;
    const auto step = [&](bool more) {
      if (more && rng.below(3) == 0) {
        const bool body = rng.below(3) == 0;
        ++asked;
        open.push_back(body ? rig.request(rng.below(2) == 0 ? "PUT" : "POST", "/",
                                          {{"transfer-encoding", "chunked"}})
                            : rig.request(rng.below(4) == 0 ? "POST" : "GET"));
        if (body) {
          rig.sendBody(open.back(), std::string(1 + rng.below(300), 'b'), false);
          rig.sendBody(open.back(), std::string(rng.below(300), 'b'), true);
        }
      }
      for (Origin* origin : all) {
        for (std::size_t i = 0; i < origin->count(); ++i) {
          if (origin->peer(i).ended || !origin->asked(i) || rng.below(3) != 0) continue;
          origin->take(i);
          switch (rng.below(10)) {
            case 0:
              origin->close(i);
              break;
            case 1:
              origin->reset(i);
              break;
            case 2:
              origin->send(i, answerOf(500 + rng.below(5), "no"));
              break;
            case 3:
              origin->send(i, answerOf(429, "slow", "retry-after: 1\r\n"));
              break;
            case 4:
              origin->send(i, "HTTP/1.1 503 S\r\ncontent-length: 10\r\n\r\nha");
              break;
            case 5:
              origin->send(i, "HTTP/1.1 200 OK\r\nx: ");
              origin->close(i);
              break;
            case 6:
              break;  // never answers
            default:
              origin->send(i, okAnswer("fine"));
          }
        }
      }
      if (!open.empty() && rng.below(40) == 0) {
        const std::size_t i = rng.below(static_cast<uint32_t>(open.size()));
        if (!rig.answer(open[i]).done) {
          rig.abort(open[i]);
          ++left;
          open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      rig.settle();
      rig.advance(8);
      std::erase_if(open, [&](int32_t handle) {
        if (!rig.answer(handle).done) return false;
        EXPECT(rig.answer(handle).status >= 200 || rig.answer(handle).aborted);
        ++answered;
        return true;
      });
    };
    for (int i = 0; i < 200; ++i) step(true);
    for (int i = 0; i < 800 && !open.empty(); ++i) step(false);
    // The rig itself fails when anything follows an answer.
    EXPECT_EQ(open.size(), 0u);
    EXPECT_EQ(answered + left, asked);
    EXPECT_EQ(rig.stat(stat::kActive), 0.0);
    EXPECT_EQ(rig.stat(stat::kConnectionsActive), 0.0);
    EXPECT(policy.attempts == 0 || rig.stat(stat::kRetries) > 0);
  }
}

}  // namespace
}  // namespace millrace::test
