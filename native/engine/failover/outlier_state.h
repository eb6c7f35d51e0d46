#ifndef MILLRACE_ENGINE_FAILOVER_OUTLIER_STATE_H_
#define MILLRACE_ENGINE_FAILOVER_OUTLIER_STATE_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace {

// What the last sweep saw of an endpoint: the next one judges what came since. Control plane only.
struct SweepMemory {
  bool known = false;  // else the next sweep only takes note
  uint64_t responses = 0;
  uint64_t responses5xx = 0;
  uint64_t failures = 0;
  bool timed = false;                                     // the same for the histogram
  uint64_t first_bytes = 0;                               // samples of the histogram
  std::vector<std::pair<uint32_t, uint32_t>> first_byte;  // (bucket, low half of its count), rising
};

// Outlier detection of one endpoint. The ejection itself is abi::health::kEjected of its
// EndpointLoad.
struct EndpointOutlier {
  std::atomic<uint64_t> ejections{0};  // for the statistics
  // Under the mutex of the cluster:
  uint64_t until_ms = 0;    // while ejected
  uint64_t ended_ms = 0;    // of the last ejection
  uint32_t multiplier = 0;  // ejections in a row, as they count for the next one
  uint64_t noted_ms = 0;    // last report of an ejection that was left undone
  SweepMemory swept;
};

// Outlier detection of one cluster.
struct ClusterOutlier {
  // Held for moments, when an endpoint is ejected or comes back: which of two the last available
  // one is must be seen by one worker after the other.
  std::mutex mutex;
  std::atomic<uint32_t> ejected{0};  // endpoints now; changed under the mutex
  std::atomic<uint64_t> ejections{0};
  std::atomic<uint64_t> shadowed{0};  // not ejected, as that is only watched
  std::atomic<uint64_t> overflow{0};  // not ejected, as too few would be left
  // When the next ejection ends; 0 = none is. Changed under the mutex.
  std::atomic<uint64_t> due_ms{0};
  uint64_t next_sweep_ms = 0;  // control plane only; 0 = none was ever planned
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_OUTLIER_STATE_H_
