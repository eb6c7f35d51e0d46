#ifndef MILLRACE_ENGINE_STATE_RATE_STATE_H_
#define MILLRACE_ENGINE_STATE_RATE_STATE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/shard_list.h"
#include "engine/image/image.h"
#include "engine/rate/rate_check.h"
#include "engine/rate/rate_table.h"

namespace millrace {

// All workers' numbers about one rate limit, by its name.
struct RateState {
  ShardList<RateShard> shards;
};

// The rate limits of one image, with the table that they count in. Immutable; the table and the
// rules are shared by all workers and by the images that have the same limits.
struct RateLimits {
  std::shared_ptr<RateTable> table;  // null without limits
  std::vector<std::shared_ptr<RateRule>> owned;
  std::vector<RateRule*> rules;                    // parallel to image->rateLimits()
  std::vector<std::shared_ptr<RateState>> states;  // parallel to image->rateLimits()
};

// Keeps the one table of the process, and what limits of successive images have in common. One
// caller at a time (control plane), but for `readTable`.
class RateRegistry {
 public:
  // The limits of an image; a table is made with the first limit, and made anew when `max_keys`
  // changes, with the counters of the old one. False with a sentence when there is no memory.
  bool adopt(const Image& image, uint64_t max_keys, uint64_t now_ns, RateLimits* limits,
             std::string* error);
  // Once workers have left a table that was replaced, what they counted meanwhile is taken over.
  // Every few seconds.
  void settle(uint64_t now_ns);

 private:
  std::shared_ptr<RateRule> ruleOf(const abi::RateLimitRecord& limit);

  std::shared_ptr<RateTable> table_;
  uint64_t max_keys_ = 0;
  std::vector<std::shared_ptr<RateTable>> retired_;
  std::unordered_map<std::string, std::weak_ptr<RateState>> states_;
  std::unordered_map<std::string, std::weak_ptr<RateRule>> rules_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_RATE_STATE_H_
