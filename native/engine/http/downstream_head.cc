#include "engine/http/downstream_head.h"

#include <charconv>
#include <cstring>

#include "engine/http/upstream_head.h"

namespace millrace {
namespace {

// Appends to a span; once something does not fit, nothing more is written and ok() is false.
class Writer {
 public:
  explicit Writer(std::span<char> out) noexcept : out_(out) {}

  Writer& text(std::string_view s) noexcept {
    if (s.size() > out_.size() - used_) ok_ = false;
    if (ok_ && !s.empty()) {
      std::memcpy(out_.data() + used_, s.data(), s.size());
      used_ += s.size();
    }
    return *this;
  }
  Writer& number(uint64_t n) noexcept {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    return text({digits, static_cast<size_t>(end - digits)});
  }
  Writer& field(std::string_view name, std::string_view value) noexcept {
    return text("\r\n").text(name).text(": ").text(value);
  }
  Writer& status(uint32_t code) noexcept { return number(code).text(" ").text(reasonPhrase(code)); }
  size_t size() const noexcept { return ok_ ? used_ : 0; }

 private:
  std::span<char> out_;
  size_t used_ = 0;
  bool ok_ = true;
};

bool isNominated(const ResponseHead& head, std::string_view name) noexcept {
  bool nominated = false;
  for (uint32_t i = 0; i < head.field_count && !nominated; ++i) {
    if (head.fields[i].id != HeaderId::kConnection) continue;
    chars::forEachListItem(head.fields[i].value, [&](std::string_view option) {
      if (chars::equalsIgnoreCase(option, name)) nominated = true;
    });
  }
  return nominated && !isProtectedFromConnection(name);
}

}  // namespace

std::string_view reasonPhrase(uint32_t status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 418:
      return "I'm a teapot";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 426:
      return "Upgrade Required";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

size_t writeDownstreamHead(const Image& image, const abi::RouteRecord& route,
                           const ResponseHead& head, bool bodiless, std::span<char> out) noexcept {
  const std::span<const abi::EditRecord> edits =
      image.edits().subspan(route.response_edit_start, route.response_edit_count);
  Writer writer(out);
  writer.text(head.status_line);
  if (head.status_line.size() == 3)
    writer.text(" ");  // RFC 9112 section 4: the space is not optional
  bool length_written = false;
  for (uint32_t i = 0; i < head.field_count; ++i) {
    const ResponseField& field = head.fields[i];
    if (field.id != HeaderId::kOther) {
      // A statement where there is no body (HEAD, 304), else the listener's; once, wherever there
      // is a list of equal ones.
      if (field.id == HeaderId::kContentLength && bodiless && !length_written &&
          head.status != 204) {
        writer.text("\r\n").text(field.name).text(": ").number(head.content_length);
        length_written = true;
      }
      // Date is left out because the listener always writes its own.
      if (isHopByHop(field.id) || field.id == HeaderId::kContentLength ||
          field.id == HeaderId::kDate)
        continue;
      // The listener makes its own handshake with the client.
      if (head.status == 101 &&
          (isWebSocketHop(field.id) || field.id == HeaderId::kSecWebSocketProtocol))
        continue;
    }
    if (!edits.empty()) {
      bool replaced = false;
      for (const abi::EditRecord& edit : edits) {
        replaced |=
            edit.op != abi::edit_operator::kAdd &&
            chars::equalsIgnoreCase(image.str(edit.name_offset, edit.name_length), field.name);
      }
      if (replaced) continue;
    }
    if (head.nominated != 0 && isNominated(head, field.name)) continue;
    writer.text("\r\n").text(field.line);
  }
  for (const abi::EditRecord& edit : edits) {
    if (edit.op == abi::edit_operator::kRemove) continue;
    writer.field(image.str(edit.name_offset, edit.name_length),
                 image.str(edit.value_offset, edit.value_length));
  }
  return writer.size();
}

size_t writeLocalHead(uint32_t status, size_t body_length, bool bodiless, std::string_view allow,
                      std::span<char> out, std::string_view content_type) noexcept {
  Writer writer(out);
  writer.status(status);
  if (!content_type.empty()) writer.field("content-type", content_type);
  if (allow.data() != nullptr) writer.field("allow", allow);
  if (bodiless && status != 204) writer.text("\r\ncontent-length: ").number(body_length);
  return writer.size();
}

size_t appendLines(std::string_view lines, std::span<char> out, size_t length) noexcept {
  if (lines.size() < 2 || out.size() - length < lines.size()) return length;
  // Every line ends with CRLF, a head does not: the one of the last line goes in front.
  std::memcpy(out.data() + length, "\r\n", 2);
  std::memcpy(out.data() + length + 2, lines.data(), lines.size() - 2);
  return length + lines.size();
}

size_t writeRespondHead(const Image& image, const abi::RespondRecord& respond, bool bodiless,
                        std::span<char> out) noexcept {
  Writer writer(out);
  writer.status(respond.status);
  std::string_view headers = image.str(respond.headers_offset, respond.headers_length);
  if (!headers.empty())
    headers.remove_suffix(2);  // the CRLF of the last line: the listener writes it
  if (!headers.empty()) writer.text("\r\n").text(headers);
  if (bodiless && respond.status != 204 && respond.status != 304)
    writer.text("\r\ncontent-length: ").number(respond.body_length);
  return writer.size();
}

size_t writeRedirectHead(const Image& image, const abi::RouteRecord& route,
                         const abi::RedirectRecord& redirect, const RequestHead& request,
                         std::string_view path, bool tls, bool bodiless,
                         std::span<char> out) noexcept {
  Writer writer(out);
  writer.status(redirect.status).text("\r\nlocation: ");
  const bool scheme_given = redirect.scheme_offset != abi::kNone;
  const bool host_given = redirect.host_offset != abi::kNone;
  writer
      .text(scheme_given ? image.str(redirect.scheme_offset, redirect.scheme_length)
            : tls        ? "https"
                         : "http")
      .text("://");
  if (host_given) {
    writer.text(image.str(redirect.host_offset, redirect.host_length));
  } else if (scheme_given || redirect.port != 0) {
    // The port of the request belongs to the old scheme.
    writer.text(request.host);
  } else {
    writer.text(request.authority);
  }
  if (redirect.port != 0) writer.text(":").number(redirect.port);
  const RewrittenPath target = rewritePath(image, route, redirect.rewrite, redirect.rewrite_offset,
                                           redirect.rewrite_length, path);
  writer.text(target.first).text(target.second);
  if (request.has_query && redirect.strip_query == 0) writer.text("?").text(request.query);
  if (bodiless) writer.text("\r\ncontent-length: 0");
  return writer.size();
}

}  // namespace millrace
