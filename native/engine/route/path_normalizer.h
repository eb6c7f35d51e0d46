#ifndef MILLRACE_ENGINE_ROUTE_PATH_NORMALIZER_H_
#define MILLRACE_ENGINE_ROUTE_PATH_NORMALIZER_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace {

enum class PathStatus : uint8_t {
  kUnchanged,  // `path` is the input itself
  kRewritten,  // `path` lies in `out`
  kRefused,    // answer 400
};

struct NormalisedPath {
  PathStatus status;
  std::string_view path;  // empty when refused
};

// The one form of a path that is matched and forwarded: both must see the same bytes, or a rule on
// "/admin" is passed by "/x/..//%61dmin". Percent-encoded unreserved characters are decoded, other
// escapes get upper-case digits, runs of slashes become one, then dot segments are resolved (RFC
// 3986 §5.2.4; ".." stops at the root). The result is a fixed point: normalising it again changes
// nothing.
//
// Refused, since upstreams disagree about their meaning: an encoded slash, backslash or NUL, a raw
// backslash, a broken escape, control characters, space, "#" and "?" (the caller cut the query
// off), and anything that does not start with "/".
//
// `out` must hold path.size() bytes (the result is never longer); a smaller one refuses a path
// that needs it. One scan and no copy for the usual path.
NormalisedPath normalisePath(std::string_view path, std::span<char> out) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_ROUTE_PATH_NORMALIZER_H_
