#include "api/explain_api.h"

#include <cstdint>
#include <memory>
#include <string>

#include "api/reactor_host.h"
#include "engine/explain/explain.h"

namespace millrace::api {
namespace {

// (version, listener, head: Uint8Array, lengths: Int32Array, peer: Uint8Array) => JSON text, or
// undefined when `version` is not the current image or has no such listener. The head as submit
// takes it: all strings in one, and their lengths. Reads the state of the workers, changes nothing.
Napi::Value explain(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto version = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  const std::shared_ptr<const InstalledImage> installed = Engine::instance().current();
  ExplainRequest request;
  request.listener = info[1].As<Napi::Number>().Uint32Value();
  if (installed == nullptr || installed->version != version ||
      request.listener >= installed->image->listeners().size())
    return env.Undefined();
  const Napi::Uint8Array head = info[2].As<Napi::Uint8Array>();
  const Napi::Int32Array lengths = info[3].As<Napi::Int32Array>();
  const Napi::Uint8Array peer = info[4].As<Napi::Uint8Array>();
  int64_t bytes = 0;
  for (size_t i = 0; i < lengths.ElementLength(); ++i) {
    if (lengths[i] < 0) bytes = INT64_MIN / 2;
    bytes += lengths[i];
  }
  if (bytes != static_cast<int64_t>(head.ByteLength())) {
    Napi::RangeError::New(env, "the lengths do not add up").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  request.head = {{reinterpret_cast<const char*>(head.Data()), head.ByteLength()},
                  {lengths.Data(), lengths.ElementLength()}};
  request.peer = {peer.Data(), peer.ByteLength()};
  ExplainContext context;
  context.now_ns = ReactorHost::now().ns;
  context.seed = context.now_ns;
  context.rate_key = Engine::instance().rateKey();
  return Napi::String::New(env, explainRequest(*installed, request, context));
}

}  // namespace

void exportExplain(Napi::Env env, Napi::Object exports) {
  exports.Set("explain", Napi::Function::New<explain>(env, "explain"));
}

}  // namespace millrace::api
