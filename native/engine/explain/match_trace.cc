#include "engine/explain/match_trace.h"

#include <algorithm>
#include <unordered_set>

#include "engine/route/match_walk.h"

namespace millrace {
namespace {

class Recorder {
 public:
  explicit Recorder(MatchTrace& trace) noexcept : trace_(&trace) {}

  void host(std::string_view key, uint32_t vhost) const { note({key, false, vhost}); }
  void anyHost(uint32_t vhost) const { note({{}, true, vhost}); }
  void route(uint32_t route, uint32_t failed) const { trace_->tried.push_back({route, failed}); }

 private:
  void note(const MatchTrace::Probe& probe) const {
    trace_->probes.push_back(probe);
    if (probe.vhost != abi::kNone) trace_->vhost = probe.vhost;
  }

  MatchTrace* trace_;
};

// Routes that expressions of the virtual host give for this path.
std::unordered_set<uint32_t> byExpression(const Image& image, const abi::VhostRecord& vhost,
                                          std::string_view path) {
  std::unordered_set<uint32_t> routes;
  for (const abi::RegexRecord& regex :
       image.regexes().subspan(vhost.regex_start, vhost.regex_count)) {
    if (!dfaMatches(image, regex.dfa, path)) continue;
    for (const uint32_t route :
         image.indexes().subspan(regex.candidate_start, regex.candidate_count))
      routes.insert(route);
  }
  return routes;
}

bool pathMatches(const Image& image, const abi::RouteRecord& route, std::string_view path) {
  const std::string_view own = image.str(route.path_offset, route.path_length);
  if (route.path_kind == abi::path_kind::kExact) return own == path;
  return path.starts_with(own) && walk::isBoundary(path, own.size());
}

}  // namespace

MatchTrace traceMatch(const Image& image, uint32_t route_table, const RequestView& request) {
  MatchTrace trace;
  trace.route = walkRoutes(image, route_table, request, Recorder(trace));
  if (trace.vhost == abi::kNone) return trace;
  std::unordered_set<uint32_t> seen;
  for (const MatchTrace::Step& step : trace.tried) seen.insert(step.route);
  const abi::VhostRecord& vhost = image.vhosts()[trace.vhost];
  const std::unordered_set<uint32_t> expressions = byExpression(image, vhost, request.path);
  for (uint32_t i = 0; i < vhost.route_count; ++i) {
    const uint32_t index = vhost.route_start + i;
    const abi::RouteRecord& route = image.routes()[index];
    if (seen.contains(index)) continue;
    if (!expressions.contains(index) &&
        (route.path_kind == abi::path_kind::kRegex || !pathMatches(image, route, request.path)))
      continue;
    if (trace.unreached.size() == kMostUnreached)
      ++trace.unreached_more;
    else
      trace.unreached.push_back({index, walk::firstFailure(image, route, request)});
  }
  return trace;
}

}  // namespace millrace
