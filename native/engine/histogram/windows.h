#ifndef MILLRACE_ENGINE_HISTOGRAM_WINDOWS_H_
#define MILLRACE_ENGINE_HISTOGRAM_WINDOWS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "abi.h"
#include "engine/histogram/counts.h"

namespace millrace {

// What the collector remembers of one series: its counts at the last tick. 8 bytes until the series
// has samples; then 48, and 2 to 6 per bucket in use.
class SeriesHistory {
 private:
  friend class HistogramWindows;

  struct Last {
    uint64_t series = 0;  // never the same for two series
    uint64_t count = 0;
    uint64_t sum = 0;
    std::vector<uint8_t> buckets;  // (distance, count), as in a tick
  };
  std::unique_ptr<Last> last_;
};

// Recent samples of all series: at each tick, what every series that changed has added since the
// tick before. Kept for 13 ticks, that is a minute and the tick that it began in.
//
//   ticks   | 5 s | 5 s | ... | 5 s |  since the last one
//                       ^           ^        ^ now, read from the shards
//
// A window of W ms takes every tick that overlaps the last W ms, whole, and what came since: it is
// W to W + 5 s long (longer if ticks were late), ends now, and its reader is told how long it is.
// Cutting a tick in two would be a guess.
//
// Memory per tick and changed series: 16 bytes, and 2 to 4 per bucket that got samples (a bucket as
// its distance from the one before, counts in variable length). Idle series cost nothing. A series
// with 100 buckets in use takes about 4 KB for the minute. One thread at a time (the engine has a
// mutex for it); time is an argument.
class HistogramWindows {
 public:
  static constexpr uint64_t kTickMs = abi::kHistogramTickMs;
  static constexpr std::size_t kTicks = abi::kHistogramWindowMs / abi::kHistogramTickMs + 1;

  // Begins a tick that ends at `now_ms`; false when the last one is less than half a tick old: then
  // nothing is to be done. The first tick only takes note of what was there before.
  bool open(uint64_t now_ms);
  // Whether a series has to be merged and given to add(): `count` is what its shards hold.
  static bool changed(const SeriesHistory& history, uint64_t count) noexcept;
  // Takes what the series has added since its last tick. `recent_max` is the largest of that.
  void add(SeriesHistory& history, const HistogramCounts& now, uint64_t recent_max);
  void close();

  // Adds the last `window_ms` of a series to `out`; `now` are its merged shards, `recent_max` the
  // largest sample since the last tick. Returns how long the window really is, in ms: 0 when no
  // tick has been yet.
  uint64_t read(const SeriesHistory& history, const HistogramCounts& now, uint64_t recent_max,
                uint64_t window_ms, uint64_t now_ms, HistogramCounts* out) const;

  std::size_t bytes() const noexcept;

 private:
  struct Entry {
    uint64_t series;
    uint32_t offset;
    uint32_t length;
  };
  struct Tick {
    uint64_t start_ms = 0;
    uint64_t end_ms = 0;
    std::vector<Entry> entries;  // by series
    std::vector<uint8_t> bytes;  // per entry: largest, sum, then (distance, count) of each bucket
  };

  std::array<Tick, kTicks> ticks_;
  std::vector<uint8_t> scratch_;
  std::size_t next_ = 0;    // the slot of the next tick
  std::size_t filled_ = 0;  // ticks that hold something
  uint64_t last_ms_ = 0;    // end of the last tick
  bool started_ = false;
  uint64_t next_series_ = 1;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HISTOGRAM_WINDOWS_H_
