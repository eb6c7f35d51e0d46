#ifndef MILLRACE_ENGINE_BALANCER_OBSERVE_H_
#define MILLRACE_ENGINE_BALANCER_OBSERVE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/balancer/endpoint_load.h"
#include "engine/balancer/latency.h"
#include "engine/balancer/report.h"
#include "engine/balancer/settings.h"

// What an answer teaches about its endpoint. Any worker, at any time: one compare-exchange on the
// endpoint's own line.
//
// Only what the upstream did belongs here. A refusal of our own (rate limit, full queue, cap) must
// not be observed: it says nothing about the endpoint (trap 3 of reference/proxies.md, 10.3).

namespace millrace {

namespace internal {

// Cost after one more sample.
//
// Peak rule (Finagle, linkerd): a sample above the present cost replaces it, one below moves it by
// the share that the time since the last sample has earned. leastTime takes the mean instead, with
// the weight 1/8 for a new sample; what it remembers fades with time, too, so an endpoint that was
// avoided for long is believed at once when it is slow or fast again. It starts from the stored
// cost and not from the projected one: being left alone does not make an endpoint fast.
inline float costAfter(uint64_t word, float sample, uint32_t now_ms, float decay_scale,
                       bool mean) noexcept {
  if (word == 0) return sample;
  const float weight = decayed(LatencyWord::stamp(word), now_ms, decay_scale);
  const float cost = LatencyWord::cost(word);
  if (mean) {
    // Not cost + (sample - cost) * share: where much is forgotten that cancels to 0, which would
    // mean "never measured".
    const float kept = 0.875f * weight;
    return cost * kept + sample * (1.0f - kept);
  }
  const float projected = cost * weight;
  if (projected < sample) return sample;
  return projected + sample * (1.0f - weight);
}

inline void observeSample(EndpointLoad& load, const BalancerSettings& settings, uint64_t sample_us,
                          uint64_t now_ms) noexcept {
  const auto sample = static_cast<float>(std::clamp<uint64_t>(sample_us, 1, 0xffffffffu));
  const auto now = static_cast<uint32_t>(now_ms);
  const float scale = decayScale(settings.decay_ms);
  const bool mean = settings.policy == abi::policy::kLeastTime;
  uint64_t word = load.latency.load(std::memory_order_relaxed);
  // Race: another worker's sample may come between, then it is added to that one. Who loses four
  // times in a row gives up: with that many samples, one more tells nothing.
  for (int tries = 0; tries < 4; ++tries) {
    const uint64_t next = LatencyWord::pack(costAfter(word, sample, now, scale, mean), now);
    if (load.latency.compare_exchange_weak(word, next, std::memory_order_relaxed)) return;
  }
}

}  // namespace internal

// An answer came after `rtt_us` (leastTime: the time to its first byte).
inline void observeLatency(EndpointLoad& load, const BalancerSettings& settings, uint64_t rtt_us,
                           uint64_t now_ms) noexcept {
  internal::observeSample(load, settings, rtt_us, now_ms);
}

// The endpoint failed. A fast failure must not look like a fast endpoint (linkerd's LoadBiaser):
// it counts as the penalty, or as long as the endpoint asks to be left alone. `retry_after_ms`: its
// Retry-After in milliseconds, capped here at 300 s, 0 = none. What it said of its load is
// forgotten: a failing endpoint has few requests in flight and would be prequal's favourite.
inline void observeFailure(EndpointLoad& load, const BalancerSettings& settings, uint64_t rtt_us,
                           uint64_t retry_after_ms, uint64_t now_ms) noexcept {
  constexpr uint64_t kMaxRetryAfterMs = 300000;
  const uint64_t least_ms =
      std::max<uint64_t>(settings.penalty_ms, std::min(retry_after_ms, kMaxRetryAfterMs));
  internal::observeSample(load, settings, std::max(rtt_us, least_ms * 1000), now_ms);
  // Race: the report of a good answer that comes in after this stays, until the next failure.
  load.report.store(0, std::memory_order_relaxed);
}

// The endpoint reported its load (prequal).
inline void observeReport(EndpointLoad& load, uint32_t rif, uint64_t latency_us,
                          uint64_t now_ms) noexcept {
  load.report.store(ReportWord::pack(rif, latency_us, now_ms), std::memory_order_relaxed);
}

// Latency in microseconds as the balancer sees it now; 0 = never measured.
inline uint64_t latencyOf(const EndpointLoad& load, const BalancerSettings& settings,
                          uint64_t now_ms) noexcept {
  const float cost = projectedCost(load.latency.load(std::memory_order_relaxed),
                                   static_cast<uint32_t>(now_ms), decayScale(settings.decay_ms));
  return static_cast<uint64_t>(std::lround(cost));
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_OBSERVE_H_
