#include "engine/route/matcher.h"

#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"
#include "image_builder.h"
#include "naive_matcher.h"

using namespace millrace;
using test::PredicateSpec;
using test::RouteSpec;
using test::VhostSpec;

namespace {

namespace op = abi::predicate_operator;
constexpr uint32_t kExact = abi::path_kind::kExact;
constexpr uint32_t kPrefix = abi::path_kind::kPrefix;
constexpr uint32_t kRegex = abi::path_kind::kRegex;
constexpr uint32_t kHeader = abi::predicate_source::kHeader;
constexpr uint32_t kQuery = abi::predicate_source::kQuery;
constexpr int kNoRoute = -1;

std::unique_ptr<const Image> imageOf(const std::vector<VhostSpec>& specs) {
  test::ImageBuilder builder;
  builder.addCluster({1});
  builder.addTable(specs);
  ImageError error;
  auto image = Image::load(builder.finish(), &error);
  EXPECT_EQ(std::string(error.message == nullptr ? "" : error.message), "");
  return image;
}

int match(const Image& image, std::string_view host, std::string_view path,
          std::string_view query = {}, std::span<const HeaderSlice> headers = {},
          uint32_t method_bit = abi::method::kGet) {
  const RequestView request{"GET", method_bit, host, path, query, headers};
  return static_cast<int>(matchRoute(image, 0, request));
}

// A table of one "*" virtual host.
std::unique_ptr<const Image> routesOf(const std::vector<RouteSpec>& routes) {
  return imageOf({{{"*"}, routes}});
}

bool holds(const PredicateSpec& predicate, std::string_view query,
           std::span<const HeaderSlice> headers = {}) {
  return match(*routesOf({{kPrefix, "/", 0, {predicate}}}), "h", "/", query, headers) == 0;
}

template <typename T>
const T& oneOf(Rng& rng, const std::vector<T>& all) {
  return all[rng.below(static_cast<uint32_t>(all.size()))];
}

}  // namespace

CASE("the exact host wins over wildcards, the longest wildcard over shorter ones, all over *") {
  const RouteSpec any{};
  const auto image = imageOf({{{"a.b.example.com"}, {any}},
                              {{"*.example.com"}, {any}},
                              {{"*.b.example.com"}, {any}},
                              {{"*"}, {any}}});
  EXPECT_EQ(match(*image, "a.b.example.com", "/"), 0);
  EXPECT_EQ(match(*image, "x.b.example.com", "/"), 2);
  EXPECT_EQ(match(*image, "x.a.b.example.com", "/"), 2);
  EXPECT_EQ(match(*image, "b.example.com", "/"), 1);
  EXPECT_EQ(match(*image, "x.y.z.example.com", "/"), 1);
  EXPECT_EQ(match(*image, "example.com", "/"), 3);
  EXPECT_EQ(match(*image, ".example.com", "/"), 3);
  EXPECT_EQ(match(*image, "", "/"), 3);
  EXPECT_EQ(match(*image, ".", "/"), 3);
  EXPECT_EQ(match(*image, std::string(60000, '.') + "example.com", "/"), 3);
}

CASE("without a default virtual host an unknown host has no route") {
  const auto image = imageOf({{{"a.example.com"}, {RouteSpec{}}}});
  EXPECT_EQ(match(*image, "b.example.com", "/"), kNoRoute);
  EXPECT_EQ(match(*imageOf({}), "b", "/"), kNoRoute);
}

CASE("a virtual host that has no route for a path is not left for another one") {
  const auto image = imageOf({{{"a"}, {{kExact, "/x", 0, {}}}}, {{"*"}, {RouteSpec{}}}});
  EXPECT_EQ(match(*image, "a", "/x"), 0);
  EXPECT_EQ(match(*image, "a", "/y"), kNoRoute);
}

CASE("exact paths come first, then expressions as declared, then prefixes by length") {
  const auto image = routesOf({{kPrefix, "/", 0, {}},
                               {kPrefix, "/v1", 0, {}},
                               {kPrefix, "/v1/items", 0, {}},
                               {kRegex, "/v1/items/x*", 0, {}},
                               {kRegex, "/v1/items*", 2, {}},
                               {kExact, "/v1/items/x", 0, {}}});
  EXPECT_EQ(match(*image, "h", "/v1/items/x"), 5);
  EXPECT_EQ(match(*image, "h", "/v1/items/xy"), 3);
  EXPECT_EQ(match(*image, "h", "/v1/items/y"), 2);
  EXPECT_EQ(match(*image, "h", "/v1/items/y", {}, {}, abi::method::kHead), 4);
  EXPECT_EQ(match(*image, "h", "/v1/other"), 1);
  EXPECT_EQ(match(*image, "h", "/v1"), 1);
  EXPECT_EQ(match(*image, "h", "/v10"), 0);
  EXPECT_EQ(match(*image, "h", "/"), 0);
}

CASE("a prefix covers whole segments, and one with a slash at its end only what is below") {
  const auto image = routesOf({{kPrefix, "/v1", 0, {}}, {kPrefix, "/v2/", 0, {}}});
  EXPECT_EQ(match(*image, "h", "/v1"), 0);
  EXPECT_EQ(match(*image, "h", "/v1/"), 0);
  EXPECT_EQ(match(*image, "h", "/v1/x"), 0);
  EXPECT_EQ(match(*image, "h", "/v1x"), kNoRoute);
  EXPECT_EQ(match(*image, "h", "/v2"), kNoRoute);
  EXPECT_EQ(match(*image, "h", "/v2/"), 1);
  EXPECT_EQ(match(*image, "h", "/v2/x"), 1);
  EXPECT_EQ(match(*image, "h", "/v"), kNoRoute);
}

CASE("routes of one path are tried as declared, and the next path key when none holds") {
  const auto image = routesOf({{kExact, "/a", 0, {{kHeader, op::kExact, "x", "1"}}},
                               {kExact, "/a", 0, {{kHeader, op::kPresent, "x"}}},
                               {kPrefix, "/a", 0, {{kHeader, op::kPresent, "y"}}},
                               {kPrefix, "/", 1u << abi::method::kGet, {}}});
  const HeaderSlice one[] = {{"x", "1"}};
  const HeaderSlice two[] = {{"x", "2"}};
  const HeaderSlice other[] = {{"y", ""}};
  EXPECT_EQ(match(*image, "h", "/a", {}, one), 0);
  EXPECT_EQ(match(*image, "h", "/a", {}, two), 1);
  EXPECT_EQ(match(*image, "h", "/a", {}, other), 2);
  EXPECT_EQ(match(*image, "h", "/a"), 3);
  EXPECT_EQ(match(*image, "h", "/a", {}, {}, abi::method::kPost), kNoRoute);
  EXPECT_EQ(match(*image, "h", "/a", {}, {}, abi::kNone), kNoRoute);
}

CASE("prefixes of 63 bytes and more are found at every boundary, the longest first") {
  std::vector<RouteSpec> routes;
  std::string path;
  // 40 nested ones: more than the search keeps at once. Only those of a multiple of 13 take GET.
  for (uint32_t i = 0; i < 40; ++i) {
    path += "/segment" + std::to_string(i);
    routes.push_back({kPrefix, path, i % 13 == 0 ? 0u : 1u << abi::method::kPost, {}});
  }
  const auto image = routesOf(routes);
  EXPECT_EQ(match(*image, "h", path), 39);
  EXPECT_EQ(match(*image, "h", path + "/x"), 39);
  EXPECT_EQ(match(*image, "h", path, {}, {}, abi::method::kPost), 39);
  EXPECT_EQ(match(*image, "h", routes[38].path + "/x"), 26);
  EXPECT_EQ(match(*image, "h", routes[25].path), 13);
  EXPECT_EQ(match(*image, "h", routes[12].path), 0);
  EXPECT_EQ(match(*image, "h", routes[20].path + "1"), 13);
}

CASE("header predicates see every value of a repeated header, and not turns the whole round") {
  const HeaderSlice headers[] = {{"x", "alpha"}, {"y", "1"}, {"x", "beta-gamma"}, {"empty", ""}};
  const auto header = [&](uint32_t o, const char* name, const char* value, bool negate = false) {
    return holds({kHeader, o, name, value, negate}, {}, headers);
  };
  EXPECT(header(op::kPresent, "x", ""));
  EXPECT(header(op::kPresent, "empty", ""));
  EXPECT(!header(op::kPresent, "z", ""));
  EXPECT(header(op::kPresent, "z", "", true));
  EXPECT(header(op::kExact, "x", "beta-gamma"));
  EXPECT(!header(op::kExact, "x", "beta"));
  EXPECT(header(op::kExact, "empty", ""));
  EXPECT(header(op::kPrefix, "x", "beta"));
  EXPECT(header(op::kSuffix, "x", "gamma"));
  EXPECT(header(op::kContains, "x", "a-g"));
  EXPECT(!header(op::kContains, "x", "alpha-"));
  EXPECT(header(op::kRegex, "x", "be*"));
  EXPECT(!header(op::kRegex, "x", "be"));
  EXPECT(!header(op::kExact, "x", "alpha", true));
  EXPECT(header(op::kExact, "x", "other", true));
  EXPECT(header(op::kExact, "z", "other", true));
}

CASE("query predicates decode names and values") {
  const auto query = [](const char* text, uint32_t o, const char* name, const char* value) {
    return holds({kQuery, o, name, value}, text);
  };
  EXPECT(query("a=1&b=2", op::kExact, "b", "2"));
  EXPECT(query("a=1&b=2&b=3", op::kExact, "b", "3"));
  EXPECT(query("a", op::kPresent, "a", ""));
  EXPECT(query("a", op::kExact, "a", ""));
  EXPECT(query("&&a=", op::kExact, "a", ""));
  EXPECT(query("%61=%31", op::kExact, "a", "1"));
  EXPECT(query("a=x+y%20z", op::kExact, "a", "x y z"));
  EXPECT(query("a=b=c", op::kExact, "a", "b=c"));
  EXPECT(query("a=%4", op::kExact, "a", "%4"));
  EXPECT(query("a=%zz", op::kPrefix, "a", "%z"));
  EXPECT(query("a=%e9x", op::kRegex, "a", "\xe9*"));
  EXPECT(query("%=1", op::kExact, "%", "1"));
  EXPECT(!query("", op::kPresent, "a", ""));
  EXPECT(!query("ab=1", op::kPresent, "a", ""));
  EXPECT(!query("b=a", op::kPresent, "a", ""));
  const std::string longest = "a=" + std::string(70000, '+');
  EXPECT(!query(longest.c_str(), op::kPrefix, "a", " "));
}

CASE("random tables agree with a naive search") {
  Rng rng(test::seed());
  const std::vector<std::string> segments{"/",   "/a",  "/b",
                                          "/ab", "/a/", "/c" + std::string(40, 'c')};
  const std::vector<std::string> hosts{"x.y", "*.y", "*.x.y", "*", "y", "a.x.y", "*.a.x.y"};
  const std::vector<std::string> asked{"x.y", "y", "a.x.y", "b.a.x.y", "z", "q.y", "q.x.y"};
  int found = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto random_path = [&] {
      std::string path;
      for (uint32_t n = 1 + rng.below(5); n > 0; --n) path += oneOf(rng, segments);
      // As the normaliser leaves them.
      for (std::size_t at; (at = path.find("//")) != std::string::npos;) path.erase(at, 1);
      return path;
    };
    std::vector<std::string> names = hosts;
    std::vector<VhostSpec> specs;
    for (uint32_t v = 1 + rng.below(3); v > 0; --v) {
      const uint32_t pick = rng.below(static_cast<uint32_t>(names.size()));
      VhostSpec spec{{names[pick]}, {}};
      names.erase(names.begin() + pick);
      for (uint32_t n = rng.below(12); n > 0; --n) {
        RouteSpec route{
            1 + rng.below(3), random_path(), rng.below(3) == 0 ? 1u + rng.below(3) : 0u, {}};
        if (route.kind == kRegex && rng.below(2) == 0) route.path += '*';
        if (rng.below(3) == 0) {
          route.predicates.push_back(
              {kHeader, op::kExact, "x", std::to_string(rng.below(3)), rng.below(2) == 0});
        }
        spec.routes.push_back(route);
      }
      specs.push_back(spec);
    }
    const auto image = imageOf(specs);
    if (image == nullptr) return;
    for (int ask = 0; ask < 40; ++ask) {
      const std::string value = std::to_string(rng.below(3));
      const HeaderSlice headers[] = {{"x", value}};
      const std::string path = random_path();
      const RequestView request{"GET", rng.below(2), oneOf(rng, asked),
                                path,  {},           std::span(headers).first(rng.below(2))};
      const int expected = test::naiveMatch(specs, request);
      EXPECT_EQ(static_cast<int>(matchRoute(*image, 0, request)), expected,
                std::string(request.host) + path);
      found += expected >= 0 ? 1 : 0;
    }
  }
  EXPECT(found > 5000, std::to_string(found));
}
