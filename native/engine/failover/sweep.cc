#include "engine/failover/sweep.h"

#include <algorithm>
#include <utility>

#include "engine/failover/ejection.h"

namespace millrace {

AnswerCounts OutlierSweep::takeAnswers(EndpointState& endpoint) noexcept {
  namespace stat = abi::endpoint_stat;
  uint64_t responses = 0;
  uint64_t responses5xx = 0;
  uint64_t failures = 0;
  endpoint.shards.forEach([&](const EndpointShard& shard) {
    // Race: an answer may be counted between the first read and the second. Reading the errors
    // first, none of them is without its answer.
    responses5xx += shard.counters.read(stat::kResponses5xx);
    responses += shard.counters.read(stat::kResponses);
    failures += shard.counters.read(stat::kFailures);
  });
  SweepMemory& before = endpoint.outlier.swept;
  AnswerCounts counts;
  counts.requests = responses - before.responses + (failures - before.failures);
  const uint64_t errors = responses5xx - before.responses5xx;
  counts.good = std::max(responses - before.responses, errors) - errors;
  before.responses = responses;
  before.responses5xx = responses5xx;
  before.failures = failures;
  return counts;
}

LatencyQuantile OutlierSweep::takeLatency(EndpointState& endpoint, double quantile) {
  SweepMemory& before = endpoint.outlier.swept;
  uint64_t samples = 0;
  endpoint.shards.forEach([&](const EndpointShard& shard) { samples += shard.first_byte.count(); });
  if (samples == before.first_bytes) return {};  // nothing came
  before.first_bytes = samples;
  merged_.clear();
  endpoint.shards.forEach([&](const EndpointShard& shard) { merged_.add(shard.first_byte); });

  interval_.clear();
  next_.clear();
  uint64_t count = 0;
  auto old = before.first_byte.begin();
  merged_.forEachBucket([&](uint32_t bucket, uint64_t total) {
    while (old != before.first_byte.end() && old->first < bucket) ++old;
    const uint32_t had = old != before.first_byte.end() && old->first == bucket ? old->second : 0;
    // In the low halves: an interval has less than 2^32 requests.
    const auto low = static_cast<uint32_t>(total);
    next_.emplace_back(bucket, low);
    if (low == had) return;
    interval_.emplace_back(bucket, low - had);
    count += low - had;
  });
  before.first_byte.assign(next_.begin(), next_.end());

  // As HistogramCounts::quantile, but for the largest sample, which is known of no interval.
  const double rank = histogram::quantileRank(quantile, static_cast<double>(count));
  LatencyQuantile found{0, 0, count};
  double seen = 0;
  for (auto bucket = interval_.begin(); bucket != interval_.end() && seen < rank; ++bucket) {
    seen += bucket->second;
    found.us = histogram::middle(bucket->first);
  }
  return found;
}

std::span<const Suspect> OutlierSweep::run(const abi::OutlierRecord& settings,
                                           std::span<EndpointState* const> members) {
  answers_.clear();
  latencies_.clear();
  suspects_.clear();
  const bool latency = settings.latency_factor_millis != 0;
  for (uint32_t m = 0; m < members.size(); ++m) {
    EndpointState& endpoint = *members[m];
    AnswerCounts answers = takeAnswers(endpoint);
    LatencyQuantile quantile;
    if (latency) quantile = takeLatency(endpoint, settings.latency_quantile_millis / 1000.0);
    const bool known = std::exchange(endpoint.outlier.swept.known, true);
    const bool timed = std::exchange(endpoint.outlier.swept.timed, latency);
    if (isEjected(endpoint)) continue;
    answers.member = quantile.member = m;
    if (known && answers.requests != 0) answers_.push_back(answers);
    if (timed && quantile.samples != 0) latencies_.push_back(quantile);
  }
  findUnsuccessful(settings, answers_, &suspects_);
  findFailing(settings, answers_, &suspects_);
  findSlow(settings, latencies_, &suspects_);
  return suspects_;
}

void OutlierSweep::begin(const abi::OutlierRecord& settings,
                         std::span<EndpointState* const> members) {
  const bool latency = settings.latency_factor_millis != 0;
  for (EndpointState* const endpoint : members) {
    SweepMemory& swept = endpoint->outlier.swept;
    if (!std::exchange(swept.known, true)) takeAnswers(*endpoint);
    if (!std::exchange(swept.timed, latency) && latency) takeLatency(*endpoint, 0);
  }
}

}  // namespace millrace
