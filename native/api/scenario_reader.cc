#include "api/scenario_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace millrace::api {
namespace {

using simulate::Arrivals;
using simulate::Change;
using simulate::EndpointGroup;
using simulate::Scenario;
using simulate::ServiceTime;

// An object and the way to it, for messages. What is missing has its default; what is of another
// type is a problem, of which the first is kept.
class Reader {
 public:
  Reader(Napi::Object object, std::string path, std::string* problem)
      : object_(std::move(object)), path_(std::move(path)), problem_(problem) {}

  bool has(const char* name) const {
    const Napi::Value value = object_.Get(name);
    return !value.IsUndefined() && !value.IsNull();
  }
  double number(const char* name, double otherwise) const {
    if (!has(name)) return otherwise;
    const Napi::Value value = object_.Get(name);
    if (!value.IsNumber()) {
      note(name, "must be a number");
      return otherwise;
    }
    return value.As<Napi::Number>().DoubleValue();
  }
  double whole(const char* name, double otherwise, double most) const {
    const double value = number(name, otherwise);
    if (value >= 0 && value <= most && std::floor(value) == value) return value;
    note(name, "must be a whole number from 0 to " + std::to_string(static_cast<uint64_t>(most)));
    return otherwise;
  }
  uint32_t word(const char* name, uint32_t otherwise) const {
    return static_cast<uint32_t>(whole(name, otherwise, 4294967295.0));
  }
  bool flag(const char* name, bool otherwise) const {
    if (!has(name)) return otherwise;
    const Napi::Value value = object_.Get(name);
    if (!value.IsBoolean()) {
      note(name, "must be true or false");
      return otherwise;
    }
    return value.As<Napi::Boolean>().Value();
  }
  std::string text(const char* name) const {
    if (!has(name)) return {};
    const Napi::Value value = object_.Get(name);
    if (!value.IsString()) {
      note(name, "must be a text");
      return {};
    }
    return value.As<Napi::String>().Utf8Value();
  }
  Reader child(const char* name) const {
    const Napi::Value value = object_.Get(name);
    if (value.IsObject()) return {value.As<Napi::Object>(), path_ + name + ".", problem_};
    if (has(name)) note(name, "must be a mapping");
    return {Napi::Object::New(object_.Env()), path_ + name + ".", problem_};
  }
  // Calls back with a reader of each entry.
  template <typename Each>
  void list(const char* name, size_t most, Each&& each) const {
    if (!has(name)) return;
    const Napi::Value value = object_.Get(name);
    if (!value.IsArray()) return note(name, "must be a list");
    const Napi::Array array = value.As<Napi::Array>();
    if (array.Length() > most)
      return note(name, "has more than " + std::to_string(most) + " entries");
    for (uint32_t i = 0; i < array.Length(); ++i) {
      const Napi::HandleScope scope(object_.Env());
      const Napi::Value entry = array.Get(i);
      const std::string where = path_ + name + "[" + std::to_string(i) + "]";
      if (entry.IsObject())
        each(Reader(entry.As<Napi::Object>(), where + ".", problem_));
      else
        note(where.c_str(), "must be a mapping");
    }
  }
  bool isText(const char* name) const { return object_.Get(name).IsString(); }
  void note(const char* name, const std::string& what) const {
    if (problem_->empty()) *problem_ = path_ + name + " " + what;
  }

 private:
  Napi::Object object_;
  std::string path_;
  std::string* problem_;
};

ServiceTime readService(const Reader& parent) {
  const Reader from = parent.child("serviceTime");
  const int kinds = from.has("fixed") + from.has("exponential") + from.has("lognormal");
  if (kinds != 1) parent.note("serviceTime", "must say one of fixed, exponential, lognormal");
  ServiceTime service;
  if (from.has("exponential")) {
    service.kind = ServiceTime::Kind::kExponential;
    service.value = from.number("exponential", 0);
  } else if (from.has("lognormal")) {
    const Reader lognormal = from.child("lognormal");
    service.kind = ServiceTime::Kind::kLognormal;
    service.value = lognormal.number("median", 0);
    service.p99 = lognormal.number("p99", 0);
  } else {
    service.value = from.number("fixed", 0);
  }
  return service;
}

EndpointGroup readGroup(const Reader& from) {
  EndpointGroup group;
  group.name = from.text("name");
  group.count = from.word("count", group.count);
  group.service = readService(from);
  group.concurrency = from.word("concurrency", group.concurrency);
  group.queue = from.word("queue", group.queue);
  group.weight = from.word("weight", group.weight);
  group.priority = from.word("priority", group.priority);
  group.max_requests = from.word("maxRequests", group.max_requests);
  group.fails = from.number("fails", group.fails);
  group.zone = from.text("zone");
  group.reports = from.flag("reports", group.reports);
  return group;
}

Change readChange(const Reader& from, const Scenario& scenario) {
  Change change;
  change.at = from.number("at", change.at);
  change.lasts = from.number("for", change.lasts);
  change.share = from.number("share", change.share);
  change.factor = from.number("factor", change.factor);
  change.fails = from.has("fails") ? from.number("fails", 0) : -1;
  if (from.has("fails") && change.fails < 0) from.note("fails", "must be from 0 to 1");
  change.down = from.flag("down", change.down);
  if (from.has("serviceTime")) change.service = readService(from);
  const std::string name = from.text("group");
  const auto found = std::find_if(scenario.groups.begin(), scenario.groups.end(),
                                  [&](const EndpointGroup& group) { return group.name == name; });
  if (found == scenario.groups.end())
    from.note("group", "names no group of endpoints: \"" + name + "\"");
  change.group = static_cast<uint32_t>(found - scenario.groups.begin());
  return change;
}

void readArrivals(const Reader& from, Scenario* scenario) {
  if (from.isText("arrivals") || !from.has("arrivals")) {
    const std::string kind = from.has("arrivals") ? from.text("arrivals") : "poisson";
    if (kind == "uniform")
      scenario->arrivals = Arrivals::kUniform;
    else if (kind != "poisson")
      from.note("arrivals", "must be poisson, uniform or { bursts: { on, off } }");
    return;
  }
  const Reader arrivals = from.child("arrivals");
  if (!arrivals.has("bursts"))
    from.note("arrivals", "must be poisson, uniform or { bursts: { on, off } }");
  const Reader bursts = arrivals.child("bursts");
  scenario->arrivals = Arrivals::kBursts;
  scenario->burst_on = bursts.number("on", 0);
  scenario->burst_off = bursts.number("off", 0);
}

void readBalancer(const Reader& from, Scenario* scenario) {
  abi::BalancerRecord record{};
  const BalancerSettings neutral;
  record.policy = from.word("policy", neutral.policy);
  record.bias_millis = from.word("biasMillis", 1000);
  record.decay_ms = from.word("decayMs", neutral.decay_ms);
  record.default_latency_us = from.word("defaultLatencyUs", neutral.default_latency_us);
  record.penalty_ms = from.word("penaltyMs", neutral.penalty_ms);
  record.table_size = from.word("tableSize", neutral.table_size);
  record.hash_balance_percent = from.word("hashBalancePercent", neutral.hash_balance_percent);
  record.overprovisioning_percent =
      from.word("overprovisioningPercent", neutral.overprovisioning_percent);
  record.panic_percent = from.word("panicPercent", neutral.panic_percent);
  record.zone_min_endpoints = from.word("zoneMinEndpoints", neutral.zone_min_endpoints);
  record.slow_start_ms = from.word("slowStartMs", neutral.slow_start_ms);
  record.slow_start_aggression_millis = from.word("slowStartAggressionMillis", 1000);
  record.slow_start_min_percent = from.word("slowStartMinPercent", neutral.slow_start_min_percent);
  scenario->zone = from.text("zone");
  scenario->balancer = balancerSettings(record, {});
}

void readBreaker(const Reader& from, abi::BreakerRecord* record) {
  record->scope = from.word("scope", abi::breaker_scope::kCluster | abi::breaker_scope::kEndpoint);
  record->threshold_millis = from.word("thresholdMillis", 500);
  record->window_ms = from.word("windowMs", 10'000);
  record->min_requests = from.word("minRequests", 20);
  record->interval_ms = from.word("intervalMs", 5000);
  record->max_interval_ms = from.word("maxIntervalMs", 300'000);
  record->jitter_percent = from.word("jitterPercent", 10);
  record->probes = from.word("probes", 1);
  record->successes = from.word("successes", 1);
}

void readOutlier(const Reader& from, abi::OutlierRecord* record) {
  record->consecutive5xx = from.word("consecutive5xx", 5);
  record->consecutive_gateway_errors = from.word("consecutiveGatewayErrors", 0);
  record->consecutive_local_errors = from.word("consecutiveLocalErrors", 5);
  record->interval_ms = from.word("intervalMs", 10'000);
  record->base_ejection_ms = from.word("baseEjectionMs", 30'000);
  record->max_ejection_ms = from.word("maxEjectionMs", 300'000);
  record->jitter_ms = from.word("jitterMs", 0);
  record->max_ejection_percent = from.word("maxEjectionPercent", 10);
  record->flags = from.word("flags", 0);
  record->success_method = from.word("successMethod", abi::outlier_method::kOff);
  record->success_factor_millis = from.word("successFactorMillis", 1900);
  record->success_min_endpoints = from.word("successMinEndpoints", 5);
  record->success_min_requests = from.word("successMinRequests", 100);
  record->failure_percent = from.word("failurePercent", 0);
  record->failure_min_endpoints = from.word("failureMinEndpoints", 5);
  record->failure_min_requests = from.word("failureMinRequests", 50);
  record->latency_factor_millis = from.word("latencyFactorMillis", 0);
  record->latency_quantile_millis = from.word("latencyQuantileMillis", 990);
  record->latency_min_us = from.word("latencyMinUs", 10'000);
  record->latency_min_endpoints = from.word("latencyMinEndpoints", 3);
  record->latency_min_requests = from.word("latencyMinRequests", 100);
}

void readRetry(const Reader& from, Scenario* scenario) {
  simulate::RetryRules& retry = scenario->retry;
  retry.attempts = from.word("attempts", 0);
  retry.on = from.word("on", 0);
  scenario->per_try_timeout = from.number("perTryTimeout", 0);
  retry.backoff_base_ms = from.word("backoffBaseMs", retry.backoff_base_ms);
  retry.backoff_max_ms = from.word("backoffMaxMs", retry.backoff_max_ms);
  retry.budgeted = from.has("budget");
  const Reader budget = from.child("budget");
  retry.budget_percent = budget.word("percent", retry.budget_percent);
  retry.budget_min_per_second = budget.word("minPerSecond", retry.budget_min_per_second);
  retry.budget_window_ms = budget.word("windowMs", retry.budget_window_ms);
}

void readRateLimit(const Reader& from, simulate::RateRules* rules) {
  rules->algorithm = from.word("algorithm", rules->algorithm);
  rules->limit = from.word("requests", 0);
  if (rules->limit == 0) from.note("requests", "must be at least 1");
  rules->window_ms = from.word("windowMs", rules->window_ms);
  rules->burst = from.word("burst", rules->burst);
  rules->keys = from.word("keys", rules->keys);
  rules->zipf = from.number("zipf", 0);
}

// The load in requests per second, and how many come.
void readLoad(const Reader& from, Scenario* scenario) {
  constexpr double kMost = 1e15;  // of whole numbers; the bounds are checked afterwards
  if (from.has("rate") == from.has("load"))
    from.note("load", "(a share of the capacity) or rate (requests per second): say one of them");
  if (from.has("load")) {
    const double load = from.number("load", 1);
    if (!(load > 0 && load <= 1000)) from.note("load", "must be above 0 and at most 1000");
    scenario->rate = load * capacityOf(*scenario);
  } else {
    scenario->rate = from.number("rate", 0);
  }
  if (from.has("requests") == from.has("duration"))
    from.note("requests", "or duration (seconds): say one of them");
  const double requests = from.has("requests")
                              ? from.whole("requests", 0, kMost)
                              : std::round(from.number("duration", 0) * scenario->rate);
  scenario->requests = requests >= 1 && requests <= kMost ? static_cast<uint64_t>(requests) : 0;
}

}  // namespace

Scenario readScenario(const Napi::Object& object, std::string* problem) {
  const Reader from(object, "", problem);
  Scenario scenario;
  scenario.seed = static_cast<uint64_t>(from.whole("seed", 1, 9007199254740991.0));
  from.list("endpoints", simulate::bounds::kMaxGroups,
            [&](const Reader& group) { scenario.groups.push_back(readGroup(group)); });
  from.list("changes", simulate::bounds::kMaxChanges, [&](const Reader& change) {
    scenario.changes.push_back(readChange(change, scenario));
  });
  readArrivals(from, &scenario);
  readBalancer(from.child("balancer"), &scenario);
  scenario.proxies = from.word("proxies", 1);
  scenario.network = from.number("network", 0);
  scenario.timeout = from.number("timeout", 0);
  if (from.has("keys")) {
    const Reader keys = from.child("keys");
    scenario.keys = keys.word("count", 0);
    scenario.key_zipf = keys.number("zipf", 0);
  }
  if (from.has("retry")) readRetry(from.child("retry"), &scenario);
  if (from.has("circuitBreaker")) readBreaker(from.child("circuitBreaker"), &scenario.breaker);
  scenario.detects_outliers = from.has("outlierDetection");
  if (scenario.detects_outliers) readOutlier(from.child("outlierDetection"), &scenario.outlier);
  if (from.has("rateLimit")) readRateLimit(from.child("rateLimit"), &scenario.rate_limit);
  readLoad(from, &scenario);
  if (problem->empty()) *problem = simulate::checkScenario(scenario);
  return scenario;
}

}  // namespace millrace::api
