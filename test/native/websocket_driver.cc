#include "websocket_driver.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "engine/websocket/close_code.h"
#include "engine/websocket/frame_reader.h"
#include "guarded.h"

namespace millrace::test {
namespace {

constexpr std::size_t kMostShown = 40;

Guarded& memory() {
  static Guarded guarded;
  return guarded;
}

std::string quoted(std::string_view payload) {
  if (payload.size() <= kMostShown) {
    // A quote in it is told twice, so that one can see where it ends.
    std::string out = "'";
    for (const char c : payload) out.append(c == '\'' ? 2 : 1, c);
    return out + "'";
  }
  return std::to_string(payload.size()) + " bytes #" + std::to_string(murmur3(payload, 1));
}

const char* nameOf(uint8_t code) {
  switch (code) {
    case opcode::kText:
      return "text ";
    case opcode::kBinary:
      return "binary ";
    case opcode::kClose:
      return "close ";
    case opcode::kPing:
      return "ping ";
    case opcode::kPong:
      return "pong ";
    default:
      return "(NO OPCODE) ";
  }
}

// What came out of one reader so far.
class Tale {
 public:
  explicit Tale(const WebSocketDriver& driver, const FrameReader& reader)
      : limit_(driver.max_message), reader_(reader) {}

  // A piece, and the input that may hold it.
  void add(const FrameReader::Piece& piece, const char* from, const char* to) {
    const auto within = [&](const char* low, const char* high) {
      return piece.data >= low && piece.data + piece.size <= high;
    };
    const char* const own = reinterpret_cast<const char*>(&reader_);
    const bool control = piece.opcode >= opcode::kClose;
    if (!within(from, to) && !(control && within(own, own + sizeof reader_))) {
      out_ += "(OUTSIDE) ";
      return;
    }
    if (closed_) out_ += "(AFTER CLOSE) ";
    if (control) {
      if (!piece.end || piece.size > kMaxControlPayload) out_ += "(CONTROL IN PARTS) ";
      tell(piece.opcode, {piece.data, piece.size}, piece.close_code);
      return;
    }
    if (piece.size == 0 && !piece.end) out_ += "(EMPTY PIECE) ";
    if (!message_.empty() && opcode_ != piece.opcode) out_ += "(OTHER OPCODE) ";
    opcode_ = piece.opcode;
    message_.append(piece.data, piece.size);
    if (message_.size() > limit_) out_ += "(OVER THE LIMIT) ";
    if (!piece.end) return;
    if (opcode_ == opcode::kText && !isUtf8ByDecoding(message_)) out_ += "(NOT UTF-8) ";
    tell(opcode_, message_, 0);
    message_.clear();
  }

  void note(const std::string& text) { out_ += text + " "; }

  std::string end() const {
    std::string out = out_;
    const FrameError error = reader_.error();
    if (error != FrameError::kNone) {
      out += "error " + std::to_string(closeCodeOf(error)) + ": " + describe(error);
    } else if (reader_.midMessage()) {
      out += "open";
    } else if (!message_.empty() && !closed_) {
      out += "(FORGOTTEN)";
    }
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  }

 private:
  void tell(uint8_t code, std::string_view payload, uint16_t close_code) {
    out_ += nameOf(code);
    if (code == opcode::kClose) {
      closed_ = true;
      out_ += std::to_string(close_code) + " ";
      if (close_code != close_code::kNone && !isSendableCloseCode(close_code))
        out_ += "(BAD CODE) ";
      if (!isUtf8ByDecoding(payload)) out_ += "(NOT UTF-8) ";
    }
    out_ += quoted(payload) + " ";
  }

  uint64_t limit_;
  const FrameReader& reader_;
  std::string out_;
  std::string message_;
  uint8_t opcode_ = 0;
  bool closed_ = false;
};

}  // namespace

bool isUtf8ByDecoding(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) -> uint32_t {
      return i + k < text.size() ? static_cast<uint8_t>(text[i + k]) : 0;
    };
    const uint32_t lead = byte(0);
    const std::size_t size = lead < 0x80             ? 1
                             : (lead & 0xe0) == 0xc0 ? 2
                             : (lead & 0xf0) == 0xe0 ? 3
                             : (lead & 0xf8) == 0xf0 ? 4
                                                     : 0;
    if (size == 0) return false;
    uint32_t value = size == 1 ? lead : lead & (0x7fu >> size);
    for (std::size_t k = 1; k < size; ++k) {
      if ((byte(k) & 0xc0) != 0x80) return false;
      value = value << 6 | (byte(k) & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < kLeast[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
      return false;
    i += size;
  }
  return true;
}

std::string frame(uint8_t first_byte, std::string_view payload, bool mask) {
  std::string out(1, static_cast<char>(first_byte));
  const std::size_t size = payload.size();
  const int mask_bit = mask ? 0x80 : 0;
  const int form = size < 126 ? static_cast<int>(size) : size <= 0xffff ? 126 : 127;
  out += static_cast<char>(mask_bit | form);
  const int bytes = form == 126 ? 2 : form == 127 ? 8 : 0;
  for (int i = bytes - 1; i >= 0; --i)
    out += static_cast<char>(static_cast<uint64_t>(size) >> (8 * i));
  if (!mask) return out.append(payload);
  out += "mask";
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(payload[i] ^ "mask"[i % 4]);
  return out;
}

std::string closeFrame(uint16_t code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  return frame(0x88, payload.append(reason));
}

std::string WebSocketDriver::run(std::string_view frames,
                                 const std::vector<std::size_t>& ends) const {
  FrameReader reader;
  reader.start(max_message);
  Tale tale(*this, reader);
  std::size_t start = 0;
  for (std::size_t i = 0; i <= ends.size(); ++i) {
    const std::size_t end = i < ends.size() ? std::min(ends[i], frames.size()) : frames.size();
    if (end <= start) continue;
    const std::string_view piece = memory().place(frames.substr(start, end - start));
    start = end;
    char* at = const_cast<char*>(piece.data());
    char* const to = at + piece.size();
    while (true) {
      FrameReader::Piece read{};
      const char* const before = at;
      const FrameReader::Result result = reader.next(&at, to, &read);
      if (at < before || at > to) tale.note("(OVERRUN)");
      if (result == FrameReader::Result::kPiece) {
        tale.add(read, before, at);
        continue;
      }
      const bool failed = result == FrameReader::Result::kError;
      if (failed != (reader.error() != FrameError::kNone)) tale.note("(NO ERROR)");
      if (!failed && at != to) tale.note("(LEFT OVER)");
      // An error is for good.
      char* again = at;
      if (failed && reader.next(&again, to, &read) != FrameReader::Result::kError)
        tale.note("(FORGIVEN)");
      break;
    }
  }
  return tale.end();
}

std::string WebSocketDriver::runAllSplits(std::string_view frames, Rng& rng, int rounds,
                                          bool cut_once_at_every_byte) const {
  const std::string whole = run(frames, {});
  const auto differs = [&](const std::vector<std::size_t>& ends) {
    const std::string other = run(frames, ends);
    if (other == whole) return std::string();
    std::string how = "split at";
    for (const std::size_t end : ends) how += " " + std::to_string(end);
    return how + " gives \"" + other + "\" but whole \"" + whole + "\"";
  };
  if (frames.size() <= 4096) {
    std::vector<std::size_t> all;
    for (std::size_t i = 1; i < frames.size(); ++i) all.push_back(i);
    if (std::string text = differs(all); !text.empty()) return text;
  }
  if (cut_once_at_every_byte) {
    for (std::size_t i = 1; i < std::min<std::size_t>(frames.size(), 1024); ++i)
      if (std::string text = differs({i}); !text.empty()) return text;
  }
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::size_t> ends;
    for (uint32_t n = 1 + rng.below(6); n != 0; --n)
      ends.push_back(rng.below(static_cast<uint32_t>(frames.size()) + 1));
    std::sort(ends.begin(), ends.end());
    if (std::string text = differs(ends); !text.empty()) return text;
  }
  return whole;
}

}  // namespace millrace::test
