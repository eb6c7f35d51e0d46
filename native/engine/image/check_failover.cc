// Image checks of retries, hedging, outlier detection, circuit breakers and fallbacks.
#include "engine/image/image_check.h"
#include "engine/image/text_rules.h"

namespace millrace {
namespace {

constexpr uint32_t kMostPercent = 100;
constexpr uint32_t kMostFactorMillis = 1'000'000;

bool isTime(uint32_t ms) noexcept { return ms <= abi::limits::kMaxFailoverMs; }

}  // namespace

bool ImageCheck::retry(const abi::RetryRecord& r) noexcept {
  if (!isRange(abi::section::kIndex, r.status_start, r.status_count) ||
      r.status_count > abi::limits::kMaxRetryStatuses) {
    return fail("statuses to retry out of bounds");
  }
  for (const uint32_t status : image_.indexes().subspan(r.status_start, r.status_count)) {
    if (status < 300 || status > 599) return fail("status to retry out of range");
  }
  if (!isTime(r.backoff_base_ms) || !isTime(r.backoff_max_ms) ||
      r.backoff_max_ms < r.backoff_base_ms || !isTime(r.retry_after_max_ms)) {
    return fail("back-off out of range");
  }
  if (r.buffer_bytes > abi::limits::kMaxRetryBufferBytes)
    return fail("buffer of retries out of range");
  return (r.flags & ~abi::retry_flag::kNonIdempotent) == 0 || fail("unknown retry flag");
}

bool ImageCheck::hedge(const abi::HedgeRecord& r) noexcept {
  if (r.quantile_millis > 999) return fail("hedging quantile out of range");
  constexpr uint32_t kMostDelayMs = abi::limits::kMaxBalancerTimeMs;
  if (r.min_delay_ms > kMostDelayMs || r.max_delay_ms > kMostDelayMs ||
      (r.max_delay_ms != 0 && r.max_delay_ms < r.min_delay_ms)) {
    return fail("hedging delay out of range");
  }
  return (r.percent != 0 && r.percent <= kMostPercent) || fail("hedging budget out of range");
}

bool ImageCheck::outlier(const abi::OutlierRecord& r) noexcept {
  if (r.interval_ms == 0 || !isTime(r.interval_ms) || r.base_ejection_ms == 0 ||
      !isTime(r.base_ejection_ms) || !isTime(r.max_ejection_ms) || !isTime(r.jitter_ms)) {
    return fail("time of outlier detection out of range");
  }
  if (r.consecutive5xx > abi::limits::kMaxConsecutiveErrors ||
      r.consecutive_gateway_errors > abi::limits::kMaxConsecutiveErrors ||
      r.consecutive_local_errors > abi::limits::kMaxConsecutiveErrors) {
    return fail("too many failures in a row");
  }
  if (r.max_ejection_percent > kMostPercent || r.failure_percent > kMostPercent)
    return fail("percentage of outlier detection out of range");
  if ((r.flags & ~(abi::outlier_flag::kShadow | abi::outlier_flag::kKeepEjected)) != 0)
    return fail("unknown flag of outlier detection");
  if (r.success_method > abi::outlier_method::kMad) return fail("unknown method of outliers");
  if (r.success_factor_millis > kMostFactorMillis || r.latency_factor_millis > kMostFactorMillis ||
      (r.latency_factor_millis != 0 && r.latency_factor_millis <= 1000)) {
    return fail("factor of outlier detection out of range");
  }
  if (r.latency_quantile_millis > 999) return fail("quantile of outlier detection out of range");
  return true;
}

bool ImageCheck::breaker(const abi::BreakerRecord& r) noexcept {
  constexpr uint32_t kScopes = abi::breaker_scope::kCluster | abi::breaker_scope::kEndpoint;
  if (r.scope == 0 || (r.scope & ~kScopes) != 0) return fail("unknown scope of a breaker");
  if (r.threshold_millis == 0 || r.threshold_millis > 1000)
    return fail("threshold of a breaker out of range");
  if (r.window_ms < 10 || !isTime(r.window_ms) || r.interval_ms == 0 || !isTime(r.interval_ms) ||
      !isTime(r.max_interval_ms) || r.max_interval_ms < r.interval_ms ||
      r.jitter_percent > kMostPercent) {
    return fail("time of a breaker out of range");
  }
  if (r.min_requests == 0) return fail("breaker without a least number of requests");
  if (r.probes == 0 || r.probes > abi::limits::kMaxBreakerProbes || r.successes == 0 ||
      r.successes > abi::limits::kMaxBreakerProbes) {
    return fail("probes of a breaker out of range");
  }
  return true;
}

bool ImageCheck::fault(const abi::FaultRecord& r) noexcept {
  constexpr uint32_t kAll = 1'000'000;
  if (r.abort_per_million > kAll || r.delay_per_million > kAll)
    return fail("share of a fault out of range");
  if (r.abort_per_million != 0 && (r.abort_status < 400 || r.abort_status > 599))
    return fail("status of a fault out of range");
  if (r.delay_per_million != 0 && (r.delay_ms == 0 || r.delay_ms > abi::limits::kMaxFaultDelayMs)) {
    return fail("delay of a fault out of range");
  }
  return true;
}

bool ImageCheck::tracing(const abi::TracingRecord& r) noexcept {
  namespace t = abi::tracing_flag;
  constexpr uint32_t kFlags = t::kParentBased | t::kB3 | t::kTrustedPeers | t::kOff;
  if ((r.flags & ~kFlags) != 0) return fail("unknown flag of tracing");
  return row_ != 0 || (r.flags & t::kOff) == 0 || fail("tracing that is off");
}

bool ImageCheck::failoverOf(const abi::ClusterRecord& r) noexcept {
  const auto is_row = [this](uint32_t section, uint32_t row) {
    return row == abi::kNone || row < count(section);
  };
  if ((r.flags & ~abi::cluster_flag::kHealthChecked) != 0) return fail("unknown cluster flag");
  if (!isTime(r.tls_timeout_ms)) return fail("TLS timeout out of range");
  if (r.budget_percent != abi::kNone &&
      (r.budget_percent > 1000 || r.budget_window_ms < 1000 || !isTime(r.budget_window_ms))) {
    return fail("retry budget out of range");
  }
  if (!is_row(abi::section::kOutlier, r.outlier)) return fail("unknown outlier detection");
  if (!is_row(abi::section::kBreaker, r.breaker)) return fail("unknown circuit breaker");
  if (!is_row(abi::section::kRespond, r.fallback_respond)) return fail("unknown fallback answer");
  if (r.fallback_cluster != abi::kNone && r.fallback_respond != abi::kNone)
    return fail("two fallbacks");
  uint32_t next = r.fallback_cluster;
  for (uint32_t hops = 0; next != abi::kNone; ++hops) {
    if (next >= count(abi::section::kCluster)) return fail("unknown fallback cluster");
    if (hops == abi::limits::kMaxFallbacks) return fail("too many fallbacks in a row");
    next = image_.clusters()[next].fallback_cluster;
  }
  return true;
}

bool ImageCheck::failoverOf(const abi::RouteRecord& r) noexcept {
  namespace on = abi::retry_on;
  constexpr uint32_t kRetryBits = on::kConnectFailure | on::kReset | on::kTimeout | on::k5xx |
                                  on::kGatewayError | on::kRetriable4xx | on::kRateLimited;
  if ((r.retry_on & ~kRetryBits) != 0) return fail("unknown retry condition");
  if (r.retry_attempts > abi::limits::kMaxRetries) return fail("too many retries");
  if (r.retry >= count(abi::section::kRetry)) return fail("unknown retry settings");
  if (r.hedge != abi::kNone && r.hedge >= count(abi::section::kHedge))
    return fail("unknown hedging");
  if (r.fault != abi::kNone && r.fault >= count(abi::section::kFault)) return fail("unknown fault");
  if (r.tracing != abi::kNone && r.tracing >= count(abi::section::kTracing))
    return fail("unknown tracing");
  if (!isOptionalText(r.deadline_offset, r.deadline_length) ||
      (r.deadline_offset != abi::kNone &&
       !text::isLowerToken(image_.str(r.deadline_offset, r.deadline_length)))) {
    return fail("deadline header is not a token in lower case");
  }
  return true;
}

}  // namespace millrace
