#ifndef MILLRACE_ENGINE_REACTOR_HOLD_QUEUE_H_
#define MILLRACE_ENGINE_REACTOR_HOLD_QUEUE_H_

#include <cstdint>
#include <memory>

#include "engine/reactor/exchange.h"
#include "engine/state/upstream_state.h"

namespace millrace {

// The requests of one worker that wait until an endpoint of a cluster is below its maxRequests:
// first come, first served, also between workers (WaitLine). Bounded by the line.
class HoldQueue {
 public:
  HoldQueue(uint32_t worker, std::shared_ptr<ClusterState> cluster) noexcept
      : worker_(worker), cluster_(std::move(cluster)) {}
  HoldQueue(const HoldQueue&) = delete;
  HoldQueue& operator=(const HoldQueue&) = delete;
  // What a dying worker held must not stand in the way of the others for ever.
  ~HoldQueue() {
    cluster_->line.leave(count_);
    cluster_->line.publishHead(worker_, WaitLine::kNoTicket);
  }

  WaitLine& line() noexcept { return cluster_->line; }
  Exchange* head() const noexcept { return head_; }
  uint32_t count() const noexcept { return count_; }
  bool isNext() const noexcept { return cluster_->line.oldest() == worker_; }

  // False when `limit` requests of the process wait already.
  bool push(Exchange& exchange, uint32_t limit) noexcept {
    const uint64_t ticket = line().join(limit);
    if (ticket == WaitLine::kNoTicket) return false;
    exchange.ticket = ticket;
    exchange.waiting_previous = tail_;
    exchange.waiting_next = nullptr;
    (tail_ != nullptr ? tail_->waiting_next : head_) = &exchange;
    tail_ = &exchange;
    if (++count_ == 1) line().publishHead(worker_, ticket);
    return true;
  }

  void remove(Exchange& exchange) noexcept {
    const bool first = head_ == &exchange;
    (first ? head_ : exchange.waiting_previous->waiting_next) = exchange.waiting_next;
    (tail_ == &exchange ? tail_ : exchange.waiting_next->waiting_previous) =
        exchange.waiting_previous;
    exchange.waiting_previous = exchange.waiting_next = nullptr;
    --count_;
    if (first) line().publishHead(worker_, head_ != nullptr ? head_->ticket : WaitLine::kNoTicket);
    line().leave(1);
  }

 private:
  const uint32_t worker_;
  const std::shared_ptr<ClusterState> cluster_;
  Exchange* head_ = nullptr;
  Exchange* tail_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_REACTOR_HOLD_QUEUE_H_
