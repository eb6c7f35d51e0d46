#ifndef MILLRACE_ENGINE_STATE_PLAN_BOARD_H_
#define MILLRACE_ENGINE_STATE_PLAN_BOARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "engine/balancer/plan.h"

namespace millrace {

// The plans of one image, by SUBSET. The control plane builds a plan whenever the health or the
// warmth of an endpoint changes, and publishes it here; a worker compares a number per pick, which
// nobody writes meanwhile, and takes the mutex only to fetch a plan that it does not have yet.
class PlanBoard {
 public:
  explicit PlanBoard(size_t subsets) : slots_(std::make_unique<Slot[]>(subsets)) {}

  // Rises with every plan of the subset; 0 = none was published yet. Any thread.
  uint32_t version(uint32_t subset) const noexcept {
    return slots_[subset].version.load(std::memory_order_acquire);
  }

  // The plan, and in `*version` its number. Any thread.
  std::shared_ptr<const Plan> fetch(uint32_t subset, uint32_t* version) const {
    const std::lock_guard lock(mutex_);
    *version = slots_[subset].version.load(std::memory_order_relaxed);
    return slots_[subset].plan;
  }

  // Control plane.
  void publish(uint32_t subset, std::shared_ptr<const Plan> plan) {
    const std::lock_guard lock(mutex_);
    Slot& slot = slots_[subset];
    if (slot.plan == plan) return;
    slot.plan.swap(plan);
    slot.version.store(slot.version.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  struct Slot {
    std::atomic<uint32_t> version{0};
    std::shared_ptr<const Plan> plan;
  };

  mutable std::mutex mutex_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_PLAN_BOARD_H_
