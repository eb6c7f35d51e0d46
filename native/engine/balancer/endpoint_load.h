#ifndef MILLRACE_ENGINE_BALANCER_ENDPOINT_LOAD_H_
#define MILLRACE_ENGINE_BALANCER_ENDPOINT_LOAD_H_

#include <atomic>
#include <cstdint>

#include "abi.h"
#include "base/cache_line.h"

namespace millrace {

// What all workers know of one endpoint, on a cache line of its own: a balancer that sees only its
// own worker's part of the load picks badly. Relaxed atomics throughout: no other memory is
// published through them, and a stale number costs balance only.
struct alignas(kCacheLine) EndpointLoad {
  std::atomic<uint32_t> active{0};  // requests in flight
  // abi::health bits; each is set and cleared by one mechanism, whatever thread it runs on.
  std::atomic<uint32_t> health{0};
  std::atomic<uint32_t> max_requests{0};  // cap of `active`, 0 = none; the control plane writes it
  // Failures in a row: see ErrorRuns.
  std::atomic<uint64_t> error_runs{0};
  // Latency: cost in microseconds as float (high half), time of the last change in ms (low half);
  // 0 = never measured.
  std::atomic<uint64_t> latency{0};
  // What the endpoint said of itself (prequal): rif:16 | latency_us:24 | stamp_ms:24; 0 = nothing.
  std::atomic<uint64_t> report{0};
};
static_assert(sizeof(EndpointLoad) == kCacheLine);

// Whether the plans give it. A half-open circuit breaker lets requests through; how many, it
// decides when the endpoint has been picked.
constexpr bool isAvailable(uint32_t health) noexcept {
  return (health & ~static_cast<uint32_t>(abi::health::kHalfOpen)) == 0;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_ENDPOINT_LOAD_H_
