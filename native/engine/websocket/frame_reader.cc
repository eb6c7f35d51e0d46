#include "engine/websocket/frame_reader.h"

#include <algorithm>
#include <cstring>

#include "engine/websocket/close_code.h"

namespace millrace {
namespace {

// RFC 6455 section 5.2.
constexpr uint8_t kFin = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kOpcode = 0x0f;
constexpr uint8_t kMask = 0x80;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;

constexpr bool isControl(uint8_t opcode) noexcept { return opcode >= opcode::kClose; }

}  // namespace

const char* describe(FrameError error) noexcept {
  switch (error) {
    case FrameError::kNone:
      return "none";
    case FrameError::kReservedBits:
      return "reserved bits are set in a frame";
    case FrameError::kUnknownOpcode:
      return "frame with an unknown opcode";
    case FrameError::kMasked:
      return "masked frame from a server";
    case FrameError::kFragmentedControl:
      return "fragmented control frame";
    case FrameError::kControlTooLong:
      return "control frame over 125 bytes";
    case FrameError::kLengthNotMinimal:
      return "frame length in more bytes than it needs";
    case FrameError::kLengthTooLarge:
      return "frame length of 2^63 or more";
    case FrameError::kMessageTooLarge:
      return "message over the limit";
    case FrameError::kUnexpectedContinuation:
      return "continuation without a message";
    case FrameError::kExpectedContinuation:
      return "new message inside of a fragmented one";
    case FrameError::kInvalidUtf8:
      return "text is not valid UTF-8";
    case FrameError::kBadCloseCode:
      return "close code that may not be sent";
    case FrameError::kBadClosePayload:
      return "close frame of one byte";
  }
  return "unknown";
}

uint16_t closeCodeOf(FrameError error) noexcept {
  switch (error) {
    case FrameError::kNone:
      return close_code::kNormal;
    case FrameError::kInvalidUtf8:
      return close_code::kInvalidPayload;
    case FrameError::kMessageTooLarge:
      return close_code::kTooBig;
    default:
      return close_code::kProtocolError;
  }
}

void FrameReader::start(uint64_t max_message) noexcept {
  state_ = State::kFirst;
  error_ = FrameError::kNone;
  message_ = 0;
  max_message_ = max_message;
}

FrameReader::Result FrameReader::next(char** at, char* end, Piece* piece) noexcept {
  while (*at != end) {
    switch (state_) {
      case State::kFirst:
      case State::kSecond:
      case State::kLength:
        if (const FrameError error = readHeadByte(static_cast<uint8_t>(*(*at)++));
            error != FrameError::kNone)
          return fail(error);
        // Only a frame without payload has something to tell at the end of its head.
        if (left_ != 0) break;
        if (state_ == State::kControl) return readControl(at, end, piece);
        if (state_ == State::kData) {
          if (final_) return readData(at, end, piece);
          state_ = State::kFirst;
        }
        break;
      case State::kData:
        return readData(at, end, piece);
      case State::kControl:
        if (const Result result = readControl(at, end, piece); result != Result::kMore)
          return result;
        break;
      case State::kClosed:
        *at = end;
        break;
      case State::kFailed:
        return Result::kError;
    }
  }
  return state_ == State::kFailed ? Result::kError : Result::kMore;
}

FrameError FrameReader::readHeadByte(uint8_t byte) noexcept {
  if (state_ == State::kFirst) return readFirst(byte);
  if (state_ == State::kSecond) return readSecond(byte);
  left_ = left_ << 8 | byte;
  if (--length_left_ != 0) return FrameError::kNone;
  if (left_ >> 63 != 0) return FrameError::kLengthTooLarge;
  if (left_ < (length_form_ == kLength16 ? uint64_t{kLength16} : uint64_t{0x10000}))
    return FrameError::kLengthNotMinimal;
  return beginPayload();
}

FrameError FrameReader::readFirst(uint8_t byte) noexcept {
  if ((byte & kReserved) != 0) return FrameError::kReservedBits;
  opcode_ = byte & kOpcode;
  final_ = (byte & kFin) != 0;
  state_ = State::kSecond;
  left_ = 1;  // until it is known
  switch (opcode_) {
    case opcode::kContinuation:
      return message_ == 0 ? FrameError::kUnexpectedContinuation : FrameError::kNone;
    case opcode::kText:
    case opcode::kBinary:
      if (message_ != 0) return FrameError::kExpectedContinuation;
      message_ = opcode_;
      room_ = max_message_;
      utf8_.start();
      return FrameError::kNone;
    case opcode::kClose:
    case opcode::kPing:
    case opcode::kPong:
      return final_ ? FrameError::kNone : FrameError::kFragmentedControl;
    default:
      return FrameError::kUnknownOpcode;
  }
}

FrameError FrameReader::readSecond(uint8_t byte) noexcept {
  if ((byte & kMask) != 0) return FrameError::kMasked;
  if (byte < kLength16) {
    left_ = byte;
    return beginPayload();
  }
  if (isControl(opcode_)) return FrameError::kControlTooLong;
  state_ = State::kLength;
  length_form_ = byte;
  length_left_ = byte == kLength16 ? 2 : 8;
  left_ = 0;
  return FrameError::kNone;
}

FrameError FrameReader::beginPayload() noexcept {
  if (isControl(opcode_)) {
    state_ = State::kControl;
    gathered_ = 0;
    return opcode_ == opcode::kClose && left_ == 1 ? FrameError::kBadClosePayload
                                                   : FrameError::kNone;
  }
  if (left_ > room_) return FrameError::kMessageTooLarge;
  room_ -= left_;
  state_ = State::kData;
  return FrameError::kNone;
}

// Also for the empty payload of a final frame.
FrameReader::Result FrameReader::readData(char** at, char* end, Piece* piece) noexcept {
  char* const data = *at;
  const auto size = static_cast<size_t>(std::min(left_, static_cast<uint64_t>(end - data)));
  *at += size;
  left_ -= size;
  *piece = {message_, data, size, left_ == 0 && final_, 0};
  if (message_ == opcode::kText) {
    if (!utf8_.feed(data, size)) return fail(FrameError::kInvalidUtf8);
    if (piece->end && !utf8_.complete()) return fail(FrameError::kInvalidUtf8);
  }
  if (left_ == 0) state_ = State::kFirst;
  if (piece->end) message_ = 0;
  return Result::kPiece;
}

FrameReader::Result FrameReader::readControl(char** at, char* end, Piece* piece) noexcept {
  char* data = *at;
  const auto size = static_cast<size_t>(std::min(left_, static_cast<uint64_t>(end - data)));
  *at += size;
  left_ -= size;
  if (gathered_ != 0 || left_ != 0) {
    std::memcpy(control_.data() + gathered_, data, size);
    gathered_ = static_cast<uint8_t>(gathered_ + size);
    if (left_ != 0) return Result::kMore;
  }
  *piece = {opcode_, data, size, true, 0};
  if (gathered_ != 0) {
    piece->data = control_.data();
    piece->size = gathered_;
  }
  if (opcode_ == opcode::kClose) return finishClose(piece);
  state_ = State::kFirst;
  return Result::kPiece;
}

// RFC 6455 section 5.5.1: nothing, or a code of two bytes and a reason.
FrameReader::Result FrameReader::finishClose(Piece* piece) noexcept {
  piece->close_code = close_code::kNone;
  if (piece->size != 0) {
    const auto byte = [piece](size_t i) { return static_cast<uint8_t>(piece->data[i]); };
    piece->close_code = static_cast<uint16_t>(byte(0) << 8 | byte(1));
    piece->data += 2;
    piece->size -= 2;
    if (!isSendableCloseCode(piece->close_code)) return fail(FrameError::kBadCloseCode);
    if (!isUtf8({piece->data, piece->size})) return fail(FrameError::kInvalidUtf8);
  }
  state_ = State::kClosed;
  return Result::kPiece;
}

FrameReader::Result FrameReader::fail(FrameError error) noexcept {
  state_ = State::kFailed;
  error_ = error;
  return Result::kError;
}

}  // namespace millrace
