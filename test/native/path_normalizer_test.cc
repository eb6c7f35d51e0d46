#include "engine/route/path_normalizer.h"

#include <cctype>
#include <cstdio>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"

using millrace::normalisePath;
using millrace::PathRules;
using millrace::PathStatus;
namespace slashes = millrace::abi::slashes;

namespace {

std::string normalised(std::string_view path, const PathRules& rules = {}) {
  // An exact buffer on the heap: a write past it is seen by the sanitizer.
  const std::vector<char> input(path.begin(), path.end());
  std::vector<char> out((rules.backslashes == slashes::kKeep ? 3 : 1) * path.size());
  const auto result = normalisePath({input.data(), input.size()}, rules, out);
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

CASE("path parameters are bytes of their segment") {
  EXPECT_EQ(normalised("/a;x=1/..;/b"), "/a;x=1/..;/b");
  EXPECT_EQ(normalised("/a/;/../b"), "/a/b");
}

CASE("an encoded slash can be kept, but not beside dots") {
  const PathRules keep{.escaped_slashes = slashes::kKeep};
  EXPECT_EQ(normalised("/@scope%2fname", keep), "/@scope%2Fname");
  EXPECT_EQ(normalised("/a%2F%2fb%2F", keep), "/a%2F%2Fb%2F");
  EXPECT_EQ(normalised("/%2Fa/./%2fb", keep), "/%2Fa/%2Fb");
  EXPECT_EQ(normalised("/a%2Fb/../c", keep), "/c");
  EXPECT_EQ(normalised("/a%2F...%2F.b%2Fc..", keep), "/a%2F...%2F.b%2Fc..");
  for (const char* path : {"/..%2Fa", "/a%2F..", "/a%2F../b", "/a%2F..%2Fb", "/.%2Fa", "/a%2F.",
                           "/%2e%2e%2fa", "/a/..%2f", "/a%2f.%2E/b", "/..%5Ca", "/\\", "/%5C"})
    EXPECT_EQ(normalised(path, keep), "refused", path);
}

CASE("an encoded slash can be a slash, before dots and runs are looked at") {
  const PathRules decode{.escaped_slashes = slashes::kSlash};
  EXPECT_EQ(normalised("/a%2Fb%2f%2Fc", decode), "/a/b/c");
  EXPECT_EQ(normalised("/public/..%2Fadmin", decode), "/admin");
  EXPECT_EQ(normalised("/public%2F%2e%2e%2Fadmin", decode), "/admin");
  EXPECT_EQ(normalised("/a%252Fb", decode), "/a%252Fb");
}

CASE("a backslash can be kept as an escape, or be a slash") {
  const PathRules keep{.backslashes = slashes::kKeep};
  EXPECT_EQ(normalised("/a\\b%5cc", keep), "/a%5Cb%5Cc");
  EXPECT_EQ(normalised("/\\\\\\", keep), "/%5C%5C%5C");
  EXPECT_EQ(normalised("/a\\..\\b", keep), "refused");
  EXPECT_EQ(normalised("/..\\b", keep), "refused");
  EXPECT_EQ(normalised("/a%2Fb", keep), "refused");
  const PathRules slash{.backslashes = slashes::kSlash};
  EXPECT_EQ(normalised("/a\\..\\..%5Cb\\", slash), "/b/");
  EXPECT_EQ(normalised("\\a", slash), "refused");
}

CASE("runs of slashes can be kept, and dots resolved in them") {
  const PathRules keep{.merge_slashes = false};
  EXPECT_EQ(normalised("//a///b//", keep), "//a///b//");
  EXPECT_EQ(normalised("/a//../b", keep), "/a/b");
  EXPECT_EQ(normalised("/a/./b/", keep), "/a/b/");
  EXPECT_EQ(normalised("/a/.//b", keep), "/a//b");
  EXPECT_EQ(normalised("/..//a", keep), "//a");
  EXPECT_EQ(normalised("//..", keep), "/");
  EXPECT_EQ(normalised("/%61//", keep), "/a//");
}

std::vector<PathRules> everyRule() {
  std::vector<PathRules> all;
  for (const uint32_t escaped : {slashes::kReject, slashes::kKeep, slashes::kSlash}) {
    for (const uint32_t back : {slashes::kReject, slashes::kKeep, slashes::kSlash}) {
      for (const bool merge : {false, true}) all.push_back({escaped, back, merge});
    }
  }
  return all;
}

// The same by the words of the documentation, with a list of segments.
std::string slowly(std::string_view path, const PathRules& rules) {
  if (!path.starts_with('/')) return "refused";
  std::vector<std::vector<std::string>> segments;  // of pieces, between separators that are kept
  std::vector<std::vector<std::string>> separators;
  const auto open = [&] {
    segments.push_back({""});
    separators.push_back({});
  };
  open();
  const auto separator = [&](const char* kept, uint32_t rule) {
    if (rule == slashes::kSlash) {
      open();
    } else {
      segments.back().emplace_back();
      separators.back().emplace_back(kept);
    }
    return rule != slashes::kReject;
  };
  for (std::size_t i = 1; i < path.size(); ++i) {
    char c = path[i];
    if (c == '/') {
      open();
      continue;
    }
    if (c == '\\') {
      if (!separator("%5C", rules.backslashes)) return "refused";
      continue;
    }
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '#' || c == '?')
      return "refused";
    if (c != '%') {
      segments.back().back() += c;
      continue;
    }
    const std::string digits(path.substr(i + 1, 2));
    if (digits.size() != 2 ||
        digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return "refused";
    c = static_cast<char>(std::stoi(digits, nullptr, 16));
    i += 2;
    if (c == 0) return "refused";
    if (c == '/') {
      if (!separator("%2F", rules.escaped_slashes)) return "refused";
    } else if (c == '\\') {
      if (!separator("%5C", rules.backslashes)) return "refused";
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' ||
               c == '_' || c == '~') {
      segments.back().back() += c;
    } else {
      char upper[4];
      std::snprintf(upper, sizeof upper, "%%%02X", static_cast<unsigned char>(c));
      segments.back().back() += upper;
    }
  }
  std::vector<std::string> out;
  bool directory = false;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    std::string text;
    for (std::size_t p = 0; p < segments[s].size(); ++p) {
      const std::string& piece = segments[s][p];
      if (segments[s].size() > 1 && (piece == "." || piece == "..")) return "refused";
      text += piece + (p + 1 < segments[s].size() ? separators[s][p] : "");
    }
    const bool last = s + 1 == segments.size();
    directory = last && (text.empty() || text == "." || text == "..");
    if (text == "..") {
      if (!out.empty()) out.pop_back();
    } else if (text != "." && !(text.empty() && (last || rules.merge_slashes))) {
      out.push_back(text);
    }
  }
  std::string joined;
  for (const std::string& text : out) joined += "/" + text;
  return directory || joined.empty() ? joined + "/" : joined;
}

CASE("every rule agrees with its words, and leaves a fixed point without loose ends") {
  millrace::Rng rng(millrace::test::seed());
  const std::vector<std::string> pieces{"/",   "/",   ".",  "..",  "a",   "b",    "%2e", "%2E",
                                        "%2f", "%2F", "\\", "%5c", "%5C", "%7e",  "%c3", "%25",
                                        "2f",  "%",   ";",  "%00", "//",  "/../", "/./", "%41"};
  int accepted = 0;
  for (const PathRules& rules : everyRule()) {
    for (int round = 0; round < 6000; ++round) {
      std::string path = "/";
      for (uint32_t n = rng.below(10); n > 0; --n)
        path += pieces[rng.below(static_cast<uint32_t>(pieces.size()))];
      const std::string once = normalised(path, rules);
      EXPECT_EQ(once, slowly(path, rules), path);
      if (once == "refused") continue;
      ++accepted;
      EXPECT_EQ(normalised(once, rules), once, path);
      const std::string closed = once + "/";
      for (const char* never : {"/./", "/../", "%2e", "%2f", "%5c", "\\", "%2F..%2F", "%00"})
        EXPECT(closed.find(never) == std::string::npos, path + " -> " + once);
      if (rules.merge_slashes) EXPECT(once.find("//") == std::string::npos, path + " -> " + once);
      if (rules.escaped_slashes != slashes::kKeep)
        EXPECT(once.find("%2F") == std::string::npos, path + " -> " + once);
    }
  }
  EXPECT(accepted > 20000, std::to_string(accepted));
}

CASE("a buffer that is too small refuses") {
  char out[3];
  EXPECT(normalisePath("/a/b", {}, {out, 0}).status == PathStatus::kUnchanged);
  EXPECT(normalisePath("/a//b", {}, out).status == PathStatus::kRefused);
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
  for (const PathRules& rules : everyRule()) {
    for (int round = 0; round < 5000; ++round) {
      std::string path = "/";
      for (uint32_t n = rng.below(20); n > 0; --n) path += static_cast<char>(rng.next());
      const std::string once = normalised(path, rules);
      if (once != "refused") EXPECT_EQ(normalised(once, rules), once);
    }
  }
}
