#include "api/simulation_api.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/scenario_reader.h"
#include "engine/simulate/simulation.h"

namespace millrace::api {
namespace {

using simulate::Outcome;
using simulate::Quantiles;
using simulate::Result;

double wordOf(uint64_t value) { return static_cast<double>(value); }

Napi::Object objectOf(Napi::Env env, const Quantiles& q) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("p50", q.p50);
  out.Set("p90", q.p90);
  out.Set("p99", q.p99);
  out.Set("p999", q.p999);
  out.Set("p9999", q.p9999);
  out.Set("max", q.max);
  out.Set("mean", q.mean);
  out.Set("count", wordOf(q.count));
  return out;
}

Napi::Object objectOf(Napi::Env env, const simulate::Imbalance& imbalance) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("cv", imbalance.cv);
  out.Set("maxOverMean", imbalance.max_over_mean);
  return out;
}

Napi::Object objectOf(Napi::Env env, const Result& result) {
  const auto count = [&](Outcome outcome) {
    return wordOf(result.outcomes[static_cast<uint32_t>(outcome)]);
  };
  Napi::Object out = Napi::Object::New(env);
  out.Set("requests", wordOf(result.requests));
  out.Set("answered", count(Outcome::kAnswered));
  out.Set("failed", count(Outcome::kFailed));
  out.Set("timedOut", count(Outcome::kTimedOut));
  Napi::Object refused = Napi::Object::New(env);
  refused.Set("breaker", count(Outcome::kRefusedBreaker));
  refused.Set("rateLimit", count(Outcome::kRefusedRate));
  refused.Set("queue", count(Outcome::kRefusedQueue));
  refused.Set("noEndpoint", count(Outcome::kRefusedNobody));
  out.Set("refused", refused);
  out.Set("unfinished", count(Outcome::kUnfinished));
  out.Set("attempts", wordOf(result.attempts));
  out.Set("retries", wordOf(result.retries));
  out.Set("latency", objectOf(env, result.latency));
  Napi::Array histogram = Napi::Array::New(env, result.histogram.size());
  for (uint32_t i = 0; i < result.histogram.size(); ++i) {
    const Napi::HandleScope scope(env);
    Napi::Array row = Napi::Array::New(env, 2);
    row.Set(0u, result.histogram[i].first);
    row.Set(1u, wordOf(result.histogram[i].second));
    histogram.Set(i, row);
  }
  out.Set("histogram", histogram);
  out.Set("goodput", result.goodput);
  out.Set("seconds", result.seconds);
  out.Set("rate", result.offered);
  out.Set("capacity", result.capacity);
  Napi::Object imbalance = objectOf(env, result.in_flight);
  imbalance.Set("requests", objectOf(env, result.requests_each));
  imbalance.Set("mostInFlight", result.most_in_flight);
  out.Set("imbalance", imbalance);
  Napi::Array groups = Napi::Array::New(env, result.groups.size());
  for (uint32_t i = 0; i < result.groups.size(); ++i) {
    const Napi::HandleScope scope(env);
    const simulate::GroupResult& group = result.groups[i];
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", group.name);
    row.Set("share", group.share);
    row.Set("requests", wordOf(group.requests));
    row.Set("failed", wordOf(group.failed));
    row.Set("utilisation", group.utilisation);
    row.Set("wait", group.wait);
    row.Set("inFlight", group.in_flight);
    groups.Set(i, row);
  }
  out.Set("groups", groups);
  Napi::Array timeline = Napi::Array::New(env, result.timeline.size());
  for (uint32_t i = 0; i < result.timeline.size(); ++i) {
    const Napi::HandleScope scope(env);
    const simulate::TimelineRow& at = result.timeline[i];
    Napi::Object row = Napi::Object::New(env);
    row.Set("at", at.at);
    row.Set("rate", at.rate);
    row.Set("p50", at.p50);
    row.Set("p99", at.p99);
    row.Set("errors", at.errors);
    timeline.Set(i, row);
  }
  out.Set("timeline", timeline);
  Napi::Object limit = Napi::Object::New(env);
  limit.Set("clients", result.limit.clients);
  limit.Set("mostAdmitted", result.limit.most);
  limit.Set("mostAdmittedByAll", result.limit.most_together);
  limit.Set("refusedBelowLimit", wordOf(result.limit.refused_below));
  Napi::Object wrong = Napi::Object::New(env);
  wrong.Set("rateLimit", limit);
  out.Set("wrong", wrong);
  out.Set("breakersOpened", wordOf(result.breakers_opened));
  out.Set("ejections", wordOf(result.ejections));
  out.Set("panicPicks", wordOf(result.panic_picks));
  return out;
}

// C++ owns the run; JS holds the handle, and the finalizer frees it. One JS thread.
class SimulationHandle : public Napi::ObjectWrap<SimulationHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Simulation",
                       {
                           InstanceMethod<&SimulationHandle::step>("step"),
                           InstanceMethod<&SimulationHandle::progress>("progress"),
                           InstanceMethod<&SimulationHandle::result>("result"),
                       });
  }

  // (scenario)
  explicit SimulationHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<SimulationHandle>(info) {
    std::string problem;
    if (!info[0].IsObject()) {
      problem = "a scenario must be a mapping";
    } else {
      simulate::Scenario scenario = readScenario(info[0].As<Napi::Object>(), &problem);
      // A getter of the object may have thrown: that is for its caller to hear.
      if (info.Env().IsExceptionPending()) return;
      if (problem.empty()) run_ = std::make_unique<simulate::Simulation>(std::move(scenario));
    }
    if (!problem.empty()) refuse(info, problem);
  }

 private:
  static void refuse(const Napi::CallbackInfo& info, const std::string& what) {
    Napi::RangeError::New(info.Env(), what).ThrowAsJavaScriptException();
  }

  // (events) => whether the run is over
  Napi::Value step(const Napi::CallbackInfo& info) {
    if (run_ == nullptr) return Napi::Boolean::New(info.Env(), true);
    const double events = info[0].As<Napi::Number>().DoubleValue();
    // Nothing at all would never end.
    const uint64_t most = events >= 1 && events < 1e15 ? static_cast<uint64_t>(events) : 1;
    const bool over = run_->step(most);
    if (!run_->error().empty()) {
      refuse(info, run_->error());
      return info.Env().Undefined();
    }
    if (over) {
      result_ = run_->result();
      // Many megabytes that no collector knows of: it may come late.
      run_.reset();
    }
    return Napi::Boolean::New(info.Env(), over);
  }

  // () => 0 to 1
  Napi::Value progress(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), run_ == nullptr ? 1 : run_->progress());
  }

  // () => what came of it
  Napi::Value result(const Napi::CallbackInfo& info) {
    if (run_ != nullptr) {
      refuse(info, "the run is not over: call step() until it says true");
      return info.Env().Undefined();
    }
    return objectOf(info.Env(), result_);
  }

  std::unique_ptr<simulate::Simulation> run_;  // until it is over
  Result result_;
};

}  // namespace

void exportSimulation(Napi::Env env, Napi::Object exports) {
  exports.Set("Simulation", SimulationHandle::define(env));
}

}  // namespace millrace::api
