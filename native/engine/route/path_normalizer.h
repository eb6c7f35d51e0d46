#ifndef MILLRACE_ENGINE_ROUTE_PATH_NORMALIZER_H_
#define MILLRACE_ENGINE_ROUTE_PATH_NORMALIZER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "abi.h"

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

// What a listener makes of bytes that upstreams read differently.
struct PathRules {
  uint32_t escaped_slashes = abi::slashes::kReject;  // "%2F"
  uint32_t backslashes = abi::slashes::kReject;      // "\" and "%5C"
  bool merge_slashes = true;
};

// The one form of a path that is matched and forwarded: both must see the same bytes, or a rule on
// "/admin" is passed by "/x/..//%61dmin". Percent-encoded unreserved characters are decoded, other
// escapes get upper-case digits, runs of slashes become one, then dot segments are resolved (RFC
// 3986 section 5.2.4; ".." stops at the root). The result is a fixed point: normalising it again
// changes nothing. Parameters are part of their segment: "/..;/" is no dot segment, here or in the
// result, and what an upstream makes of ";" is its own affair.
//
// Refused by default, since upstreams disagree about their meaning: an encoded slash and a
// backslash, encoded or not. A listener may read them as slashes, before anything else happens, or
// keep them, as "%2F" and "%5C" (npm and GitLab have names with a slash in them). Kept ones are
// refused beside dots ("..%2F"): to an upstream that decodes them, that is a dot segment.
//
// Refused always: NUL, encoded or not, a broken escape, control characters, space, "#" and "?" (the
// caller cut the query off), and anything that does not start with "/".
//
// `out` must hold path.size() bytes (the result is never longer), three times as many where
// backslashes are kept; a smaller one refuses a path that needs it. One scan and no copy for the
// usual path.
NormalisedPath normalisePath(std::string_view path, const PathRules& rules,
                             std::span<char> out) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_ROUTE_PATH_NORMALIZER_H_
