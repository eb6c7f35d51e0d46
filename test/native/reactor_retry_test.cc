#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"
#include "retry_rig.h"

// Further attempts: for which failures and statuses, and when.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace on = abi::retry_on;
namespace stat = abi::cluster_stat;

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

}  // namespace
}  // namespace millrace::test
