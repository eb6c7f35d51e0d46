#ifndef MILLRACE_ENGINE_EXPLAIN_JSON_WRITER_H_
#define MILLRACE_ENGINE_EXPLAIN_JSON_WRITER_H_

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

// Writes JSON text (RFC 8259), in order; commas are its business, nesting is the caller's. Strings
// may hold any bytes: what is UTF-8 is kept, every other byte stands as the character of its number
// (latin1), so that the text is always valid. Control plane only: it allocates.
class JsonWriter {
 public:
  JsonWriter& beginObject() { return open('{'); }
  JsonWriter& endObject() { return close('}'); }
  JsonWriter& beginArray() { return open('['); }
  JsonWriter& endArray() { return close(']'); }

  JsonWriter& key(std::string_view name) {
    comma();
    quoted(name);
    out_ += ':';
    first_ = true;  // the value needs no comma
    return *this;
  }

  JsonWriter& text(std::string_view value) {
    comma();
    quoted(value);
    return *this;
  }
  JsonWriter& number(uint64_t value) { return raw(std::to_string(value)); }
  // Six significant digits; null for what is no number.
  JsonWriter& real(double value) {
    if (!std::isfinite(value)) return null();
    char digits[32];
    const auto end =
        std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general, 6);
    return raw({digits, static_cast<std::size_t>(end.ptr - digits)});
  }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }

  // Members of an object.
  JsonWriter& field(std::string_view name, std::string_view value) { return key(name).text(value); }
  JsonWriter& field(std::string_view name, const char* value) { return key(name).text(value); }
  JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }
  JsonWriter& field(std::string_view name, uint32_t value) { return key(name).number(value); }
  JsonWriter& field(std::string_view name, uint64_t value) { return key(name).number(value); }
  JsonWriter& field(std::string_view name, double value) { return key(name).real(value); }
  // An index of the image; kNone is null.
  JsonWriter& index(std::string_view name, uint32_t value) {
    key(name);
    return value == 0xffffffffu ? null() : number(value);
  }

  std::string take() { return std::move(out_); }

 private:
  JsonWriter& open(char bracket) {
    comma();
    out_ += bracket;
    first_ = true;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
  }
  JsonWriter& raw(std::string_view value) {
    comma();
    out_ += value;
    return *this;
  }
  void comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  // Bytes of the UTF-8 character that begins at `at`, 0 when none does (RFC 3629).
  static std::size_t characterAt(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint8_t lead = byte(at);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - at < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return 0;
    }
    const uint8_t second = byte(at + 1);
    // Longer than needed, surrogates, beyond the last character.
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) return 0;
    if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) return 0;
    return length;
  }

  void escaped(uint8_t byte) {
    static constexpr char kDigits[] = "0123456789abcdef";
    out_ += "\\u00";
    out_ += kDigits[byte >> 4];
    out_ += kDigits[byte & 15];
  }

  void quoted(std::string_view text) {
    out_ += '"';
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t length = characterAt(text, i);
      const char c = text[i];
      if (length == 0 || static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
        escaped(static_cast<uint8_t>(c));
        ++i;
        continue;
      }
      if (c == '"' || c == '\\') out_ += '\\';
      out_ += text.substr(i, length);
      i += length;
    }
    out_ += '"';
  }

  std::string out_;
  bool first_ = true;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_EXPLAIN_JSON_WRITER_H_
