#ifndef MILLRACE_TEST_NATIVE_WEBSOCKET_DRIVER_H_
#define MILLRACE_TEST_NATIVE_WEBSOCKET_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"

namespace millrace::test {

// UTF-8 by the letter of RFC 3629: decodes each character and looks at what came out.
bool isUtf8ByDecoding(std::string_view text);

// A frame as a server sends it. With `mask` as a client does, masked with "mask".
std::string frame(uint8_t first_byte, std::string_view payload, bool mask = false);
std::string closeFrame(uint16_t code, std::string_view reason = {});

// Feeds frames to the reader, piece by piece, each piece right before a page without access, and
// tells in one line what came out, in order, e.g.
//   "ping 'x' text 'Hello' close 1000 'bye'"   a message is told at its end
//   "binary '' open"                           a frame or a message is not complete
//   "text 'a' error 1002: <sentence>"
// Payload of more than 40 bytes is told as its length and a hash. What must never happen is told in
// parentheses and capitals: a piece outside of the input, bytes left over, a message over the
// limit, a text that is not valid.
struct WebSocketDriver {
  uint64_t max_message = 1 << 20;

  std::string run(std::string_view frames, const std::vector<std::size_t>& ends) const;

  // Whole, byte by byte, cut once at every byte (of up to 1024 bytes) and at `rounds` random
  // splits. The line of the whole one, or a sentence about the difference.
  std::string runAllSplits(std::string_view frames, Rng& rng, int rounds = 4,
                           bool cut_once_at_every_byte = true) const;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_WEBSOCKET_DRIVER_H_
