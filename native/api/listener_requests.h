#ifndef MILLRACE_API_LISTENER_REQUESTS_H_
#define MILLRACE_API_LISTENER_REQUESTS_H_

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::api {

// Reads the head of a request where uWebSockets.js has it, in place of a string per name and value
// and a call for each pair. One per environment; used on its thread alone.
class ListenerRequests {
 public:
  // 1: request objects can be read from now on: this one can, safely, and has in it what `bytes`
  // and `lengths` say (method, target, name, value, name, value ...). -1: they cannot. 0: not to be
  // seen from this one, since `bytes` are not ASCII.
  int32_t learn(napi_value request, std::string_view bytes,
                std::span<const int32_t> lengths) noexcept;

  // Method, target, name, value ... of a request object inside its handler, and how many bytes they
  // are together; the views are valid until the handler returns. Empty unless learn() said 1.
  std::span<const std::string_view> read(napi_value request, size_t* bytes) const noexcept;

 private:
  bool learnt_ = false;
};

}  // namespace millrace::api

#endif  // MILLRACE_API_LISTENER_REQUESTS_H_
