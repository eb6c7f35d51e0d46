#ifndef MILLRACE_ENGINE_BALANCER_LATENCY_H_
#define MILLRACE_ENGINE_BALANCER_LATENCY_H_

#include <bit>
#include <cstdint>

#include "engine/balancer/decay.h"
#include "engine/balancer/endpoint_load.h"

namespace millrace {

// The latency word of an endpoint: cost in microseconds as float in the high half, the time of its
// last change in the low half. One word, so that a pick reads both with one load and stores
// nothing: the decay since then is computed while reading.
struct LatencyWord {
  static uint64_t pack(float cost_us, uint32_t stamp_ms) noexcept {
    return uint64_t{std::bit_cast<uint32_t>(cost_us)} << 32 | stamp_ms;
  }
  static float cost(uint64_t word) noexcept {
    return std::bit_cast<float>(static_cast<uint32_t>(word >> 32));
  }
  static uint32_t stamp(uint64_t word) noexcept { return static_cast<uint32_t>(word); }
};

// Cost as of `now`; 0 = never measured, or so long ago that nothing is left of it.
inline float projectedCost(uint64_t word, uint32_t now_ms, float decay_scale) noexcept {
  return LatencyWord::cost(word) * decayed(LatencyWord::stamp(word), now_ms, decay_scale);
}

// The load of peakEwma and leastTime: expected time times the requests that would then share the
// endpoint. An endpoint that nobody measured is tried at once, and only once: while it works on its
// first request it counts as one of default latency, else a newcomer would draw everybody.
inline double latencyLoad(const EndpointLoad& load, uint32_t now_ms, float decay_scale,
                          uint32_t default_latency_us) noexcept {
  const uint64_t word = load.latency.load(std::memory_order_relaxed);
  const uint32_t active = load.active.load(std::memory_order_relaxed);
  const float cost = projectedCost(word, now_ms, decay_scale);
  if (cost > 0) return static_cast<double>(cost) * (active + 1.0);
  return active == 0 ? 0 : default_latency_us * (active + 1.0);
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_LATENCY_H_
