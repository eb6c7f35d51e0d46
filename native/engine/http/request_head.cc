#include "engine/http/request_head.h"

#include <algorithm>
#include <cstring>

#include "abi.h"
#include "engine/route/cidr.h"

namespace millrace {
namespace {

constexpr size_t kMaxMethodBytes = 32;

// Hands out the strings of a flat head one after the other.
class Pieces {
 public:
  explicit Pieces(const FlatHead& flat) noexcept
      : flat_(flat), count_(flat.pieceCount()), at_(flat.bytes.data()) {}
  bool next(std::string_view* piece) noexcept {
    if (used_ == count_) return false;
    if (!flat_.pieces.empty()) {
      *piece = flat_.pieces[used_++];
      return true;
    }
    const int32_t n = flat_.lengths[used_++];
    if (n < 0 || n > flat_.bytes.data() + flat_.bytes.size() - at_) return false;
    *piece = {at_, static_cast<size_t>(n)};
    at_ += n;
    return true;
  }
  bool atEnd() const noexcept { return used_ == count_; }

 private:
  const FlatHead& flat_;
  const size_t count_;
  const char* at_;
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

bool isPort(std::string_view digits) noexcept {
  if (digits.size() > 5) return false;
  uint32_t port = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  return port <= 65535;
}

// uri-host [":" port] (RFC 9110 section 7.2); an IP literal keeps its brackets, and is an IPv6
// address without a zone. Stricter than RFC 3986 in two bytes of a name: "%", with which one host
// has many spellings, and ",", which is what a proxy makes of two Host lines.
RequestError readHost(std::string_view authority, RequestHead* head) noexcept {
  if (authority.empty() || authority.size() >= head->host_buffer.size()) return RequestError::kHost;
  if (!chars::all(authority, chars::kHost)) return RequestError::kHost;
  std::string_view name = authority;
  std::string_view rest;
  if (authority[0] == '[') {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return RequestError::kHost;
    name = authority.substr(0, close + 1);
    rest = authority.substr(close + 1);
    const std::string_view address = name.substr(1, close - 1);
    if (address.find(':') == std::string_view::npos || !parseIp(address).valid())
      return RequestError::kHost;
    if (!rest.empty() && rest[0] != ':') return RequestError::kHost;
  } else {
    const size_t colon = authority.find(':');
    name = authority.substr(0, colon);
    if (colon != std::string_view::npos) rest = authority.substr(colon);
    if (name.find_first_of("[]") != std::string_view::npos) return RequestError::kHost;
    if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  }
  if (name.empty() || (!rest.empty() && !isPort(rest.substr(1)))) return RequestError::kHost;
  // No label is empty; and a name of dots is a directory to those who keep one for each host.
  if (name.front() == '.' || name.back() == '.' || name.find("..") != std::string_view::npos)
    return RequestError::kHost;
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

// Anything but "chunked", once. A list in which chunked is not the last, or not the only chunked,
// or which is no list, frames nothing (RFC 9112 section 6.1); another coding is one that we do not
// know.
RequestError readCoding(std::string_view value, RequestHead* head) noexcept {
  if (head->chunked) return RequestError::kTransferEncoding;
  head->chunked = true;
  if (chars::equalsIgnoreCase(value, "chunked")) return RequestError::kNone;
  bool chunked = false;
  bool others = false;
  bool sound = true;
  chars::forEachListItem(value, [&](std::string_view coding) {
    sound &= chars::all(coding, chars::kToken) && !chunked;
    if (chars::equalsIgnoreCase(coding, "chunked"))
      chunked = true;
    else
      others = true;
  });
  return sound && others ? RequestError::kUnknownTransferCoding : RequestError::kTransferEncoding;
}

// A list of tokens (RFC 9110 section 7.6.1); empty elements mean nothing.
RequestError readConnection(std::string_view value, RequestHead* head) noexcept {
  bool sound = true;
  chars::forEachListItem(value, [&](std::string_view option) {
    sound &= chars::all(option, chars::kToken);
    if (chars::equalsIgnoreCase(option, "close"))
      head->close = true;
    else if (!chars::equalsIgnoreCase(option, "keep-alive"))
      head->nominates = true;
  });
  return sound ? RequestError::kNone : RequestError::kConnectionOptions;
}

// A number, on the two methods that it is for (RFC 9110 section 7.6.2).
RequestError readMaxForwards(std::string_view value, RequestHead* head) noexcept {
  if (value.empty() || value.size() > 9) return RequestError::kMaxForwards;
  uint32_t n = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return RequestError::kMaxForwards;
    n = n * 10 + static_cast<uint32_t>(c - '0');
  }
  head->max_forwards = n;
  return RequestError::kNone;
}

bool isNominated(const RequestHead& head, std::string_view name) noexcept {
  bool nominated = false;
  for (uint32_t i = 0; i < head.field_count && !nominated; ++i) {
    if (head.ids[i] != HeaderId::kConnection) continue;
    chars::forEachListItem(head.fields[i].value, [&](std::string_view option) {
      nominated |= chars::equalsIgnoreCase(option, name);
    });
  }
  return nominated;
}

// Names that differ in "_" and "-" only are one variable to a CGI-like upstream ("x_user" and
// "x-user" are both HTTP_X_USER): a field whose name has an underscore never stands beside the
// other one.
bool isShadow(const RequestHead& head, std::string_view name) noexcept {
  if (name.find('_') == std::string_view::npos) return false;
  for (uint32_t i = 0; i < head.field_count; ++i) {
    const std::string_view other = head.fields[i].name;
    if (other != name && chars::equalsAsVariable(other, name)) return true;
  }
  return false;
}

// Takes the fields off the head for which `drop` holds; it sees all of them, also those that are
// dropped.
template <typename Drop>
void dropFields(RequestHead* head, Drop&& drop) noexcept {
  std::array<bool, kMaxRequestFields> dropped;
  for (uint32_t i = 0; i < head->field_count; ++i)
    dropped[i] = head->ids[i] == HeaderId::kOther && drop(head->fields[i].name);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < head->field_count; ++i) {
    if (dropped[i]) continue;
    head->fields[kept] = head->fields[i];
    head->ids[kept++] = head->ids[i];
  }
  head->field_count = kept;
}

enum class Fate : uint8_t { kKeep, kDrop, kRefuse };

// Of a field with an underscore in its name. Whatever the listener keeps, a name that would stand
// for one of ours or for one that frames the message ("content_length") is dropped.
Fate fateOfUnderscore(std::string_view name, const RequestRules& rules) noexcept {
  if (rules.underscores != abi::underscores::kKeep)
    return rules.underscores == abi::underscores::kReject ? Fate::kRefuse : Fate::kDrop;
  const auto& names = rules.underscore_names;
  if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end())
    return Fate::kDrop;
  std::array<char, 64> dashed;
  if (name.size() > dashed.size()) return Fate::kKeep;
  std::transform(name.begin(), name.end(), dashed.begin(),
                 [](char c) { return c == '_' ? '-' : c; });
  const std::string_view variable(dashed.data(), name.size());
  return isProtectedFromConnection(variable) || isProxyField(variable) ? Fate::kDrop : Fate::kKeep;
}

// A field that means one value came before: the same value again means nothing new and is left out,
// another one is refused.
RequestError readRepeated(const RequestHead& head, HeaderId id, std::string_view value) noexcept {
  for (uint32_t i = 0; i < head.field_count; ++i) {
    if (head.ids[i] == id && head.fields[i].value != value) return RequestError::kRepeatedHeader;
  }
  return RequestError::kNone;
}

// CONNECT asks for a tunnel, which this proxy is not. TRACE would echo what the browser and proxies
// before us have added back to a script, and has no body (RFC 9110 section 9.3.8).
RequestError checkMethod(const RequestHead& head, const RequestRules& rules) noexcept {
  if (head.method_bit == abi::kNone)
    return head.method == "CONNECT" ? RequestError::kMethodRefused : RequestError::kNone;
  if (head.method_bit != abi::method::kTrace) return RequestError::kNone;
  if (!rules.allow_trace) return RequestError::kMethodRefused;
  return head.hasBody() ? RequestError::kTraceBody : RequestError::kNone;
}

}  // namespace

bool RequestHead::isIdempotent() const noexcept {
  switch (method_bit) {
    case abi::method::kGet:
    case abi::method::kHead:
    case abi::method::kPut:
    case abi::method::kDelete:
    case abi::method::kOptions:
    case abi::method::kTrace:
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

RequestError parseRequestHead(const FlatHead& flat, const RequestRules& rules,
                              RequestHead* head) noexcept {
  Pieces pieces(flat);
  // The caller asks for them after an error, too: nothing of the request before may be left.
  head->method = head->target = head->authority = {};
  head->field_count = 0;
  if (!pieces.next(&head->method) || !pieces.next(&head->target)) return RequestError::kMalformed;
  if (head->target.size() > rules.max_target) return RequestError::kTargetTooLong;
  if (flat.byteCount() + 2 * flat.pieceCount() > rules.max_head) return RequestError::kHeadTooLarge;
  if (flat.pieceCount() / 2 - 1 > rules.max_headers) return RequestError::kTooManyHeaders;
  if (head->method.empty() || head->method.size() > kMaxMethodBytes ||
      !chars::all(head->method, chars::kToken))
    return RequestError::kMethod;
  head->method_bit = methodBit(head->method);
  if (const RequestError error = readTarget(head->target, head); error != RequestError::kNone)
    return error;

  head->seen = 0;
  head->chunked = head->has_content_length = head->close = head->listener_closes = head->nominates =
      head->has_upgrade = head->has_underscores = false;
  head->content_length = 0;
  head->max_forwards = abi::kNone;
  const bool limited = flat.byteCount() > rules.max_header;          // else no line can be longer
  static_assert(static_cast<uint32_t>(HeaderId::kXRequestId) < 64);  // the last of them
  uint64_t seen = 0;                                                 // a bit per HeaderId
  bool high = false;  // obs-text is passed on as it is
  bool underscore = false;
  std::string_view name;
  std::string_view value;
  while (!pieces.atEnd()) {
    if (!pieces.next(&name) || !pieces.next(&value)) return RequestError::kMalformed;
    if (limited && name.size() + value.size() + 4 > rules.max_header)
      return RequestError::kHeaderTooLong;
    if (!chars::isFieldName(name, &underscore)) return RequestError::kHeaderName;
    if (!chars::isFieldValue(value, &high)) return RequestError::kHeaderValue;
    const HeaderId id = identifyHeader(name);
    const uint64_t bit = uint64_t{1} << static_cast<uint32_t>(id);
    RequestError error = RequestError::kNone;
    switch (id) {
      case HeaderId::kOther:
        if (underscore) {
          const Fate fate = fateOfUnderscore(name, rules);
          if (fate == Fate::kRefuse) return RequestError::kUnderscore;
          if (fate == Fate::kDrop) continue;
          head->has_underscores = true;
        }
        if (isProxyField(name)) continue;
        break;
      case HeaderId::kHost:
        error = (seen & bit) != 0 ? RequestError::kRepeatedHost : readHost(value, head);
        break;
      case HeaderId::kContentLength:
        error = readLength(value, head);
        break;
      case HeaderId::kTransferEncoding:
        error = readCoding(value, head);
        break;
      case HeaderId::kUpgrade:
        head->has_upgrade = true;
        break;
      case HeaderId::kExpect:
        if (!chars::equalsIgnoreCase(value, "100-continue")) error = RequestError::kExpectation;
        break;
      case HeaderId::kConnection:
        if ((seen & bit) == 0) head->listener_closes = value.size() == 5;
        error = readConnection(value, head);
        break;
      case HeaderId::kMaxForwards:
        if (head->method_bit == abi::method::kOptions || head->method_bit == abi::method::kTrace)
          error = readMaxForwards(value, head);
        [[fallthrough]];
      default:
        if (isProxyField(name)) continue;
        if ((seen & bit) != 0 && isSingle(id)) {
          if (error == RequestError::kNone) error = readRepeated(*head, id, value);
          if (error == RequestError::kNone) continue;
        }
        break;
    }
    if (error != RequestError::kNone) return error;
    seen |= bit;
    head->fields[head->field_count] = {name, value};
    head->ids[head->field_count++] = id;
  }
  constexpr uint64_t kHostBit = uint64_t{1} << static_cast<uint32_t>(HeaderId::kHost);
  if ((seen & kHostBit) == 0) return RequestError::kMissingHost;
  head->seen = seen;
  if (head->chunked && head->has_content_length) return RequestError::kLengthAndTransferEncoding;
  // What is matched, hashed and counted is what goes upstream: such fields leave before all that.
  if (head->nominates) {
    dropFields(head, [head](std::string_view field) {
      return isNominated(*head, field) && !isProtectedFromConnection(field);
    });
  }
  if (head->has_underscores)
    dropFields(head, [head](std::string_view field) { return isShadow(*head, field); });
  return checkMethod(*head, rules);
}

}  // namespace millrace
