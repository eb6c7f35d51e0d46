#ifndef MILLRACE_ENGINE_FAILOVER_TRANSITIONS_H_
#define MILLRACE_ENGINE_FAILOVER_TRANSITIONS_H_

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

// A change of mind about an endpoint, or about a whole cluster, with its evidence: for the log, for
// GET /clusters, and for people who ask why.
struct Transition {
  uint32_t kind = 0;      // abi::transition_kind
  uint32_t reason = 0;    // abi::transition_reason
  std::string cluster;    // its name
  std::string endpoint;   // its name; empty: the cluster's own breaker
  double value = 0;       // what was measured ...
  double limit = 0;       // ... what it was held against, in the same unit ...
  double requests = 0;    // ... and how many requests say so; 0 = does not apply
  uint64_t at_ms = 0;     // monotonic, as the reactors' clocks
  uint64_t until_ms = 0;  // it ends by itself then; 0 = open end
};

// Cluster and endpoint in the key of an endpoint's state, which begins "cluster\0endpoint\0".
inline std::pair<std::string_view, std::string_view> namesInKey(std::string_view key) noexcept {
  const size_t first = key.find('\0');
  if (first == std::string_view::npos) return {key, {}};
  const std::string_view rest = key.substr(first + 1);
  return {key.substr(0, first), rest.substr(0, rest.find('\0'))};
}

// Transitions on their way to the control plane. They are rare, so a short mutex may be taken by a
// worker; when nobody reads, the oldest are forgotten and counted.
class TransitionJournal {
 public:
  static constexpr size_t kCapacity = 1024;

  // Any thread.
  void note(Transition transition) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() == kCapacity) {
      entries_.pop_front();
      ++dropped_;
    }
    entries_.push_back(std::move(transition));
  }

  // Any thread. Everything noted since the last call, oldest first; `*dropped` grows by what was
  // forgotten meanwhile.
  std::vector<Transition> take(uint64_t* dropped) {
    const std::lock_guard lock(mutex_);
    std::vector<Transition> taken(std::make_move_iterator(entries_.begin()),
                                  std::make_move_iterator(entries_.end()));
    entries_.clear();
    *dropped += std::exchange(dropped_, 0);
    return taken;
  }

 private:
  std::mutex mutex_;
  std::deque<Transition> entries_;
  uint64_t dropped_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_TRANSITIONS_H_
