#include "engine/route/path_normalizer.h"

#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"

using millrace::normalisePath;
using millrace::PathStatus;

namespace {

std::string normalised(std::string_view path) {
  // An exact buffer on the heap: a write past it is seen by the sanitizer.
  const std::vector<char> input(path.begin(), path.end());
  std::vector<char> out(path.size());
  const auto result = normalisePath({input.data(), input.size()}, out);
  if (result.status == PathStatus::kRefused) return "refused";
  const bool same = result.path == path;
  EXPECT_EQ(result.status == PathStatus::kUnchanged, same, std::string(path));
  if (same) EXPECT(result.path.data() == input.data(), std::string(path));
  return std::string(result.path);
}

}  // namespace

CASE("a path that needs nothing is returned as it is") {
  for (const char* path : {"/", "/a", "/a/b/", "/a.b/c..d", "/.well-known/x", "/...", "/a/..b/.c",
                           "/%20x%C3%A9", "/a;b=1,c:@!$&'()*+=~_-", "/\xc3\xa9"}) {
    EXPECT_EQ(normalised(path), path);
  }
}

CASE("dot segments are resolved") {
  EXPECT_EQ(normalised("/."), "/");
  EXPECT_EQ(normalised("/.."), "/");
  EXPECT_EQ(normalised("/a/."), "/a/");
  EXPECT_EQ(normalised("/a/.."), "/");
  EXPECT_EQ(normalised("/a/../"), "/");
  EXPECT_EQ(normalised("/a/b/../c"), "/a/c");
  EXPECT_EQ(normalised("/a/./b"), "/a/b");
  EXPECT_EQ(normalised("/../../a"), "/a");
  EXPECT_EQ(normalised("/a/b/c/../../../../d"), "/d");
  EXPECT_EQ(normalised("/a/%2e%2E/b"), "/b");
  EXPECT_EQ(normalised("/a/.%2e/b"), "/b");
  EXPECT_EQ(normalised("/a/%2e"), "/a/");
  EXPECT_EQ(normalised("/a%2e%2e/b"), "/a../b");
}

CASE("runs of slashes become one") {
  EXPECT_EQ(normalised("//"), "/");
  EXPECT_EQ(normalised("//a///b//"), "/a/b/");
  EXPECT_EQ(normalised("/a//../b"), "/b");
  EXPECT_EQ(normalised("/a/.//b"), "/a/b");
}

CASE("escapes are decoded or written in upper case") {
  EXPECT_EQ(normalised("/%61%7e%2D%5f%30"), "/a~-_0");
  EXPECT_EQ(normalised("/%c3%a9"), "/%C3%A9");
  EXPECT_EQ(normalised("/%3f%23%20%0d%0a"), "/%3F%23%20%0D%0A");
  EXPECT_EQ(normalised("/%252f"), "/%252f");
  EXPECT_EQ(normalised("/%25%32%46"), "/%252F");
}

CASE("what upstreams disagree about is refused") {
  for (const char* path :
       {"",   "a",   "*",    "http://x/", "/%2f", "/a%2Fb", "/%5c",   "/%5C", "/a\\b", "/%00",
        "/%", "/%4", "/%zz", "/%4g",      "/a b", "/a\tb",  "/a\x7f", "/a#b", "/a?b",  "/a\r\nb"}) {
    EXPECT_EQ(normalised(path), "refused", path);
  }
  EXPECT_EQ(normalised(std::string_view("/a\0b", 4)), "refused");
}

CASE("a buffer that is too small refuses") {
  char out[3];
  EXPECT(normalisePath("/a/b", {out, 0}).status == PathStatus::kUnchanged);
  EXPECT(normalisePath("/a//b", out).status == PathStatus::kRefused);
}

CASE("normalising again changes nothing and leaves no trace of dots, runs or loose escapes") {
  millrace::Rng rng(millrace::test::seed());
  const std::vector<std::string> pieces{"/",   "/",    ".",   "..",  "a",    "b",  "%2e", "%2E",
                                        "%41", "%7e",  "%c3", "%25", "2e",   "2f", "%2",  "//",
                                        "/./", "/../", "%3f", ";",   "\xe9", "%"};
  int accepted = 0;
  for (int round = 0; round < 50000; ++round) {
    std::string path = "/";
    for (uint32_t n = rng.below(12); n > 0; --n)
      path += pieces[rng.below(static_cast<uint32_t>(pieces.size()))];
    const std::string once = normalised(path);
    if (once == "refused") continue;
    ++accepted;
    EXPECT_EQ(normalised(once), once, path);
    EXPECT(once.size() <= path.size(), path);
    EXPECT(once.starts_with('/'), path);
    const std::string closed = once + "/";
    for (const char* never : {"//", "/./", "/../", "%2e", "%2E", "%41", "%c3"}) {
      if (std::string_view(never) == "//" && once.ends_with('/')) {
        EXPECT(once.find(never) == std::string::npos, path);
      } else {
        EXPECT(closed.find(never) == std::string::npos, path + " -> " + once);
      }
    }
  }
  EXPECT(accepted > 5000, std::to_string(accepted));
}

CASE("random bytes never crash") {
  millrace::Rng rng(millrace::test::seed());
  for (int round = 0; round < 50000; ++round) {
    std::string path = "/";
    for (uint32_t n = rng.below(20); n > 0; --n) path += static_cast<char>(rng.next());
    const std::string once = normalised(path);
    if (once != "refused") EXPECT_EQ(normalised(once), once);
  }
}
