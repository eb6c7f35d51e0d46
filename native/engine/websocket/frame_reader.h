#ifndef MILLRACE_ENGINE_WEBSOCKET_FRAME_READER_H_
#define MILLRACE_ENGINE_WEBSOCKET_FRAME_READER_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/websocket/utf8.h"

namespace millrace {

enum class FrameError : uint8_t {
  kNone,
  kReservedBits,
  kUnknownOpcode,
  kMasked,
  kFragmentedControl,
  kControlTooLong,
  kLengthNotMinimal,
  kLengthTooLarge,
  kMessageTooLarge,
  kUnexpectedContinuation,
  kExpectedContinuation,
  kInvalidUtf8,
  kBadCloseCode,
  kBadClosePayload,
};
const char* describe(FrameError error) noexcept;
// What to close the connection with: 1002, 1007 or 1009.
uint16_t closeCodeOf(FrameError error) noexcept;

// Opcodes of frames (RFC 6455 section 5.2) and of what the reader reports; 0 is a continuation.
namespace opcode {
inline constexpr uint8_t kContinuation = 0;
inline constexpr uint8_t kText = 1;
inline constexpr uint8_t kBinary = 2;
inline constexpr uint8_t kClose = 8;
inline constexpr uint8_t kPing = 9;
inline constexpr uint8_t kPong = 10;
}  // namespace opcode

// Most payload of a control frame, bytes (RFC 6455 section 5.5).
inline constexpr size_t kMaxControlPayload = 125;

// Reads the frames of a server that is not trusted: strict RFC 6455 without extensions.
// Incremental: bytes may come cut anywhere; a fault in a text is told at the byte that spoils it,
// one in a head at the end of the head or before. Payload is validated in place and never copied,
// but for control frames that come in parts. Allocates nothing; about 200 bytes per connection. One
// owner thread.
//
// What the bytes say does not depend on how they are cut: concatenated per message, the pieces are
// the same, and so is the error. Only how much of a message is reported before its error differs.
class FrameReader {
 public:
  struct Piece {
    uint8_t opcode;  // 1 or 2 (of the message, also in its continuations), 8, 9, 10
    char* data;      // in the input, or in the reader until the next call
    size_t size;
    bool end;             // of the message; always set for control frames
    uint16_t close_code;  // opcode 8: 1005 = the frame had none; data and size are the reason
  };
  enum class Result : uint8_t { kPiece, kMore, kError };

  // Forgets everything. A message has at most `max_message` bytes of payload, all frames together.
  void start(uint64_t max_message) noexcept;

  // Reads from [*at, end). kPiece: `piece` is filled and *at moved behind it; call again. kMore:
  // all bytes are taken and there is nothing to report. kError: see error(); it stays so.
  //
  // Data is reported as it comes, never more than the limit, and nothing of a text that is not
  // valid so far; empty pieces only at the end of a message. Control frames are reported whole,
  // also between the frames of a message. What follows a Close frame is discarded (section 1.4).
  Result next(char** at, char* end, Piece* piece) noexcept;

  FrameError error() const noexcept { return error_; }
  // A frame or a fragmented message has begun and is not complete.
  bool midMessage() const noexcept {
    return state_ != State::kClosed && (message_ != 0 || state_ != State::kFirst);
  }

 private:
  enum class State : uint8_t { kFirst, kSecond, kLength, kData, kControl, kClosed, kFailed };

  FrameError readHeadByte(uint8_t byte) noexcept;
  FrameError readFirst(uint8_t byte) noexcept;
  FrameError readSecond(uint8_t byte) noexcept;
  FrameError beginPayload() noexcept;
  Result readData(char** at, char* end, Piece* piece) noexcept;
  Result readControl(char** at, char* end, Piece* piece) noexcept;
  Result finishClose(Piece* piece) noexcept;
  Result fail(FrameError error) noexcept;

  State state_ = State::kFirst;
  FrameError error_ = FrameError::kNone;
  uint8_t opcode_ = 0;   // of the frame
  uint8_t message_ = 0;  // opcode of the message that is open; 0 = none
  bool final_ = false;
  uint8_t length_form_ = 0;  // 126 or 127: how the length is written
  uint8_t length_left_ = 0;  // bytes of it to come
  uint8_t gathered_ = 0;     // bytes in control_
  uint64_t left_ = 0;        // payload of this frame to come
  uint64_t room_ = 0;        // payload that later frames of the open message may have
  uint64_t max_message_ = 0;
  Utf8Validator utf8_;  // of the open text message
  std::array<char, kMaxControlPayload> control_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_FRAME_READER_H_
