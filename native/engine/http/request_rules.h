#ifndef MILLRACE_ENGINE_HTTP_REQUEST_RULES_H_
#define MILLRACE_ENGINE_HTTP_REQUEST_RULES_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/image/image.h"
#include "engine/route/path_normalizer.h"

namespace millrace {

// What one listener takes, in the form that is read for each request: made once for an image, views
// point into it. The defaults are those of tests; the configuration has stricter ones.
struct RequestRules {
  uint32_t max_head = 65536;    // bytes: request line and headers
  uint32_t max_target = 65536;  // bytes: path and query
  uint32_t max_header = 65536;  // bytes of one line: name, ": ", value, line end
  uint32_t max_headers = abi::kMaxRequestFields;
  uint32_t underscores = abi::underscores::kDrop;
  std::vector<std::string_view> underscore_names;  // those that kKeep is for; empty = all
  PathRules path;
  bool allow_trace = false;
  bool keep_alive_after_chunked = false;
};

RequestRules rulesOf(const Image& image, const abi::ListenerRecord& listener);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_REQUEST_RULES_H_
