#include "engine/simulate/tally.h"

#include <algorithm>
#include <cmath>

namespace millrace::simulate {
namespace {

class Spread {
 public:
  void add(double value) noexcept {
    ++count_;
    sum_ += value;
    squares_ += value * value;
    most_ = std::max(most_, value);
  }
  Imbalance imbalance() const noexcept {
    if (sum_ <= 0) return {};
    const double mean = sum_ / count_;
    const double variance = std::max(squares_ / count_ - mean * mean, 0.0);
    return {std::sqrt(variance) / mean, most_ / mean};
  }

 private:
  double count_ = 0;
  double sum_ = 0;
  double squares_ = 0;
  double most_ = 0;
};

}  // namespace

Tally::Tally(const Scenario& scenario)
    : row_ns_(std::max<uint64_t>(
          nsOf(static_cast<double>(scenario.requests) / scenario.rate) / kRows, 1)),
      rows_(kRows) {
  findRow(kStartNs);
}

// What comes after the expected end counts in the last row.
void Tally::findRow(uint64_t at_ns) noexcept {
  const uint64_t row = std::min<uint64_t>((at_ns - kStartNs) / row_ns_, kRows - 1);
  row_ = &rows_[row];
  row_start_ns_ = kStartNs + row * row_ns_;
  row_end_ns_ = row == kRows - 1 ? kNever : row_start_ns_ + row_ns_;
}

uint64_t Tally::finished() const noexcept {
  uint64_t count = 0;
  for (const Row& row : rows_) {
    for (const uint64_t n : row.outcomes) count += n;
  }
  return count;
}

Quantiles Tally::quantilesOf(const HistogramCounts& counts) const noexcept {
  constexpr double kSeconds = kTickNs / kNsPerSecond;
  Quantiles out;
  out.count = counts.count;
  if (counts.count == 0) return out;
  const auto at = [&](double q) {
    return std::min(counts.quantile(q) * kSeconds, secondsOf(max_ns_));
  };
  out.p50 = at(0.5);
  out.p90 = at(0.9);
  out.p99 = at(0.99);
  out.p999 = at(0.999);
  out.p9999 = at(0.9999);
  return out;
}

Result Tally::result(const Scenario& scenario, const std::vector<Server>& servers,
                     Moment now) const {
  Result out;
  HistogramCounts all;
  for (uint32_t i = 0; i < kRows; ++i) {
    const Row& row = rows_[i];
    HistogramCounts times = row.times;
    times.max = UINT64_MAX;  // not known of a row: the middle of the bucket will do
    const Quantiles quantiles = quantilesOf(times);
    uint64_t came = 0;
    for (uint32_t o = 0; o < kOutcomes; ++o) {
      came += row.outcomes[o];
      out.outcomes[o] += row.outcomes[o];
    }
    const auto answered = static_cast<double>(row.outcomes[0]);
    const auto requests = static_cast<double>(came);
    out.requests += came;
    out.timeline.push_back({secondsOf(i * row_ns_), requests / secondsOf(row_ns_), quantiles.p50,
                            quantiles.p99, came == 0 ? 0 : 1 - answered / requests});
    all.add(row.times);
  }
  all.max = max_ns_ / kTickNs;
  out.latency = quantilesOf(all);
  out.latency.max = secondsOf(max_ns_);
  out.latency.mean = all.count == 0 ? 0 : sum_ns_ / static_cast<double>(all.count) / kNsPerSecond;
  all.forEachBucket([&](uint32_t bucket, uint64_t count) {
    out.histogram.emplace_back(secondsOf(histogram::upperBound(bucket) * kTickNs), count);
  });
  out.seconds = secondsOf(now.ns - kStartNs);
  const double seconds = std::max(out.seconds, 1e-9);
  out.goodput = static_cast<double>(out.outcomes[0]) / seconds;
  out.offered = scenario.rate;
  out.capacity = capacityOf(scenario);

  Spread in_flight;
  Spread requests_each;
  for (const Server& server : servers) out.attempts += server.came;
  std::vector<double> waited(scenario.groups.size());
  std::vector<double> inside(scenario.groups.size());
  for (const EndpointGroup& group : scenario.groups) out.groups.push_back({group.name});
  for (const Server& server : servers) {
    const EndpointGroup& group = scenario.groups[server.group];
    GroupResult& row = out.groups[server.group];
    row.requests += server.came;
    row.failed += server.failed;
    row.utilisation += secondsOf(server.busy_ns) / (group.concurrency * seconds * group.count);
    waited[server.group] += secondsOf(server.waited_ns);
    inside[server.group] += secondsOf(server.inside_ns);
    in_flight.add(secondsOf(server.inside_ns) / seconds / server.concurrency);
    if (group.weight != 0) requests_each.add(static_cast<double>(server.came) / group.weight);
    out.most_in_flight = std::max(out.most_in_flight, server.most);
  }
  for (uint32_t g = 0; g < out.groups.size(); ++g) {
    GroupResult& row = out.groups[g];
    const auto requests = static_cast<double>(row.requests);
    if (out.attempts != 0) row.share = requests / static_cast<double>(out.attempts);
    if (row.requests != 0) row.wait = waited[g] / requests;
    row.in_flight = inside[g] / seconds / scenario.groups[g].count;
  }
  out.in_flight = in_flight.imbalance();
  out.requests_each = requests_each.imbalance();
  return out;
}

}  // namespace millrace::simulate
