#ifndef MILLRACE_ENGINE_FAILOVER_SWEEP_H_
#define MILLRACE_ENGINE_FAILOVER_SWEEP_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "abi.h"
#include "engine/failover/outlier.h"
#include "engine/histogram/counts.h"
#include "engine/state/upstream_state.h"

namespace millrace {

// Takes what the workers have counted of each endpoint since the last sweep, and compares the
// endpoints by it. Those that are ejected are not compared, and those that a sweep meets for the
// first time are only taken note of. One thread: the control plane's; the workers' counters are
// read as they run.
//
// Cost: the counters of all workers, some 0.1 us an endpoint; with latency detection also their
// histograms, some 2 us for an endpoint that had requests.
class OutlierSweep {
 public:
  // Who is to be ejected, by detector, the worst first. Valid until the next call.
  std::span<const Suspect> run(const abi::OutlierRecord& settings,
                               std::span<EndpointState* const> members);

  // Begins the first interval of those that no sweep has met.
  void begin(const abi::OutlierRecord& settings, std::span<EndpointState* const> members);

 private:
  AnswerCounts takeAnswers(EndpointState& endpoint) noexcept;
  LatencyQuantile takeLatency(EndpointState& endpoint, double quantile);

  std::vector<AnswerCounts> answers_;
  std::vector<LatencyQuantile> latencies_;
  std::vector<Suspect> suspects_;
  HistogramCounts merged_;
  // Scratch, (bucket, count): what the interval added, and what is to be remembered.
  std::vector<std::pair<uint32_t, uint32_t>> interval_;
  std::vector<std::pair<uint32_t, uint32_t>> next_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_SWEEP_H_
