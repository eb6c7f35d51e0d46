#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"
#include "retry_rig.h"

// Further attempts: beside hedges, how many there may be, and all of it at random.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace on = abi::retry_on;
namespace stat = abi::cluster_stat;

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
