#ifndef MILLRACE_BENCH_LOAD_GENERATOR_REQUEST_COMPOSER_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_REQUEST_COMPOSER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "generator/options.h"

namespace millrace::load {

// The heads of requests, one after the other: a text with places for {key} (the same random number
// everywhere in one request) and, from a list taken in turn, {target} and {fields}. A text without
// places is handed out as it is.
class RequestComposer {
 public:
  RequestComposer(const Options& options, const std::string& text);

  // Valid until the next call.
  std::string_view next(Rng& rng) noexcept;

 private:
  enum class Place : uint8_t { kText, kKey, kTarget, kFields };
  struct Part {
    Place place;
    std::string text;
  };

  const Options& options_;
  std::vector<Part> parts_;
  std::string scratch_;
  size_t turn_ = 0;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_REQUEST_COMPOSER_H_
