#include "api/histogram_api.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "engine/histogram/shard.h"
#include "engine/histogram/windows.h"

namespace millrace::api {
namespace {

constexpr std::size_t kTimedValues = 4096;  // a power of two

// Microseconds as a proxy sees them: two thirds of a decade around a millisecond, and a tail.
std::vector<uint32_t> timedValues() {
  std::vector<uint32_t> values;
  Rng rng(1);
  for (std::size_t i = 0; i < kTimedValues; ++i) {
    const uint32_t octave = 8 + static_cast<uint32_t>(rng.below(4)) + (rng.below(64) == 0 ? 6 : 0);
    values.push_back((1u << octave) + static_cast<uint32_t>(rng.below(1u << octave)));
  }
  return values;
}

// Processor time of the calling thread.
double threadNs() noexcept {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// C++ owns shard and windows, JavaScript holds the object; they go when it is collected. One
// thread.
class Histogram : public Napi::ObjectWrap<Histogram> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Histogram",
        {InstanceMethod("record", &Histogram::record),
         InstanceMethod("recordMany", &Histogram::recordMany),
         InstanceMethod("read", &Histogram::read), InstanceMethod("quantile", &Histogram::quantile),
         InstanceMethod("mergeFrom", &Histogram::mergeFrom),
         InstanceMethod("collect", &Histogram::collect),
         InstanceMethod("timeRecords", &Histogram::timeRecords)});
  }
  explicit Histogram(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Histogram>(info) {}

 private:
  static uint64_t number(const Napi::Value& value) {
    return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
  }

  // (value, times) => void
  Napi::Value record(const Napi::CallbackInfo& info) {
    shard_->record(number(info[0]), info[1].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
  }

  // (values: Float64Array) => void
  Napi::Value recordMany(const Napi::CallbackInfo& info) {
    const Napi::Float64Array values = info[0].As<Napi::Float64Array>();
    for (std::size_t i = 0; i < values.ElementLength(); ++i)
      shard_->record(static_cast<uint64_t>(values[i]));
    return info.Env().Undefined();
  }

  // (windowMs, nowMs, out: Float64Array) => void; windowMs 0 is everything. As the engine's
  // readers.
  Napi::Value read(const Napi::CallbackInfo& info) {
    Napi::Float64Array out = info[2].As<Napi::Float64Array>();
    const uint64_t span_ms = gather(number(info[0]), number(info[1]));
    writeHistogram(*counts_, static_cast<double>(span_ms), {out.Data(), out.ElementLength()});
    return info.Env().Undefined();
  }

  // (q, windowMs, nowMs) => number
  Napi::Value quantile(const Napi::CallbackInfo& info) {
    gather(number(info[1]), number(info[2]));
    return Napi::Number::New(info.Env(),
                             counts_->quantile(info[0].As<Napi::Number>().DoubleValue()));
  }

  // (other: Histogram) => void. Reads add the other's samples from now on; it must not be this one.
  Napi::Value mergeFrom(const Napi::CallbackInfo& info) {
    Histogram* const other = Unwrap(info[0].As<Napi::Object>());
    for (const std::shared_ptr<HistogramShard>& shard : other->shards_) shards_.push_back(shard);
    return info.Env().Undefined();
  }

  // (nowMs) => void: a tick of the collector.
  Napi::Value collect(const Napi::CallbackInfo& info) {
    if (!windows_.open(number(info[0]))) return info.Env().Undefined();
    HistogramCounts& merged = *counts_;
    merged.clear();
    uint64_t recent_max = 0;
    for (const std::shared_ptr<HistogramShard>& shard : shards_) {
      recent_max = std::max(recent_max, shard->takeRecentMax());
      merged.add(*shard);
    }
    if (HistogramWindows::changed(history_, merged.count))
      windows_.add(history_, merged, recent_max);
    windows_.close();
    return info.Env().Undefined();
  }

  // (records, threads) => nanoseconds per record and thread, of processor time: what else runs on
  // the machine does not count. Each thread has a warm shard of its own, as a worker has.
  Napi::Value timeRecords(const Napi::CallbackInfo& info) {
    const uint64_t records = number(info[0]);
    const uint32_t threads = info[1].As<Napi::Number>().Uint32Value();
    const std::vector<uint32_t> values = timedValues();
    std::vector<std::thread> running;
    std::vector<double> took(threads);
    std::atomic<uint32_t> ready{0};
    for (uint32_t t = 0; t < threads; ++t) {
      running.emplace_back([&, t] {
        const auto shard = std::make_unique<HistogramShard>();
        for (const uint32_t value : values) shard->record(value);
        ready.fetch_add(1);
        while (ready.load() < threads) std::this_thread::yield();
        const double begin = threadNs();
        for (uint64_t i = 0; i < records; ++i) shard->record(values[i & (kTimedValues - 1)]);
        took[t] = threadNs() - begin;
      });
    }
    double sum = 0;
    for (uint32_t t = 0; t < threads; ++t) {
      running[t].join();
      sum += took[t];
    }
    return Napi::Number::New(info.Env(), sum / static_cast<double>(records) / threads);
  }

  uint64_t gather(uint64_t window_ms, uint64_t now_ms) {
    HistogramCounts& out = *counts_;
    out.clear();
    if (window_ms == 0) {
      for (const std::shared_ptr<HistogramShard>& shard : shards_) out.add(*shard);
      return 0;
    }
    const auto now = std::make_unique<HistogramCounts>();
    uint64_t recent_max = 0;
    for (const std::shared_ptr<HistogramShard>& shard : shards_) {
      now->add(*shard);
      recent_max = std::max(recent_max, shard->recentMax());
    }
    return windows_.read(history_, *now, recent_max, window_ms, now_ms, &out);
  }

  std::shared_ptr<HistogramShard> shard_ = std::make_shared<HistogramShard>();
  std::vector<std::shared_ptr<HistogramShard>> shards_{shard_};  // its own first
  std::unique_ptr<HistogramCounts> counts_ = std::make_unique<HistogramCounts>();
  SeriesHistory history_;
  HistogramWindows windows_;
};

}  // namespace

void writeHistogram(const HistogramCounts& counts, double span_ms, std::span<double> out) noexcept {
  namespace field = abi::histogram_field;
  std::size_t at = field::kCount;
  counts.forEachBucket([&](uint32_t bucket, uint64_t samples) {
    out[at++] = bucket;
    out[at++] = static_cast<double>(samples);
  });
  out[field::kSamples] = static_cast<double>(counts.count);
  out[field::kSum] = static_cast<double>(counts.sum);
  out[field::kMax] = static_cast<double>(counts.max);
  out[field::kSpanMs] = span_ms;
  out[field::kEntries] = static_cast<double>((at - field::kCount) / 2);
}

void exportHistogram(Napi::Env env, Napi::Object exports) {
  exports.Set("Histogram", Histogram::define(env));
}

}  // namespace millrace::api
