#include "engine/http/request_head.h"

#include <cstring>

#include "abi.h"

namespace millrace {
namespace {

constexpr size_t kMaxMethodBytes = 32;

// Hands out the strings of a flat head one after the other.
class Pieces {
 public:
  explicit Pieces(const FlatHead& flat) noexcept
      : at_(flat.bytes.data()), end_(at_ + flat.bytes.size()), lengths_(flat.lengths) {}
  bool next(std::string_view* piece) noexcept {
    if (used_ == lengths_.size()) return false;
    const int32_t n = lengths_[used_++];
    if (n < 0 || n > end_ - at_) return false;
    *piece = {at_, static_cast<size_t>(n)};
    at_ += n;
    return true;
  }
  bool atEnd() const noexcept { return used_ == lengths_.size(); }

 private:
  const char* at_;
  const char* const end_;
  const std::span<const int32_t> lengths_;
  size_t used_ = 0;
};

RequestError readTarget(std::string_view target, RequestHead* head) noexcept {
  if (target.empty() || target[0] != '/' || !chars::all(target, chars::kTarget))
    return RequestError::kTarget;
  const size_t mark = target.find('?');
  head->raw_path = target.substr(0, mark);
  head->has_query = mark != std::string_view::npos;
  head->query = head->has_query ? target.substr(mark + 1) : std::string_view();
  return RequestError::kNone;
}

// uri-host [":" port]; an IP literal keeps its brackets.
RequestError readHost(std::string_view authority, RequestHead* head) noexcept {
  if (authority.empty() || authority.size() >= head->host_buffer.size()) return RequestError::kHost;
  if (!chars::all(authority, chars::kHost)) return RequestError::kHost;
  std::string_view name = authority;
  std::string_view port;
  if (authority[0] == '[') {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos || close < 3) return RequestError::kHost;
    name = authority.substr(0, close + 1);
    port = authority.substr(close + 1);
    for (char c : name.substr(1, close - 1)) {
      if (!chars::is(c, chars::kHex) && c != ':' && c != '.') return RequestError::kHost;
    }
    if (!port.empty() && port[0] != ':') return RequestError::kHost;
  } else {
    const size_t colon = authority.find(':');
    name = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
    if (name.find_first_of("[]") != std::string_view::npos) return RequestError::kHost;
    if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  }
  if (name.empty() || port.size() > 6) return RequestError::kHost;
  for (size_t i = 1; i < port.size(); ++i) {
    if (port[i] < '0' || port[i] > '9') return RequestError::kHost;
  }
  for (size_t i = 0; i < name.size(); ++i) head->host_buffer[i] = chars::lower(name[i]);
  head->authority = authority;
  head->host = std::string_view(head->host_buffer.data(), name.size());
  return RequestError::kNone;
}

RequestError readLength(std::string_view value, RequestHead* head) noexcept {
  if (head->has_content_length || value.empty() || value.size() > 15)
    return RequestError::kContentLength;
  uint64_t n = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return RequestError::kContentLength;
    n = n * 10 + static_cast<uint64_t>(c - '0');
  }
  head->has_content_length = true;
  head->content_length = n;
  return RequestError::kNone;
}

}  // namespace

const char* describe(RequestError error) noexcept {
  switch (error) {
    case RequestError::kNone:
      return "nothing is wrong\n";
    case RequestError::kMalformed:
      return "malformed request\n";
    case RequestError::kMethod:
      return "malformed method: it is a word of at most 32 letters\n";
    case RequestError::kMethodRefused:
      return "this method is not proxied here: use one that Allow names\n";
    case RequestError::kTarget:
      return "malformed request target: percent-encode what is not visible ASCII, and leave the "
             "fragment out\n";
    case RequestError::kTargetTooLong:
      return "request target too long: shorten the path or the query\n";
    case RequestError::kPath:
      return "the path holds an encoded slash or backslash, a backslash, %00 or a broken escape, "
             "which is refused here\n";
    case RequestError::kMissingHost:
      return "missing Host: send the name of the host that is asked\n";
    case RequestError::kHost:
      return "malformed Host: send one host name or [IPv6 address], and a port up to 65535\n";
    case RequestError::kRepeatedHost:
      return "repeated Host: send it once\n";
    case RequestError::kHeaderName:
      return "malformed header name\n";
    case RequestError::kUnderscore:
      return "header names with an underscore are refused here: write a hyphen\n";
    case RequestError::kHeaderValue:
      return "control characters in a header value\n";
    case RequestError::kRepeatedHeader:
      return "a header that has one value was sent with two: send it once\n";
    case RequestError::kTooManyHeaders:
      return "too many header lines\n";
    case RequestError::kHeaderTooLong:
      return "header line too long\n";
    case RequestError::kHeadTooLarge:
      return "request head too large: send fewer or shorter headers\n";
    case RequestError::kContentLength:
      return "malformed or repeated Content-Length: send one decimal number\n";
    case RequestError::kTransferEncoding:
      return "malformed or repeated Transfer-Encoding: send chunked, once\n";
    case RequestError::kUnknownTransferCoding:
      return "unknown transfer coding: only chunked is understood here\n";
    case RequestError::kLengthAndTransferEncoding:
      return "both Content-Length and Transfer-Encoding: send one of them\n";
    case RequestError::kConnectionOptions:
      return "malformed Connection: it is a list of header names and options\n";
    case RequestError::kExpectation:
      return "unknown expectation: only 100-continue is understood here\n";
    case RequestError::kMaxForwards:
      return "malformed Max-Forwards: send one decimal number\n";
    case RequestError::kTraceBody:
      return "TRACE has no body\n";
    case RequestError::kWebSocketVersion:
      return "this WebSocket version is not supported: use 13\n";
    case RequestError::kWebSocketKey:
      return "missing, repeated or malformed Sec-WebSocket-Key: send 16 bytes in base64\n";
    case RequestError::kWebSocketBody:
      return "a WebSocket handshake has no body\n";
  }
  return "unknown\n";
}

uint32_t statusOf(RequestError error) noexcept {
  switch (error) {
    case RequestError::kMethodRefused:
      return 405;
    case RequestError::kTargetTooLong:
      return 414;
    case RequestError::kUnknownTransferCoding:
      return 501;
    case RequestError::kExpectation:
      return 417;
    case RequestError::kWebSocketVersion:
      return 426;
    case RequestError::kTooManyHeaders:
    case RequestError::kHeaderTooLong:
    case RequestError::kHeadTooLarge:
      return 431;
    default:
      return 400;
  }
}

bool RequestHead::isIdempotent() const noexcept {
  switch (method_bit) {
    case abi::method::kGet:
    case abi::method::kHead:
    case abi::method::kPut:
    case abi::method::kDelete:
    case abi::method::kOptions:
    case abi::method::kQuery:
    case abi::method::kPropfind:
    case abi::method::kSearch:
    case abi::method::kReport:
      return true;
    default:
      return false;
  }
}

uint32_t methodBit(std::string_view method) noexcept {
  if (method == "GET") return abi::method::kGet;
  if (method == "POST") return abi::method::kPost;
  for (uint32_t i = 0; i < abi::method::kCount; ++i) {
    if (method == abi::kMethodNames[i]) return i;
  }
  return abi::kNone;
}

RequestError parseRequestHead(const FlatHead& flat, size_t max_bytes, RequestHead* head) noexcept {
  Pieces pieces(flat);
  head->method = head->target = {};  // the caller asks for them after an error, too
  if (!pieces.next(&head->method) || !pieces.next(&head->target)) return RequestError::kMalformed;
  if (flat.bytes.size() + 2 * flat.lengths.size() > max_bytes) return RequestError::kHeadTooLarge;
  if (head->method.empty() || head->method.size() > kMaxMethodBytes ||
      !chars::all(head->method, chars::kToken))
    return RequestError::kMethod;
  head->method_bit = methodBit(head->method);
  // TRACE would echo credentials back to a script; CONNECT is a tunnel, which this proxy is not.
  if (head->method == "TRACE" || head->method == "CONNECT") return RequestError::kMethodRefused;
  if (const RequestError error = readTarget(head->target, head); error != RequestError::kNone)
    return error;

  head->field_count = 0;
  head->chunked = head->has_content_length = head->nominates = head->has_upgrade = false;
  head->content_length = 0;
  bool host_seen = false;
  bool high = false;  // obs-text is passed on as it is
  std::string_view name;
  std::string_view value;
  while (!pieces.atEnd()) {
    if (!pieces.next(&name) || !pieces.next(&value)) return RequestError::kMalformed;
    if (head->field_count == kMaxRequestFields) return RequestError::kTooManyHeaders;
    if (name.empty() || !chars::all(name, chars::kToken)) return RequestError::kHeaderName;
    if (!chars::isFieldValue(value, &high)) return RequestError::kHeaderValue;
    const HeaderId id = identifyHeader(name);
    RequestError error = RequestError::kNone;
    switch (id) {
      case HeaderId::kHost:
        error = host_seen ? RequestError::kRepeatedHost : readHost(value, head);
        host_seen = true;
        break;
      case HeaderId::kContentLength:
        error = readLength(value, head);
        break;
      case HeaderId::kTransferEncoding:
        if (head->chunked || !chars::equalsIgnoreCase(value, "chunked"))
          error = RequestError::kUnknownTransferCoding;
        head->chunked = true;
        break;
      case HeaderId::kUpgrade:
        head->has_upgrade = true;
        break;
      case HeaderId::kExpect:
        if (!chars::equalsIgnoreCase(value, "100-continue")) error = RequestError::kExpectation;
        break;
      case HeaderId::kConnection:
        chars::forEachListItem(value, [&](std::string_view option) {
          if (!chars::equalsIgnoreCase(option, "close") &&
              !chars::equalsIgnoreCase(option, "keep-alive"))
            head->nominates = true;
        });
        break;
      default:
        break;
    }
    if (error != RequestError::kNone) return error;
    head->fields[head->field_count] = {name, value};
    head->ids[head->field_count++] = id;
  }
  if (!host_seen) return RequestError::kMissingHost;
  if (head->chunked && head->has_content_length) return RequestError::kLengthAndTransferEncoding;
  return RequestError::kNone;
}

}  // namespace millrace
