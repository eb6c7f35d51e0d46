#ifndef MILLRACE_ENGINE_FAILOVER_OUTLIER_H_
#define MILLRACE_ENGINE_FAILOVER_OUTLIER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "abi.h"

namespace millrace {

// Comparisons of the endpoints of a cluster over one interval. Pure functions of what was counted;
// `member` is the caller's number of an endpoint.

struct AnswerCounts {
  uint32_t member = 0;
  uint64_t good = 0;      // answers below 500
  uint64_t requests = 0;  // answers and failures
};

struct LatencyQuantile {
  uint32_t member = 0;
  double us = 0;
  uint64_t samples = 0;
};

// An endpoint that is to be ejected, with its evidence. Shares are from 0 to 1, times in
// microseconds.
struct Suspect {
  uint32_t member = 0;
  uint32_t reason = 0;  // abi::transition_reason
  double value = 0;
  double limit = 0;
  double requests = 0;
};

// Endpoints whose share of good answers is far below that of the others. Two meanings of "far":
//
//   deviation   mean - factor x standard deviation (of the population): Envoy's success rate. With
//               k equally bad ones among n, the bad ones are sqrt((n - k) / k) deviations below the
//               mean, whatever they do: with 1.9 nothing is ever found among 4, nor 2 bad ones
//               of 8.
//   mad         median - factor x 1.4826 x median of the absolute deviations from the median. The
//               bad ones do not move it while they are fewer than half. 1.4826 makes it the
//               standard deviation where the rates are normal (Leys et al. 2013,
//               10.1016/j.jesp.2013.03.013, which also gives 3.5 as its careful factor).
//
// Either scale may come out as 0 or next to it: mostly everybody answers everything. Then one
// failure more than the others would be an outlier. So it is never taken for less than what is not
// known about the rate that is judged: a rate that was counted over n requests is off by a standard
// error of at most 1 / (2 sqrt(n)), the largest that a binomial share can have; and never for less
// than 1 %, since nobody wants to lose an endpoint over that, however surely it is known. With 1.9
// and 100 requests, 9.5 % more failures than the others are too many; with 10,000, 1.9 %.
//
// Only endpoints with min_requests are compared, and only when there are min_endpoints of them. The
// worst come first. O(n log n).
void findUnsuccessful(const abi::OutlierRecord& settings, std::span<const AnswerCounts> counts,
                      std::vector<Suspect>* suspects);

// Endpoints that fail failure_percent of their requests or more, whatever the others do.
void findFailing(const abi::OutlierRecord& settings, std::span<const AnswerCounts> counts,
                 std::vector<Suspect>* suspects);

// Endpoints whose quantile of the time to the first byte is above factor x the median of the
// endpoints' quantiles, and not below the least latency that matters. Like with like: a p99 is
// several times a median of the same endpoint anyway.
void findSlow(const abi::OutlierRecord& settings, std::span<const LatencyQuantile> quantiles,
              std::vector<Suspect>* suspects);

// Whether the endpoints are compared at all; else runs of errors are all that counts.
constexpr bool comparesEndpoints(const abi::OutlierRecord& settings) noexcept {
  return settings.success_method != abi::outlier_method::kOff || settings.failure_percent != 0 ||
         settings.latency_factor_millis != 0;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_OUTLIER_H_
