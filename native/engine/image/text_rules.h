#ifndef MILLRACE_ENGINE_IMAGE_TEXT_RULES_H_
#define MILLRACE_ENGINE_IMAGE_TEXT_RULES_H_

#include <string_view>

namespace millrace::text {

// RFC 9110 token: what a method or field name may consist of. Not empty.
bool isToken(std::string_view text) noexcept;

// A token without upper-case letters: names are compared as lower case.
bool isLowerToken(std::string_view text) noexcept;

// No control character but tab: safe as a field value in a message head.
bool isFieldValue(std::string_view text) noexcept;

// Complete "name: value\r\n" lines, any number of them.
bool isFieldLines(std::string_view text) noexcept;

// No control character, space or "#": safe inside a request target or a Location.
bool isTargetText(std::string_view text) noexcept;

// Visible characters that cannot end the authority: no "/", "?", "#", "@" or backslash. Not empty.
bool isHostText(std::string_view text) noexcept;

bool hasUpperCase(std::string_view text) noexcept;
bool hasControl(std::string_view text) noexcept;

}  // namespace millrace::text

#endif  // MILLRACE_ENGINE_IMAGE_TEXT_RULES_H_
