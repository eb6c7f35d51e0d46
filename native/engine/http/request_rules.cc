#include "engine/http/request_rules.h"

namespace millrace {

RequestRules rulesOf(const Image& image, const abi::ListenerRecord& listener) {
  RequestRules rules;
  rules.max_head = listener.max_head_bytes;
  rules.max_target = listener.max_target_bytes;
  rules.max_header = listener.max_header_bytes;
  rules.max_headers = listener.max_headers;
  rules.underscores = listener.underscores;
  const auto names = image.indexes().subspan(listener.underscore_start, listener.underscore_count);
  for (size_t i = 0; i + 1 < names.size(); i += 2)
    rules.underscore_names.push_back(image.str(names[i], names[i + 1]));
  rules.path.escaped_slashes = listener.escaped_slashes;
  rules.path.backslashes = listener.backslashes;
  rules.path.merge_slashes = (listener.flags & abi::listener_flag::kKeepSlashes) == 0;
  rules.allow_trace = (listener.flags & abi::listener_flag::kAllowTrace) != 0;
  rules.keep_alive_after_chunked =
      (listener.flags & abi::listener_flag::kKeepAliveAfterChunked) != 0;
  return rules;
}

}  // namespace millrace
