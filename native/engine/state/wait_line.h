#ifndef MILLRACE_ENGINE_STATE_WAIT_LINE_H_
#define MILLRACE_ENGINE_STATE_WAIT_LINE_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "abi.h"
#include "base/cache_line.h"

namespace millrace {

// The line of requests that wait until an endpoint of their cluster takes one more. The requests
// stand in queues of their workers; this is what makes one line of them: a ticket per request in
// order of arrival, and the ticket at the head of each worker's queue. Whoever frees a place looks
// for the oldest head and wakes its worker, so that no worker's requests are passed over for ever
// by those of a busier one.
//
// Lock-free, any thread. Sequentially consistent where a place that comes free and a request that
// comes to wait must not miss each other: the waiter publishes its head and then looks for a place
// once more, the other frees the place and then looks for heads.
class WaitLine {
 public:
  static constexpr uint64_t kNoTicket = UINT64_MAX;

  WaitLine() noexcept {
    for (auto& head : heads_) head.store(kNoTicket, std::memory_order_relaxed);
  }

  // Counts one more that waits and gives its ticket; kNoTicket when `limit` wait already.
  uint64_t join(uint32_t limit) noexcept {
    uint32_t now = waiting_.load(std::memory_order_relaxed);
    do {
      if (now >= limit) return kNoTicket;
    } while (!waiting_.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst));
    return tickets_.fetch_add(1, std::memory_order_relaxed);
  }
  void leave(uint32_t count) noexcept { waiting_.fetch_sub(count, std::memory_order_seq_cst); }

  // The oldest ticket of a worker's queue, kNoTicket for none. That worker only.
  void publishHead(uint32_t worker, uint64_t ticket) noexcept {
    heads_[worker].store(ticket, std::memory_order_seq_cst);
  }

  // The worker whose head is the oldest, or abi::kNone.
  uint32_t oldest() const noexcept {
    uint32_t worker = abi::kNone;
    uint64_t least = kNoTicket;
    for (uint32_t i = 0; i < heads_.size(); ++i) {
      const uint64_t ticket = heads_[i].load(std::memory_order_seq_cst);
      if (ticket >= least) continue;
      least = ticket;
      worker = i;
    }
    return worker;
  }

  uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_seq_cst); }

 private:
  alignas(kCacheLine) std::atomic<uint32_t> waiting_{0};
  std::atomic<uint64_t> tickets_{0};
  alignas(kCacheLine) std::array<std::atomic<uint64_t>, abi::limits::kMaxWorkers> heads_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_WAIT_LINE_H_
