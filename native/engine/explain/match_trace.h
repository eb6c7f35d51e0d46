#ifndef MILLRACE_ENGINE_EXPLAIN_MATCH_TRACE_H_
#define MILLRACE_ENGINE_EXPLAIN_MATCH_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/image/image.h"
#include "engine/route/request_view.h"

namespace millrace {

// What the search for the route of one request looked at, step by step, by the very code that the
// requests go through (match_walk.h).
struct MatchTrace {
  // A look-up of a host name, of a ".suffix", or (`any`) the fall back to "*".
  struct Probe {
    std::string_view key;
    bool any = false;
    uint32_t vhost = abi::kNone;  // kNone = there is none
  };
  // A route whose path matches. `failed`: kNone = it holds; kMethodFailed; else the number of its
  // first predicate that does not.
  struct Step {
    uint32_t route;
    uint32_t failed;
  };

  uint32_t vhost = abi::kNone;  // VHOST that was searched
  uint32_t route = abi::kNone;  // ROUTE that won
  std::vector<Probe> probes;
  std::vector<Step> tried;      // in order; the winner is the last one
  std::vector<Step> unreached;  // paths match, too, but another route was found first; as declared
  std::size_t unreached_more = 0;  // beyond kMostUnreached
};

inline constexpr std::size_t kMostUnreached = 64;

// Views of the result point into the request. O(routes of the virtual host). Control plane.
MatchTrace traceMatch(const Image& image, uint32_t route_table, const RequestView& request);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_EXPLAIN_MATCH_TRACE_H_
