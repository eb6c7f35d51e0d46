#include "api/requests_api.h"

#include "api/reactor_host.h"
#include "engine/record/request_phases.h"
#include "engine/state/engine.h"

namespace millrace::api {
namespace {

Napi::Value latin1(Napi::Env env, std::string_view text) {
  napi_value value = nullptr;
  napi_create_string_latin1(env, text.data(), text.size(), &value);
  return Napi::Value(env, value);
}

// Microseconds; -1 = never reached.
double momentOf(uint32_t us) noexcept { return us == kNoMoment ? -1.0 : us; }

Napi::Object attemptOf(Napi::Env env, const RequestRecord& record, uint32_t index) {
  const AttemptRecord& a = record.attemptRecords()[index];
  const auto [cluster, endpoint] = record.namesOf(index);
  Napi::Object out = Napi::Object::New(env);
  out.Set("cluster", latin1(env, cluster));
  out.Set("endpoint", latin1(env, endpoint));
  out.Set("chosenUs", momentOf(a.chosen_us));
  out.Set("connectingUs", momentOf(a.connecting_us));
  out.Set("connectedUs", momentOf(a.connected_us));
  out.Set("sentUs", momentOf(a.sent_us));
  out.Set("firstByteUs", momentOf(a.first_byte_us));
  out.Set("endedUs", momentOf(a.ended_us));
  out.Set("status", static_cast<double>(a.status));
  out.Set("flag", static_cast<double>(a.flag));
  out.Set("bits", static_cast<double>(a.bits));
  out.Set("span", a.span == 0 ? std::string() : recordIdText(a.span));
  return out;
}

}  // namespace

Napi::Object requestOf(Napi::Env env, const RequestRecord& record, uint64_t now_ns) {
  const RequestPhases phases = phasesOf(record);
  Napi::Object out = Napi::Object::New(env);
  out.Set("id", recordIdText(record.id));
  out.Set("version", static_cast<double>(record.version));
  out.Set("ageUs", static_cast<double>(usBetween(record.ended_ns, now_ns)));
  out.Set("status", static_cast<double>(record.status));
  out.Set("flag", static_cast<double>(record.flag));
  out.Set("bits", static_cast<double>(record.bits));
  char ip[kIpTextBytes];
  out.Set("peer", latin1(env, {ip, formatIp(record.peer, ip)}));
  out.Set("requestBytes", static_cast<double>(record.request_bytes));
  out.Set("responseBytes", static_cast<double>(record.response_bytes));
  out.Set("sentBytes", static_cast<double>(record.sent_bytes));
  out.Set("closeCode", static_cast<double>(record.close_code));
  out.Set("traceId", traceIdText(record));
  out.Set("span", record.span == 0 ? std::string() : recordIdText(record.span));
  out.Set("parentSpan", record.parent_span == 0 ? std::string() : recordIdText(record.parent_span));
  out.Set("totalUs", static_cast<double>(phases.total_us));
  out.Set("queueUs", momentOf(phases.queue_us));
  out.Set("connectUs", momentOf(phases.connect_us));
  out.Set("firstByteUs", momentOf(phases.first_byte_us));
  out.Set("backoffUs", static_cast<double>(record.backoff_us));
  out.Set("faultDelayUs", static_cast<double>(record.fault_delay_us));
  out.Set("attempts", static_cast<double>(record.attempts));
  out.Set("retries", static_cast<double>(record.retries));
  Napi::Array texts = Napi::Array::New(env, abi::record_text::kCount);
  for (uint32_t t = 0; t < abi::record_text::kCount; ++t) texts.Set(t, latin1(env, record.text(t)));
  out.Set("texts", texts);
  Napi::Array kept = Napi::Array::New(env, record.attempt_count);
  for (uint32_t i = 0; i < record.attempt_count; ++i) kept.Set(i, attemptOf(env, record, i));
  out.Set("kept", kept);
  return out;
}

namespace {

// (failed, limit, route, cluster, statusFrom, statusTo, flag, id) => NativeRequestRecord[], newest
// first. Empty texts and a flag of -1 ask for nothing.
Napi::Value findRequests(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto number = [&info](size_t i) { return info[i].As<Napi::Number>().Int32Value(); };
  const auto text = [&info](size_t i) { return info[i].As<Napi::String>().Utf8Value(); };
  RequestQuery query;
  query.failed = info[0].As<Napi::Boolean>();
  query.limit = static_cast<uint32_t>(number(1));
  query.route = text(2);
  query.cluster = text(3);
  query.status_from = static_cast<uint32_t>(number(4));
  query.status_to = static_cast<uint32_t>(number(5));
  if (number(6) >= 0) query.flag = static_cast<uint32_t>(number(6));
  query.id = text(7);
  const std::vector<KeptRecord> found = Engine::instance().findRequests(query);
  const uint64_t now_ns = ReactorHost::now().ns;
  Napi::Array out = Napi::Array::New(env, found.size());
  for (uint32_t i = 0; i < found.size(); ++i) {
    const Napi::HandleScope scope(env);
    out.Set(i, requestOf(env, found[i].record(), now_ns));
  }
  return out;
}

}  // namespace

void exportRequests(Napi::Env env, Napi::Object exports) {
  exports.Set("findRequests", Napi::Function::New<findRequests>(env, "findRequests"));
}

}  // namespace millrace::api
