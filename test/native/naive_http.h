#ifndef MILLRACE_TEST_NATIVE_NAIVE_HTTP_H_
#define MILLRACE_TEST_NATIVE_NAIVE_HTTP_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::test {

// RFC 9110, 9112 and 3986 as plainly as possible, with the whole message at hand and nothing taken
// from the engine: what its parsers and writers are compared with.

bool isToken(std::string_view text);
bool isText(std::string_view text);  // no control byte but HTAB
bool isDigits(std::string_view text);
std::string lowered(std::string_view text);
std::string trimmed(std::string_view text);
// Elements of a list field, trimmed, without empty ones.
std::vector<std::string> listItems(std::string_view list);

// A head as a strict reader sees it: a first line, lines "name: value", CRLF after each, and an
// empty line that is the end of the bytes. Or what is wrong with it.
struct StrictHead {
  std::string fault;
  std::string first;
  std::vector<std::pair<std::string, std::string>> fields;

  std::vector<std::string> all(std::string_view lower_name) const;
};
StrictHead readStrictly(std::string_view bytes);

// The one form of a path (see path_normalizer.h); nullopt = refused.
std::optional<std::string> naivePath(std::string_view path);

// A response head that may be passed on, whole and with its empty line; else nullopt.
struct NaiveResponseHead {
  int status = 0;
  std::string line;  // "200 OK"
  std::vector<std::pair<std::string, std::string>> fields;
  bool keep = false;
  bool nominates = false;
  std::optional<std::string> length;  // decimal, without leading zeros
  bool chunked = false;
};
std::optional<NaiveResponseHead> naiveResponseHead(std::string_view bytes);

struct NaiveBody {
  std::string payload;
  std::size_t consumed = 0;  // of the whole bytes, when `done`
  bool done = false;
  bool fault = false;
};
NaiveBody naiveChunked(std::string_view bytes);

// The line that ResponseDriver::run tells of the same message, but "error" for any error.
std::string naiveResponse(std::string_view message, bool to_head_request, bool closed);

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_NAIVE_HTTP_H_
