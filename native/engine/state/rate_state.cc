#include "engine/state/rate_state.h"

#include <utility>

#include "engine/rate/gate.h"

namespace millrace {
namespace {

template <typename Registry>
void dropExpired(Registry& registry) {
  std::erase_if(registry, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace

// A rule is the same while nothing of what it counts by has changed: its overflow words then go on.
std::shared_ptr<RateRule> RateRegistry::ruleOf(const abi::RateLimitRecord& limit) {
  const RateSettings settings = rateSettingsOf(limit);
  std::string key;
  for (const uint32_t part :
       {limit.tag, settings.algorithm, settings.limit, settings.window_ms, settings.burst}) {
    key += std::to_string(part) + '/';
  }
  std::weak_ptr<RateRule>& known = rules_[key];
  std::shared_ptr<RateRule> rule = known.lock();
  if (rule == nullptr) {
    rule = table_->makeRule(settings);
    known = rule;
  }
  return rule;
}

bool RateRegistry::adopt(const Image& image, uint64_t max_keys, uint64_t now_ns, RateLimits* limits,
                         std::string* error) {
  if (image.rateLimits().empty()) return true;
  if (table_ == nullptr || max_keys != max_keys_) {
    std::shared_ptr<RateTable> table = RateTable::create(max_keys, table_.get());
    if (table == nullptr) {
      *error = "no memory for " + std::to_string(max_keys) + " keys of rate limits";
      return false;
    }
    if (table_ != nullptr) {
      table->absorb(*table_, now_ns);
      retired_.push_back(std::move(table_));
    }
    table_ = std::move(table);
    max_keys_ = max_keys;
  }
  for (const abi::RateLimitRecord& limit : image.rateLimits()) {
    const std::string name(image.str(limit.name_offset, limit.name_length));
    std::shared_ptr<RateRule> rule = ruleOf(limit);
    if (rule == nullptr) {
      *error = "no memory for the rate limit " + name;
      return false;
    }
    limits->rules.push_back(rule.get());
    limits->owned.push_back(std::move(rule));
    std::weak_ptr<RateState>& known = states_[name];
    std::shared_ptr<RateState> state = known.lock();
    if (state == nullptr) {
      state = std::make_shared<RateState>();
      known = state;
    }
    limits->states.push_back(std::move(state));
  }
  limits->table = table_;
  dropExpired(states_);
  dropExpired(rules_);
  return true;
}

void RateRegistry::settle(uint64_t now_ns) {
  std::erase_if(retired_, [&](const std::shared_ptr<RateTable>& old) {
    if (old.use_count() != 1) return false;
    table_->absorb(*old, now_ns);
    return true;
  });
}

}  // namespace millrace
