#include "engine/route/path_normalizer.h"

#include <array>
#include <cstddef>

namespace millrace {

namespace {

enum Class : uint8_t { kPlain, kSlash, kDot, kPercent, kRefuse };

constexpr std::array<uint8_t, 256> kClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c <= 0x20; ++c) classes[c] = kRefuse;
  classes[0x7f] = classes['\\'] = classes['#'] = classes['?'] = kRefuse;
  classes['/'] = kSlash;
  classes['.'] = kDot;
  classes['%'] = kPercent;
  return classes;
}();

constexpr bool isUnreserved(uint8_t c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

constexpr int hexDigit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr char kUpperDigits[] = "0123456789ABCDEF";

// The byte that "%XY" at the start of `text` stands for; -1 when it is broken or refused.
int escapedByte(std::string_view text) noexcept {
  if (text.size() < 3) return -1;
  const int high = hexDigit(text[1]);
  const int low = hexDigit(text[2]);
  if (high < 0 || low < 0) return -1;
  const int byte = high * 16 + low;
  return byte == 0 || byte == '/' || byte == '\\' ? -1 : byte;
}

// Length of the start of the path that is in its final form: the whole of it as a rule. The rest
// begins with something to look at closer, at the slash before it where segments are concerned.
std::size_t cleanLength(std::string_view path) noexcept {
  bool after_slash = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const uint8_t c = kClasses[static_cast<uint8_t>(path[i])];
    if (c == kPlain) {
      after_slash = false;
      continue;
    }
    if (c == kDot && !after_slash) continue;
    if (c == kSlash && !after_slash) {
      after_slash = true;
      continue;
    }
    return after_slash ? i - 1 : i;
  }
  return path.size();
}

// Writes the path while it is read; `length` never overtakes what was read.
class Writer {
 public:
  Writer(char* out, std::size_t length) noexcept : out_(out), length_(length) {}

  void put(char c) noexcept { out_[length_++] = c; }

  // A slash, which ends a segment: merged with the one before it, and a dot segment goes away.
  void putSlash() noexcept {
    endSegment();
    if (length_ == 0 || out_[length_ - 1] != '/') put('/');
  }

  // After "/." or "/.." the path is that of the directory, with its slash.
  void endSegment() noexcept {
    if (endsWith("/.")) {
      length_ -= 1;
    } else if (endsWith("/..")) {
      length_ -= 3;  // the slash before it too: now the parent's own name is cut
      while (length_ > 0 && out_[length_ - 1] != '/') --length_;
      if (length_ == 0) put('/');
    }
  }

  std::string_view text() const noexcept { return {out_, length_}; }

 private:
  bool endsWith(std::string_view suffix) const noexcept { return text().ends_with(suffix); }

  char* out_;
  std::size_t length_;
};

}  // namespace

NormalisedPath normalisePath(std::string_view path, std::span<char> out) noexcept {
  constexpr NormalisedPath kRefusal{PathStatus::kRefused, {}};
  if (!path.starts_with('/')) return kRefusal;
  const std::size_t clean = cleanLength(path);
  if (clean == path.size()) return {PathStatus::kUnchanged, path};
  if (out.size() < path.size()) return kRefusal;

  path.copy(out.data(), clean);
  Writer writer(out.data(), clean);
  for (std::size_t i = clean; i < path.size(); ++i) {
    switch (kClasses[static_cast<uint8_t>(path[i])]) {
      case kRefuse:
        return kRefusal;
      case kSlash:
        writer.putSlash();
        break;
      case kPercent: {
        const int byte = escapedByte(path.substr(i));
        if (byte < 0) return kRefusal;
        if (isUnreserved(static_cast<uint8_t>(byte))) {
          writer.put(static_cast<char>(byte));
        } else {
          writer.put('%');
          writer.put(kUpperDigits[byte >> 4]);
          writer.put(kUpperDigits[byte & 15]);
        }
        i += 2;
        break;
      }
      default:
        writer.put(path[i]);
    }
  }
  writer.endSegment();
  if (writer.text() == path) return {PathStatus::kUnchanged, path};
  return {PathStatus::kRewritten, writer.text()};
}

}  // namespace millrace
