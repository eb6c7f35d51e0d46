#ifndef MILLRACE_BENCH_LOAD_COMMON_HTTP_TEXT_H_
#define MILLRACE_BENCH_LOAD_COMMON_HTTP_TEXT_H_

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace millrace::load {

// RFC 9110 tchar: what names of fields and methods are made of.
inline constexpr std::array<bool, 256> kTokenChars = [] {
  std::array<bool, 256> is{};
  for (int c = 'a'; c <= 'z'; ++c) is[c] = is[c - 'a' + 'A'] = true;
  for (int c = '0'; c <= '9'; ++c) is[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) is[static_cast<unsigned char>(c)] = true;
  return is;
}();

inline bool isToken(std::string_view text) noexcept {
  if (text.empty()) return false;
  for (const char c : text)
    if (!kTokenChars[static_cast<unsigned char>(c)]) return false;
  return true;
}

// No control characters but the tab.
inline bool isFieldText(std::string_view text) noexcept {
  unsigned bad = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    bad |= static_cast<unsigned>((byte < 0x20) & (byte != '\t')) | (byte == 0x7f);
  }
  return bad == 0;
}

inline std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// `lower` is in lower case.
inline bool equalsIgnoringCase(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != lower[i]) return false;
  }
  return true;
}

// True when the comma-separated list has this member, whatever its case.
inline bool listHas(std::string_view list, std::string_view lower) noexcept {
  for (;;) {
    const size_t comma = list.find(',');
    if (equalsIgnoringCase(trim(list.substr(0, comma)), lower)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

// Digits only; false when there are none, others, or too many.
inline bool parseDecimal(std::string_view text, uint64_t* value) noexcept {
  if (text.empty() || text.size() > 18) return false;
  uint64_t result = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    result = result * 10 + static_cast<uint64_t>(c - '0');
  }
  *value = result;
  return true;
}

inline bool parseHex(std::string_view text, uint64_t* value) noexcept {
  if (text.empty() || text.size() > 15) return false;
  uint64_t result = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    result = result << 4 | static_cast<uint64_t>(digit);
  }
  *value = result;
  return true;
}

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_COMMON_HTTP_TEXT_H_
