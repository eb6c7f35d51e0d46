#ifndef MILLRACE_ENGINE_LOG_LOG_PLAN_H_
#define MILLRACE_ENGINE_LOG_LOG_PLAN_H_

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "abi.h"
#include "engine/image/image.h"

namespace millrace {

// A piece of a line.
struct LogStep {
  uint32_t op = 0;  // abi::log_op
  uint32_t flags = 0;
  uint32_t max_length = 0;
  std::string text;    // as it was configured: literal, pattern, name of a header
  std::string prefix;  // JSON: `,"key":`
  friend bool operator==(const LogStep&, const LogStep&) = default;
};

// A sink of the access log: which requests it takes, and how their lines look. Immutable.
struct LogSink {
  uint32_t target = 0;  // abi::log_target
  std::string name;     // the path, or the name of the stream
  bool json = false;
  bool sampled = false;
  bool sample_failed = false;  // failed requests are sampled like others
  uint32_t sample_share = 0;   // of 2^32
  uint64_t min_duration_us = 0;
  bool any_status = true;
  std::bitset<1024> statuses;
  std::vector<std::string> routes;   // empty = all
  std::vector<std::string> headers;  // request headers that it wants, lower case
  std::vector<LogStep> steps;
  friend bool operator==(const LogSink&, const LogSink&) = default;
};

// All sinks of a configuration. A record says in `sinks` which of them take it: their bits, and
// above them the generation of the plan that the bits are of, as it may reach the writer after the
// next plan. Immutable; shared by images that say the same, by workers and the writer.
struct LogPlan {
  static constexpr uint32_t kSinkBits = 8;
  static constexpr uint32_t kMostGeneration = (1u << (32 - kSinkBits)) - 1;
  static_assert(abi::limits::kMaxLogSinks <= kSinkBits);

  uint32_t generation = 0;
  std::vector<LogSink> sinks;
  uint32_t unrouted = 0;  // bits of the sinks that take requests without a route
  // What a worker is to keep of a request.
  bool wants_user_agent = false;
  bool wants_referer = false;
  bool wants_forwarded_for = false;
  std::vector<std::string> headers;                       // of all sinks, each once
  std::unordered_map<std::string_view, uint32_t> routes;  // bits of named routes, beside `unrouted`

  // Of a route by its name: for requests that began on an image with another plan.
  uint32_t sinksOf(std::string_view route) const noexcept {
    const auto found = routes.find(route);
    return unrouted | (found == routes.end() ? 0 : found->second);
  }
};

// Null when the image has no sinks.
std::shared_ptr<LogPlan> readLogPlan(const Image& image);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_LOG_LOG_PLAN_H_
