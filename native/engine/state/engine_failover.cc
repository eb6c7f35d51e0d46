// Health of endpoints: who sets it, and what the control plane does about it afterwards.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "engine/failover/detector.h"
#include "engine/state/engine.h"

namespace millrace {
namespace {

// Of a cluster with outlier detection: whether an endpoint that active health checks find recovered
// is back from its ejection, too.
bool endsByHealthCheck(const InstalledImage& installed, uint32_t cluster) noexcept {
  const uint32_t row = installed.image->clusters()[cluster].outlier;
  return (installed.image->outliers()[row].flags & abi::outlier_flag::kKeepEjected) == 0;
}

}  // namespace

// An endpoint has become available: it starts slowly where that is configured. One that only waited
// for its first health check does so when it joined a running cluster: when the process starts, it
// may be as warm as the others.
void Engine::warmUp(const InstalledImage& installed, uint32_t cluster, EndpointState& endpoint,
                    uint32_t before, uint64_t now_ms) noexcept {
  if (before == abi::health::kUnchecked && !endpoint.joined) return;
  if (installed.balancers[cluster].slow_start_ms != 0) endpoint.warm_since_ms = now_ms;
}

bool Engine::setHealth(uint64_t version, std::span<const HealthChange> changes, uint64_t now_ms) {
  const std::lock_guard control(control_mutex_);
  const std::shared_ptr<const InstalledImage> installed = current();
  if (installed == nullptr || installed->version != version) return false;
  for (const HealthChange& change : changes) {
    if (change.endpoint >= installed->endpoints.size()) return false;
  }
  std::vector<uint32_t> changed;
  for (const HealthChange& change : changes) {
    EndpointState& state = *installed->endpoints[change.endpoint];
    const uint32_t cluster = clusterOf(*installed->image, change.endpoint);
    const bool detects =
        cluster != abi::kNone && installed->image->clusters()[cluster].outlier != abi::kNone;
    // An ejection by outlier detection is more than its bit: it ends below, if it may.
    const uint32_t clear =
        detects ? change.clear & ~static_cast<uint32_t>(abi::health::kEjected) : change.clear;
    // Race: another mechanism sets or clears its own bits in between; whoever does plans the
    // cluster anew, too, and the last plan has seen all of them.
    const uint32_t before = state.load.health.fetch_and(~clear, std::memory_order_relaxed);
    uint32_t after = state.load.health.fetch_or(change.set, std::memory_order_relaxed) | change.set;
    if (cluster == abi::kNone) continue;
    const bool passed = (before & ~after & abi::health::kUnhealthy) != 0 || clear != change.clear;
    if (passed && detects && endsByHealthCheck(*installed, cluster)) {
      ClusterState& owner = *installed->clusters[cluster];
      const std::lock_guard lock(owner.outlier.mutex);
      if (isEjected(state)) {
        endEjection(owner, state, now_ms);
        noteTransition(endOfEjection(state, abi::transition_reason::kHealthCheckPassed, now_ms));
        after &= ~static_cast<uint32_t>(abi::health::kEjected);
      }
    }
    if (isAvailable(before) == isAvailable(after)) continue;
    if (isAvailable(after)) warmUp(*installed, cluster, state, before, now_ms);
    changed.push_back(cluster);
  }
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  for (const uint32_t cluster : changed) warming_ |= planCluster(*installed, cluster, now_ms);
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
  uint64_t due_ms = tickBreakers(*installed, now_ms);
  for (uint32_t c = 0; c < installed->clusters.size(); ++c) {
    due_ms = std::min(due_ms, tickOutliersOf(*installed, c, now_ms));
    // Acquire: the health that the flag was set for is seen by the plan.
    std::atomic<bool>& dirty = installed->clusters[c]->plan_dirty;
    if (dirty.load(std::memory_order_relaxed) && dirty.exchange(false, std::memory_order_acquire))
      warming_ |= planCluster(*installed, c, now_ms);
  }
  if (due_ms == UINT64_MAX) return 0;
  return static_cast<uint32_t>(due_ms <= now_ms ? 1 : due_ms - now_ms);
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
