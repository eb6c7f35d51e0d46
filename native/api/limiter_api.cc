#include "api/limiter_api.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "api/timed_threads.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "engine/rate/rate_check.h"
#include "engine/rate/rate_table.h"

namespace millrace::api {
namespace {

// What JavaScript counts in: whole numbers below 2^53.
uint64_t wholeOf(const Napi::Value& value) {
  const double number = value.As<Napi::Number>().DoubleValue();
  return number >= 1 ? static_cast<uint64_t>(std::min(number, 9007199254740992.0)) : 0;
}

uint64_t wordsOf(const Napi::Value& low, const Napi::Value& high) {
  return low.As<Napi::Number>().Uint32Value() | uint64_t{high.As<Napi::Number>().Uint32Value()}
                                                    << 32;
}

// A key of the benches: spread like a keyed hash, at a nanosecond.
uint64_t benchKey(uint64_t number) noexcept {
  uint64_t z = (number + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// C++ owns the table and its rules; JS holds the handle, and the finalizer frees them. One JS
// thread at a time: the threads of timeChecks and hammer end before these return.
class RateTableHandle : public Napi::ObjectWrap<RateTableHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "RateTable",
                       {
                           InstanceMethod<&RateTableHandle::addRule>("addRule"),
                           InstanceMethod<&RateTableHandle::hash>("hash"),
                           InstanceMethod<&RateTableHandle::check>("check"),
                           InstanceMethod<&RateTableHandle::peek>("peek"),
                           InstanceMethod<&RateTableHandle::checkAll>("checkAll"),
                           InstanceMethod<&RateTableHandle::hammer>("hammer"),
                           InstanceMethod<&RateTableHandle::timeChecks>("timeChecks"),
                           InstanceMethod<&RateTableHandle::resize>("resize"),
                           InstanceMethod<&RateTableHandle::stats>("stats"),
                       });
  }

  explicit RateTableHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<RateTableHandle>(info),
        key_{wordsOf(info[1], info[2]), wordsOf(info[3], info[4])},
        table_(RateTable::create(wholeOf(info[0]))) {
    if (table_ == nullptr) Napi::Error::New(info.Env(), "no memory").ThrowAsJavaScriptException();
  }

 private:
  // (algorithm, limit, windowMs, burst) => index, or -1 when such a rule is not possible.
  Napi::Value addRule(const Napi::CallbackInfo& info) {
    std::unique_ptr<RateRule> rule = table_->makeRule(
        {info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value(),
         info[2].As<Napi::Number>().Uint32Value(), info[3].As<Napi::Number>().Uint32Value()});
    if (rule == nullptr) return Napi::Number::New(info.Env(), -1);
    rules_.push_back(std::move(rule));
    shards_.push_back(std::make_unique<RateShard>());
    return Napi::Number::New(info.Env(), static_cast<double>(rules_.size() - 1));
  }

  // (bytes: Uint8Array, out: Uint32Array) => void: SipHash-1-3, low word first.
  void hash(const Napi::CallbackInfo& info) {
    const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
    SipHash13 sip(key_);
    sip.add(std::string_view(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()));
    const uint64_t hash = sip.finish();
    Napi::Uint32Array out = info[1].As<Napi::Uint32Array>();
    out[0] = static_cast<uint32_t>(hash);
    out[1] = static_cast<uint32_t>(hash >> 32);
  }

  // (rule, keyLow, keyHigh, nowNs, out: Float64Array of [unplaced, remaining, resetMs,
  // retryAfterMs])
  //   => allowed
  Napi::Value check(const Napi::CallbackInfo& info) { return decide<true>(info); }
  Napi::Value peek(const Napi::CallbackInfo& info) { return decide<false>(info); }

  template <bool Take>
  Napi::Value decide(const Napi::CallbackInfo& info) {
    RateRule* rule = ruleAt(info[0]);
    if (rule == nullptr) return unknownRule(info);
    const uint64_t key = wordsOf(info[1], info[2]);
    const uint64_t now_ns = wholeOf(info[3]);
    const RateVerdict verdict =
        Take ? table_->check(*rule, key, now_ns) : table_->peek(*rule, key, now_ns);
    const RateNumbers numbers = RateTable::numbers(*rule, verdict, now_ns);
    Napi::Float64Array out = info[4].As<Napi::Float64Array>();
    out[0] = verdict.unplaced ? 1 : 0;
    out[1] = static_cast<double>(numbers.remaining);
    out[2] = static_cast<double>(numbers.reset_ms);
    out[3] = static_cast<double>(numbers.retry_after_ms);
    return Napi::Boolean::New(info.Env(), verdict.allowed);
  }

  // (rules: Uint32Array of [rule, shadow, keyLow, keyHigh]..., nowNs, counters: Float64Array of
  //   RATE_STATS for each entry) => position of the limit that refused, or -1
  Napi::Value checkAll(const Napi::CallbackInfo& info) {
    const Napi::Uint32Array rows = info[0].As<Napi::Uint32Array>();
    RateCheck all;
    std::vector<uint32_t> indexes;
    for (size_t i = 0; i + 3 < rows.ElementLength(); i += 4) {
      if (rows[i] >= rules_.size()) return unknownRule(info);
      indexes.push_back(rows[i]);
      all.add(*table_, *rules_[rows[i]], shards_[rows[i]].get(),
              rows[i + 2] | uint64_t{rows[i + 3]} << 32, rows[i + 1] != 0);
    }
    const uint32_t refused = all.run(*table_, wholeOf(info[1]));
    Napi::Float64Array counters = info[2].As<Napi::Float64Array>();
    for (size_t i = 0; i < indexes.size(); ++i) {
      for (uint32_t k = 0; k < abi::rate_stat::kCount; ++k)
        counters[i * abi::rate_stat::kCount + k] =
            static_cast<double>(shards_[indexes[i]]->counters.read(k));
    }
    return Napi::Number::New(info.Env(), refused == abi::kNone ? -1.0 : refused);
  }

  // (rule, keyLow, keyHigh, nowNs, stepNs, n, threads) => how many of the n requests of each thread
  // were admitted together; request i of each comes at nowNs + i * stepNs.
  Napi::Value hammer(const Napi::CallbackInfo& info) {
    RateRule* rule = ruleAt(info[0]);
    if (rule == nullptr) return unknownRule(info);
    const uint64_t key = wordsOf(info[1], info[2]);
    const uint64_t now_ns = wholeOf(info[3]);
    const uint64_t step_ns = wholeOf(info[4]);
    const uint64_t n = wholeOf(info[5]);
    std::atomic<uint64_t> admitted{0};
    timeThreads(info[6].As<Napi::Number>().Uint32Value(), n, [&](uint32_t) {
      uint64_t mine = 0;
      for (uint64_t i = 0; i < n; ++i)
        mine += table_->check(*rule, key, now_ns + i * step_ns).allowed ? 1 : 0;
      admitted.fetch_add(mine);
    });
    return Napi::Number::New(info.Env(), static_cast<double>(admitted.load()));
  }

  // (rule, keys, n, threads, hitShare, nowNs) => mean nanoseconds per check. A hit is one of the
  // keys 0..keys-1, drawn at random, which get their slots here before the clock starts (as far as
  // there is room); a miss is a key that was never seen. The slots of the next request are
  // prefetched one request ahead, as the gate does it that hashes all keys of a request first. The
  // draw (about 2 ns) is measured with it, a hash of the key is not.
  Napi::Value timeChecks(const Napi::CallbackInfo& info) {
    RateRule* rule = ruleAt(info[0]);
    if (rule == nullptr) return unknownRule(info);
    const uint64_t keys = std::clamp<uint64_t>(wholeOf(info[1]), 1, uint64_t{1} << 32);
    const uint64_t n = wholeOf(info[2]);
    const auto hits = static_cast<uint64_t>(
        std::clamp(info[4].As<Napi::Number>().DoubleValue(), 0.0, 1.0) * 4294967296.0);
    const uint64_t now_ns = wholeOf(info[5]);
    for (uint64_t i = 0; i < keys; ++i) table_->check(*rule, benchKey(i), now_ns);
    const uint64_t first_unseen = unseen_;
    unseen_ += uint64_t{1} << 40;
    const auto body = [&](uint32_t thread) {
      Rng rng(first_unseen + thread);
      uint64_t unseen = first_unseen + (uint64_t{thread} << 33);
      const auto draw = [&] {
        const uint64_t random = rng.next();
        const bool hit = (random & 0xffffffff) < hits;
        return benchKey(hit ? ((random >> 32) * keys) >> 32 : unseen++);
      };
      uint64_t next = draw();
      for (uint64_t i = 0; i < n; ++i) {
        const uint64_t key = next;
        next = draw();
        table_->prefetch(*rule, next);
        keepValue(table_->check(*rule, key, now_ns + i).allowed);
      }
    };
    return Napi::Number::New(info.Env(),
                             timeThreads(info[3].As<Napi::Number>().Uint32Value(), n, body));
  }

  // (maxKeys, nowNs) => entries that found no room
  Napi::Value resize(const Napi::CallbackInfo& info) {
    std::unique_ptr<RateTable> table = RateTable::create(wholeOf(info[0]), table_.get());
    if (table == nullptr) {
      Napi::Error::New(info.Env(), "no memory").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const uint64_t lost = table->absorb(*table_, wholeOf(info[1]));
    table_ = std::move(table);
    return Napi::Number::New(info.Env(), static_cast<double>(lost));
  }

  // (out: Float64Array, nowNs) => nanoseconds that it took. In the order of RATE_TABLE_STATS.
  Napi::Value stats(const Napi::CallbackInfo& info) {
    Napi::Float64Array out = info[0].As<Napi::Float64Array>();
    return Napi::Number::New(
        info.Env(), timeThreads(1, 1, [&](uint32_t) {
          table_->readStats({out.Data(), out.ElementLength()}, wholeOf(info[1]));
        }));
  }

  RateRule* ruleAt(const Napi::Value& index) {
    const uint32_t i = index.As<Napi::Number>().Uint32Value();
    return i < rules_.size() ? rules_[i].get() : nullptr;
  }
  static Napi::Value unknownRule(const Napi::CallbackInfo& info) {
    Napi::RangeError::New(info.Env(), "no such rule").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }

  const SipKey key_;
  std::unique_ptr<RateTable> table_;
  std::vector<std::unique_ptr<RateRule>> rules_;
  std::vector<std::unique_ptr<RateShard>> shards_;
  uint64_t unseen_ = uint64_t{1} << 40;  // the next key number that no bench has used
};

}  // namespace

void exportLimiter(Napi::Env env, Napi::Object exports) {
  exports.Set("RateTable", RateTableHandle::define(env));
}

}  // namespace millrace::api
