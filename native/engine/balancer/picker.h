#ifndef MILLRACE_ENGINE_BALANCER_PICKER_H_
#define MILLRACE_ENGINE_BALANCER_PICKER_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/cache_line.h"
#include "base/rng.h"
#include "engine/balancer/eligible.h"

namespace millrace {

// There are endpoints, but each one that may be given is at its max_requests.
inline constexpr uint32_t kFull = 0xfffffffe;

// What a pick depends on beside the plan and the loads.
struct PickRequest {
  bool has_hash = false;
  uint64_t hash = 0;           // key_hash.h
  ExcludedEndpoints excluded;  // PlanEndpoint.index of those already tried
  uint64_t now_ms = 0;         // of the clock that the observations are made with
  uint32_t total_active = 0;   // requests in flight in the whole cluster; where Plan::bounded()
  // abi::health bits that whoever is picked must not have: for plans that are older than the health
  // of their endpoints.
  uint32_t avoided_health = 0;
};

// The last reported requests in flight that this worker met (prequal), and the limit between cold
// and hot endpoints: their 84 % quantile (2^-0.25 in the paper).
class RifHistory {
 public:
  static constexpr uint32_t kSize = 64;
  static constexpr uint32_t kPercent = 84;
  static constexpr uint32_t kPicksPerQuantile = 16;

  void add(uint32_t rif) noexcept {
    values_[next_++ % kSize] = static_cast<uint16_t>(std::min<uint32_t>(rif, 0xffff));
    if (count_ < kSize) ++count_;
  }
  // Counts a pick; sorts a copy of the values every 16 of them. There must be a value.
  uint32_t threshold() noexcept {
    if (picks_++ % kPicksPerQuantile == 0) {
      std::array<uint16_t, kSize> sorted = values_;
      const uint32_t at = std::min(count_ - 1, kPercent * count_ / 100);
      std::nth_element(sorted.begin(), sorted.begin() + at, sorted.begin() + count_);
      threshold_ = sorted[at];
    }
    return threshold_;
  }

 private:
  std::array<uint16_t, kSize> values_{};
  uint32_t next_ = 0;
  uint32_t count_ = 0;
  uint32_t picks_ = 0;
  uint32_t threshold_ = 0;
};

// One worker's part of one subset; outlives its plans. One thread.
struct alignas(kCacheLine) PickerState {
  // Group g uses sequence g % kSequences. Few clusters have more groups than that; where two share
  // a sequence, each sees a part of it, and its shares come out right on the average only.
  static constexpr uint32_t kSequences = 16;
  // Bits of last_flags.
  static constexpr uint8_t kPickedInPanic = 1;
  static constexpr uint8_t kHashOverflow = 2;  // bounded load moved the request

  explicit PickerState(uint64_t seed) noexcept : rng(seed) {
    for (uint32_t& sequence : sequences) sequence = static_cast<uint32_t>(rng.next() >> 32);
  }

  Rng rng;
  std::array<uint32_t, kSequences> sequences;
  RifHistory rifs;
  uint8_t last_flags = 0;  // of the last pick
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_PICKER_H_
