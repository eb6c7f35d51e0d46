#include "engine/image/text_rules.h"

#include <algorithm>
#include <cstddef>

namespace millrace::text {

namespace {

bool isTokenCharacter(char c) noexcept {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool isControl(char c) noexcept { return (c >= 0 && c < 0x20) || c == 0x7f; }

template <typename Predicate>
bool all(std::string_view text, Predicate&& holds) noexcept {
  return std::all_of(text.begin(), text.end(), holds);
}

}  // namespace

bool isToken(std::string_view text) noexcept {
  return !text.empty() && all(text, isTokenCharacter);
}

bool hasUpperCase(std::string_view text) noexcept {
  return !all(text, [](char c) { return c < 'A' || c > 'Z'; });
}

bool hasControl(std::string_view text) noexcept {
  return !all(text, [](char c) { return !isControl(c); });
}

bool isLowerToken(std::string_view text) noexcept { return isToken(text) && !hasUpperCase(text); }

bool isFieldValue(std::string_view text) noexcept {
  return all(text, [](char c) { return c == '\t' || !isControl(c); });
}

bool isFieldLines(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view line = text.substr(0, end);
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return false;
    if (!isToken(line.substr(0, colon)) || !isFieldValue(line.substr(colon + 2))) return false;
    text.remove_prefix(end + 2);
  }
  return true;
}

bool isTargetText(std::string_view text) noexcept {
  return all(text, [](char c) { return !isControl(c) && c != ' ' && c != '#'; });
}

bool isHostText(std::string_view text) noexcept {
  return !text.empty() && all(text, [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("/?#@\\").find(c) == std::string_view::npos;
  });
}

}  // namespace millrace::text
