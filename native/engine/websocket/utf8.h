#ifndef MILLRACE_ENGINE_WEBSOCKET_UTF8_H_
#define MILLRACE_ENGINE_WEBSOCKET_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {

// Incremental UTF-8 validation (RFC 3629, as RFC 6455 section 8.1 wants it of text messages and
// close reasons): no surrogates, no overlong forms, nothing above U+10FFFF. The state survives from
// piece to piece, so that a text may be cut anywhere, inside of a character too. One owner thread.
//
// A shift-based automaton (https://gist.github.com/pervognsen/218ea17743e1442e59bb60d29b1aa725):
// each byte value has a word of 64 bits that holds, at the bit offset that names a state, the
// offset that names the next one; a step is one load and one shift. ASCII is skipped 32 bytes at a
// time.
class Utf8Validator {
 public:
  void start() noexcept { state_ = 0; }

  // False as soon as no continuation could make the text valid, at the very byte that spoils it,
  // and for ever then.
  bool feed(const char* data, size_t n) noexcept;

  // Whether the text may end here: it is valid, and no character is half done.
  bool complete() const noexcept { return (state_ & 63) == 0; }

 private:
  uint64_t state_ = 0;  // the low six bits count; 0 = between two characters
};

bool isUtf8(std::string_view text) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_UTF8_H_
