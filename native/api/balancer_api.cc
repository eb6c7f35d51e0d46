#include "api/balancer_api.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "api/timed_threads.h"
#include "engine/balancer/key_hash.h"
#include "engine/balancer/observe.h"
#include "engine/balancer/plan.h"

namespace millrace::api {
namespace {

uint32_t wordOf(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

// What JavaScript counts in: whole numbers below 2^53.
uint64_t wholeOf(const Napi::Value& value) {
  const double number = value.As<Napi::Number>().DoubleValue();
  return number >= 1 ? static_cast<uint64_t>(std::min(number, 9007199254740992.0)) : 0;
}

// Field of an object, or `otherwise` when it has none of that name.
uint32_t numberIn(const Napi::Object& object, const char* name, uint32_t otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsNumber() ? wordOf(value) : otherwise;
}
std::string textIn(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

// C++ owns endpoints, plan and picker state; JS holds the handle, and the finalizer frees them. One
// JS thread at a time: the threads of timePicks end before it returns.
class BalancerHandle : public Napi::ObjectWrap<BalancerHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Balancer",
                       {
                           InstanceMethod<&BalancerHandle::pick>("pick"),
                           InstanceMethod<&BalancerHandle::pickMany>("pickMany"),
                           InstanceMethod<&BalancerHandle::flags>("flags"),
                           InstanceMethod<&BalancerHandle::begin>("begin"),
                           InstanceMethod<&BalancerHandle::end>("end"),
                           InstanceMethod<&BalancerHandle::observe>("observe"),
                           InstanceMethod<&BalancerHandle::report>("report"),
                           InstanceMethod<&BalancerHandle::setAvailable>("setAvailable"),
                           InstanceMethod<&BalancerHandle::setWeight>("setWeight"),
                           InstanceMethod<&BalancerHandle::warm>("warm"),
                           InstanceMethod<&BalancerHandle::rebuild>("rebuild"),
                           InstanceMethod<&BalancerHandle::exclude>("exclude"),
                           InstanceMethod<&BalancerHandle::load>("load"),
                           InstanceMethod<&BalancerHandle::latency>("latency"),
                           InstanceMethod<&BalancerHandle::describe>("describe"),
                           InstanceMethod<&BalancerHandle::timePicks>("timePicks"),
                           InstanceMethod<&BalancerHandle::timeCounts>("timeCounts"),
                       });
  }

  // (settings, endpoints, seed)
  explicit BalancerHandle(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<BalancerHandle>(info), state_(wholeOf(info[2])), seed_(wholeOf(info[2])) {
    readSettings(info[0].As<Napi::Object>());
    const Napi::Array list = info[1].As<Napi::Array>();
    const uint32_t n = list.Length();
    loads_ = std::make_unique<EndpointLoad[]>(n);
    names_.resize(n);
    zones_.resize(n);
    endpoints_.resize(n);
    for (uint32_t i = 0; i < n; ++i) {
      // An object per endpoint would fill the scope of this call with 10,000 of them.
      const Napi::HandleScope scope(info.Env());
      const Napi::Object from = list.Get(i).As<Napi::Object>();
      names_[i] = textIn(from, "name");
      zones_[i] = textIn(from, "zone");
      PlanEndpoint& endpoint = endpoints_[i];
      endpoint.index = i;
      endpoint.weight = numberIn(from, "weight", 1);
      endpoint.priority = numberIn(from, "priority", 0);
      endpoint.max_requests = numberIn(from, "maxRequests", 0);
      endpoint.name = names_[i];
      endpoint.zone = zones_[i];
      endpoint.load = &loads_[i];
    }
    plan_ = Plan::build(settings_, endpoints_, 0);
  }

 private:
  static constexpr uint32_t kHeld = 64;  // requests in flight of one thread of timePicks

  void readSettings(const Napi::Object& from) {
    const BalancerSettings neutral;
    zone_ = textIn(from, "zone");
    abi::BalancerRecord record{};
    record.policy = numberIn(from, "policy", neutral.policy);
    record.bias_millis = numberIn(from, "biasMillis", 1000);
    record.decay_ms = numberIn(from, "decayMs", neutral.decay_ms);
    record.default_latency_us = numberIn(from, "defaultLatencyUs", neutral.default_latency_us);
    record.penalty_ms = numberIn(from, "penaltyMs", neutral.penalty_ms);
    record.table_size = numberIn(from, "tableSize", neutral.table_size);
    record.hash_balance_percent =
        numberIn(from, "hashBalancePercent", neutral.hash_balance_percent);
    record.overprovisioning_percent =
        numberIn(from, "overprovisioningPercent", neutral.overprovisioning_percent);
    record.panic_percent = numberIn(from, "panicPercent", neutral.panic_percent);
    record.zone_min_endpoints = numberIn(from, "zoneMinEndpoints", neutral.zone_min_endpoints);
    record.slow_start_ms = numberIn(from, "slowStartMs", neutral.slow_start_ms);
    record.slow_start_aggression_millis = numberIn(from, "slowStartAggressionMillis", 1000);
    record.slow_start_min_percent =
        numberIn(from, "slowStartMinPercent", neutral.slow_start_min_percent);
    settings_ = balancerSettings(record, zone_);
  }

  // Slots come from tests and benches of this repository; a wrong one is their fault, and throws.
  bool has(const Napi::CallbackInfo& info) const {
    if (wordOf(info[0]) < endpoints_.size()) return true;
    Napi::RangeError::New(info.Env(), "no such slot").ThrowAsJavaScriptException();
    return false;
  }

  PickRequest requestAt(uint64_t now_ms) const noexcept {
    PickRequest request;
    request.excluded = excluded_;
    request.now_ms = now_ms;
    request.total_active = total_active_;
    return request;
  }

  // (hashLow, hashHigh, hasHash, nowMs) => slot, -1 = none, -2 = full
  Napi::Value pick(const Napi::CallbackInfo& info) {
    PickRequest request = requestAt(wholeOf(info[3]));
    request.has_hash = info[2].As<Napi::Boolean>().Value();
    request.hash = wordOf(info[0]) | uint64_t{wordOf(info[1])} << 32;
    const uint32_t slot = plan_->pick(state_, request);
    return Napi::Number::New(info.Env(), static_cast<int32_t>(slot));  // kNone = -1, kFull = -2
  }

  // (n, out: Uint32Array, nowMs) => void: n picks of the keys mix64(0), mix64(1) ...; the slots go
  // round `out`.
  void pickMany(const Napi::CallbackInfo& info) {
    const uint64_t n = wholeOf(info[0]);
    Napi::Uint32Array out = info[1].As<Napi::Uint32Array>();
    const size_t length = out.ElementLength();
    if (length == 0) return;
    uint32_t* const slots = out.Data();
    PickRequest request = requestAt(wholeOf(info[2]));
    request.has_hash = true;
    size_t at = 0;
    for (uint64_t i = 0; i < n; ++i) {
      request.hash = mix64(i);
      slots[at] = plan_->pick(state_, request);
      at = at + 1 == length ? 0 : at + 1;
    }
  }

  // () => PickerState::last_flags
  Napi::Value flags(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), state_.last_flags);
  }

  // (slot) => void
  void begin(const Napi::CallbackInfo& info) {
    if (!has(info)) return;
    loads_[wordOf(info[0])].active.fetch_add(1, std::memory_order_relaxed);
    ++total_active_;
  }
  void end(const Napi::CallbackInfo& info) {
    if (!has(info)) return;
    std::atomic<uint32_t>& active = loads_[wordOf(info[0])].active;
    if (active.load(std::memory_order_relaxed) == 0) {
      Napi::RangeError::New(info.Env(), "nothing is in flight").ThrowAsJavaScriptException();
      return;
    }
    active.fetch_sub(1, std::memory_order_relaxed);
    --total_active_;
  }

  // (slot, rttUs, failed, retryAfterMs, nowMs) => void
  void observe(const Napi::CallbackInfo& info) {
    if (!has(info)) return;
    EndpointLoad& load = loads_[wordOf(info[0])];
    const uint64_t rtt_us = wholeOf(info[1]);
    if (info[2].As<Napi::Boolean>().Value())
      observeFailure(load, settings_, rtt_us, wholeOf(info[3]), wholeOf(info[4]));
    else
      observeLatency(load, settings_, rtt_us, wholeOf(info[4]));
  }

  // (slot, rif, latencyUs, nowMs) => void
  void report(const Napi::CallbackInfo& info) {
    if (!has(info)) return;
    observeReport(loads_[wordOf(info[0])], wordOf(info[1]), wholeOf(info[2]), wholeOf(info[3]));
  }

  // These three take effect with the next rebuild. (slot, available), (slot, weight),
  // (slot, sinceMs) => void
  void setAvailable(const Napi::CallbackInfo& info) {
    if (!has(info)) return;
    endpoints_[wordOf(info[0])].available = info[1].As<Napi::Boolean>().Value();
  }
  void setWeight(const Napi::CallbackInfo& info) {
    if (!has(info)) return;
    endpoints_[wordOf(info[0])].weight = wordOf(info[1]);
  }
  void warm(const Napi::CallbackInfo& info) {
    if (!has(info)) return;
    endpoints_[wordOf(info[0])].warm_since_ms = wholeOf(info[1]);
  }

  // (nowMs) => milliseconds that it took
  Napi::Value rebuild(const Napi::CallbackInfo& info) {
    const uint64_t now_ms = wholeOf(info[0]);
    const double ns =
        timeThreads(1, 1, [&](uint32_t) { plan_ = Plan::build(settings_, endpoints_, now_ms); });
    return Napi::Number::New(info.Env(), ns / 1e6);
  }

  // (slots: number[]) => void: excluded from all picks until the next call.
  void exclude(const Napi::CallbackInfo& info) {
    const Napi::Array list = info[0].As<Napi::Array>();
    excluded_.clear();
    for (uint32_t i = 0; i < list.Length(); ++i) excluded_.push_back(wordOf(list.Get(i)));
  }

  // (slot) => what its EndpointLoad holds
  Napi::Value load(const Napi::CallbackInfo& info) {
    if (!has(info)) return info.Env().Undefined();
    const EndpointLoad& load = loads_[wordOf(info[0])];
    const uint64_t latency = load.latency.load(std::memory_order_relaxed);
    const uint64_t report = load.report.load(std::memory_order_relaxed);
    Napi::Object out = Napi::Object::New(info.Env());
    out.Set("active", load.active.load(std::memory_order_relaxed));
    out.Set("costUs", LatencyWord::cost(latency));
    out.Set("stampMs", LatencyWord::stamp(latency));
    out.Set("rif", ReportWord::rif(report));
    out.Set("latencyUs", ReportWord::latencyUs(report));
    out.Set("reportMs", static_cast<uint32_t>(report) & ReportWord::kMask);
    return out;
  }

  // (slot, nowMs) => microseconds, 0 = never measured
  Napi::Value latency(const Napi::CallbackInfo& info) {
    if (!has(info)) return info.Env().Undefined();
    const uint64_t us = latencyOf(loads_[wordOf(info[0])], settings_, wholeOf(info[1]));
    return Napi::Number::New(info.Env(), static_cast<double>(us));
  }

  // () => groups and flags of the plan, and the stride sequences of the picker
  Napi::Value describe(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Napi::Array groups = Napi::Array::New(env);
    for (const PlanGroup& group : plan_->groups()) {
      const Napi::HandleScope scope(env);
      Napi::Object out = Napi::Object::New(env);
      Napi::Array members = Napi::Array::New(env, group.slots.size());
      Napi::Array weights = Napi::Array::New(env, group.slots.size());
      for (uint32_t i = 0; i < group.slots.size(); ++i) {
        const Napi::HandleScope inner(env);
        members.Set(i, Napi::Number::New(env, group.slots[i].index));
        weights.Set(i, Napi::Number::New(env, group.slots[i].weight));
      }
      out.Set("priority", group.priority);
      out.Set("zone", !group.zoned ? "all" : group.local ? "local" : "remote");
      out.Set("share", group.share);
      out.Set("panic", group.panicking);
      out.Set("members", members);
      out.Set("weights", weights);
      groups.Set(groups.Length(), out);
    }
    Napi::Array sequences = Napi::Array::New(env, state_.sequences.size());
    for (uint32_t i = 0; i < state_.sequences.size(); ++i)
      sequences.Set(i, Napi::Number::New(env, state_.sequences[i]));
    Napi::Object out = Napi::Object::New(env);
    out.Set("groups", groups);
    out.Set("warming", plan_->warming());
    out.Set("panicking", plan_->panicking());
    out.Set("bounded", plan_->bounded());
    out.Set("capped", plan_->capped());
    out.Set("sequences", sequences);
    return out;
  }

  // (n, threads, nowMs) => mean nanoseconds per pick. Each thread has a picker state of its own and
  // keeps kHeld requests in flight: a pick begins one, and ends the one of kHeld picks ago. So the
  // counts move as they do in a proxy, and the two atomic additions are part of the figure;
  // timeCounts gives what they cost alone. Keys are mix64 of a counter.
  Napi::Value timePicks(const Napi::CallbackInfo& info) {
    const uint64_t n = wholeOf(info[0]);
    const uint32_t threads = timedThreads(wordOf(info[1]));
    PickRequest request = requestAt(wholeOf(info[2]));
    request.has_hash = true;
    request.total_active += threads * kHeld;
    const uint64_t seed = seed_;
    seed_ += threads;
    return Napi::Number::New(info.Env(),
                             timeThreads(threads, n, [this, n, seed, request](uint32_t thread) {
                               PickerState state(seed + thread);
                               PickRequest mine = request;
                               uint64_t key = uint64_t{thread} << 40;
                               runHeld(n, [&] {
                                 mine.hash = mix64(key++);
                                 return plan_->pick(state, mine);
                               });
                             }));
  }

  // (n, threads) => the same loop with the next slot instead of a pick
  Napi::Value timeCounts(const Napi::CallbackInfo& info) {
    const uint64_t n = wholeOf(info[0]);
    const auto slots = static_cast<uint32_t>(endpoints_.size());
    return Napi::Number::New(info.Env(),
                             timeThreads(timedThreads(wordOf(info[1])), n, [&](uint32_t thread) {
                               uint32_t slot = slots == 0 ? 0 : thread % slots;
                               runHeld(n, [&] {
                                 slot = slot + 1 >= slots ? 0 : slot + 1;
                                 return slot;
                               });
                             }));
  }

  template <typename Pick>
  void runHeld(uint64_t n, Pick&& pick) noexcept {
    std::array<uint32_t, kHeld> held;
    held.fill(abi::kNone);
    const auto size = static_cast<uint32_t>(endpoints_.size());
    const auto release = [&](uint32_t slot) {
      if (slot < size) loads_[slot].active.fetch_sub(1, std::memory_order_relaxed);
    };
    for (uint64_t i = 0; i < n; ++i) {
      const uint32_t slot = pick();
      if (slot < size) loads_[slot].active.fetch_add(1, std::memory_order_relaxed);
      uint32_t& place = held[i % kHeld];
      release(place);
      place = slot;
    }
    for (const uint32_t slot : held) release(slot);
  }

  BalancerSettings settings_;
  std::string zone_;
  std::vector<std::string> names_;
  std::vector<std::string> zones_;
  std::unique_ptr<EndpointLoad[]> loads_;
  std::vector<PlanEndpoint> endpoints_;
  std::unique_ptr<const Plan> plan_;
  PickerState state_;
  std::vector<uint32_t> excluded_;
  uint32_t total_active_ = 0;
  uint64_t seed_;
};

}  // namespace

void exportBalancer(Napi::Env env, Napi::Object exports) {
  exports.Set("Balancer", BalancerHandle::define(env));
}

}  // namespace millrace::api
