#ifndef MILLRACE_ENGINE_SIMULATE_TALLY_H_
#define MILLRACE_ENGINE_SIMULATE_TALLY_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/histogram/counts.h"
#include "engine/simulate/clock.h"
#include "engine/simulate/servers.h"

namespace millrace::simulate {

// What became of a request; each has exactly one of these.
enum class Outcome : uint8_t {
  kAnswered,
  kFailed,          // an error was the last word: 500, no connection, broken off
  kTimedOut,        // nobody had answered in time
  kRefusedBreaker,  // the circuit breaker was open
  kRefusedRate,     // over its rate limit
  kRefusedQueue,    // every queue that it came to was full, or every endpoint at maxRequests
  kRefusedNobody,   // no endpoint was available
  kUnfinished,      // still on its way when the longest time was over
};
inline constexpr uint32_t kOutcomes = 8;

// Times in seconds.
struct Quantiles {
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  double p9999 = 0;
  double max = 0;
  double mean = 0;
  uint64_t count = 0;
};

struct GroupResult {
  std::string name;
  double share = 0;        // of all attempts
  uint64_t requests = 0;   // attempts that came to it
  uint64_t failed = 0;     // of them, as the endpoints saw it
  double utilisation = 0;  // busy places / places
  double wait = 0;         // mean time in the queue, seconds
  double in_flight = 0;    // mean number of requests at an endpoint, working and waiting
};

// How unlike the endpoints are: deviation / mean, and largest / mean.
struct Imbalance {
  double cv = 0;
  double max_over_mean = 0;
};

struct TimelineRow {
  double at = 0;    // since the start
  double rate = 0;  // requests that came
  double p50 = 0;   // of those that came then
  double p99 = 0;
  double errors = 0;  // share of them that were not answered
};

// What the rate limit did, next to one that remembers everything.
struct LimitResult {
  uint32_t clients = 0;        // that were watched
  uint32_t most = 0;           // requests of a client that a proxy admitted within a window
  uint32_t most_together = 0;  // that all proxies did
  uint64_t refused_below = 0;  // while fewer than the limit had been admitted in the window
};

struct Result {
  std::array<uint64_t, kOutcomes> outcomes{};
  uint64_t requests = 0;
  uint64_t attempts = 0;
  uint64_t retries = 0;
  Quantiles latency;
  std::vector<std::pair<double, uint64_t>> histogram;  // (upper end in seconds, count)
  double goodput = 0;                                  // answered requests in a second
  double seconds = 0;                                  // until the last one came to its end
  double offered = 0;                                  // rate
  double capacity = 0;
  Imbalance in_flight;          // of the mean number of requests per place
  Imbalance requests_each;      // of the attempts per weight
  uint32_t most_in_flight = 0;  // at one endpoint at once
  std::vector<GroupResult> groups;
  std::vector<TimelineRow> timeline;
  LimitResult limit;
  uint64_t breakers_opened = 0;
  uint64_t ejections = 0;
  uint64_t panic_picks = 0;
};

// Counts outcomes. Latencies are those of answered requests, and of those that timed out with the
// time that they waited: leaving out the worst would flatter whoever loses them. Each counts at the
// moment at which it came, in one of kRows rows over the time in which requests come.
class Tally {
 public:
  static constexpr uint32_t kRows = 100;

  explicit Tally(const Scenario& scenario);

  void record(Outcome outcome, uint64_t arrived_ns, uint64_t now_ns) noexcept {
    Row& row = rowAt(arrived_ns);
    ++row.outcomes[static_cast<uint32_t>(outcome)];
    if (outcome > Outcome::kTimedOut || outcome == Outcome::kFailed) return;
    const uint64_t ns = now_ns - arrived_ns;
    row.times.add(histogram::bucketOf(ns / kTickNs), 1);
    sum_ns_ += static_cast<double>(ns);
    if (ns > max_ns_) max_ns_ = ns;
  }

  uint64_t finished() const noexcept;
  // What the endpoints did is taken from `servers`. `now`: the end of the run.
  Result result(const Scenario& scenario, const std::vector<Server>& servers, Moment now) const;

 private:
  // Finer than the microseconds of the engine's histograms: simulated networks may be short.
  static constexpr uint64_t kTickNs = 100;

  struct Row {
    std::array<uint64_t, kOutcomes> outcomes{};
    HistogramCounts times;
  };
  Row& rowAt(uint64_t at_ns) noexcept {
    if (at_ns >= row_end_ns_ || at_ns < row_start_ns_) findRow(at_ns);
    return *row_;
  }
  void findRow(uint64_t at_ns) noexcept;
  Quantiles quantilesOf(const HistogramCounts& counts) const noexcept;

  uint64_t row_ns_;
  std::vector<Row> rows_;
  // The row that was used last.
  Row* row_ = nullptr;
  uint64_t row_start_ns_ = 0;
  uint64_t row_end_ns_ = 0;
  double sum_ns_ = 0;
  uint64_t max_ns_ = 0;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_TALLY_H_
