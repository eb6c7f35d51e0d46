#include "naive_http.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "fuzz_seeds.h"

namespace millrace::test {
namespace {

constexpr std::size_t kMostHeadBytes = 64 * 1024;
constexpr std::size_t kMostLines = 128;
constexpr std::size_t kMostInterim = 16;
constexpr std::size_t kMostExtensionBytes = 4096;
constexpr std::size_t kMostTrailerBytes = 16 * 1024;
constexpr std::size_t kMostOptions = 32;
constexpr std::size_t kMostLengthDigits = 18;

// The line at `*at` without its CRLF; nullopt when there is no whole one.
std::optional<std::string_view> lineAt(std::string_view bytes, std::size_t* at) {
  const std::size_t end = bytes.find("\r\n", *at);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = bytes.substr(*at, end - *at);
  *at = end + 2;
  return line;
}

}  // namespace

bool isToken(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool isText(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool isDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::vector<std::string> listItems(std::string_view list) {
  std::vector<std::string> items;
  for (const std::string& part : splitText(list, ","))
    if (std::string item = trimmed(part); !item.empty()) items.push_back(std::move(item));
  return items;
}

std::vector<std::string> StrictHead::all(std::string_view lower_name) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : fields)
    if (lowered(name) == lower_name) values.push_back(value);
  return values;
}

StrictHead readStrictly(std::string_view bytes) {
  StrictHead head;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 != bytes.size()) {
    head.fault = "not exactly one head";
    return head;
  }
  const std::vector<std::string> lines = splitText(bytes.substr(0, end), "\r\n");
  head.first = lines[0];
  if (!isText(head.first)) head.fault = "control byte in the first line";
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon == std::string::npos || !isToken(lines[i].substr(0, colon)))
      head.fault = "no header name: " + lines[i];
    else if (!isText(lines[i]))
      head.fault = "control byte: " + lines[i];
    else
      head.fields.emplace_back(lines[i].substr(0, colon), trimmed(lines[i].substr(colon + 1)));
  }
  return head;
}

std::optional<std::string> naivePath(std::string_view path) {
  static constexpr std::string_view kUnreserved =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  if (!path.starts_with('/')) return std::nullopt;
  std::string decoded;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto byte = static_cast<unsigned char>(path[i]);
    if (byte <= 0x20 || byte == 0x7f || path[i] == '\\' || path[i] == '#' || path[i] == '?')
      return std::nullopt;
    if (path[i] != '%') {
      decoded += path[i];
      continue;
    }
    std::string digits(path.substr(i + 1, 2));
    if (digits.size() != 2 || !std::isxdigit(static_cast<unsigned char>(digits[0])) ||
        !std::isxdigit(static_cast<unsigned char>(digits[1])))
      return std::nullopt;
    const char c = static_cast<char>(std::stoi(digits, nullptr, 16));
    if (c == '\0' || c == '/' || c == '\\') return std::nullopt;
    for (char& digit : digits)
      if (digit >= 'a') digit = static_cast<char>(digit - 'a' + 'A');
    decoded += kUnreserved.find(c) == std::string_view::npos ? "%" + digits : std::string(1, c);
    i += 2;
  }
  std::vector<std::string> kept;
  const std::vector<std::string> segments = splitText(decoded, "/");
  for (const std::string& segment : segments) {
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") kept.push_back(segment);
  }
  std::string out;
  for (const std::string& segment : kept) out += "/" + segment;
  const std::string& last = segments.back();
  if (kept.empty() || last.empty() || last == "." || last == "..") out += '/';
  return out;
}

std::optional<NaiveResponseHead> naiveResponseHead(std::string_view bytes) {
  NaiveResponseHead head;
  std::size_t at = 0;
  const std::string_view first = *lineAt(bytes, &at);
  if (first.size() < 12 || (first.substr(0, 9) != "HTTP/1.1 " && first.substr(0, 9) != "HTTP/1.0 "))
    return std::nullopt;
  const bool old = first[7] == '0';
  const std::string_view code = first.substr(9, 3);
  if (!isDigits(code) || code < "100" || code > "599") return std::nullopt;
  if (first.size() > 12 && first[12] != ' ') return std::nullopt;
  if (!isText(first)) return std::nullopt;
  head.status = std::stoi(std::string(code));
  head.line = first.substr(9);

  bool close = false;
  bool keep_alive = false;
  std::size_t nominated = 0;
  for (std::string_view line = *lineAt(bytes, &at); !line.empty(); line = *lineAt(bytes, &at)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !isToken(line.substr(0, colon))) return std::nullopt;
    const std::string name(line.substr(0, colon));
    const std::string value = trimmed(line.substr(colon + 1));
    if (!isText(value)) return std::nullopt;
    head.fields.emplace_back(name, value);
    if (head.fields.size() > kMostLines) return std::nullopt;
    if (lowered(name) == "content-length") {
      for (const std::string& item : splitText(value, ",")) {
        std::string digits = trimmed(item);
        if (!isDigits(digits) || digits.size() > kMostLengthDigits) return std::nullopt;
        digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
        if (head.length.has_value() && *head.length != digits) return std::nullopt;
        head.length = digits;
      }
    } else if (lowered(name) == "transfer-encoding") {
      if (head.chunked || lowered(value) != "chunked" || old) return std::nullopt;
      head.chunked = true;
    } else if (lowered(name) == "connection") {
      for (const std::string& item : splitText(value, ",")) {
        const std::string option = lowered(trimmed(item));
        if (option == "close")
          close = true;
        else if (option == "keep-alive")
          keep_alive = true;
        else if (!option.empty() && ++nominated > kMostOptions)
          return std::nullopt;
      }
      head.nominates = nominated != 0;
    }
  }
  if ((head.chunked && head.length.has_value()) || head.status == 101) return std::nullopt;
  head.keep = !close && (!old || keep_alive);
  return head;
}

namespace {

std::string toldOf(const NaiveResponseHead& head, bool bodiless) {
  std::string out = head.line + " [";
  for (const auto& [name, value] : head.fields)
    out += (out.back() == '[' && &name == &head.fields[0].first ? "" : ",") + name + "=" + value;
  out += head.keep ? "] keep" : "] close";
  if (head.nominates) out += " nominates";
  if (bodiless && head.length.has_value()) out += " would be " + *head.length;
  return out;
}

// Where the head ends, as findHeadEnd sees it: npos = not yet. `*fault` when a line ends badly.
std::size_t headEnd(std::string_view bytes, bool* fault) {
  // Not HTTP/1: told as soon as it can be.
  const std::string_view start = bytes.substr(0, 7);
  if (!std::string_view("HTTP/1.").starts_with(start)) {
    *fault = true;
    return std::string_view::npos;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != '\n') continue;
    if (at == 0 || bytes[at - 1] != '\r') {
      *fault = true;
      return std::string_view::npos;
    }
    if (at < 3 || bytes[at - 2] != '\n') continue;
    *fault = at + 1 > kMostHeadBytes;
    return at + 1;
  }
  *fault = bytes.size() > kMostHeadBytes;
  return std::string_view::npos;
}

std::string errorAfter(const std::string& out) {
  return out + (out.empty() || out.back() == ' ' ? "" : " ") + "error";
}

}  // namespace

NaiveBody naiveChunked(std::string_view bytes) {
  NaiveBody body;
  std::size_t at = 0;
  const auto fault = [&] {
    body.fault = true;
    return body;
  };
  for (;;) {
    // 1*HEXDIG [ extensions ] CRLF
    std::size_t digits = 0;
    uint64_t size = 0;
    while (at + digits < bytes.size() && std::isxdigit(static_cast<uint8_t>(bytes[at + digits]))) {
      if (digits == 16 || size >> 59 != 0) return fault();
      size = size * 16 +
             static_cast<uint64_t>(std::stoi(std::string(1, bytes[at + digits]), nullptr, 16));
      ++digits;
    }
    if (at + digits == bytes.size()) return body;
    if (digits == 0) return fault();
    at += digits;
    const std::string_view rest = bytes.substr(at);
    const std::size_t spaces = std::min(rest.find_first_not_of(" \t"), rest.size());
    if (spaces < rest.size() && rest[spaces] != '\r' && rest[spaces] != ';') return fault();
    const std::size_t cr = std::min(rest.find('\r'), rest.size());
    if (!isText(rest.substr(0, cr)) || cr > kMostExtensionBytes + 1) return fault();
    if (cr + 1 >= rest.size()) return body;
    if (rest[cr + 1] != '\n') return fault();
    at += cr + 2;
    if (size == 0) break;
    const std::size_t take = static_cast<std::size_t>(std::min<uint64_t>(size, bytes.size() - at));
    body.payload += bytes.substr(at, take);
    at += take;
    if (take < size) return body;
    const std::string_view end = bytes.substr(at, 2);
    if (end != std::string_view("\r\n").substr(0, end.size())) return fault();
    if (end.size() < 2) return body;
    at += 2;
  }
  // Trailers, each a line, and an empty line.
  for (std::size_t size = 0; at < bytes.size();) {
    const std::string_view rest = bytes.substr(at);
    const std::size_t cr = std::min(rest.find('\r'), rest.size());
    const std::string_view line = rest.substr(0, cr);
    if (!isText(line)) return fault();
    const std::size_t colon = line.find(':');
    if (!line.empty() && !isToken(std::string(line.substr(0, colon)))) return fault();
    if (!line.empty() && colon == std::string_view::npos && cr < rest.size()) return fault();
    size += cr;
    if (cr != 0 && cr < rest.size()) ++size;  // the CR counts, too
    if (size > kMostTrailerBytes) return fault();
    if (cr + 1 >= rest.size()) return body;
    if (rest[cr + 1] != '\n') return fault();
    at += cr + 2;
    if (cr != 0) continue;
    body.done = true;
    body.consumed = at;
    return body;
  }
  return body;
}

std::string naiveResponse(std::string_view message, bool to_head_request, bool closed) {
  std::string out;
  std::optional<NaiveResponseHead> head;
  for (std::size_t interim = 0;;) {
    bool fault = false;
    const std::size_t end = headEnd(message, &fault);
    if (fault) return errorAfter(out);
    if (end == std::string_view::npos) {
      if (closed) return errorAfter(out);
      return out + "open";
    }
    head = naiveResponseHead(message.substr(0, end));
    if (!head.has_value()) return errorAfter(out);
    message.remove_prefix(end);
    if (head->status >= 200) break;
    out += "(" + std::to_string(head->status) + ") ";
    if (++interim > kMostInterim) return errorAfter(out);
  }
  const bool bodiless = to_head_request || head->status == 204 || head->status == 304;
  const bool until_close = !bodiless && !head->chunked && !head->length.has_value();
  if (until_close) head->keep = false;
  out += toldOf(*head, bodiless);
  NaiveBody body;
  if (bodiless) {
    body.done = true;
  } else if (head->chunked) {
    body = naiveChunked(message);
  } else {
    const uint64_t length = until_close ? message.size() + 1 : std::stoull(*head->length);
    body.consumed = static_cast<std::size_t>(std::min<uint64_t>(length, message.size()));
    body.payload = message.substr(0, body.consumed);
    body.done = body.consumed == length;
  }
  out += " '" + body.payload + "'";
  if (body.fault || (closed && !body.done && !until_close)) return errorAfter(out);
  if (closed && until_close) return out + " done by close";
  if (!body.done) return out + " open";
  const std::size_t extra = message.size() - body.consumed;
  return out + " done" + (extra == 0 ? "" : ", " + std::to_string(extra) + " more");
}

}  // namespace millrace::test
