#include "engine/log/log_text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace millrace {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kUpperHex[] = "0123456789ABCDEF";

// Bytes that pass as they are.
constexpr std::array<bool, 256> passing(bool json) {
  std::array<bool, 256> table{};
  for (int c = 0x20; c < 0x7f; ++c) table[static_cast<size_t>(c)] = c != '"' && c != '\\';
  if (json) table[0x7f] = false;
  return table;
}
constexpr std::array<bool, 256> kJson = passing(true);
constexpr std::array<bool, 256> kEscaped = passing(false);

// Bytes of the valid UTF-8 character that `at` begins with (Unicode 15, table 3-7), or 0. Two bytes
// that are a C1 control count as none.
size_t characterAt(const unsigned char* at, const unsigned char* end) noexcept {
  const auto in = [&](size_t i, unsigned low, unsigned high) {
    return at + i < end && at[i] >= low && at[i] <= high;
  };
  const unsigned lead = at[0];
  if (lead == 0xc2) return in(1, 0xa0, 0xbf) ? 2 : 0;  // U+0080 to U+009F are controls
  if (lead >= 0xc3 && lead <= 0xdf) return in(1, 0x80, 0xbf) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool second = in(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf);
    return second && in(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool second = in(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf);
    return second && in(2, 0x80, 0xbf) && in(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void LineBuffer::grow(size_t bytes) {
  size_t capacity = std::max<size_t>(capacity_ * 2, 4096);
  while (capacity - size_ < bytes) capacity *= 2;
  std::unique_ptr<char[]> data(new char[capacity]);
  if (size_ != 0) std::memcpy(data.get(), data_.get(), size_);
  data_ = std::move(data);
  capacity_ = capacity;
}

void LineBuffer::consume(size_t bytes, size_t keep) noexcept {
  if (bytes == 0) return;
  if (bytes < size_) std::memmove(data_.get(), data_.get() + bytes, size_ - bytes);
  size_ -= bytes;
  if (size_ == 0 && capacity_ > keep) {
    data_.reset();
    capacity_ = 0;
  }
}

void appendJson(LineBuffer* out, std::string_view text) {
  char* to = out->reserve(6 * text.size());
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const unsigned char* const end = at + text.size();
  while (at != end) {
    const unsigned char* run = at;
    while (run != end && kJson[*run]) ++run;
    std::memcpy(to, at, static_cast<size_t>(run - at));
    to += run - at;
    at = run;
    if (at == end) break;
    if (const size_t length = *at < 0x80 ? 0 : characterAt(at, end); length != 0) {
      std::memcpy(to, at, length);
      to += length;
      at += length;
      continue;
    }
    const unsigned char c = *at++;
    *to++ = '\\';
    if (c == '"' || c == '\\') {
      *to++ = static_cast<char>(c);
    } else {
      std::memcpy(to, "u00", 3);
      to[3] = kHex[c >> 4];
      to[4] = kHex[c & 15];
      to += 5;
    }
  }
  out->commit(to);
}

void appendEscaped(LineBuffer* out, std::string_view text) {
  char* to = out->reserve(4 * text.size());
  for (const char byte : text) {
    const auto c = static_cast<unsigned char>(byte);
    if (kEscaped[c]) {
      *to++ = byte;
      continue;
    }
    to[0] = '\\';
    to[1] = 'x';
    to[2] = kUpperHex[c >> 4];
    to[3] = kUpperHex[c & 15];
    to += 4;
  }
  out->commit(to);
}

void appendNumber(LineBuffer* out, uint64_t value) {
  constexpr size_t kMostDigits = 20;
  char* const at = out->reserve(kMostDigits);
  out->commit(std::to_chars(at, at + kMostDigits, value).ptr);
}

void appendMillis(LineBuffer* out, uint64_t us) {
  appendNumber(out, us / 1000);
  const uint64_t rest = us % 1000;
  const char decimals[4] = {'.', static_cast<char>('0' + rest / 100),
                            static_cast<char>('0' + rest / 10 % 10),
                            static_cast<char>('0' + rest % 10)};
  out->append({decimals, sizeof decimals});
}

void appendHex(LineBuffer* out, uint64_t value) {
  char digits[16];
  for (int i = 15; i >= 0; --i, value >>= 4) digits[i] = kHex[value & 15];
  out->append({digits, sizeof digits});
}

}  // namespace millrace
