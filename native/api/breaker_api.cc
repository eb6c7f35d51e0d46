#include "api/breaker_api.h"

#include <algorithm>
#include <cstdint>

#include "api/timed_threads.h"
#include "base/rng.h"
#include "engine/failover/breaker.h"

namespace millrace::api {
namespace {

constexpr uint32_t kWorkers = 64;

uint32_t numberOf(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

// Milliseconds: whole numbers below 2^53.
uint64_t timeOf(const Napi::Value& value) {
  const double number = value.As<Napi::Number>().DoubleValue();
  return number >= 1 ? static_cast<uint64_t>(std::min(number, 9007199254740992.0)) : 0;
}

// C++ owns the breaker; JS holds the handle, and the finalizer frees it. One JS thread at a time:
// the threads of timeRecords end before it returns.
class BreakerHandle : public Napi::ObjectWrap<BreakerHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Breaker",
                       {
                           InstanceMethod<&BreakerHandle::state>("state"),
                           InstanceMethod<&BreakerHandle::openUntilMs>("openUntilMs"),
                           InstanceMethod<&BreakerHandle::admit>("admit"),
                           InstanceMethod<&BreakerHandle::ticket>("ticket"),
                           InstanceMethod<&BreakerHandle::tryProbe>("tryProbe"),
                           InstanceMethod<&BreakerHandle::giveBackProbe>("giveBackProbe"),
                           InstanceMethod<&BreakerHandle::halfOpen>("halfOpen"),
                           InstanceMethod<&BreakerHandle::permits>("permits"),
                           InstanceMethod<&BreakerHandle::record>("record"),
                           InstanceMethod<&BreakerHandle::counts>("counts"),
                           InstanceMethod<&BreakerHandle::timeRecords>("timeRecords"),
                       });
  }

  // (thresholdMillis, windowMs, minRequests, intervalMs, maxIntervalMs, jitterPercent, probes,
  // successes)
  explicit BreakerHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<BreakerHandle>(info),
        breaker_({numberOf(info[0]), std::max(numberOf(info[1]), 10u), numberOf(info[2]),
                  numberOf(info[3]), numberOf(info[4]), numberOf(info[5]), numberOf(info[6]),
                  numberOf(info[7])}) {}

 private:
  Napi::Value state(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), breaker_.state());
  }
  Napi::Value openUntilMs(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(breaker_.openUntilMs()));
  }
  // (nowMs) => ticket, 0 = not let through
  Napi::Value admit(const Napi::CallbackInfo& info) {
    BreakerEvent event;
    return Napi::Number::New(info.Env(), breaker_.admit(timeOf(info[0]), &event));
  }
  Napi::Value ticket(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), breaker_.ticket());
  }
  // (nowMs) => ticket
  Napi::Value tryProbe(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), breaker_.tryProbe(timeOf(info[0])));
  }
  // (ticket)
  void giveBackProbe(const Napi::CallbackInfo& info) { breaker_.giveBackProbe(numberOf(info[0])); }
  // (nowMs) => whether it became half-open
  Napi::Value halfOpen(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), breaker_.halfOpen(timeOf(info[0])));
  }
  // (ticket)
  Napi::Value permits(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), breaker_.permits(numberOf(info[0])));
  }
  // (worker, ticket, good, nowMs, random) => BreakerEvent::Kind
  Napi::Value record(const Napi::CallbackInfo& info) {
    const BreakerEvent event =
        breaker_.record(breaker_.windowOf(numberOf(info[0]) % kWorkers), numberOf(info[1]),
                        info[2].As<Napi::Boolean>().Value(), timeOf(info[3]), numberOf(info[4]));
    return Napi::Number::New(info.Env(), static_cast<uint32_t>(event.kind));
  }
  // (nowMs, out: Float64Array of [requests, failures])
  void counts(const Napi::CallbackInfo& info) {
    const BreakerCounts counts = breaker_.counts(timeOf(info[0]));
    Napi::Float64Array out = info[1].As<Napi::Float64Array>();
    out[0] = static_cast<double>(counts.requests);
    out[1] = static_cast<double>(counts.failures);
  }

  // (n, threads, failureShare, workers) => mean nanoseconds for a request to be let through and its
  // outcome to be recorded, by each of the threads as a worker of its own. `workers`: how many have
  // a part of the window. A millisecond passes with every 64 requests.
  Napi::Value timeRecords(const Napi::CallbackInfo& info) {
    const uint64_t n = timeOf(info[0]);
    const uint32_t threads = numberOf(info[1]);
    const double share = std::clamp(info[2].As<Napi::Number>().DoubleValue(), 0.0, 1.0);
    const auto failures = static_cast<uint64_t>(share * 4294967296.0);
    const uint32_t workers = std::clamp(numberOf(info[3]), threads, kWorkers);
    for (uint32_t worker = 0; worker < workers; ++worker) breaker_.windowOf(worker);
    const uint64_t first_ms = bench_ms_;
    bench_ms_ += n / 64 + 1;
    const double ns = timeThreads(threads, n, [&](uint32_t thread) {
      Breaker::Window& window = breaker_.windowOf(thread);
      Rng rng(first_ms + thread);
      BreakerEvent event;
      for (uint64_t i = 0; i < n; ++i) {
        const uint64_t now_ms = first_ms + i / 64;
        const uint64_t random = rng.next();
        const bool good = (random & 0xffffffff) >= failures;
        const BreakerTicket ticket = breaker_.admit(now_ms, &event);
        keepValue(
            breaker_.record(window, ticket, good, now_ms, static_cast<uint32_t>(random >> 32)));
      }
    });
    return Napi::Number::New(info.Env(), ns);
  }

  Breaker breaker_;
  uint64_t bench_ms_ = 1'000'000;
};

}  // namespace

void exportBreaker(Napi::Env env, Napi::Object exports) {
  exports.Set("Breaker", BreakerHandle::define(env));
}

}  // namespace millrace::api
