#ifndef MILLRACE_ENGINE_LOG_LOG_RING_H_
#define MILLRACE_ENGINE_LOG_LOG_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/cache_line.h"
#include "engine/record/record_ring.h"

namespace millrace {

// Records of one worker on their way to the writer of the access log. The ring outlives the worker:
// what one that died has pushed is written, and the one that replaces it goes on here.
struct LogRing {
  // At 600 bytes a record, and one visit of the writer in 100 ms at least, room for 70,000 requests
  // a second of this worker; the writer is woken when a quarter of it is in use.
  static constexpr size_t kBytes = size_t{4} << 20;
  static constexpr uint32_t kNoPlan = UINT32_MAX;

  LogRing() : records(kBytes) {}

  bool isQuarterFull() const noexcept { return records.waiting() >= kBytes / 4; }

  RecordRing records;
  // Generation of the plan that its worker goes by; no older one comes after it. kNoPlan: none.
  alignas(kCacheLine) std::atomic<uint32_t> generation{kNoPlan};
  // How many records were pushed; what the writer compares before it goes to sleep.
  std::atomic<uint64_t> pushes{0};
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_LOG_LOG_RING_H_
