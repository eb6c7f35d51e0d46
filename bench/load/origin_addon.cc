// The origin as an addon: one function, which never returns.
#include <napi.h>
#include <signal.h>
#include <sys/prctl.h>

#include "origin/origin.h"

namespace {

// (address, port, ready: (port) => void, dieWithParent, delayMs) => never
Napi::Value serve(const Napi::CallbackInfo& info) {
  // Whoever started us may end without a chance to end us.
  if (info[3].ToBoolean().Value()) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  constexpr double kNsPerMs = 1e6;
  millrace::load::Origin origin(static_cast<uint64_t>(info[4].ToNumber().DoubleValue() * kNsPerMs));
  std::string problem;
  const uint16_t port =
      origin.listen(info[0].ToString().Utf8Value(),
                    static_cast<uint16_t>(info[1].ToNumber().Uint32Value()), &problem);
  if (port == 0) {
    Napi::Error::New(info.Env(), problem).ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  info[2].As<Napi::Function>().Call({Napi::Number::New(info.Env(), port)});
  if (!info.Env().IsExceptionPending()) origin.serve();
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("serve", Napi::Function::New(env, serve));
  return exports;
}

}  // namespace

NODE_API_MODULE(millrace_origin, init)
