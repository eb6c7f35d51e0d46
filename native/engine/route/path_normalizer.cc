#include "engine/route/path_normalizer.h"

#include <array>
#include <cstddef>

namespace millrace {

namespace {

enum Class : uint8_t { kPlain, kSlash, kDot, kPercent, kBackslash, kRefuse };

constexpr std::array<uint8_t, 256> kClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c <= 0x20; ++c) classes[c] = kRefuse;
  classes[0x7f] = classes['#'] = classes['?'] = kRefuse;
  classes['\\'] = kBackslash;
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

// The byte that "%XY" at the start of `text` stands for; -1 when it is broken, or NUL.
int escapedByte(std::string_view text) noexcept {
  if (text.size() < 3) return -1;
  const int high = hexDigit(text[1]);
  const int low = hexDigit(text[2]);
  if (high < 0 || low < 0) return -1;
  const int byte = high * 16 + low;
  return byte == 0 ? -1 : byte;
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

bool isDots(std::string_view piece) noexcept { return piece == "." || piece == ".."; }

// Writes the path while it is read, behind a start of it that is in its final form.
//
//   /a/b%2Fc      segments end at slashes; in one, pieces end at separators that are kept as
//      ^  ^       escapes, and no piece of such a segment may be "." or ".."
//   piece_
class Writer {
 public:
  Writer(char* out, std::size_t length, const PathRules& rules) noexcept
      : out_(out), length_(length), piece_(text().rfind('/') + 1), rules_(rules) {}

  void put(char c) noexcept { out_[length_++] = c; }

  void putEscape(uint8_t byte) noexcept {
    put('%');
    put(kUpperDigits[byte >> 4]);
    put(kUpperDigits[byte & 15]);
  }

  // A slash, which ends a segment: a dot segment goes away, and the slash may be merged with the
  // one before it. False when the path is refused.
  bool putSlash() noexcept {
    const std::size_t before = length_;
    if (!endSegment()) return false;
    // What is left of a dot segment is the directory, with its slash.
    const bool resolved = length_ != before;
    const bool merged = rules_.merge_slashes && length_ != 0 && out_[length_ - 1] == '/';
    if (!resolved && !merged) put('/');
    piece_ = length_;
    return true;
  }

  // A slash or a backslash that is not to be taken as it stands: by the rule for it.
  bool putSeparator(uint8_t byte, uint32_t rule) noexcept {
    if (rule == abi::slashes::kReject) return false;
    if (rule == abi::slashes::kSlash) return putSlash();
    if (isDots(piece())) return false;
    putEscape(byte);
    piece_ = length_;
    pieces_ = true;
    return true;
  }

  // After "/." or "/.." the path is that of the directory, with its slash. False when the path is
  // refused.
  bool endSegment() noexcept {
    if (pieces_) {
      pieces_ = false;
      return !isDots(piece());
    }
    if (text().ends_with("/.")) {
      length_ -= 1;
    } else if (text().ends_with("/..")) {
      length_ -= 3;  // the slash before it too: now the parent's own name is cut
      while (length_ > 0 && out_[length_ - 1] != '/') --length_;
      if (length_ == 0) put('/');
    }
    return true;
  }

  std::string_view text() const noexcept { return {out_, length_}; }

 private:
  std::string_view piece() const noexcept { return text().substr(piece_); }

  char* out_;
  std::size_t length_;
  std::size_t piece_;    // where the piece that is being written begins
  bool pieces_ = false;  // the segment that is being written has more than one
  const PathRules& rules_;
};

}  // namespace

NormalisedPath normalisePath(std::string_view path, const PathRules& rules,
                             std::span<char> out) noexcept {
  constexpr NormalisedPath kRefusal{PathStatus::kRefused, {}};
  if (!path.starts_with('/')) return kRefusal;
  const std::size_t clean = cleanLength(path);
  if (clean == path.size()) return {PathStatus::kUnchanged, path};
  const std::size_t longest = rules.backslashes == abi::slashes::kKeep ? 3 : 1;
  if (out.size() / longest < path.size()) return kRefusal;

  path.copy(out.data(), clean);
  Writer writer(out.data(), clean, rules);
  bool sound = true;
  for (std::size_t i = clean; i < path.size() && sound; ++i) {
    switch (kClasses[static_cast<uint8_t>(path[i])]) {
      case kRefuse:
        return kRefusal;
      case kSlash:
        sound = writer.putSlash();
        break;
      case kBackslash:
        sound = writer.putSeparator('\\', rules.backslashes);
        break;
      case kPercent: {
        const int byte = escapedByte(path.substr(i));
        if (byte < 0) return kRefusal;
        if (isUnreserved(static_cast<uint8_t>(byte)))
          writer.put(static_cast<char>(byte));
        else if (byte == '/' || byte == '\\')
          sound = writer.putSeparator(static_cast<uint8_t>(byte),
                                      byte == '/' ? rules.escaped_slashes : rules.backslashes);
        else
          writer.putEscape(static_cast<uint8_t>(byte));
        i += 2;
        break;
      }
      default:
        writer.put(path[i]);
    }
  }
  if (!sound || !writer.endSegment()) return kRefusal;
  if (writer.text() == path) return {PathStatus::kUnchanged, path};
  return {PathStatus::kRewritten, writer.text()};
}

}  // namespace millrace
