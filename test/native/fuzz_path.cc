#include <string>

#include "engine/route/path_normalizer.h"
#include "fuzz_driver.h"
#include "fuzz_seeds.h"
#include "guarded.h"
#include "naive_http.h"

// Any bytes as a path: refused, or brought to one form, which is a fixed point. So the path that
// was matched is the one that is forwarded, and an upstream that resolves it again, or decodes it,
// gets to no other place.
namespace millrace::test {
namespace {

// What is left when an upstream takes every escape for what it stands for.
std::string decoded(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    out += fromHex(path.substr(i + 1, 2));
    i += 2;
  }
  return out;
}

void checkForm(std::string_view path) {
  const std::string seen = decoded(path);
  if (seen.find('\\') != std::string::npos || seen.find('\0') != std::string::npos)
    fuzzFault("an upstream may cut the path", path);
  const std::vector<std::string> segments = splitText(seen, "/");
  if (segments.size() != splitText(path, "/").size()) fuzzFault("a hidden slash", path);
  for (std::size_t i = 1; i < segments.size(); ++i) {
    if (segments[i] == "." || segments[i] == "..") fuzzFault("a dot segment is left", path);
    if (segments[i].empty() && i + 1 != segments.size()) fuzzFault("a double slash is left", path);
  }
}

}  // namespace

FuzzTarget fuzzTarget() {
  FuzzTarget target{
      .name = "path",
      .seeds = {"/",
                "/a/b/c",
                "/a/./b/../c//d/",
                "/%61/%2e%2E/%7ea",
                "/a%2fb",
                "/a%5Cb",
                "/%00",
                "/%",
                "/%4",
                "/caf\xc3\xa9/%C3%a9",
                "//..//../x",
                "/a/..",
                "/a/.",
                "/...",
                "/..a/.b",
                "/%252e%252e/",
                "a/b",
                "/a;x=1/..;/b",
                "/a\\..\\b",
                "/.%2e/%2e./x"},
      .fragments = {"/",   "//",   "/.",  "/..", "/../", "%2e",  "%2E",
                    "%2f", "%5c",  "%00", "%25", "%",    "%7",   "%41",
                    "%ff", "\\",   "#",   "?",   " ",    ".",    "..;",
                    "%c0", "%af/", "~",   "%7E", "\x7f", "\x80", std::string(1, '\0')},
      .separator = "/",
      .inputs = 200'000};
  for (const std::string& message : hostileMessages("client")) {
    const std::vector<std::string> words = splitText(message.substr(0, message.find('\r')), " ");
    if (words.size() > 1) target.seeds.push_back(words[1].substr(0, words[1].find('?')));
  }
  return target;
}

}  // namespace millrace::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace;        // NOLINT
  using namespace millrace::test;  // NOLINT
  static Guarded from;
  static Guarded into;
  const std::string_view path = from.place({reinterpret_cast<const char*>(data), size});
  const NormalisedPath result = normalisePath(path, {}, into.last(size));
  const std::optional<std::string> naive = naivePath(path);
  if ((result.status == PathStatus::kRefused) != !naive.has_value())
    fuzzFault("refused by one only", path);
  if (!naive.has_value()) return 0;
  if (result.path != *naive) fuzzFault(*naive, result.path);
  if ((result.status == PathStatus::kUnchanged) != (result.path == path))
    fuzzFault("wrong status", path);
  checkForm(*naive);
  const NormalisedPath again = normalisePath(*naive, {}, into.last(naive->size()));
  if (again.status != PathStatus::kUnchanged) fuzzFault("not a fixed point", *naive);
  return 0;
}
