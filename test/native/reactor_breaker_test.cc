#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "breaker_rig.h"
#include "engine/failover/verdict.h"
#include "engine/websocket/handshake.h"
#include "harness.h"
#include "reactor_rig.h"

// Circuit breakers of clusters: what opens them, what comes through, what closes them.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace state = abi::breaker_state;
namespace stat = abi::cluster_stat;

std::vector<Transition> transitions() {
  uint64_t dropped = 0;
  return Engine::instance().takeTransitions(&dropped);
}

CASE("an answer is judged by its status, and the end of a request by its flag") {
  for (uint32_t status = 100; status < 600; ++status)
    EXPECT(verdictOf(status, flag::kNone) == (status < 500 ? Verdict::kGood : Verdict::kFailed));
  const uint32_t failures[] = {flag::kUf,   flag::kUc,  flag::kUt,  flag::kUpe,
                               flag::kUtls, flag::kUct, flag::kUtt, flag::kUpt};
  for (uint32_t f = flag::kNone + 1; f <= flag::kDle; ++f) {
    const bool failed =
        std::find(std::begin(failures), std::end(failures), f) != std::end(failures);
    for (const uint32_t status : {0u, 200u, 408u, 413u, 500u, 502u, 503u}) {
      EXPECT(verdictOf(status, f) == (failed ? Verdict::kFailed : Verdict::kNone),
             std::to_string(f));
    }
  }
  EXPECT(verdictOf(504, flag::kSi) == Verdict::kFailed);
  EXPECT(verdictOf(504, flag::kUmsdr) == Verdict::kFailed);
  EXPECT(verdictOf(504, flag::kDle) == Verdict::kNone);
}

CASE("an open breaker answers for the cluster, without asking an endpoint") {
  BreakerRig b;
  transitions();
  b.breakIt();
  EXPECT_EQ(b.state(), state::kOpen);
  EXPECT_EQ(b.clusterStat(0, stat::kBreakerOpened), 1.0);
  const std::vector<Transition> noted = transitions();
  EXPECT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].kind, abi::transition_kind::kBreakerOpened);
  EXPECT_EQ(noted[0].reason, abi::transition_reason::kFailureRatio);
  EXPECT_EQ(noted[0].endpoint, "");
  EXPECT_EQ(noted[0].value, 1.0);
  EXPECT_EQ(noted[0].limit, 0.5);
  EXPECT_EQ(noted[0].requests, 4.0);
  EXPECT_EQ(noted[0].until_ms, b.rig->now().ms() + 100);

  const int32_t handle = b.ask(200);
  EXPECT_EQ(b.served, -1);
  EXPECT_EQ(b.statusOf(handle), 503u);
  EXPECT_EQ(b.rig->answer(handle).body, "the circuit breaker of the upstream is open\n");
  EXPECT_EQ(b.rig->flagged(flag::kCb), 1.0);
  EXPECT_EQ(b.clusterStat(0, stat::kBreakerRejected), 1.0);
  EXPECT_EQ(b.clusterStat(0, stat::kRequests), 5.0);
  EXPECT_EQ(b.rig->stat(stat::kActive), 0.0);
}

CASE("a body that comes for a request that was refused is taken and dropped") {
  BreakerRig b;
  b.breakIt();
  const int32_t handle = b.rig->request("POST", "/", {{"content-length", "4"}});
  b.rig->sendBody(handle, "bo", false);
  EXPECT(b.rig->untilDone(handle));
  EXPECT_EQ(b.statusOf(handle), 503u);
  EXPECT((b.rig->answer(handle).flags & abi::event_flag::kClose) != 0);
}

CASE("one probe goes through while the others are refused, and a good one closes") {
  BreakerRig b;
  b.breakIt();
  transitions();
  b.rig->advance(100);
  const int32_t probe = b.rig->get("/probe");
  EXPECT(b.rig->until([&] { return b.origins[0].asked(0); }));
  EXPECT_EQ(b.state(), state::kHalfOpen);
  for (int i = 0; i < 3; ++i) {
    const int32_t other = b.rig->get("/other");
    EXPECT(b.rig->untilDone(other));
    EXPECT_EQ(b.statusOf(other), 503u);
  }
  EXPECT_EQ(b.origins[0].count(), 1u);
  b.answerAny(200);
  EXPECT(b.rig->untilDone(probe));
  EXPECT_EQ(b.statusOf(probe), 200u);
  EXPECT_EQ(b.state(), state::kClosed);
  EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
  const std::vector<Transition> noted = transitions();
  EXPECT_EQ(noted.size(), 2u);
  EXPECT_EQ(noted[0].kind, abi::transition_kind::kBreakerHalfOpened);
  EXPECT_EQ(noted[1].kind, abi::transition_kind::kBreakerClosed);
  EXPECT_EQ(noted[1].reason, abi::transition_reason::kProbesPassed);
}

CASE("a failed probe opens again, for longer") {
  BreakerRig b;
  b.breakIt();
  transitions();
  b.rig->advance(100);
  EXPECT_EQ(b.statusOf(b.ask(502)), 502u);
  EXPECT_EQ(b.state(), state::kOpen);
  EXPECT_EQ(b.clusterStat(0, stat::kBreakerOpened), 2.0);
  b.rig->advance(199);
  EXPECT_EQ(b.statusOf(b.ask(200)), 503u);
  b.rig->advance(1);
  EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
  EXPECT_EQ(b.state(), state::kClosed);
  const std::vector<Transition> noted = transitions();
  EXPECT_EQ(noted.size(), 4u);
  EXPECT_EQ(noted[1].reason, abi::transition_reason::kProbeFailed);
}

CASE("what is no outcome counts for nothing: clients that leave, our own refusals") {
  BreakerRig b(1, abi::breaker_scope::kCluster, [](ImageBuilder& image) {
    image.clusters[0].max_connections = 1;
    image.clusters[0].max_pending = 0;
  });
  for (int i = 0; i < 8; ++i) {
    const int32_t handle = b.rig->get();
    EXPECT(b.rig->until([&] { return b.answerAny(200) >= 0; }));
    const int32_t overflow = b.rig->get();
    b.rig->abort(handle);
    EXPECT(b.rig->untilDone(overflow));
    EXPECT_EQ(b.statusOf(overflow), 503u);
    b.rig->settle();
  }
  EXPECT_EQ(b.rig->flagged(flag::kUo), 8.0);
  EXPECT_EQ(b.rig->flagged(flag::kDc), 8.0);
  EXPECT_EQ(b.state(), state::kClosed);
  // And not for good answers either: four failures are all there is.
  b.breakIt();
  EXPECT_EQ(b.state(), state::kOpen);
}

CASE("a probe whose client leaves gives its place to the next request") {
  BreakerRig b;
  b.breakIt();
  b.rig->advance(100);
  const int32_t probe = b.rig->get();
  EXPECT(b.rig->until([&] { return b.origins[0].asked(0); }));
  b.rig->abort(probe);
  EXPECT_EQ(b.state(), state::kHalfOpen);
  EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
  EXPECT_EQ(b.state(), state::kClosed);
}

CASE("answers that break off, refused connections and bad answers open it, too") {
  for (const int how : {0, 1, 2, 3}) {
    BreakerRig b;
    for (int i = 0; i < 4; ++i) {
      if (how == 1) b.origins[0].refuse();
      const int32_t handle = b.rig->get();
      const std::size_t last = static_cast<std::size_t>(i);
      if (how != 1) {
        EXPECT(
            b.rig->until([&] { return b.origins[0].count() > last && b.origins[0].asked(last); }));
        if (how == 0) {
          b.origins[0].send(last, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
          EXPECT(b.rig->until([&] { return b.statusOf(handle) == 200; }));
          b.origins[0].close(last);
        } else if (how == 2) {
          b.origins[0].send(last, "nonsense\r\n\r\n");
        } else {
          b.origins[0].reset(last);
        }
      }
      EXPECT(b.rig->untilDone(handle));
    }
    EXPECT_EQ(b.state(), state::kOpen, std::to_string(how));
  }
}

CASE("file descriptors of our own that ran out are nobody's failure") {
  constexpr uint32_t kBoth = abi::breaker_scope::kCluster | abi::breaker_scope::kEndpoint;
  {
    // The sanitizer needs a descriptor to look at an object of a type that it has not met: so let
    // it meet all of them.
    BreakerRig refused(1, kBoth);
    refused.origins[0].refuse();
    const int32_t handle = refused.rig->get();
    refused.rig->settle();
    EXPECT_EQ(refused.statusOf(handle), 502u);
  }
  BreakerRig b(1, kBoth);
  rlimit before{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  for (int i = 0; i < 8; ++i) {
    const int32_t handle = b.rig->get();
    b.rig->settle();
    EXPECT_EQ(b.statusOf(handle), 502u);
  }
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(b.rig->flagged(flag::kUf), 8.0);
  EXPECT_EQ(b.state(), state::kClosed);
  EXPECT_EQ(b.endpointState(0), state::kClosed);
  EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
}

CASE("a request that had to be tried twice counts once, with what became of it") {
  BreakerRig b(2, abi::breaker_scope::kCluster,
               [](ImageBuilder& image) { image.routes[0].retry_attempts = 2; });
  b.origins[0].refuse();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
  EXPECT(b.clusterStat(0, stat::kConnectFailures) > 1);
  EXPECT_EQ(b.state(), state::kClosed);
  EXPECT_EQ(b.clusterStat(0, stat::kBreakerOpened), 0.0);
}

CASE("nothing is tried again once the breaker has opened") {
  BreakerRig b(1, abi::breaker_scope::kCluster,
               [](ImageBuilder& image) { image.routes[0].retry_attempts = 2; });
  const int32_t slow = b.rig->get("/slow");
  EXPECT(b.rig->until([&] { return b.origins[0].count() == 1 && b.origins[0].asked(0); }));
  b.origins[0].take(0);
  b.breakIt();
  EXPECT_EQ(b.state(), state::kOpen);
  b.origins[0].reset(0);
  EXPECT(b.rig->untilDone(slow));
  EXPECT_EQ(b.statusOf(slow), 502u);
  EXPECT_EQ(b.rig->flagged(flag::kUc), 1.0);
  EXPECT_EQ(b.clusterStat(0, stat::kRetries), 0.0);
}

CASE("an endless answer closes a half-open breaker with its head") {
  BreakerRig b;
  b.breakIt();
  b.rig->advance(100);
  const int32_t stream = b.rig->get();
  EXPECT(b.rig->until([&] { return b.origins[0].asked(0); }));
  b.origins[0].take(0);
  b.origins[0].send(0, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n");
  EXPECT(b.rig->until([&] { return b.rig->answer(stream).body == "x"; }));
  EXPECT_EQ(b.state(), state::kClosed);
  // How it ends is of no matter any more.
  b.origins[0].reset(0);
  EXPECT(b.rig->untilDone(stream));
  EXPECT_EQ(b.state(), state::kClosed);
}

CASE("a WebSocket is good by its handshake, and its end is of no matter") {
  BreakerRig b(1, abi::breaker_scope::kCluster | abi::breaker_scope::kEndpoint,
               [](ImageBuilder& image) { image.routes[0].web_socket_max_message = 1024; });
  for (int i = 0; i < 3; ++i) b.ask(500);
  const int32_t handle = b.rig->upgrade();
  EXPECT(b.rig->until([&] { return b.origins[0].asked(0); }));
  const std::string head = b.origins[0].take(0);
  const std::size_t at = head.find("sec-websocket-key: ");
  EXPECT(at != std::string::npos);
  char accept[kWebSocketAcceptSize];
  acceptOf(head.substr(at + 19, 24), accept);
  b.origins[0].send(0,
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
                    "connection: Upgrade\r\nsec-websocket-accept: " +
                        std::string(accept, sizeof accept) + "\r\n\r\n");
  EXPECT(b.rig->until([&] { return b.statusOf(handle) == 101; }));
  EXPECT_EQ(b.rig->endpointStat(0, abi::endpoint_stat::kResponses), 4.0);
  b.ask(500);
  EXPECT_EQ(b.state(), state::kOpen);
  uint64_t dropped = 0;
  const auto noted = Engine::instance().takeTransitions(&dropped);
  EXPECT_EQ(noted.back().requests, 5.0);
  EXPECT_EQ(noted.back().value, 0.8);
  b.origins[0].reset(0);
  EXPECT(b.rig->untilDone(handle));
}

CASE("workers share one breaker") {
  BreakerRig b;
  Rig second(*b.rig, 1);
  for (int i = 0; i < 4; ++i) {
    Rig& rig = i % 2 == 0 ? *b.rig : second;
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] {
      b.answerAny(500);
      return rig.answer(handle).done;
    }));
  }
  EXPECT_EQ(b.state(), state::kOpen);
  for (Rig* rig : {b.rig.get(), &second}) {
    const int32_t handle = rig->get();
    EXPECT(rig->untilDone(handle));
    EXPECT_EQ(rig->answer(handle).status, 503u);
  }
}

CASE("a reload keeps an open breaker, and starts over where it counts in another window") {
  BreakerRig b;
  b.breakIt();
  b.rig->install(b.spec(abi::breaker_scope::kCluster,
                        [](ImageBuilder& image) { image.clusters[0].max_pending = 7; }));
  EXPECT_EQ(b.state(), state::kOpen);
  EXPECT_EQ(b.statusOf(b.ask(200)), 503u);
  b.rig->install(b.spec(abi::breaker_scope::kCluster,
                        [](ImageBuilder& image) { image.breakers[0].min_requests = 5; }));
  EXPECT_EQ(b.state(), state::kOpen);
  EXPECT_EQ(b.statusOf(b.ask(200)), 503u);
  transitions();
  b.rig->install(b.spec(abi::breaker_scope::kCluster,
                        [](ImageBuilder& image) { image.breakers[0].window_ms += 1; }));
  EXPECT_EQ(b.state(), state::kClosed);
  EXPECT_EQ(b.statusOf(b.ask(200)), 200u);
  const std::vector<Transition> noted = transitions();
  EXPECT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].reason, abi::transition_reason::kBreakerRemoved);
  EXPECT_EQ(b.clusterStat(0, stat::kBreakerOpened), 1.0);
}

CASE("a request of the configuration before does not disturb the breaker of the one after") {
  BreakerRig b;
  const int32_t old = b.rig->get();
  EXPECT(b.rig->until([&] { return b.origins[0].count() == 1 && b.origins[0].asked(0); }));
  for (int i = 0; i < 3; ++i) {
    const int32_t handle = b.rig->get();
    EXPECT(b.rig->until([&] {
      if (b.origins[0].count() > 1 && b.origins[0].asked(1)) {
        b.origins[0].take(1);
        b.origins[0].send(1, "HTTP/1.1 500 Said\r\ncontent-length: 0\r\n\r\n");
      }
      return b.rig->answer(handle).done;
    }));
  }
  b.rig->install(b.spec(abi::breaker_scope::kCluster, [](ImageBuilder& image) {
    image.breakers[0].min_requests = 1;
    image.breakers[0].window_ms += 1;
  }));
  transitions();
  b.origins[0].reset(0);
  EXPECT(b.rig->untilDone(old));
  EXPECT_EQ(b.state(), state::kClosed);
  EXPECT_EQ(transitions().size(), 0u);
}

}  // namespace
}  // namespace millrace::test
