#include "api/span_api.h"

#include <time.h>

#include <array>
#include <memory>

#include "api/reactor_host.h"
#include "api/requests_api.h"
#include "engine/state/engine.h"
#include "engine/trace/hex.h"
#include "engine/trace/trace_context.h"

namespace millrace::api {
namespace {

Napi::Value latin1(Napi::Env env, std::string_view text) {
  napi_value value = nullptr;
  napi_create_string_latin1(env, text.data(), text.size(), &value);
  return Napi::Value(env, value);
}

// 16 digits; empty for none.
Napi::Value idText(Napi::Env env, uint64_t id) {
  char digits[16];
  writeHex64(digits, id);
  return latin1(env, {digits, id == 0 ? 0 : sizeof digits});
}

// (mostBytes) => { wallUs, requests: NativeRequestRecord[] }: sampled ones, the oldest of each
// worker first, at most that many bytes of each worker and one record more. `wallUs`: of the moment
// that their ages are of, since the epoch. One look at the clocks for all of them: that the wall
// clock is set has no effect within a batch.
Napi::Value takeSpans(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint64_t now_ns = ReactorHost::now().ns;
  timespec wall;
  ::clock_gettime(CLOCK_REALTIME, &wall);
  Napi::Array requests = Napi::Array::New(env);
  Engine::instance().takeSpans(info[0].As<Napi::Number>().Uint32Value(),
                               [&](const RequestRecord& record) {
                                 const Napi::HandleScope scope(env);
                                 requests.Set(requests.Length(), requestOf(env, record, now_ns));
                               });
  Napi::Object out = Napi::Object::New(env);
  out.Set("wallUs",
          static_cast<double>(wall.tv_sec) * 1e6 + static_cast<double>(wall.tv_nsec / 1000));
  out.Set("requests", requests);
  return out;
}

// (bytes, lengths, b3) => { error } or { source, decision, trace, span, flags, state }. What the
// headers of a request say of a trace, for conformance tests.
Napi::Value readTrace(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const Napi::Int32Array lengths = info[1].As<Napi::Int32Array>();
  Napi::Object out = Napi::Object::New(env);
  const auto head = std::make_unique<RequestHead>();
  RequestRules rules;
  rules.max_head = rules.max_target = rules.max_header = UINT32_MAX;
  const RequestError error =
      parseRequestHead({{reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()},
                        {lengths.Data(), lengths.ElementLength()}},
                       rules, head.get());
  if (error != RequestError::kNone) {
    out.Set("error", describe(error));
    return out;
  }
  const CallerTrace caller = callerTraceOf(*head, info[2].As<Napi::Boolean>());
  char trace[32];
  writeHex64(trace, caller.context.high);
  writeHex64(trace + 16, caller.context.low);
  std::array<char, kMaxTraceStateBytes> room;
  out.Set("source", static_cast<double>(caller.source));
  out.Set("decision", static_cast<double>(caller.decision));
  out.Set("trace", latin1(env, {trace, sizeof trace}));
  out.Set("span", idText(env, caller.context.span));
  out.Set("flags", static_cast<double>(caller.context.flags));
  out.Set("state", latin1(env, traceStateOf(*head, room)));
  return out;
}

// () => the largest share of a worker's room that is taken, from 0 to 1
Napi::Value spansWaiting(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Engine::instance().spansWaiting());
}

}  // namespace

void exportSpans(Napi::Env env, Napi::Object exports) {
  exports.Set("takeSpans", Napi::Function::New<takeSpans>(env, "takeSpans"));
  exports.Set("readTrace", Napi::Function::New<readTrace>(env, "readTrace"));
  exports.Set("spansWaiting", Napi::Function::New<spansWaiting>(env, "spansWaiting"));
}

}  // namespace millrace::api
