#include "head_splitter.h"

#include <cstring>

namespace millrace::spike {
namespace {

// ASCII letters of a word to lower case, eight bytes at once; everything else stays.
uint64_t lowerWord(uint64_t word) noexcept {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  const uint64_t low = word & (kOnes * 0x7f);
  const uint64_t above_z = low + kOnes * (0x7f - 'Z');
  const uint64_t from_a = low + kOnes * (0x80 - 'A');
  const uint64_t upper = ~word & (from_a ^ above_z) & (kOnes * 0x80);
  return word | upper >> 2;
}

template <typename Word>
void lowerAt(char* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  word = static_cast<Word>(lowerWord(word));
  std::memcpy(at, &word, sizeof word);
}

// In place. The last word overlaps the one before it: twice does no harm.
void lowerName(char* name, size_t n) noexcept {
  if (n >= 8) {
    for (size_t i = 0; i + 8 < n; i += 8) lowerAt<uint64_t>(name + i);
    lowerAt<uint64_t>(name + n - 8);
  } else if (n >= 4) {
    lowerAt<uint32_t>(name);
    lowerAt<uint32_t>(name + n - 4);
  } else {
    for (size_t i = 0; i < n; ++i) name[i] = chars::lower(name[i]);
  }
}

bool isDigit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

FlatHead HeadSplitter::flat() const noexcept {
  return {.bytes = {}, .lengths = {}, .pieces = {pieces_.data(), count_}, .piece_bytes = bytes_};
}

HeadSplitter::Status HeadSplitter::split(char* begin, size_t n, size_t known) noexcept {
  const std::string_view bytes(begin, n);
  char* const end = begin + n;
  const auto tooLong = [n] { return n >= kMaxHead ? Status::kTooLarge : Status::kIncomplete; };
  const auto* const line_end = static_cast<const char*>(std::memchr(begin, '\n', n));
  if (line_end == nullptr) {
    // Another protocol, such as TLS, has no line ends to wait for.
    return chars::all(bytes.substr(0, 1), chars::kToken) ? tooLong() : Status::kMalformed;
  }
  if (line_end - begin < static_cast<std::ptrdiff_t>(known)) {
    // What was seen before had no end, and its lines were sound. A line end may be half seen.
    const std::string_view fresh = bytes.substr(known > 3 ? known - 3 : 0);
    size_t at = 0;
    bool whole = false;
    while (!whole && (at = fresh.find('\n', at)) != std::string_view::npos) {
      whole = at >= 3 && fresh.substr(at - 3, 4) == "\r\n\r\n";
      if (fresh.data() + at == bytes.data() || fresh.data()[at - 1] != '\r')
        return Status::kMalformed;
      ++at;
    }
    if (!whole) return tooLong();
  }
  count_ = bytes_ = 0;
  content_length_ = 0;
  chunked_ = expects_ = false;
  char* at = begin;
  for (bool first = true;; first = false) {
    auto* const feed = static_cast<char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    if (feed == nullptr) return tooLong();
    if (feed == at || feed[-1] != '\r') return Status::kMalformed;
    char* const line = at;
    const auto length = static_cast<size_t>(feed - 1 - at);
    at = feed + 1;
    if (static_cast<size_t>(at - bytes.data()) > kMaxHead) return Status::kTooLarge;
    if (first) {
      const Status status = readRequestLine({line, length});
      if (status != Status::kDone) return status;
      continue;
    }
    if (length == 0) break;
    if (count_ + 2 > kMaxPieces) return Status::kTooLarge;
    if (!readField(line, length)) return Status::kMalformed;
  }
  size_ = static_cast<size_t>(at - bytes.data());
  return Status::kDone;
}

HeadSplitter::Status HeadSplitter::readRequestLine(std::string_view line) noexcept {
  constexpr std::string_view kVersion = " HTTP/1.1";
  const size_t space = line.find(' ');
  const size_t last = line.rfind(' ');
  if (space == std::string_view::npos || space == last) return Status::kMalformed;
  const std::string_view version = line.substr(last);
  if (version != kVersion) {
    const bool known = version.size() == kVersion.size() && version.substr(0, 6) == " HTTP/" &&
                       isDigit(version[6]) && version[7] == '.' && isDigit(version[8]);
    return known ? Status::kVersion : Status::kMalformed;
  }
  pieces_[0] = line.substr(0, space);
  pieces_[1] = line.substr(space + 1, last - space - 1);
  count_ = 2;
  bytes_ = line.size() - kVersion.size() - 1;
  return Status::kDone;
}

bool HeadSplitter::readField(char* line, size_t n) noexcept {
  const auto* const colon = static_cast<const char*>(std::memchr(line, ':', n));
  if (colon == nullptr) return false;
  char* const name = line;
  const size_t name_length = static_cast<size_t>(colon - line);
  const std::string_view value = chars::trim({colon + 1, n - name_length - 1});
  lowerName(name, name_length);
  pieces_[count_++] = {name, name_length};
  pieces_[count_++] = value;
  bytes_ += name_length + value.size();
  switch (name_length) {
    case 6:
      expects_ |= std::memcmp(name, "expect", 6) == 0;
      break;
    case 14:
      if (std::memcmp(name, "content-length", 14) != 0) break;
      content_length_ = 0;
      for (const char c : value.substr(0, 18)) {
        if (!isDigit(c)) break;
        content_length_ = content_length_ * 10 + static_cast<uint64_t>(c - '0');
      }
      break;
    case 17:
      chunked_ |= std::memcmp(name, "transfer-encoding", 17) == 0;
      break;
    default:
      break;
  }
  return true;
}

}  // namespace millrace::spike
