#include "api/retry_budget_api.h"

#include <algorithm>
#include <atomic>

#include "api/timed_threads.h"
#include "base/rng.h"
#include "engine/failover/backoff.h"
#include "engine/failover/retry_budget.h"

namespace millrace::api {
namespace {

// What JavaScript counts in: whole numbers below 2^53.
uint64_t wholeOf(const Napi::Value& value) {
  const double number = value.As<Napi::Number>().DoubleValue();
  return number >= 1 ? static_cast<uint64_t>(std::min(number, 9007199254740992.0)) : 0;
}
uint32_t wordOf(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

// C++ owns the budget; JS holds the handle, and the finalizer frees it. One JS thread at a time:
// the threads of hammer and time* end before these return.
class RetryBudgetHandle : public Napi::ObjectWrap<RetryBudgetHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "RetryBudget",
                       {
                           InstanceMethod<&RetryBudgetHandle::add>("add"),
                           InstanceMethod<&RetryBudgetHandle::take>("take"),
                           InstanceMethod<&RetryBudgetHandle::requests>("requests"),
                           InstanceMethod<&RetryBudgetHandle::spent>("spent"),
                           InstanceMethod<&RetryBudgetHandle::hammer>("hammer"),
                           InstanceMethod<&RetryBudgetHandle::timeAdds>("timeAdds"),
                           InstanceMethod<&RetryBudgetHandle::timeTakes>("timeTakes"),
                       });
  }

  explicit RetryBudgetHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<RetryBudgetHandle>(info), budget_(std::max(wordOf(info[0]), 1000u)) {}

 private:
  // (worker, n, nowMs): n requests of a worker
  void add(const Napi::CallbackInfo& info) {
    RetryBudget::Requests& requests = budget_.requestsOf(wordOf(info[0]));
    const uint64_t now_ms = wholeOf(info[2]);
    for (uint64_t n = wholeOf(info[1]); n > 0; --n) requests.add(now_ms);
  }

  // (percent, minPerSecond, nowMs) => whether there was a retry left
  Napi::Value take(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(),
                              budget_.take(wordOf(info[0]), wordOf(info[1]), wholeOf(info[2])));
  }

  // (nowMs) => of the window
  Napi::Value requests(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(budget_.requests(wholeOf(info[0]))));
  }
  Napi::Value spent(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(budget_.spent(wholeOf(info[0]))));
  }

  // (percent, minPerSecond, nowMs, stepMs, n, threads) => how many retries were granted to all
  // threads together, of which each asks n times, and goes stepMs on in between
  Napi::Value hammer(const Napi::CallbackInfo& info) {
    const uint32_t percent = wordOf(info[0]);
    const uint32_t min_per_second = wordOf(info[1]);
    const uint64_t now_ms = wholeOf(info[2]);
    const uint64_t step_ms = wholeOf(info[3]);
    const uint64_t n = wholeOf(info[4]);
    std::atomic<uint64_t> granted{0};
    timeThreads(wordOf(info[5]), n, [&](uint32_t) {
      uint64_t mine = 0;
      for (uint64_t i = 0; i < n; ++i)
        mine += budget_.take(percent, min_per_second, now_ms + i * step_ms) ? 1 : 0;
      granted.fetch_add(mine);
    });
    return Napi::Number::New(info.Env(), static_cast<double>(granted.load()));
  }

  // (n, nowMs) => mean nanoseconds of a request counted; a thousand of them come in a millisecond
  Napi::Value timeAdds(const Napi::CallbackInfo& info) {
    const uint64_t n = wholeOf(info[0]);
    const uint64_t now_ms = wholeOf(info[1]);
    RetryBudget::Requests& requests = budget_.requestsOf(0);
    return Napi::Number::New(info.Env(), timeThreads(1, n, [&](uint32_t) {
                               for (uint64_t i = 0; i < n; ++i) {
                                 requests.add(now_ms + i / 1000);
                                 keepValue(requests);
                               }
                             }));
  }

  // (n, nowMs, threads, budget) => mean nanoseconds of a take that is granted, or, without a
  // budget, refused
  Napi::Value timeTakes(const Napi::CallbackInfo& info) {
    const uint64_t n = wholeOf(info[0]);
    const uint64_t now_ms = wholeOf(info[1]);
    const uint32_t per_second = info[3].As<Napi::Boolean>().Value() ? 0xffff'ffff : 0;
    return Napi::Number::New(info.Env(), timeThreads(wordOf(info[2]), n, [&](uint32_t) {
                               for (uint64_t i = 0; i < n; ++i)
                                 keepValue(budget_.take(0, per_second, now_ms + i / 1000));
                             }));
  }

  RetryBudget budget_;
};

// (baseMs, maxMs, retry, seed, out: Float64Array): as many draws as there is room for
void drawBackoffs(const Napi::CallbackInfo& info) {
  Rng rng(wholeOf(info[3]));
  Napi::Float64Array out = info[4].As<Napi::Float64Array>();
  for (size_t i = 0; i < out.ElementLength(); ++i)
    out[i] = backoffMs(wordOf(info[0]), wordOf(info[1]), std::max(wordOf(info[2]), 1u), rng);
}

}  // namespace

void exportRetryBudget(Napi::Env env, Napi::Object exports) {
  exports.Set("RetryBudget", RetryBudgetHandle::define(env));
  exports.Set("drawBackoffs", Napi::Function::New(env, drawBackoffs));
}

}  // namespace millrace::api
