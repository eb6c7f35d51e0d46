// What the control plane does for the access log.
#include "api/log_api.h"

#include "api/control_watch.h"
#include "engine/state/engine.h"

namespace millrace::api {
namespace {

AccessLog& accessLog() noexcept { return Engine::instance().accessLog(); }

Napi::Array noticesOf(Napi::Env env, const std::vector<LogNotice>& notices) {
  Napi::Array out = Napi::Array::New(env, notices.size());
  for (uint32_t i = 0; i < notices.size(); ++i) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("kind", notices[i].kind);
    one.Set("sink", notices[i].sink);
    one.Set("errno", notices[i].error);
    one.Set("lines", static_cast<double>(notices[i].lines));
    out.Set(i, one);
  }
  return out;
}

// (callback) => function that ends it. The callback is called on this thread when there are
// notices, when a reopening is done, and when the writer has ended.
Napi::Value onAccessLog(const Napi::CallbackInfo& info) {
  const std::shared_ptr<ControlWatch> watch =
      ControlWatch::open(info.Env(), info[0], accessLog().noticeFd());
  if (watch == nullptr) return info.Env().Undefined();
  return Napi::Function::New(
      info.Env(), [weak = std::weak_ptr<ControlWatch>(watch)](const Napi::CallbackInfo&) {
        if (const auto open = weak.lock()) open->close();
      });
}

// () => { kind, sink, errno, lines }[]: since the last call
Napi::Value takeAccessLogNotices(const Napi::CallbackInfo& info) {
  return noticesOf(info.Env(), accessLog().takeNotices());
}

// () => ticket
Napi::Value reopenAccessLog(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(accessLog().reopen()));
}

// (ticket) => what could not be reopened, or undefined when it is not done yet
Napi::Value accessLogReopened(const Napi::CallbackInfo& info) {
  const auto ticket = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  if (!accessLog().isReopened(ticket)) return info.Env().Undefined();
  return noticesOf(info.Env(), accessLog().reopenFailures());
}

// (limitMs) => void
void stopAccessLog(const Napi::CallbackInfo& info) {
  accessLog().stop(info[0].As<Napi::Number>().Uint32Value());
}

// () => boolean
Napi::Value accessLogStopped(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), accessLog().isStopped());
}

// () => { sink, values: Float64Array in the order of abi::log_stat }[]
Napi::Value accessLogStats(const Napi::CallbackInfo& info) {
  const std::vector<AccessLog::SinkStats> all = accessLog().readStats();
  Napi::Array out = Napi::Array::New(info.Env(), all.size());
  for (uint32_t i = 0; i < all.size(); ++i) {
    Napi::Float64Array values = Napi::Float64Array::New(info.Env(), abi::log_stat::kCount);
    for (uint32_t stat = 0; stat < abi::log_stat::kCount; ++stat)
      values[stat] = static_cast<double>(all[i].values[stat]);
    Napi::Object one = Napi::Object::New(info.Env());
    one.Set("sink", all[i].name);
    one.Set("values", values);
    out.Set(i, one);
  }
  return out;
}

// () => bytes of records that wait for the writer
Napi::Value accessLogWaiting(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(accessLog().waitingBytes()));
}

}  // namespace

void exportLog(Napi::Env env, Napi::Object exports) {
  exports.Set("onAccessLog", Napi::Function::New<onAccessLog>(env, "onAccessLog"));
  exports.Set("takeAccessLogNotices",
              Napi::Function::New<takeAccessLogNotices>(env, "takeAccessLogNotices"));
  exports.Set("reopenAccessLog", Napi::Function::New<reopenAccessLog>(env, "reopenAccessLog"));
  exports.Set("accessLogReopened",
              Napi::Function::New<accessLogReopened>(env, "accessLogReopened"));
  exports.Set("stopAccessLog", Napi::Function::New<stopAccessLog>(env, "stopAccessLog"));
  exports.Set("accessLogStopped", Napi::Function::New<accessLogStopped>(env, "accessLogStopped"));
  exports.Set("accessLogStats", Napi::Function::New<accessLogStats>(env, "accessLogStats"));
  exports.Set("accessLogWaiting", Napi::Function::New<accessLogWaiting>(env, "accessLogWaiting"));
}

}  // namespace millrace::api
