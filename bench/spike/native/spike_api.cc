#include "spike_api.h"

#include <memory>
#include <string>

#include "api/reactor_api.h"
#include "api/reactor_host.h"
#include "downstream.h"

namespace millrace::spike {
namespace {

// Null without a listener. The host has no other tenant.
Downstream* downstreamOf(Napi::Env env) {
  api::ReactorHost* const host = api::reactorHost(env);
  return host == nullptr ? nullptr : static_cast<Downstream*>(host->tenant());
}

uint32_t number(const Napi::CallbackInfo& info, size_t i) {
  return info[i].As<Napi::Number>().Uint32Value();
}

// (listenerKey, host, port, maxConnections) => { id, port }, or -errno
Napi::Value listen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  api::ReactorHost* const host = api::reactorHost(env);
  if (host == nullptr) {
    Napi::Error::New(env, "this thread has no reactor").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  if (host->tenant() == nullptr) host->moveIn(std::make_unique<Downstream>(*host));
  uint32_t id = 0;
  uint16_t port = 0;
  const int error = downstreamOf(env)->listen(
      number(info, 0), info[1].As<Napi::String>().Utf8Value(),
      static_cast<uint16_t>(number(info, 2)), number(info, 3), &id, &port);
  if (error != 0) return Napi::Number::New(env, -error);
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", id);
  result.Set("port", static_cast<uint32_t>(port));
  return result;
}

// (id, draining)
void stopAccepting(const Napi::CallbackInfo& info) {
  if (Downstream* const downstream = downstreamOf(info.Env()))
    downstream->stopAccepting(number(info, 0), info[1].As<Napi::Boolean>().Value());
}

// (id)
void close(const Napi::CallbackInfo& info) {
  if (Downstream* const downstream = downstreamOf(info.Env())) downstream->close(number(info, 0));
}

// (id) => number
Napi::Value connections(const Napi::CallbackInfo& info) {
  Downstream* const downstream = downstreamOf(info.Env());
  return Napi::Number::New(info.Env(),
                           downstream == nullptr ? 0 : downstream->connections(number(info, 0)));
}

// () => requests without a complete answer
Napi::Value active(const Napi::CallbackInfo& info) {
  Downstream* const downstream = downstreamOf(info.Env());
  return Napi::Number::New(info.Env(), downstream == nullptr ? 0 : downstream->active());
}

}  // namespace

void exportSpike(Napi::Env env, Napi::Object exports) {
  exports.Set("spikeListen", Napi::Function::New<listen>(env, "spikeListen"));
  exports.Set("spikeStopAccepting", Napi::Function::New<stopAccepting>(env, "spikeStopAccepting"));
  exports.Set("spikeClose", Napi::Function::New<close>(env, "spikeClose"));
  exports.Set("spikeConnections", Napi::Function::New<connections>(env, "spikeConnections"));
  exports.Set("spikeActive", Napi::Function::New<active>(env, "spikeActive"));
}

}  // namespace millrace::spike
