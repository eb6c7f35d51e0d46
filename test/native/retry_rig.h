#ifndef MILLRACE_TEST_NATIVE_RETRY_RIG_H_
#define MILLRACE_TEST_NATIVE_RETRY_RIG_H_

#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Clusters whose route tries again, for the tests of further attempts.
namespace millrace::test {

inline const std::string kNothing = "active 0 pending 0 busy 0 idle 0";

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

inline RigSpec spec(const std::vector<Origin*>& origins, const Policy& policy) {
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

inline std::string answerOf(uint32_t status, const std::string& body,
                            const std::string& lines = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " Status\r\n" + lines +
         "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Which of the origins has a request that was not answered yet, as (origin, connection).
struct Asked {
  Origin* origin = nullptr;
  std::size_t peer = 0;
};
inline Asked find(const std::vector<Origin*>& origins) {
  for (Origin* origin : origins) {
    for (std::size_t i = 0; i < origin->count(); ++i) {
      if (!origin->peer(i).ended && origin->asked(i)) return {origin, i};
    }
  }
  return {};
}
inline Asked next(Rig& rig, const std::vector<Origin*>& origins) {
  EXPECT(rig.until([&] { return find(origins).origin != nullptr; }));
  return find(origins);
}

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_RETRY_RIG_H_
