// Health of endpoints: who sets it, and what the control plane does about it afterwards.
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/state/engine.h"

namespace millrace {

// An endpoint has become available: it starts slowly where that is configured.
void Engine::warmUp(const InstalledImage& installed, uint32_t cluster, EndpointState& endpoint,
                    uint64_t now_ms) noexcept {
  if (installed.balancers[cluster].slow_start_ms != 0) endpoint.warm_since_ms = now_ms;
}

bool Engine::setHealth(uint64_t version, uint32_t endpoint, uint32_t set, uint32_t clear,
                       uint64_t now_ms) {
  const std::lock_guard control(control_mutex_);
  const std::shared_ptr<const InstalledImage> installed = current();
  if (installed == nullptr || installed->version != version ||
      endpoint >= installed->endpoints.size()) {
    return false;
  }
  EndpointState& state = *installed->endpoints[endpoint];
  // Race: another mechanism sets or clears its own bits in between; whoever does plans the cluster
  // anew, too, and the last plan has seen all of them.
  const uint32_t before = state.load.health.fetch_and(~clear, std::memory_order_relaxed);
  const uint32_t after = state.load.health.fetch_or(set, std::memory_order_relaxed) | set;
  if (isAvailable(before) == isAvailable(after)) return true;
  const uint32_t cluster = clusterOf(*installed->image, endpoint);
  if (cluster == abi::kNone) return true;
  if (isAvailable(after)) warmUp(*installed, cluster, state, now_ms);
  warming_ |= planCluster(*installed, cluster, now_ms);
  return true;
}

void Engine::noteTransition(Transition transition) {
  journal_.note(std::move(transition));
  wakeControl();
}

uint32_t Engine::failoverTick(uint64_t now_ms) {
  const std::lock_guard control(control_mutex_);
  const std::shared_ptr<const InstalledImage> installed = current();
  if (installed == nullptr) return 0;
  for (uint32_t c = 0; c < installed->clusters.size(); ++c) {
    // Acquire: the health that the flag was set for is seen by the plan.
    std::atomic<bool>& dirty = installed->clusters[c]->plan_dirty;
    if (dirty.load(std::memory_order_relaxed) && dirty.exchange(false, std::memory_order_acquire))
      warming_ |= planCluster(*installed, c, now_ms);
  }
  return 0;
}

int Engine::controlWaker() {
  const std::lock_guard lock(mutex_);
  int fd = control_waker_.load(std::memory_order_relaxed);
  if (fd >= 0) return fd;
  fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  control_waker_.store(fd, std::memory_order_release);
  return fd;
}

void Engine::wakeControl() noexcept {
  const int fd = control_waker_.load(std::memory_order_acquire);
  const uint64_t one = 1;
  // A full counter means that it is being woken already.
  if (fd >= 0) static_cast<void>(!::write(fd, &one, sizeof one));
}

}  // namespace millrace
