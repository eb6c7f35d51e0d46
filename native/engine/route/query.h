#ifndef MILLRACE_ENGINE_ROUTE_QUERY_H_
#define MILLRACE_ENGINE_ROUTE_QUERY_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace millrace::query {

inline int hexDigit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Reads one character of a query at `*i`, decoding "+" and %XX, and moves past it.
inline char decodeAt(std::string_view text, std::size_t* i) noexcept {
  const char c = text[(*i)++];
  if (c == '+') return ' ';
  if (c != '%' || text.size() - *i < 2) return c;
  const int high = hexDigit(text[*i]);
  const int low = hexDigit(text[*i + 1]);
  if (high < 0 || low < 0) return c;
  *i += 2;
  return static_cast<char>(high * 16 + low);
}

inline bool decodesTo(std::string_view text, std::string_view wanted) noexcept {
  std::size_t i = 0;
  for (const char c : wanted) {
    if (i == text.size() || decodeAt(text, &i) != c) return false;
  }
  return i == text.size();
}

// Calls `found(value)` with the raw value of every parameter of that name, in order, until it
// returns true; whether it did.
template <typename Found>
bool eachValue(std::string_view text, std::string_view name, Found&& found) noexcept {
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (!decodesTo(pair.substr(0, equals), name)) continue;
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (found(value)) return true;
  }
  return false;
}

// The first value of that name, as sent.
inline std::optional<std::string_view> firstValue(std::string_view text,
                                                  std::string_view name) noexcept {
  std::optional<std::string_view> first;
  eachValue(text, name, [&first](std::string_view value) {
    first = value;
    return true;
  });
  return first;
}

}  // namespace millrace::query

#endif  // MILLRACE_ENGINE_ROUTE_QUERY_H_
