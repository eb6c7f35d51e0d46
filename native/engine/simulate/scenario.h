#ifndef MILLRACE_ENGINE_SIMULATE_SCENARIO_H_
#define MILLRACE_ENGINE_SIMULATE_SCENARIO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "abi.h"
#include "engine/balancer/settings.h"

namespace millrace::simulate {

// What is simulated: one policy under one load. Times are in seconds of virtual time, rates per
// second. Plain values, of which any are safe to check; only those that checkScenario accepts may
// be run.

struct ServiceTime {
  enum class Kind : uint8_t { kFixed, kExponential, kLognormal };
  Kind kind = Kind::kFixed;
  double value = 0;  // fixed: the time; exponential: the mean; lognormal: the median
  double p99 = 0;    // lognormal
};

// Endpoints that are alike.
struct EndpointGroup {
  std::string name;
  uint32_t count = 1;
  ServiceTime service;
  uint32_t concurrency = 1;  // requests that it works on at once
  uint32_t queue = 1000;     // that wait in front of it; the next one is answered 503 at once
  uint32_t weight = 1;
  uint32_t priority = 0;
  uint32_t max_requests = 0;  // cap of each proxy on requests in flight; 0 = none
  double fails = 0;           // share of its answers that are a 500
  std::string zone;
  bool reports = true;  // it tells its load with every answer (prequal)
};

// What happens to some endpoints meanwhile.
struct Change {
  double at = 0;
  double lasts = 0;  // 0 = to the end
  uint32_t group = 0;
  double share = 1;                    // of the group's endpoints, at least one
  double factor = 1;                   // of their service times
  double fails = -1;                   // instead of the group's; < 0 = as it is
  bool down = false;                   // connections are refused, and what it had is lost
  std::optional<ServiceTime> service;  // instead of the group's
};

enum class Arrivals : uint8_t { kPoisson, kUniform, kBursts };

struct RetryRules {
  uint32_t attempts = 0;  // after the first
  uint32_t on = 0;        // abi::retry_on bits
  uint32_t backoff_base_ms = 25;
  uint32_t backoff_max_ms = 250;
  bool budgeted = true;
  uint32_t budget_percent = 20;
  uint32_t budget_min_per_second = 10;
  uint32_t budget_window_ms = 10'000;
};

struct RateRules {
  uint32_t algorithm = abi::rate_algorithm::kSlidingWindow;
  uint32_t limit = 0;  // requests of a client in a window; 0 = no limit
  uint32_t window_ms = 1000;
  uint32_t burst = 1;
  uint32_t keys = 1;  // clients
  double zipf = 0;    // exponent of their popularity; 0 = all alike
};

struct Scenario {
  uint64_t seed = 1;
  uint64_t requests = 0;  // that come
  double rate = 0;        // of all proxies together
  Arrivals arrivals = Arrivals::kPoisson;
  double burst_on = 0;   // bursts: requests come for so long ...
  double burst_off = 0;  // ... and none for so long; `rate` is the mean
  uint32_t proxies = 1;
  uint32_t keys = 0;  // of the hash policies; 0 = requests have none
  double key_zipf = 0;
  double network = 0;  // one way, proxy to endpoint
  double timeout = 0;  // of a request; 0 = none
  double per_try_timeout = 0;
  RetryRules retry;
  RateRules rate_limit;
  BalancerSettings balancer;     // without local_zone
  std::string zone;              // of the proxies
  abi::BreakerRecord breaker{};  // scope 0 = none
  bool detects_outliers = false;
  abi::OutlierRecord outlier{};
  std::vector<EndpointGroup> groups;
  std::vector<Change> changes;
};

// Bounds that keep time and memory finite, whatever a scenario says.
namespace bounds {
inline constexpr uint64_t kMaxRequests = 1'000'000'000;
inline constexpr double kMaxRate = 1e9;
inline constexpr double kMinRate = 1e-3;
inline constexpr double kMaxSeconds = 2e6;  // of a run, and of every time: 23 days
inline constexpr uint32_t kMaxProxies = 1024;
inline constexpr uint32_t kMaxViews = 1u << 19;  // proxies x endpoints; 0.4 KB each
inline constexpr uint32_t kMaxGroups = 64;
inline constexpr uint32_t kMaxChanges = 1000;
inline constexpr uint32_t kMaxConcurrency = 65536;
inline constexpr uint32_t kMaxQueue = 10'000'000;
inline constexpr uint32_t kMaxPlaces = 1u << 21;  // endpoints x concurrency
inline constexpr uint32_t kMaxKeys = 1'000'000'000;
inline constexpr uint32_t kMaxClients = 1u << 20;    // of a rate limit; x proxies
inline constexpr uint64_t kMaxLogPlaces = 1u << 23;  // of slidingLog: clients x requests
inline constexpr uint32_t kMaxInFlight = 1u << 21;   // requests at once: 0.2 KB each
inline constexpr double kMaxZipf = 10;
inline constexpr uint64_t kMaxTablePlaces = 1u << 26;  // of hash policies, all proxies together
}  // namespace bounds

// Why it cannot be run: which value, what was expected. Empty = it can.
std::string checkScenario(const Scenario& scenario);

// Mean, in seconds.
double meanOf(const ServiceTime& service) noexcept;

// Requests that all endpoints together can answer in a second, when nothing changes.
double capacityOf(const Scenario& scenario) noexcept;

uint32_t endpointsOf(const Scenario& scenario) noexcept;

// The group of each endpoint. They are mixed, and always in the same way under one seed: a policy
// that looks at neighbours must not find a group in a row.
std::vector<uint32_t> layOut(const Scenario& scenario);

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_SCENARIO_H_
