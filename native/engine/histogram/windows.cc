#include "engine/histogram/windows.h"

#include <algorithm>

namespace millrace {
namespace {

// Seven bits a byte, the lowest first; the top bit says that more follow (LEB128).
void putNumber(std::vector<uint8_t>& bytes, uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<uint8_t>(value | 0x80));
  bytes.push_back(static_cast<uint8_t>(value));
}

uint64_t takeNumber(const uint8_t*& at) noexcept {
  uint64_t value = 0;
  for (uint32_t shift = 0;; shift += 7) {
    const uint8_t byte = *at++;
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
}

// Walks (distance, count) pairs.
class BucketReader {
 public:
  BucketReader(const uint8_t* at, const uint8_t* end) noexcept : at_(at), end_(end) { next(); }

  bool isDone() const noexcept { return done_; }
  uint32_t bucket() const noexcept { return bucket_; }
  uint64_t count() const noexcept { return count_; }
  void next() noexcept {
    done_ = at_ == end_;
    if (done_) return;
    bucket_ += static_cast<uint32_t>(takeNumber(at_));
    count_ = takeNumber(at_);
  }
  // The count of a bucket, 0 if it is not there. Rising calls only.
  uint64_t countOf(uint32_t bucket) noexcept {
    while (!done_ && bucket_ < bucket) next();
    return !done_ && bucket_ == bucket ? count_ : 0;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  uint32_t bucket_ = 0;
  uint64_t count_ = 0;
  bool done_ = false;
};

class BucketWriter {
 public:
  explicit BucketWriter(std::vector<uint8_t>& bytes) noexcept : bytes_(bytes) {}

  void put(uint32_t bucket, uint64_t count) {
    putNumber(bytes_, bucket - previous_);
    putNumber(bytes_, count);
    previous_ = bucket;
  }

 private:
  std::vector<uint8_t>& bytes_;
  uint32_t previous_ = 0;
};

}  // namespace

bool HistogramWindows::open(uint64_t now_ms) {
  if (started_ && now_ms < last_ms_ + kTickMs / 2) return false;
  Tick& tick = ticks_[next_];
  tick.start_ms = started_ ? last_ms_ : now_ms;
  tick.end_ms = now_ms;
  // Fresh vectors: a busy minute long ago must not hold memory for ever.
  const Tick& previous = ticks_[(next_ + kTicks - 1) % kTicks];
  tick.entries = std::vector<Entry>();
  tick.bytes = std::vector<uint8_t>();
  tick.entries.reserve(previous.entries.size());
  tick.bytes.reserve(previous.bytes.size());
  return true;
}

bool HistogramWindows::changed(const SeriesHistory& history, uint64_t count) noexcept {
  // Against the samples seen in the buckets, not against an earlier `count`: a sample that was
  // counted and not yet in its bucket is found the next time.
  return history.last_ == nullptr ? count != 0 : history.last_->count != count;
}

void HistogramWindows::add(SeriesHistory& history, const HistogramCounts& now,
                           uint64_t recent_max) {
  if (history.last_ == nullptr) {
    history.last_ = std::make_unique<SeriesHistory::Last>();
    history.last_->series = next_series_++;
  }
  SeriesHistory::Last& last = *history.last_;
  Tick& tick = ticks_[next_];
  const auto offset = static_cast<uint32_t>(tick.bytes.size());
  // Samples from before the first tick have no time: they belong to no window.
  if (started_) {
    putNumber(tick.bytes, recent_max);
    putNumber(tick.bytes, now.sum - last.sum);
  }
  BucketReader before(last.buckets.data(), last.buckets.data() + last.buckets.size());
  BucketWriter added(tick.bytes);
  scratch_.clear();
  BucketWriter all(scratch_);
  now.forEachBucket([&](uint32_t bucket, uint64_t count) {
    all.put(bucket, count);
    const uint64_t delta = count - before.countOf(bucket);
    if (delta != 0 && started_) added.put(bucket, delta);
  });
  last.buckets.assign(scratch_.begin(), scratch_.end());
  last.count = now.count;
  last.sum = now.sum;
  const auto length = static_cast<uint32_t>(tick.bytes.size()) - offset;
  if (length != 0) tick.entries.push_back({last.series, offset, length});
}

void HistogramWindows::close() {
  Tick& tick = ticks_[next_];
  std::sort(tick.entries.begin(), tick.entries.end(),
            [](const Entry& a, const Entry& b) { return a.series < b.series; });
  last_ms_ = tick.end_ms;
  if (!started_) {
    started_ = true;
    return;
  }
  next_ = (next_ + 1) % kTicks;
  filled_ = std::min(filled_ + 1, kTicks);
}

uint64_t HistogramWindows::read(const SeriesHistory& history, const HistogramCounts& now,
                                uint64_t recent_max, uint64_t window_ms, uint64_t now_ms,
                                HistogramCounts* out) const {
  if (!started_) return 0;
  const SeriesHistory::Last* const last = history.last_.get();
  uint64_t start_ms = last_ms_;
  // What came since the last tick.
  const uint8_t* const known = last == nullptr ? nullptr : last->buckets.data();
  BucketReader before(known, last == nullptr ? nullptr : known + last->buckets.size());
  now.forEachBucket([&](uint32_t bucket, uint64_t count) {
    if (const uint64_t delta = count - before.countOf(bucket); delta != 0) out->add(bucket, delta);
  });
  out->sum += now.sum - (last == nullptr ? 0 : last->sum);
  if (out->count != 0) out->max = std::max(out->max, recent_max);

  for (std::size_t i = 1; i <= filled_; ++i) {
    const Tick& tick = ticks_[(next_ + kTicks - i) % kTicks];
    if (tick.end_ms + window_ms <= now_ms) break;
    start_ms = tick.start_ms;
    if (last == nullptr) continue;
    const auto entry = std::lower_bound(
        tick.entries.begin(), tick.entries.end(), last->series,
        [](const Entry& candidate, uint64_t series) { return candidate.series < series; });
    if (entry == tick.entries.end() || entry->series != last->series) continue;
    const uint8_t* at = tick.bytes.data() + entry->offset;
    const uint8_t* const end = at + entry->length;
    out->max = std::max(out->max, takeNumber(at));
    out->sum += takeNumber(at);
    for (BucketReader buckets(at, end); !buckets.isDone(); buckets.next())
      out->add(buckets.bucket(), buckets.count());
  }
  // A sample that was recorded while a tick was taken may have its count in this one and its value
  // in the next.
  uint32_t highest = 0;
  out->forEachBucket([&](uint32_t bucket, uint64_t) { highest = bucket; });
  out->max = std::max(out->max, histogram::lowerBound(highest));
  return now_ms > start_ms ? now_ms - start_ms : 0;
}

std::size_t HistogramWindows::bytes() const noexcept {
  std::size_t bytes = sizeof(*this);
  for (const Tick& tick : ticks_)
    bytes += tick.entries.capacity() * sizeof(Entry) + tick.bytes.capacity();
  return bytes;
}

}  // namespace millrace
