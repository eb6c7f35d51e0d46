#ifndef MILLRACE_ENGINE_ROUTE_REQUEST_VIEW_H_
#define MILLRACE_ENGINE_ROUTE_REQUEST_VIEW_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "abi.h"

namespace millrace {

struct HeaderSlice {
  std::string_view name;  // lower case
  std::string_view value;
};

// What routes are matched against. Views only: the owner is the request head.
struct RequestView {
  std::string_view method;
  uint32_t method_bit = abi::kNone;  // abi::method, or kNone for a method that has no bit
  std::string_view host;             // lower case, without port and without a trailing dot
  std::string_view path;             // normalised (path_normalizer.h)
  std::string_view query;            // without "?"
  std::span<const HeaderSlice> headers;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_ROUTE_REQUEST_VIEW_H_
