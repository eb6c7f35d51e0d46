#include "engine/http/response_parser.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace millrace {
namespace {

constexpr uint32_t kMaxChunkExtensionBytes = 4096;
constexpr uint32_t kMaxTrailerBytes = 16 * 1024;

struct Words {
  const char* sentence;
  std::string_view line;
};
#define MILLRACE_WORDS(sentence) \
  { sentence, "upstream sent a malformed answer: " sentence "\n" }
// In the order of abi::upstream_error.
constexpr Words kWords[] = {
    MILLRACE_WORDS("none"),
    MILLRACE_WORDS("response head over 64 KiB"),
    MILLRACE_WORDS("line ends in a bare LF"),
    MILLRACE_WORDS("not HTTP/1.x: another protocol, or TLS"),
    MILLRACE_WORDS("malformed status line"),
    MILLRACE_WORDS("version is not HTTP/1.0 or HTTP/1.1"),
    MILLRACE_WORDS("status code outside 100-599"),
    MILLRACE_WORDS("malformed header name"),
    MILLRACE_WORDS("control byte in a header value"),
    MILLRACE_WORDS("more than 128 header lines"),
    MILLRACE_WORDS("malformed Content-Length"),
    MILLRACE_WORDS("conflicting Content-Length values"),
    MILLRACE_WORDS("Transfer-Encoding is not exactly chunked"),
    MILLRACE_WORDS("both Content-Length and Transfer-Encoding"),
    MILLRACE_WORDS("more than 32 options in Connection"),
    MILLRACE_WORDS("101 without an upgrade request"),
    MILLRACE_WORDS(
        "101 whose Upgrade, Connection or Sec-WebSocket-Accept does not fit the handshake"),
    MILLRACE_WORDS("101 with a WebSocket extension that was not offered"),
    MILLRACE_WORDS("101 with a WebSocket sub-protocol that was not offered"),
    MILLRACE_WORDS("more than 16 interim responses"),
    MILLRACE_WORDS("interim responses over 64 KiB"),
    MILLRACE_WORDS("malformed chunk size"),
    MILLRACE_WORDS("chunk not followed by CRLF"),
    MILLRACE_WORDS("chunk extension over 4 KiB"),
    MILLRACE_WORDS("malformed trailer"),
    MILLRACE_WORDS("trailers over 16 KiB"),
    MILLRACE_WORDS("bytes after the end of the response"),
    MILLRACE_WORDS("bytes on a connection without a request"),
    MILLRACE_WORDS("response before the request"),
    MILLRACE_WORDS("malformed WebSocket frame"),
    MILLRACE_WORDS("connection closed before the end of the response"),
};
#undef MILLRACE_WORDS
static_assert(std::size(kWords) == abi::upstream_error::kCount);

struct LengthState {
  bool seen = false;
  uint64_t value = 0;
};

// "5", and by RFC 9110 section 8.6 also "5, 5": a list of equal values.
ResponseError readContentLength(std::string_view value, LengthState* length) noexcept {
  if (value.empty()) return ResponseError::kBadContentLength;
  ResponseError error = ResponseError::kNone;
  bool any = false;
  while (true) {
    const size_t comma = value.find(',');
    const std::string_view item = chars::trim(value.substr(0, comma));
    if (item.empty() || item.size() > 18) return ResponseError::kBadContentLength;
    uint64_t n = 0;
    for (char c : item) {
      if (c < '0' || c > '9') return ResponseError::kBadContentLength;
      n = n * 10 + static_cast<uint64_t>(c - '0');
    }
    if ((length->seen || any) && n != length->value)
      error = ResponseError::kConflictingContentLength;
    length->value = n;
    any = true;
    if (comma == std::string_view::npos) break;
    value.remove_prefix(comma + 1);
  }
  length->seen = true;
  return error;
}

// "HTTP/1.x SP 3DIGIT [SP reason]"; the space before an empty reason may be missing, as many
// servers do.
ResponseError parseStatusLine(std::string_view line, uint32_t* minor, ResponseHead* head) noexcept {
  if (line.size() < 12) return ResponseError::kBadStatusLine;
  if (std::memcmp(line.data(), "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1'))
    return ResponseError::kBadVersion;
  if (line[8] != ' ') return ResponseError::kBadStatusLine;
  *minor = static_cast<uint32_t>(line[7] - '0');
  uint32_t status = 0;
  for (size_t i = 9; i < 12; ++i) {
    if (line[i] < '0' || line[i] > '9') return ResponseError::kBadStatusCode;
    status = status * 10 + static_cast<uint32_t>(line[i] - '0');
  }
  if (status < 100 || status > 599) return ResponseError::kBadStatusCode;
  if (line.size() > 12 && line[12] != ' ') return ResponseError::kBadStatusLine;
  if (!chars::all(line.substr(12), chars::kFieldValue)) return ResponseError::kBadStatusLine;
  head->status = status;
  head->status_line = line.substr(9);
  return ResponseError::kNone;
}

// "timeout=5, max=100": what a server says of its patience. Anything else is not for us.
void readKeepAlive(std::string_view value, ResponseHead* head) noexcept {
  chars::forEachListItem(value, [&](std::string_view item) {
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) return;
    const std::string_view name = chars::trim(item.substr(0, equals));
    const std::string_view digits = chars::trim(item.substr(equals + 1));
    if (digits.empty() || digits.size() > 9) return;
    uint32_t n = 0;
    for (char c : digits) {
      if (c < '0' || c > '9') return;
      n = n * 10 + static_cast<uint32_t>(c - '0');
    }
    if (chars::equalsIgnoreCase(name, "timeout"))
      head->keep_alive_s = std::min(head->keep_alive_s, n);
    if (chars::equalsIgnoreCase(name, "max"))
      head->keep_alive_max = std::min(head->keep_alive_max, n);
  });
}

}  // namespace

const char* describe(ResponseError error) noexcept {
  return kWords[static_cast<size_t>(error)].sentence;
}

std::string_view describeForClient(ResponseError error) noexcept {
  return kWords[static_cast<size_t>(error)].line;
}

size_t findHeadEnd(std::string_view bytes, size_t* scanned, ResponseError* error) noexcept {
  constexpr std::string_view kStart = "HTTP/1.";
  *error = ResponseError::kNone;
  size_t at = *scanned;
  // A comparison of known length is two instructions, one of unknown length a call.
  const bool right =
      bytes.size() >= kStart.size() && std::memcmp(bytes.data(), kStart.data(), kStart.size()) == 0;
  if (at < kStart.size() && !right) {
    const std::string_view start = bytes.substr(0, kStart.size());
    if (start != kStart.substr(0, start.size())) {
      *error = start.substr(0, 5) == kStart.substr(0, 5) ? ResponseError::kBadVersion
                                                         : ResponseError::kNotHttp;
      return 0;
    }
  }
  while (at < bytes.size()) {
    const void* found = std::memchr(bytes.data() + at, '\n', bytes.size() - at);
    if (found == nullptr) break;
    const size_t lf = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (lf == 0 || bytes[lf - 1] != '\r') {
      *error = ResponseError::kBareLineFeed;
      return 0;
    }
    at = lf + 1;
    if (lf >= 3 && bytes[lf - 2] == '\n') {
      if (at > kMaxResponseHeadBytes) break;
      return at;
    }
  }
  *scanned = at < bytes.size() ? bytes.size() : at;
  if (bytes.size() > kMaxResponseHeadBytes) *error = ResponseError::kHeadTooLarge;
  return 0;
}

ResponseError parseResponseHead(std::string_view bytes, bool to_head_request,
                                ResponseHead* head) noexcept {
  const char* const base = bytes.data();
  size_t at = 0;
  const auto nextLine = [&]() noexcept {
    const char* lf = static_cast<const char*>(std::memchr(base + at, '\n', bytes.size() - at));
    const size_t end = static_cast<size_t>(lf - base);
    const std::string_view line = bytes.substr(at, end - 1 - at);
    at = end + 1;
    return line;
  };

  uint32_t minor = 1;
  const ResponseError bad = parseStatusLine(nextLine(), &minor, head);
  if (bad != ResponseError::kNone) return bad;

  head->field_count = 0;
  head->nominated = 0;
  head->keep_alive_s = head->keep_alive_max = ResponseHead::kUnsaid;
  bool close = false;
  bool keep_alive = false;
  bool chunked = false;
  bool transfer_encoding = false;
  bool high = false;
  LengthState length;
  for (std::string_view line = nextLine(); !line.empty(); line = nextLine()) {
    if (head->field_count == kMaxResponseFields) return ResponseError::kTooManyFields;
    size_t colon = 0;
    while (colon < line.size() && chars::is(line[colon], chars::kToken)) ++colon;
    // Also refuses obs-fold (a line that starts with white space) and white space before the colon.
    if (colon == 0 || colon == line.size() || line[colon] != ':')
      return ResponseError::kBadFieldName;
    ResponseField& field = head->fields[head->field_count++];
    field.line = line;
    field.name = line.substr(0, colon);
    field.value = chars::trim(line.substr(colon + 1));
    field.id = identifyHeader(field.name);
    if (!chars::isFieldValue(field.value, &high)) return ResponseError::kBadFieldValue;
    switch (field.id) {
      case HeaderId::kContentLength: {
        const ResponseError error = readContentLength(field.value, &length);
        if (error != ResponseError::kNone) return error;
        break;
      }
      case HeaderId::kTransferEncoding:
        if (transfer_encoding || !chars::equalsIgnoreCase(field.value, "chunked"))
          return ResponseError::kBadTransferEncoding;
        transfer_encoding = chunked = true;
        break;
      case HeaderId::kConnection:
        chars::forEachListItem(field.value, [&](std::string_view option) {
          if (chars::equalsIgnoreCase(option, "close"))
            close = true;
          else if (chars::equalsIgnoreCase(option, "keep-alive"))
            keep_alive = true;
          else
            ++head->nominated;
        });
        if (head->nominated > kMaxConnectionOptions)
          return ResponseError::kTooManyConnectionOptions;
        break;
      case HeaderId::kKeepAlive:
        readKeepAlive(field.value, head);
        break;
      default:
        break;
    }
  }
  if (transfer_encoding && minor == 0) return ResponseError::kBadTransferEncoding;
  if (transfer_encoding && length.seen) return ResponseError::kLengthAndTransferEncoding;
  if (head->status == 101) return ResponseError::kUnexpectedUpgrade;

  head->has_content_length = length.seen;
  head->content_length = length.value;
  head->persistent = !close && (minor == 1 || keep_alive);
  if (to_head_request || head->interim() || head->status == 204 || head->status == 304) {
    head->framing = BodyFraming::kNone;
  } else if (chunked) {
    head->framing = BodyFraming::kChunked;
  } else if (length.seen) {
    head->framing = BodyFraming::kLength;
  } else {
    head->framing = BodyFraming::kUntilClose;
    head->persistent = false;
  }
  return ResponseError::kNone;
}

void BodyDecoder::start(BodyFraming framing, uint64_t length) noexcept {
  remaining_ = length;
  digits_ = 0;
  skipped_ = 0;
  switch (framing) {
    case BodyFraming::kNone:
      state_ = State::kDone;
      break;
    case BodyFraming::kLength:
      state_ = length == 0 ? State::kDone : State::kLength;
      break;
    case BodyFraming::kChunked:
      state_ = State::kChunkSizeFirst;
      break;
    case BodyFraming::kUntilClose:
      state_ = State::kUntilClose;
      break;
  }
}

BodyDecoder::Result BodyDecoder::feed(char* bytes, size_t n) noexcept {
  switch (state_) {
    case State::kDone:
      return {0, 0, true, ResponseError::kNone};
    case State::kUntilClose:
      return {n, n, false, ResponseError::kNone};
    case State::kLength: {
      const size_t take = static_cast<size_t>(std::min<uint64_t>(n, remaining_));
      remaining_ -= take;
      if (remaining_ == 0) state_ = State::kDone;
      return {take, take, state_ == State::kDone, ResponseError::kNone};
    }
    default:
      return feedChunked(bytes, n);
  }
}

BodyDecoder::Result BodyDecoder::feedChunked(char* bytes, size_t n) noexcept {
  size_t at = 0;
  size_t out = 0;
  const auto fail = [&](ResponseError error) noexcept { return Result{at, out, false, error}; };
  while (at < n && state_ != State::kDone) {
    if (state_ == State::kChunkData) {
      const size_t take = static_cast<size_t>(std::min<uint64_t>(n - at, remaining_));
      if (out != at) std::memmove(bytes + out, bytes + at, take);
      out += take;
      at += take;
      remaining_ -= take;
      if (remaining_ == 0) state_ = State::kChunkDataCr;
      continue;
    }
    const char c = bytes[at];
    switch (state_) {
      case State::kChunkSizeFirst:
        remaining_ = 0;
        digits_ = 0;
        if (!chars::is(c, chars::kHex)) return fail(ResponseError::kBadChunkSize);
        state_ = State::kChunkSize;
        continue;  // the same byte again, as a digit
      case State::kChunkSize:
        if (chars::is(c, chars::kHex)) {
          if (++digits_ > 16 || remaining_ >> 59 != 0) return fail(ResponseError::kBadChunkSize);
          remaining_ =
              remaining_ << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        } else if (c == '\r') {
          state_ = State::kChunkSizeLf;
        } else if (c == ';' || c == ' ' || c == '\t') {
          skipped_ = 0;
          state_ = c == ';' ? State::kChunkExtension : State::kChunkSpace;
        } else {
          return fail(ResponseError::kBadChunkSize);
        }
        break;
      case State::kChunkSpace:
        // Some servers pad the size to a fixed width; what follows is an extension or the line's
        // end.
        if (c == '\r')
          state_ = State::kChunkSizeLf;
        else if (c != ' ' && c != '\t' && c != ';')
          return fail(ResponseError::kBadChunkSize);
        else if (++skipped_ > kMaxChunkExtensionBytes)
          return fail(ResponseError::kChunkExtensionTooLong);
        else if (c == ';')
          state_ = State::kChunkExtension;
        break;
      case State::kChunkExtension:
        if (c == '\r')
          state_ = State::kChunkSizeLf;
        else if (!chars::is(c, chars::kFieldValue))
          return fail(ResponseError::kBadChunkSize);
        else if (++skipped_ > kMaxChunkExtensionBytes)
          return fail(ResponseError::kChunkExtensionTooLong);
        break;
      case State::kChunkSizeLf:
        if (c != '\n') return fail(ResponseError::kBadChunkSize);
        skipped_ = 0;
        state_ = remaining_ == 0 ? State::kTrailerStart : State::kChunkData;
        break;
      case State::kChunkDataCr:
        if (c != '\r') return fail(ResponseError::kBadChunkEnd);
        state_ = State::kChunkDataLf;
        break;
      case State::kChunkDataLf:
        if (c != '\n') return fail(ResponseError::kBadChunkEnd);
        state_ = State::kChunkSizeFirst;
        break;
      case State::kTrailerStart:
        if (c == '\r') {
          state_ = State::kFinalLf;
          break;
        }
        state_ = State::kTrailerName;
        if (!chars::is(c, chars::kToken)) return fail(ResponseError::kBadTrailer);
        continue;  // the same byte again, as the first of a name
      case State::kTrailerName:
        if (c == ':')
          state_ = State::kTrailerValue;
        else if (!chars::is(c, chars::kToken))
          return fail(ResponseError::kBadTrailer);
        if (++skipped_ > kMaxTrailerBytes) return fail(ResponseError::kTrailersTooLarge);
        break;
      case State::kTrailerValue:
        if (c == '\r')
          state_ = State::kTrailerLineLf;
        else if (!chars::is(c, chars::kFieldValue))
          return fail(ResponseError::kBadTrailer);
        if (++skipped_ > kMaxTrailerBytes) return fail(ResponseError::kTrailersTooLarge);
        break;
      case State::kTrailerLineLf:
        if (c != '\n') return fail(ResponseError::kBadTrailer);
        state_ = State::kTrailerStart;
        break;
      case State::kFinalLf:
        if (c != '\n') return fail(ResponseError::kBadChunkEnd);
        state_ = State::kDone;
        break;
      default:
        return fail(ResponseError::kBadChunkSize);
    }
    ++at;
  }
  return {at, out, state_ == State::kDone, ResponseError::kNone};
}

ResponseError BodyDecoder::finish() const noexcept {
  return state_ == State::kDone || state_ == State::kUntilClose ? ResponseError::kNone
                                                                : ResponseError::kTruncated;
}

}  // namespace millrace
