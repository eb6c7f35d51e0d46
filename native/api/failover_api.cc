// What the control plane does for failover.
#include "api/failover_api.h"

#include "api/control_watch.h"
#include "api/reactor_host.h"
#include "engine/state/engine.h"

namespace millrace::api {
namespace {

uint64_t nowMs() noexcept { return ReactorHost::now().ms(); }

// (callback) => function that ends it. The callback is called on this thread whenever a worker has
// something for failoverTick.
Napi::Value onFailover(const Napi::CallbackInfo& info) {
  const std::shared_ptr<ControlWatch> watch =
      ControlWatch::open(info.Env(), info[0], Engine::instance().controlWaker());
  if (watch == nullptr) return info.Env().Undefined();
  return Napi::Function::New(
      info.Env(), [weak = std::weak_ptr<ControlWatch>(watch)](const Napi::CallbackInfo&) {
        if (const auto open = weak.lock()) open->close();
      });
}

// () => milliseconds until it is to be called again; 0 = not until it is called for
Napi::Value failoverTick(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Engine::instance().failoverTick(nowMs()));
}

// () => { dropped, transitions: { kind, reason, cluster, endpoint, value, limit, requests, ageMs,
// leftMs }[] }, oldest first: what was reported since the last call. `leftMs`: until it ends by
// itself; -1 = it does not.
Napi::Value takeTransitions(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint64_t now = nowMs();
  uint64_t dropped = 0;
  const std::vector<Transition> taken = Engine::instance().takeTransitions(&dropped);
  Napi::Array transitions = Napi::Array::New(env, taken.size());
  for (uint32_t i = 0; i < taken.size(); ++i) {
    const Transition& from = taken[i];
    Napi::Object one = Napi::Object::New(env);
    one.Set("kind", from.kind);
    one.Set("reason", from.reason);
    one.Set("cluster", from.cluster);
    one.Set("endpoint", from.endpoint);
    one.Set("value", from.value);
    one.Set("limit", from.limit);
    one.Set("requests", from.requests);
    one.Set("ageMs", now > from.at_ms ? static_cast<double>(now - from.at_ms) : 0.0);
    const double left = from.until_ms > now ? static_cast<double>(from.until_ms - now) : 0.0;
    one.Set("leftMs", from.until_ms == 0 ? -1.0 : left);
    transitions.Set(i, one);
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("dropped", static_cast<double>(dropped));
  out.Set("transitions", transitions);
  return out;
}

}  // namespace

void exportFailover(Napi::Env env, Napi::Object exports) {
  exports.Set("onFailover", Napi::Function::New<onFailover>(env, "onFailover"));
  exports.Set("failoverTick", Napi::Function::New<failoverTick>(env, "failoverTick"));
  exports.Set("takeTransitions", Napi::Function::New<takeTransitions>(env, "takeTransitions"));
}

}  // namespace millrace::api
