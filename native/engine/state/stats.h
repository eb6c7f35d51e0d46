#ifndef MILLRACE_ENGINE_STATE_STATS_H_
#define MILLRACE_ENGINE_STATE_STATS_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "abi.h"
#include "base/cache_line.h"
#include "engine/histogram/shard.h"

namespace millrace {

// Counters that exactly one worker writes and anyone may read. The plain load-add-store compiles to
// three moves without a lock prefix; a reader sees each counter whole, though not all of them from
// one instant.
template <uint32_t Count>
class CounterShard {
 public:
  void add(uint32_t index, uint64_t delta) noexcept {
    std::atomic<uint64_t>& counter = values_[index];
    counter.store(counter.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
  }
  // Gauges only.
  void subtract(uint32_t index, uint64_t delta) noexcept { add(index, ~delta + 1); }
  void reset(uint32_t index) noexcept { values_[index].store(0, std::memory_order_relaxed); }
  uint64_t read(uint32_t index) const noexcept {
    return values_[index].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, Count> values_{};
};

// One worker's numbers about a cluster, an endpoint, a route, a listener. All times are in
// microseconds, taken from the monotonic clock at the event itself (a time of the loop turn would
// hide the queueing inside a batch). A histogram that was never recorded takes 8 bytes.
//
// The moments of an exchange (`[]`: once per attempt, on the cluster and on the endpoint of it):
//
//   head received      queued        [ attempt begins    connected     head sent    first byte of
//        |                |                |                 |             |        the answer ]
//        |                |<--- queue ---->|<--- connect --->|             |            |
//        |                                 |                               |<-firstByte>|
//        |                                 |                               |<---- upstream ---->
//        end
//        |<------------------------- duration ----------------------------------------------> end
//
// An attempt that fails before a moment records nothing for the phases that would have ended there.

struct alignas(kCacheLine) ClusterShard {
  CounterShard<abi::cluster_stat::kCount> counters;
  // Whole request: from its head received to the end of its answer, whoever answered.
  HistogramShard durations;
  // A new connection: from connect() until it can carry a request (TLS included). Not for reuse.
  HistogramShard connect;
  // From the head of the request written to the socket to the first byte of the answer's head (an
  // interim 1xx does not count).
  HistogramShard first_byte;
  // From the head of the request written to the last byte of the answer read, of the attempt that
  // was answered.
  HistogramShard upstream;
  // Requests that had to wait only: for a connection (maxPending) or for an endpoint below its
  // maxRequests (maxQueue), until they got it or gave up.
  HistogramShard queue;
};

struct alignas(kCacheLine) EndpointShard {
  CounterShard<abi::endpoint_stat::kCount> counters;
  // As in the cluster, for the attempts on this endpoint.
  HistogramShard connect;
  HistogramShard first_byte;
  HistogramShard upstream;
};

struct alignas(kCacheLine) RouteShard {
  CounterShard<abi::route_stat::kCount> counters;
  // From the head received to the end of the answer, redirects and direct answers included.
  HistogramShard duration;
  // Bodies as they passed, without framing, at the end of the exchange; 0 for none. An answer that
  // was cut short counts with what was sent of it.
  HistogramShard request_bytes;
  HistogramShard response_bytes;
  // From the head received to the head of the upstream's answer; routes with hedging only.
  HistogramShard first_byte;
};

struct alignas(kCacheLine) ListenerShard {
  CounterShard<abi::listener_stat::kCount> counters;
  // From the head received to the end of the answer, of every request, whatever became of it.
  HistogramShard duration;
};

struct alignas(kCacheLine) ProcessShard {
  CounterShard<abi::process_stat::kCount> counters;
};

// The histograms of a shard in the order of abi::cluster_histogram and so on.
template <typename Shard>
struct Histograms;

template <>
struct Histograms<ClusterShard> {
  static constexpr std::array kMembers = {&ClusterShard::durations, &ClusterShard::connect,
                                          &ClusterShard::first_byte, &ClusterShard::upstream,
                                          &ClusterShard::queue};
  static_assert(kMembers.size() == abi::cluster_histogram::kCount);
  static_assert(kMembers[abi::cluster_histogram::kFirstByte] == &ClusterShard::first_byte);
};

template <>
struct Histograms<EndpointShard> {
  static constexpr std::array kMembers = {&EndpointShard::connect, &EndpointShard::first_byte,
                                          &EndpointShard::upstream};
  static_assert(kMembers.size() == abi::endpoint_histogram::kCount);
  static_assert(kMembers[abi::endpoint_histogram::kFirstByte] == &EndpointShard::first_byte);
};

template <>
struct Histograms<RouteShard> {
  static constexpr std::array kMembers = {&RouteShard::duration, &RouteShard::request_bytes,
                                          &RouteShard::response_bytes, &RouteShard::first_byte};
  static_assert(kMembers.size() == abi::route_histogram::kCount);
  static_assert(kMembers[abi::route_histogram::kRequestBytes] == &RouteShard::request_bytes);
};

template <>
struct Histograms<ListenerShard> {
  static constexpr std::array kMembers = {&ListenerShard::duration};
  static_assert(kMembers.size() == abi::listener_histogram::kCount);
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_STATS_H_
