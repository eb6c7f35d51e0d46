// The load generator as an addon: one function, which blocks until the run is over.
#include <napi.h>
#include <signal.h>
#include <sys/prctl.h>

#include "generator/report.h"

namespace {

using millrace::load::Options;

Options readOptions(const Napi::Object& from) {
  const auto number = [&](const char* name) { return from.Get(name).ToNumber().DoubleValue(); };
  const auto whole = [&](const char* name) { return static_cast<uint64_t>(number(name)); };
  const auto flag = [&](const char* name) { return from.Get(name).ToBoolean().Value(); };
  const auto text = [&](const char* name) { return from.Get(name).ToString().Utf8Value(); };
  const auto list = [&](const char* name) {
    std::vector<std::string> items;
    const auto array = from.Get(name).As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i)
      items.push_back(array.Get(i).ToString().Utf8Value());
    return items;
  };
  Options to;
  to.address = text("address");
  to.port = static_cast<uint16_t>(number("port"));
  to.tls = flag("tls");
  to.server_name = text("serverName");
  to.open_loop = flag("openLoop");
  to.rate = number("rate");
  to.poisson = flag("poisson");
  to.sleep_between = flag("sleepBetween");
  to.connections = static_cast<uint32_t>(number("connections"));
  to.duration_ns = whole("durationNs");
  to.warmup_ns = whole("warmupNs");
  to.timeout_ns = whole("timeoutNs");
  to.seed = whole("seed");
  to.connection_per_request = flag("connectionPerRequest");
  to.resume_sessions = flag("resumeSessions");
  to.head = text("head");
  to.slow_head = text("slowHead");
  to.list_targets = list("listTargets");
  to.list_fields = list("listFields");
  to.keys = static_cast<uint32_t>(number("keys"));
  to.head_method = flag("headMethod");
  to.body_bytes = whole("bodyBytes");
  to.expect_status = static_cast<int>(number("expectStatus"));
  to.expect_body = static_cast<int64_t>(number("expectBody"));
  to.check_pattern = flag("checkPattern");
  to.idle_clients = static_cast<uint32_t>(number("idleClients"));
  to.slow_clients = static_cast<uint32_t>(number("slowClients"));
  to.slow_rate = whole("slowRate");
  return to;
}

// (options, dieWithParent, phases) => JSON text
Napi::Value run(const Napi::CallbackInfo& info) {
  // Whoever started us may end without a chance to end us.
  if (info[1].ToBoolean().Value()) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  Options options = readOptions(info[0].As<Napi::Object>());
  options.phases = info[2].ToBoolean().Value();
  millrace::load::Generator generator(options);
  std::string problem;
  if (!generator.run(&problem)) {
    Napi::Error::New(info.Env(), problem).ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  return Napi::String::New(info.Env(), millrace::load::reportJson(options, generator));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("run", Napi::Function::New(env, run));
  return exports;
}

}  // namespace

NODE_API_MODULE(millrace_load, init)
