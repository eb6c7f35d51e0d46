#include <algorithm>
#include <memory>
#include <set>

#include "base/rng.h"
#include "engine/explain/match_trace.h"
#include "engine/route/match_walk.h"
#include "engine/route/matcher.h"
#include "harness.h"
#include "image_builder.h"
#include "naive_matcher.h"

namespace millrace::test {
namespace {

constexpr uint32_t kExact = abi::path_kind::kExact;
constexpr uint32_t kPrefix = abi::path_kind::kPrefix;
constexpr uint32_t kRegex = abi::path_kind::kRegex;

std::unique_ptr<const Image> imageOf(const std::vector<VhostSpec>& specs) {
  ImageBuilder builder;
  builder.addCluster({1});
  builder.addTable(specs);
  ImageError error;
  return Image::load(builder.finish(), &error);
}

template <typename T>
const T& oneOf(Rng& rng, const std::vector<T>& all) {
  return all[rng.below(static_cast<uint32_t>(all.size()))];
}

CASE("hosts are looked up in order, and the virtual host found is told") {
  const auto image = imageOf({{{"a.b.c"}, {RouteSpec{}}}, {{"*.c"}, {RouteSpec{}}}, {{"*"}, {}}});
  RequestView request{"GET", 0, "x.b.c", "/", {}, {}};
  MatchTrace trace = traceMatch(*image, 0, request);
  EXPECT_EQ(trace.vhost, 1u);
  EXPECT_EQ(trace.probes.size(), 2u);
  EXPECT_EQ(trace.probes[0].key, std::string_view("x.b.c"));
  EXPECT_EQ(trace.probes[1].key, std::string_view(".c"));
  request.host = "other";
  trace = traceMatch(*image, 0, request);
  EXPECT_EQ(trace.vhost, 2u);
  EXPECT_EQ(trace.route, abi::kNone);
  EXPECT(trace.probes.back().any);
  request.host = {};
  EXPECT_EQ(traceMatch(*image, 0, request).vhost, 2u);
}

CASE("routes are told in the order in which they are asked, and why each is left") {
  const auto image = imageOf({{{"*"},
                               {{kPrefix, "/", 0, {}},
                                {kPrefix, "/a", 2, {}},
                                {kExact, "/a/b", 0, {{.name = "x"}, {.name = "y"}}},
                                {kRegex, "/a*", 0, {{.name = "z"}}},
                                {kPrefix, "/a/b", 0, {}},
                                {kExact, "/c", 0, {}}}}});
  const HeaderSlice header{"x", "1"};
  const MatchTrace trace = traceMatch(*image, 0, {"GET", 0, "h", "/a/b", {}, {&header, 1}});
  EXPECT_EQ(trace.route, 4u);
  EXPECT_EQ(trace.tried.size(), 3u);
  EXPECT_EQ(trace.tried[0].route, 2u);
  EXPECT_EQ(trace.tried[0].failed, 1u);  // x is there, y is not
  EXPECT_EQ(trace.tried[1].route, 3u);
  EXPECT_EQ(trace.tried[1].failed, 0u);
  EXPECT_EQ(trace.tried[2].route, 4u);
  EXPECT_EQ(trace.tried[2].failed, abi::kNone);
  EXPECT_EQ(trace.unreached.size(), 2u);
  EXPECT_EQ(trace.unreached[0].route, 0u);
  EXPECT_EQ(trace.unreached[0].failed, abi::kNone);
  EXPECT_EQ(trace.unreached[1].route, 1u);
  EXPECT_EQ(trace.unreached[1].failed, kMethodFailed);
}

CASE("what is told of any request is what the requests get, and misses no route of its path") {
  Rng rng(seed());
  const std::vector<std::string> paths = {"/",
                                          "/a",
                                          "/a/",
                                          "/a/b",
                                          "/a/b/c",
                                          "/" + std::string(70, 'x'),
                                          "/" + std::string(70, 'x') + "/y"};
  const std::vector<std::string> hosts = {"a", "b.a", "c.b.a", "d"};
  const std::vector<std::string> patterns = {"a", "*.a", "*.b.a", "b.a", "*"};
  for (int round = 0; round < 3000; ++round) {
    std::vector<VhostSpec> specs;
    std::set<std::string> used;
    for (uint32_t v = 0; v < 1 + rng.below(4); ++v) {
      VhostSpec spec;
      if (const std::string& pattern = oneOf(rng, patterns); used.insert(pattern).second)
        spec.hosts.push_back(pattern);
      for (uint32_t r = 0; r < 1 + rng.below(7); ++r) {
        RouteSpec route{1 + rng.below(3), oneOf(rng, paths), rng.below(3), {}};
        if (route.kind == kRegex) route.path += "*";
        for (uint32_t p = 0; p < rng.below(3); ++p)
          route.predicates.push_back({.op = abi::predicate_operator::kExact,
                                      .name = rng.below(2) ? "x" : "y",
                                      .value = "1",
                                      .negate = rng.below(3) == 0});
        spec.routes.push_back(route);
      }
      if (!spec.hosts.empty()) specs.push_back(spec);
    }
    if (specs.empty()) continue;
    const auto image = imageOf(specs);
    for (int k = 0; k < 5; ++k) {
      const HeaderSlice headers[] = {{"x", rng.below(2) ? "1" : "2"}, {"y", "1"}};
      const std::string& path = oneOf(rng, paths);
      const RequestView request{"GET", rng.below(2), oneOf(rng, hosts),
                                path,  {},           {headers, rng.below(3)}};
      const MatchTrace trace = traceMatch(*image, 0, request);
      EXPECT_EQ(trace.route, matchRoute(*image, 0, request));
      if (trace.vhost == abi::kNone) continue;
      const abi::VhostRecord& vhost = image->vhosts()[trace.vhost];
      std::set<uint32_t> told;
      for (const MatchTrace::Step& step : trace.tried) {
        EXPECT(told.insert(step.route).second);
        EXPECT_EQ(step.failed == abi::kNone, step.route == trace.route);
      }
      for (const MatchTrace::Step& step : trace.unreached) EXPECT(told.insert(step.route).second);
      const std::vector<RouteSpec>& routes = specs[trace.vhost].routes;
      for (uint32_t r = 0; r < routes.size(); ++r) {
        const uint32_t index = vhost.route_start + r;
        EXPECT_EQ(told.contains(index), naivePathMatches(routes[r], path), path);
        EXPECT_EQ(walk::firstFailure(*image, image->routes()[index], request) == abi::kNone,
                  naiveHolds(routes[r], request));
      }
    }
  }
}

}  // namespace
}  // namespace millrace::test
