// Outlier detection of a cluster of its own, apart from the data plane: for conformance tests and
// measurements. See src/binding/outlier.ts.
#include "api/outlier_api.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "api/timed_threads.h"
#include "engine/failover/detector.h"
#include "engine/failover/error_runs.h"

namespace millrace::api {
namespace {

uint64_t wholeOf(const Napi::Value& value) {
  return static_cast<uint64_t>(std::max<int64_t>(value.As<Napi::Number>().Int64Value(), 0));
}
uint64_t wordsOf(const Napi::Value& low, const Napi::Value& high) {
  return low.As<Napi::Number>().Uint32Value() | uint64_t{high.As<Napi::Number>().Uint32Value()}
                                                    << 32;
}

class OutlierHandle : public Napi::ObjectWrap<OutlierHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "OutlierCluster",
                       {
                           InstanceMethod<&OutlierHandle::answer>("answer"),
                           InstanceMethod<&OutlierHandle::fail>("fail"),
                           InstanceMethod<&OutlierHandle::setHealth>("setHealth"),
                           InstanceMethod<&OutlierHandle::tick>("tick"),
                           InstanceMethod<&OutlierHandle::state>("state"),
                           InstanceMethod<&OutlierHandle::counters>("counters"),
                           InstanceMethod<&OutlierHandle::take>("take"),
                           InstanceMethod<&OutlierHandle::timeAnswers>("timeAnswers"),
                           InstanceMethod<&OutlierHandle::timeTick>("timeTick"),
                       });
  }

  // (settings: Uint32Array in the order of the OUTLIER record, endpoints, nowMs)
  explicit OutlierHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<OutlierHandle>(info) {
    const Napi::Uint32Array words = info[0].As<Napi::Uint32Array>();
    std::memcpy(&settings_, words.Data(), std::min(words.ByteLength(), sizeof settings_));
    const uint32_t count = info[1].As<Napi::Number>().Uint32Value();
    for (uint32_t i = 0; i < count; ++i) {
      endpoints_.push_back(std::make_unique<EndpointState>());
      endpoints_.back()->key = std::string("c") + '\0' + std::to_string(i) + '\0';
      members_.push_back(endpoints_.back().get());
    }
    cluster_.outlier.next_sweep_ms = wholeOf(info[2]) + settings_.interval_ms;
    sweep_.begin(settings_, members_);
  }

 private:
  OutlierScope scope() { return {settings_, cluster_, members_}; }
  EndpointState& endpointAt(const Napi::Value& index) {
    return *endpoints_[index.As<Napi::Number>().Uint32Value() % endpoints_.size()];
  }

  void note(EndpointState& endpoint, Fault fault, uint64_t now_ms, uint64_t random) {
    const uint32_t reason = extendRuns(endpoint.load, settings_, fault);
    if (reason == abi::transition_reason::kNone) return;
    const std::lock_guard lock(cluster_.outlier.mutex);
    if (auto told = ejectForRun(scope(), endpoint, reason, now_ms, random))
      news_.push_back(std::move(*told));
  }

  // (endpoint, worker, status, firstByteUs, nowMs, randomLow, randomHigh) => void
  void answer(const Napi::CallbackInfo& info) {
    EndpointState& endpoint = endpointAt(info[0]);
    EndpointShard& shard = endpoint.shards.of(info[1].As<Napi::Number>().Uint32Value());
    const uint32_t status = info[2].As<Napi::Number>().Uint32Value();
    shard.first_byte.record(wholeOf(info[3]));
    shard.counters.add(abi::endpoint_stat::kResponses, 1);
    if (status < 500) {
      endRuns(endpoint.load);
      return;
    }
    shard.counters.add(abi::endpoint_stat::kResponses5xx, 1);
    note(endpoint, faultOf(status), wholeOf(info[4]), wordsOf(info[5], info[6]));
  }

  // (endpoint, worker, nowMs, randomLow, randomHigh) => void
  void fail(const Napi::CallbackInfo& info) {
    EndpointState& endpoint = endpointAt(info[0]);
    endpoint.shards.of(info[1].As<Napi::Number>().Uint32Value())
        .counters.add(abi::endpoint_stat::kFailures, 1);
    note(endpoint, Fault::kNoAnswer, wholeOf(info[2]), wordsOf(info[3], info[4]));
  }

  // (endpoint, set, clear) => void. Bits of other mechanisms.
  void setHealth(const Napi::CallbackInfo& info) {
    std::atomic<uint32_t>& health = endpointAt(info[0]).load.health;
    health.fetch_and(~info[2].As<Napi::Number>().Uint32Value());
    health.fetch_or(info[1].As<Napi::Number>().Uint32Value());
  }

  // (nowMs, randomLow, randomHigh) => when it is due again, -1 = not at all
  Napi::Value tick(const Napi::CallbackInfo& info) {
    OutlierNews news;
    const uint64_t due_ms =
        tickOutliers(scope(), sweep_, wholeOf(info[0]), wordsOf(info[1], info[2]), &news);
    std::move(news.transitions.begin(), news.transitions.end(), std::back_inserter(news_));
    return Napi::Number::New(info.Env(), due_ms == UINT64_MAX ? -1.0 : static_cast<double>(due_ms));
  }

  // (endpoint, out: Float64Array) => void: HEALTH, untilMs, multiplier, ejections
  void state(const Napi::CallbackInfo& info) {
    const EndpointState& endpoint = endpointAt(info[0]);
    Napi::Float64Array out = info[1].As<Napi::Float64Array>();
    out[0] = endpoint.load.health.load();
    out[1] = static_cast<double>(endpoint.outlier.until_ms);
    out[2] = endpoint.outlier.multiplier;
    out[3] = static_cast<double>(endpoint.outlier.ejections.load());
  }

  // (out: Float64Array) => void: ejected, ejections, shadowed, overflow
  void counters(const Napi::CallbackInfo& info) {
    Napi::Float64Array out = info[0].As<Napi::Float64Array>();
    out[0] = cluster_.outlier.ejected.load();
    out[1] = static_cast<double>(cluster_.outlier.ejections.load());
    out[2] = static_cast<double>(cluster_.outlier.shadowed.load());
    out[3] = static_cast<double>(cluster_.outlier.overflow.load());
  }

  // () => rows of [kind, reason, endpoint, atMs, untilMs, value, limit, requests], one array
  Napi::Value take(const Napi::CallbackInfo& info) {
    constexpr size_t kWords = 8;
    Napi::Float64Array out = Napi::Float64Array::New(info.Env(), news_.size() * kWords);
    double* word = out.Data();
    for (const Transition& t : news_) {
      *word++ = t.kind;
      *word++ = t.reason;
      *word++ = std::stod(t.endpoint);
      *word++ = static_cast<double>(t.at_ms);
      *word++ = static_cast<double>(t.until_ms);
      *word++ = t.value;
      *word++ = t.limit;
      *word++ = t.requests;
    }
    news_.clear();
    return out;
  }

  // (n, status) => nanoseconds per answer of that status, in a loop in C++: what detection adds to
  // a request. The line of the load is in the first cache, as it is after a pick.
  Napi::Value timeAnswers(const Napi::CallbackInfo& info) {
    const uint32_t status = info[1].As<Napi::Number>().Uint32Value();
    const uint64_t n = wholeOf(info[0]);
    EndpointLoad& load = endpoints_.front()->load;
    const double ns = timeThreads(1, n, [&](uint32_t) {
      for (uint64_t i = 0; i < n; ++i) {
        if (status < 500)
          endRuns(load);
        else if (extendRuns(load, settings_, faultOf(status)) != abi::transition_reason::kNone)
          std::atomic_signal_fence(std::memory_order_seq_cst);
        std::atomic_signal_fence(std::memory_order_seq_cst);  // every turn reads again
      }
    });
    return Napi::Number::New(info.Env(), ns);
  }

  // (answers, workers, nowMs) => nanoseconds of a sweep after every endpoint got so many more
  // answers from each worker.
  Napi::Value timeTick(const Napi::CallbackInfo& info) {
    const uint64_t answers = wholeOf(info[0]);
    const auto workers = static_cast<uint32_t>(wholeOf(info[1]));
    for (EndpointState* const endpoint : members_) {
      for (uint32_t w = 0; w < workers; ++w) {
        EndpointShard& shard = endpoint->shards.of(w);
        shard.counters.add(abi::endpoint_stat::kResponses, answers);
        // Over three octaves, as real latencies are.
        for (uint64_t i = 0; i < answers; ++i) shard.first_byte.record(500 + i * 4000 / answers);
      }
    }
    OutlierNews news;
    const uint64_t now_ms = wholeOf(info[2]);
    return Napi::Number::New(info.Env(), timeThreads(1, 1, [&](uint32_t) {
                               tickOutliers(scope(), sweep_, now_ms, 0, &news);
                             }));
  }

  abi::OutlierRecord settings_{};
  ClusterState cluster_;
  std::vector<std::unique_ptr<EndpointState>> endpoints_;
  std::vector<EndpointState*> members_;
  OutlierSweep sweep_;
  std::vector<Transition> news_;
};

}  // namespace

void exportOutlier(Napi::Env env, Napi::Object exports) {
  exports.Set("OutlierCluster", OutlierHandle::define(env));
}

}  // namespace millrace::api
