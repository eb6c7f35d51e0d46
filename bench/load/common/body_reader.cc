#include "common/body_reader.h"

#include <algorithm>
#include <cstring>

#include "common/body_pattern.h"
#include "common/http_text.h"

namespace millrace::load {

void BodyReader::begin(State how, uint64_t length, bool check_pattern) noexcept {
  state_ = how == State::kLength && length == 0 ? State::kDone : how;
  chunk_ = Chunk::kSize;
  check_pattern_ = check_pattern;
  wrong_pattern_ = false;
  left_ = how == State::kLength ? length : 0;
  bytes_ = 0;
  line_.clear();
}

void BodyReader::fail(const char* problem) noexcept {
  problem_ = problem;
  state_ = State::kBad;
}

size_t BodyReader::feed(const char* bytes, size_t n) noexcept {
  size_t at = 0;
  while (at < n && state_ != State::kDone && state_ != State::kBad) {
    if (state_ == State::kChunked) {
      at += feedChunked(bytes + at, n - at);
    } else {
      at += take(bytes + at, n - at);
      if (state_ == State::kLength && left_ == 0) state_ = State::kDone;
    }
  }
  return at;
}

void BodyReader::skipped(uint64_t n) noexcept {
  bytes_ += n;
  left_ -= n;
  if (left_ == 0) state_ = State::kDone;
}

bool BodyReader::finishAtClose() noexcept {
  if (state_ != State::kUntilClose) return false;
  state_ = State::kDone;
  return true;
}

size_t BodyReader::take(const char* bytes, size_t n) noexcept {
  const size_t part =
      state_ == State::kUntilClose ? n : static_cast<size_t>(std::min<uint64_t>(n, left_));
  if (check_pattern_ && !wrong_pattern_)
    wrong_pattern_ = !bodyPattern().matches(bytes_, bytes, part);
  bytes_ += part;
  if (state_ != State::kUntilClose) left_ -= part;
  return part;
}

size_t BodyReader::feedChunked(const char* bytes, size_t n) noexcept {
  if (chunk_ == Chunk::kData) {
    const size_t part = take(bytes, n);
    if (left_ == 0) chunk_ = Chunk::kDataEnd;
    return part;
  }
  const auto* end = static_cast<const char*>(std::memchr(bytes, '\n', n));
  const size_t part = end == nullptr ? n : static_cast<size_t>(end - bytes) + 1;
  std::string_view line(bytes, part);
  if (!line_.empty() || end == nullptr) {
    line_.append(bytes, part);
    if (line_.size() > kMaxLineBytes) fail("a chunk line of more than 16 KiB");
    if (end == nullptr) return n;
    line = line_;
  }
  if (line.size() < 2 || line[line.size() - 2] != '\r')
    fail("a chunk line that doesn't end with CR LF");
  else
    chunkLine(line.substr(0, line.size() - 2));
  line_.clear();
  return part;
}

void BodyReader::chunkLine(std::string_view line) noexcept {
  switch (chunk_) {
    case Chunk::kSize:
      if (!parseHex(line.substr(0, line.find(';')), &left_) || !isFieldText(line))
        fail("a chunk size that is no number");
      chunk_ = left_ == 0 ? Chunk::kTrailer : Chunk::kData;
      break;
    case Chunk::kDataEnd:
      if (!line.empty()) fail("a chunk that is longer than its size");
      chunk_ = Chunk::kSize;
      break;
    case Chunk::kTrailer: {
      const size_t colon = line.find(':');
      if (line.empty())
        state_ = State::kDone;
      else if (colon == std::string_view::npos || !isToken(line.substr(0, colon)) ||
               !isFieldText(line.substr(colon + 1)))
        fail("a trailer line without a valid name");
      break;
    }
    case Chunk::kData:
      break;
  }
}

}  // namespace millrace::load
