#ifndef MILLRACE_ENGINE_HTTP_CHARS_H_
#define MILLRACE_ENGINE_HTTP_CHARS_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

// Byte classes of RFC 9110 section 5.6.2 and RFC 3986, one table look-up each.
namespace chars {

inline constexpr uint8_t kToken = 1;       // tchar
inline constexpr uint8_t kFieldValue = 2;  // HTAB, SP, visible ASCII, obs-text
inline constexpr uint8_t kTarget = 4;      // printable ASCII but '#'
inline constexpr uint8_t kHost = 8;        // reg-name without "%" and ",", IP literal, port
inline constexpr uint8_t kHex = 16;
inline constexpr uint8_t kPlainToken = 32;  // kToken but '_'

inline constexpr std::array<uint8_t, 256> kClass = [] {
  std::array<uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    uint8_t bits = 0;
    if (alnum ||
        (c != 0 && c < 128 &&
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos))
      bits |= kToken;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kFieldValue;
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTarget;
    if (alnum || (c != 0 && c < 128 &&
                  std::string_view("-._~!$&'()*+;=:[]").find(static_cast<char>(c)) !=
                      std::string_view::npos))
      bits |= kHost;
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHex;
    if ((bits & kToken) != 0 && c != '_') bits |= kPlainToken;
    table[static_cast<size_t>(c)] = bits;
  }
  return table;
}();

inline bool is(char c, uint8_t bits) noexcept {
  return (kClass[static_cast<uint8_t>(c)] & bits) != 0;
}

inline bool all(std::string_view s, uint8_t bits) noexcept {
  uint8_t seen = 0xff;
  for (char c : s) seen &= kClass[static_cast<uint8_t>(c)];
  return (seen & bits) != 0;
}

// all(s, kToken) for a header name, and whether it has an underscore.
inline bool isFieldName(std::string_view s, bool* underscore) noexcept {
  uint8_t seen = 0xff;
  for (char c : s) seen &= kClass[static_cast<uint8_t>(c)];
  *underscore = (seen & kPlainToken) == 0;
  return (seen & kToken) != 0 && !s.empty();
}

// all(s, kFieldValue), eight bytes at a time: 0x20..0xff but 0x7f, and HTAB, which is rare enough
// to be left to the table. Byte-wise comparisons in a word:
// https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord Sets *high when a byte is
// above 0x7f.
inline bool isFieldValue(std::string_view s, bool* high) noexcept {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  constexpr uint64_t kHighBits = kOnes * 0x80;
  uint64_t suspicious = 0;
  uint64_t seen = 0;
  const auto check = [&](uint64_t word) noexcept {
    const uint64_t del = word ^ (kOnes * 0x7f);
    suspicious |= ((word - kOnes * 0x20) & ~word & kHighBits) | ((del - kOnes) & ~del & kHighBits);
    seen |= word;
  };
  size_t i = 0;
  for (; i + 8 <= s.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, s.data() + i, 8);
    check(word);
  }
  // The rest, with bytes seen twice rather than copied one by one: a copy of unknown length is a
  // call.
  if (const size_t rest = s.size() - i; rest != 0) {
    uint64_t word = kOnes * 'a';
    if (i != 0) {
      std::memcpy(&word, s.data() + s.size() - 8, 8);
    } else if (rest >= 4) {
      uint32_t first;
      uint32_t last;
      std::memcpy(&first, s.data(), 4);
      std::memcpy(&last, s.data() + rest - 4, 4);
      word = first | static_cast<uint64_t>(last) << 32;
    } else {
      const auto byte = [&s](size_t at) { return uint64_t{static_cast<uint8_t>(s[at])}; };
      word = (word & ~uint64_t{0xffffff}) | byte(0) | byte(rest / 2) << 8 | byte(rest - 1) << 16;
    }
    check(word);
  }
  *high = (seen & kHighBits) != 0;
  return suspicious == 0 || all(s, kFieldValue);
}

inline constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

inline bool equalsIgnoreCase(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

// equalsIgnoreCase where "_" and "-" are the same: what CGI-like upstreams make of header names.
inline bool equalsAsVariable(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char x = a[i] == '_' ? '-' : lower(a[i]);
    const char y = b[i] == '_' ? '-' : lower(b[i]);
    if (x != y) return false;
  }
  return true;
}

inline std::string_view trim(std::string_view s) noexcept {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// Calls each(token) for the comma-separated elements of a list field, trimmed, empty ones skipped.
template <typename Each>
inline void forEachListItem(std::string_view list, Each&& each) noexcept {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view item = trim(list.substr(0, comma));
    if (!item.empty()) each(item);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace chars
}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_CHARS_H_
