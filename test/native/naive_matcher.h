#ifndef MILLRACE_TEST_NATIVE_NAIVE_MATCHER_H_
#define MILLRACE_TEST_NATIVE_NAIVE_MATCHER_H_

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/route/request_view.h"
#include "image_builder.h"

// The matching rules, written down as plainly as they can be: sort everything that matches, take
// the first.
namespace millrace::test {

inline bool naiveHolds(const RouteSpec& route, const RequestView& request) {
  if (route.methods != 0 && (route.methods >> request.method_bit & 1) == 0) return false;
  return std::all_of(route.predicates.begin(), route.predicates.end(), [&](const PredicateSpec& p) {
    const bool any =
        std::any_of(request.headers.begin(), request.headers.end(),
                    [&](const HeaderSlice& h) { return h.name == p.name && h.value == p.value; });
    return any != p.negate;
  });
}

inline bool naivePathMatches(const RouteSpec& route, std::string_view path) {
  const std::string& own = route.path;
  if (route.kind == abi::path_kind::kExact) return path == own;
  if (route.kind == abi::path_kind::kRegex) {
    if (!own.ends_with('*')) return path == own;
    return path.starts_with(own.substr(0, own.size() - 1));
  }
  return path == own || path.starts_with(own.ends_with('/') ? own : own + '/');
}

inline int naiveMatch(const std::vector<VhostSpec>& specs, const RequestView& request) {
  const VhostSpec* best = nullptr;
  std::size_t best_rank = 0;
  int best_first = 0;
  int first = 0;
  for (const VhostSpec& spec : specs) {
    for (const std::string& host : spec.hosts) {
      std::size_t rank = 0;
      if (host == request.host) {
        rank = 1000;
      } else if (host == "*") {
        rank = 1;
      } else if (host.starts_with('*') && request.host.size() >= host.size() &&
                 request.host.ends_with(host.substr(1))) {
        rank = host.size();
      }
      if (rank <= best_rank) continue;
      best = &spec;
      best_rank = rank;
      best_first = first;
    }
    first += static_cast<int>(spec.routes.size());
  }
  if (best == nullptr) return -1;
  struct Candidate {
    std::size_t order;  // exact 0, expressions 1, prefixes by falling length
    int route;
  };
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < best->routes.size(); ++i) {
    const RouteSpec& route = best->routes[i];
    if (!naivePathMatches(route, request.path)) continue;
    const std::size_t order = route.kind == abi::path_kind::kExact ? 0
                              : route.kind == abi::path_kind::kRegex
                                  ? 1
                                  : 1'000'000 - route.path.size();
    candidates.push_back({order, best_first + static_cast<int>(i)});
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.order < b.order; });
  for (const Candidate& c : candidates) {
    if (naiveHolds(best->routes[static_cast<std::size_t>(c.route - best_first)], request))
      return c.route;
  }
  return -1;
}

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_NAIVE_MATCHER_H_
