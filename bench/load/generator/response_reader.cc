#include "generator/response_reader.h"

#include <cstring>

#include "common/http_text.h"

namespace millrace::load {

void ResponseReader::begin(bool no_body, bool check_pattern) noexcept {
  state_ = State::kHead;
  started_ = false;
  no_body_ = no_body;
  check_pattern_ = check_pattern;
  kept_.clear();
  body_.begin(BodyReader::State::kDone, 0, false);
}

bool ResponseReader::fail(const char* problem) noexcept {
  problem_ = problem;
  state_ = State::kBad;
  return false;
}

size_t ResponseReader::feed(const char* bytes, size_t n) noexcept {
  size_t at = 0;
  started_ = true;
  while (at < n && state_ != State::kDone && state_ != State::kBad) {
    if (state_ == State::kHead) {
      at += feedHead(bytes + at, n - at);
    } else {
      at += body_.feed(bytes + at, n - at);
      followBody();
    }
  }
  return at;
}

void ResponseReader::followBody() noexcept {
  if (body_.state() == BodyReader::State::kDone) state_ = State::kDone;
  if (body_.state() == BodyReader::State::kBad) fail(body_.problem());
}

bool ResponseReader::finishAtClose() noexcept {
  if (state_ != State::kBody || !body_.finishAtClose()) return false;
  state_ = State::kDone;
  return true;
}

size_t ResponseReader::feedHead(const char* bytes, size_t n) noexcept {
  if (kept_.empty()) {
    if (!last_.empty() && n >= last_.size() &&
        std::memcmp(bytes, last_.data(), last_.size()) == 0) {
      frameBody();  // what the head says is still known
      return last_.size();
    }
    const size_t head = parseHead({bytes, n});
    if (head != 0 && status_ >= 200) last_.assign(bytes, head);
    if (head != 0 || state_ == State::kBad) return head;
    kept_.assign(bytes, n);
  } else {
    const size_t before = kept_.size();
    kept_.append(bytes, n);
    // Without a new end of line the head cannot be complete.
    if (std::memchr(bytes, '\n', n) != nullptr) {
      const size_t head = parseHead(kept_);
      if (state_ == State::kBad) return n;
      if (head != 0) {
        kept_.clear();
        return head - before;
      }
    }
  }
  if (kept_.size() > kMaxHeadBytes) fail("a head of more than 64 KiB");
  return n;
}

size_t ResponseReader::parseHead(std::string_view text) noexcept {
  last_.clear();
  status_ = 0;
  length_ = 0;
  closes_ = keeps_ = http10_ = has_length_ = chunked_ = false;
  size_t at = 0;
  for (bool first = true;; first = false) {
    const auto* end =
        static_cast<const char*>(std::memchr(text.data() + at, '\n', text.size() - at));
    if (end == nullptr) return 0;
    const auto stop = static_cast<size_t>(end - text.data());
    if (stop == at || text[stop - 1] != '\r') {
      fail("a line of the head that doesn't end with CR LF");
      return 0;
    }
    const std::string_view line = text.substr(at, stop - 1 - at);
    at = stop + 1;
    if (first) {
      if (!parseStatusLine(line)) return 0;
    } else if (!line.empty()) {
      if (!parseField(line)) return 0;
    } else {
      return frameBody() ? at : 0;
    }
  }
}

bool ResponseReader::parseStatusLine(std::string_view line) noexcept {
  // HTTP/1.1 200 OK
  uint64_t status = 0;
  if (line.size() < 13 || line.substr(0, 7) != "HTTP/1." || (line[7] != '1' && line[7] != '0') ||
      line[8] != ' ' || line[12] != ' ' || !parseDecimal(line.substr(9, 3), &status) ||
      status < 100 || status > 599 || !isFieldText(line.substr(13)))
    return fail("a status line that is none");
  http10_ = line[7] == '0';
  status_ = static_cast<int>(status);
  return true;
}

bool ResponseReader::parseField(std::string_view line) noexcept {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !isToken(line.substr(0, colon)))
    return fail("a field line without a valid name");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!isFieldText(value)) return fail("a control character in a field value");
  // Only names of these lengths matter.
  if (name.size() == 14 && equalsIgnoringCase(name, "content-length")) {
    if (has_length_ || !parseDecimal(value, &length_))
      return fail("a Content-Length that is repeated or no number");
    has_length_ = true;
  } else if (name.size() == 17 && equalsIgnoringCase(name, "transfer-encoding")) {
    if (chunked_ || !equalsIgnoringCase(value, "chunked"))
      return fail("a Transfer-Encoding that is repeated or not chunked");
    chunked_ = true;
  } else if (name.size() == 10 && equalsIgnoringCase(name, "connection")) {
    closes_ = closes_ || listHas(value, "close");
    keeps_ = keeps_ || listHas(value, "keep-alive");
  }
  return true;
}

bool ResponseReader::frameBody() noexcept {
  if (has_length_ && chunked_) return fail("both Content-Length and Transfer-Encoding");
  if (http10_ && chunked_) return fail("Transfer-Encoding in an HTTP/1.0 answer");
  if (status_ < 200) {
    if (status_ == 101 || has_length_ || chunked_)
      return fail("an interim answer that switches protocols or has a body");
    return true;  // the next head follows
  }
  if (status_ == 204 && (has_length_ || chunked_)) return fail("a 204 answer with a body");
  if (http10_ && !keeps_) closes_ = true;
  if (no_body_ || status_ == 204 || status_ == 304) {
    state_ = State::kDone;
    return true;
  }
  if (!chunked_ && !has_length_ && !closes_)
    return fail("an answer without a length on a connection that stays open");
  body_.begin(chunked_      ? BodyReader::State::kChunked
              : has_length_ ? BodyReader::State::kLength
                            : BodyReader::State::kUntilClose,
              length_, check_pattern_);
  state_ = State::kBody;
  followBody();
  return true;
}

}  // namespace millrace::load
