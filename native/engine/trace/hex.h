#ifndef MILLRACE_ENGINE_TRACE_HEX_H_
#define MILLRACE_ENGINE_TRACE_HEX_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

// Ids of traces and spans are written in lower-case hexadecimal digits, and in nothing else.

// The 16 digits of a number. Eight at a time: nibbles are spread over the bytes of a word, and
// those above 9 moved on to the letters.
inline void writeHex64(char* out, uint64_t value) noexcept {
  for (int half = 0; half < 2; ++half) {
    uint64_t x = half == 0 ? value >> 32 : value & 0xffffffffu;
    x = (x | x << 16) & 0x0000ffff0000ffffu;
    x = (x | x << 8) & 0x00ff00ff00ff00ffu;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
    const uint64_t above = ((x + 0x0606060606060606u) >> 4) & 0x0101010101010101u;
    x += 0x3030303030303030u + above * ('a' - '0' - 10);
    x = __builtin_bswap64(x);
    std::memcpy(out + 8 * half, &x, 8);
  }
}

inline void writeHex8(char* out, uint32_t value) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  out[0] = kDigits[value >> 4 & 15];
  out[1] = kDigits[value & 15];
}

// False when one of them is no lower-case digit. At most 16 digits.
inline bool readHex(std::string_view digits, uint64_t* value) noexcept {
  uint64_t read = 0;
  for (const char c : digits) {
    uint32_t nibble;
    if (c >= '0' && c <= '9')
      nibble = static_cast<uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      nibble = static_cast<uint32_t>(c - 'a') + 10;
    else
      return false;
    read = read << 4 | nibble;
  }
  *value = read;
  return true;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_TRACE_HEX_H_
