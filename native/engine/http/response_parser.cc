#include "engine/http/response_parser.h"

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

constexpr uint32_t kMaxChunkExtensionBytes = 4096;
constexpr uint32_t kMaxTrailerBytes = 16 * 1024;

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
  if (line.substr(0, 7) != "HTTP/1." || (line[7] != '0' && line[7] != '1'))
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

}  // namespace

const char* describe(ResponseError error) noexcept {
  switch (error) {
    case ResponseError::kNone:
      return "none";
    case ResponseError::kHeadTooLarge:
      return "response head over 64 KiB";
    case ResponseError::kBareLineFeed:
      return "line ends in a bare LF";
    case ResponseError::kBadStatusLine:
      return "malformed status line";
    case ResponseError::kBadVersion:
      return "version is not HTTP/1.0 or HTTP/1.1";
    case ResponseError::kBadStatusCode:
      return "status code outside 100-599";
    case ResponseError::kBadFieldName:
      return "malformed header name";
    case ResponseError::kBadFieldValue:
      return "control byte in a header value";
    case ResponseError::kTooManyFields:
      return "more than 128 header lines";
    case ResponseError::kBadContentLength:
      return "malformed Content-Length";
    case ResponseError::kConflictingContentLength:
      return "conflicting Content-Length values";
    case ResponseError::kBadTransferEncoding:
      return "Transfer-Encoding is not exactly chunked";
    case ResponseError::kLengthAndTransferEncoding:
      return "both Content-Length and Transfer-Encoding";
    case ResponseError::kUnexpectedUpgrade:
      return "101 without an upgrade request";
    case ResponseError::kUpgradeMismatch:
      return "101 whose Upgrade, Connection or Sec-WebSocket-Accept does not fit the handshake";
    case ResponseError::kUpgradeExtension:
      return "101 with a WebSocket extension that was not offered";
    case ResponseError::kUpgradeProtocol:
      return "101 with a WebSocket sub-protocol that was not offered";
    case ResponseError::kTooManyInterim:
      return "more than 16 interim responses";
    case ResponseError::kBadChunkSize:
      return "malformed chunk size";
    case ResponseError::kBadChunkEnd:
      return "chunk not followed by CRLF";
    case ResponseError::kChunkExtensionTooLong:
      return "chunk extension over 4 KiB";
    case ResponseError::kTrailersTooLarge:
      return "trailers over 16 KiB";
    case ResponseError::kExtraBytes:
      return "bytes after the end of the response";
    case ResponseError::kTruncated:
      return "connection closed before the end of the response";
  }
  return "unknown";
}

size_t findHeadEnd(std::string_view bytes, size_t* scanned, ResponseError* error) noexcept {
  *error = ResponseError::kNone;
  size_t at = *scanned;
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
  head->nominates = false;
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
            head->nominates = true;
        });
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
          state_ = State::kChunkExtension;
        } else {
          return fail(ResponseError::kBadChunkSize);
        }
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
        state_ = State::kTrailerLine;
        [[fallthrough]];
      case State::kTrailerLine:
        if (c == '\r')
          state_ = State::kTrailerLineLf;
        else if (!chars::is(c, chars::kFieldValue))
          return fail(ResponseError::kBadFieldValue);
        if (++skipped_ > kMaxTrailerBytes) return fail(ResponseError::kTrailersTooLarge);
        break;
      case State::kTrailerLineLf:
        if (c != '\n') return fail(ResponseError::kBadFieldValue);
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
