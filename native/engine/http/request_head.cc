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
    return RequestError::kBadTarget;
  const size_t mark = target.find('?');
  head->raw_path = target.substr(0, mark);
  head->has_query = mark != std::string_view::npos;
  head->query = head->has_query ? target.substr(mark + 1) : std::string_view();
  return RequestError::kNone;
}

// uri-host [":" port]; an IP literal keeps its brackets.
RequestError readHost(std::string_view authority, RequestHead* head) noexcept {
  if (authority.empty() || authority.size() >= head->host_buffer.size())
    return RequestError::kBadHost;
  if (!chars::all(authority, chars::kHost)) return RequestError::kBadHost;
  std::string_view name = authority;
  std::string_view port;
  if (authority[0] == '[') {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos || close < 3) return RequestError::kBadHost;
    name = authority.substr(0, close + 1);
    port = authority.substr(close + 1);
    for (char c : name.substr(1, close - 1)) {
      if (!chars::is(c, chars::kHex) && c != ':' && c != '.') return RequestError::kBadHost;
    }
    if (!port.empty() && port[0] != ':') return RequestError::kBadHost;
  } else {
    const size_t colon = authority.find(':');
    name = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
    if (name.find_first_of("[]") != std::string_view::npos) return RequestError::kBadHost;
    if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  }
  if (name.empty() || port.size() > 6) return RequestError::kBadHost;
  for (size_t i = 1; i < port.size(); ++i) {
    if (port[i] < '0' || port[i] > '9') return RequestError::kBadHost;
  }
  for (size_t i = 0; i < name.size(); ++i) head->host_buffer[i] = chars::lower(name[i]);
  head->authority = authority;
  head->host = std::string_view(head->host_buffer.data(), name.size());
  return RequestError::kNone;
}

RequestError readLength(std::string_view value, RequestHead* head) noexcept {
  if (head->has_content_length || value.empty() || value.size() > 15)
    return RequestError::kBadContentLength;
  uint64_t n = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return RequestError::kBadContentLength;
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
      return "none\n";
    case RequestError::kMalformed:
      return "malformed request\n";
    case RequestError::kBadMethod:
      return "malformed method\n";
    case RequestError::kMethodNotAllowed:
      return "method is not proxied\n";
    case RequestError::kBadTarget:
      return "malformed request target\n";
    case RequestError::kBadPath:
      return "path holds an encoded separator, a NUL or a malformed escape\n";
    case RequestError::kBadHost:
      return "missing or malformed Host\n";
    case RequestError::kBadFieldName:
      return "malformed header name\n";
    case RequestError::kBadFieldValue:
      return "malformed header value\n";
    case RequestError::kTooManyFields:
      return "too many header lines\n";
    case RequestError::kHeadTooLarge:
      return "request head too large\n";
    case RequestError::kBadContentLength:
      return "malformed or repeated Content-Length\n";
    case RequestError::kBadTransferEncoding:
      return "Transfer-Encoding is not exactly chunked\n";
    case RequestError::kLengthAndTransferEncoding:
      return "both Content-Length and Transfer-Encoding\n";
    case RequestError::kBadExpect:
      return "unknown expectation\n";
  }
  return "unknown\n";
}

uint32_t statusOf(RequestError error) noexcept {
  switch (error) {
    case RequestError::kMethodNotAllowed:
      return 405;
    case RequestError::kBadTransferEncoding:
      return 501;
    case RequestError::kBadExpect:
      return 417;
    case RequestError::kTooManyFields:
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
  std::string_view target;
  head->method = {};  // the caller asks for it after an error, too
  if (!pieces.next(&head->method) || !pieces.next(&target)) return RequestError::kMalformed;
  if (flat.bytes.size() + 2 * flat.lengths.size() > max_bytes) return RequestError::kHeadTooLarge;
  if (head->method.empty() || head->method.size() > kMaxMethodBytes ||
      !chars::all(head->method, chars::kToken))
    return RequestError::kBadMethod;
  head->method_bit = methodBit(head->method);
  // TRACE would echo credentials back to a script; CONNECT is a tunnel, which this proxy is not.
  if (head->method == "TRACE" || head->method == "CONNECT") return RequestError::kMethodNotAllowed;
  if (const RequestError error = readTarget(target, head); error != RequestError::kNone)
    return error;

  head->field_count = 0;
  head->chunked = head->has_content_length = head->nominates = false;
  head->content_length = 0;
  bool host_seen = false;
  bool high = false;  // obs-text is passed on as it is
  std::string_view name;
  std::string_view value;
  while (!pieces.atEnd()) {
    if (!pieces.next(&name) || !pieces.next(&value)) return RequestError::kMalformed;
    if (head->field_count == kMaxRequestFields) return RequestError::kTooManyFields;
    if (name.empty() || !chars::all(name, chars::kToken)) return RequestError::kBadFieldName;
    if (!chars::isFieldValue(value, &high)) return RequestError::kBadFieldValue;
    const HeaderId id = identifyHeader(name);
    RequestError error = RequestError::kNone;
    switch (id) {
      case HeaderId::kHost:
        error = host_seen ? RequestError::kBadHost : readHost(value, head);
        host_seen = true;
        break;
      case HeaderId::kContentLength:
        error = readLength(value, head);
        break;
      case HeaderId::kTransferEncoding:
        if (head->chunked || !chars::equalsIgnoreCase(value, "chunked"))
          error = RequestError::kBadTransferEncoding;
        head->chunked = true;
        break;
      case HeaderId::kExpect:
        if (!chars::equalsIgnoreCase(value, "100-continue")) error = RequestError::kBadExpect;
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
  if (!host_seen) return RequestError::kBadHost;
  if (head->chunked && head->has_content_length) return RequestError::kLengthAndTransferEncoding;
  return RequestError::kNone;
}

}  // namespace millrace
