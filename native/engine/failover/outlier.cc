#include "engine/failover/outlier.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

constexpr double kMadToDeviation = 1.4826;
constexpr double kLeastScale = 0.01;
// What rounding may do to equal rates, and much less than a request.
constexpr double kRounding = 1e-9;

double rateOf(const AnswerCounts& counts) noexcept {
  return static_cast<double>(counts.good) / static_cast<double>(counts.requests);
}

// Reorders the values. The mean of the middle two of an even number.
double medianOf(std::vector<double>& values) noexcept {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 != 0) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

struct Spread {
  double centre = 0;
  double scale = 0;
};

Spread deviationOf(const std::vector<double>& rates) noexcept {
  double sum = 0;
  for (const double rate : rates) sum += rate;
  const double mean = sum / static_cast<double>(rates.size());
  double squares = 0;
  for (const double rate : rates) squares += (rate - mean) * (rate - mean);
  return {mean, std::sqrt(squares / static_cast<double>(rates.size()))};
}

Spread madOf(std::vector<double>& rates) noexcept {
  const double median = medianOf(rates);
  for (double& rate : rates) rate = std::abs(rate - median);
  return {median, kMadToDeviation * medianOf(rates)};
}

template <typename Row, typename Enough>
std::vector<Row> judged(std::span<const Row> rows, uint32_t min_endpoints, const Enough& enough) {
  std::vector<Row> kept;
  for (const Row& row : rows) {
    if (enough(row)) kept.push_back(row);
  }
  if (kept.size() < min_endpoints) kept.clear();
  return kept;
}

std::vector<AnswerCounts> judged(std::span<const AnswerCounts> counts, uint32_t min_endpoints,
                                 uint32_t min_requests) {
  return judged(counts, min_endpoints, [&](const AnswerCounts& c) {
    return c.requests != 0 && c.requests >= min_requests;
  });
}

// Suspects from `begin` on: the worst first, and of equals the one that the caller named first.
template <typename Worse>
void putWorstFirst(std::vector<Suspect>& suspects, size_t begin, const Worse& worse) {
  std::stable_sort(suspects.begin() + static_cast<std::ptrdiff_t>(begin), suspects.end(), worse);
}

}  // namespace

void findUnsuccessful(const abi::OutlierRecord& settings, std::span<const AnswerCounts> counts,
                      std::vector<Suspect>* suspects) {
  if (settings.success_method == abi::outlier_method::kOff) return;
  const std::vector<AnswerCounts> rows =
      judged(counts, settings.success_min_endpoints, settings.success_min_requests);
  if (rows.empty()) return;
  std::vector<double> rates;
  for (const AnswerCounts& row : rows) rates.push_back(rateOf(row));
  const Spread spread =
      settings.success_method == abi::outlier_method::kMad ? madOf(rates) : deviationOf(rates);
  const double factor = settings.success_factor_millis / 1000.0;
  const size_t begin = suspects->size();
  for (const AnswerCounts& row : rows) {
    const auto requests = static_cast<double>(row.requests);
    const double scale = std::max({spread.scale, 0.5 / std::sqrt(requests), kLeastScale});
    const double limit = spread.centre - factor * scale;
    const double rate = rateOf(row);
    if (rate < limit - kRounding)
      suspects->push_back(
          {row.member, abi::transition_reason::kSuccessRate, rate, limit, requests});
  }
  putWorstFirst(*suspects, begin,
                [](const Suspect& a, const Suspect& b) { return a.value < b.value; });
}

void findFailing(const abi::OutlierRecord& settings, std::span<const AnswerCounts> counts,
                 std::vector<Suspect>* suspects) {
  if (settings.failure_percent == 0) return;
  const size_t begin = suspects->size();
  for (const AnswerCounts& row :
       judged(counts, settings.failure_min_endpoints, settings.failure_min_requests)) {
    const uint64_t failed = row.requests - row.good;
    // In whole numbers: a share of exactly the limit is too many.
    if (failed * 100 < row.requests * settings.failure_percent) continue;
    suspects->push_back({row.member, abi::transition_reason::kFailurePercentage, 1 - rateOf(row),
                         settings.failure_percent / 100.0, static_cast<double>(row.requests)});
  }
  putWorstFirst(*suspects, begin,
                [](const Suspect& a, const Suspect& b) { return a.value > b.value; });
}

void findSlow(const abi::OutlierRecord& settings, std::span<const LatencyQuantile> quantiles,
              std::vector<Suspect>* suspects) {
  if (settings.latency_factor_millis == 0) return;
  const std::vector<LatencyQuantile> rows =
      judged(quantiles, settings.latency_min_endpoints, [&](const LatencyQuantile& row) {
        return row.samples != 0 && row.samples >= settings.latency_min_requests;
      });
  if (rows.empty()) return;
  std::vector<double> values;
  for (const LatencyQuantile& row : rows) values.push_back(row.us);
  const double limit = medianOf(values) * (settings.latency_factor_millis / 1000.0);
  const size_t begin = suspects->size();
  for (const LatencyQuantile& row : rows) {
    if (row.us <= limit || row.us < settings.latency_min_us) continue;
    suspects->push_back({row.member, abi::transition_reason::kLatency, row.us, limit,
                         static_cast<double>(row.samples)});
  }
  putWorstFirst(*suspects, begin,
                [](const Suspect& a, const Suspect& b) { return a.value > b.value; });
}

}  // namespace millrace
