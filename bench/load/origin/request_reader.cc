#include "origin/request_reader.h"

#include <cstring>

#include "common/http_text.h"

namespace millrace::load {

RequestReader::Found RequestReader::find(std::string_view text, size_t* size) noexcept {
  if (!last_.empty() && text.size() >= last_.size() &&
      std::memcmp(text.data(), last_.data(), last_.size()) == 0) {
    *size = last_.size();
    return Found::kHead;
  }
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    // What cannot be a method never becomes a head: TLS, say.
    const bool wrong =
        text.size() > kMaxHeadBytes || (!text.empty() && !isToken(text.substr(0, 1)));
    return wrong ? Found::kBad : Found::kMore;
  }
  *size = end + 4;
  ++version_;
  last_.clear();
  if (!parse(text.substr(0, end + 2))) return Found::kBad;
  last_.assign(text.data(), *size);
  return Found::kHead;
}

// `text`: lines, each with its CR LF.
bool RequestReader::parse(std::string_view text) noexcept {
  head_.head_method = head_.closes = head_.expects_continue = head_.chunked = false;
  head_.length = 0;
  bool has_length = false;
  size_t stop = text.find("\r\n");
  const std::string_view line = text.substr(0, stop);
  const size_t space = line.find(' ');
  const size_t last_space = line.rfind(' ');
  if (space == std::string_view::npos || space == last_space || !isToken(line.substr(0, space)))
    return false;
  const std::string_view version = line.substr(last_space + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return false;
  head_.head_method = line.substr(0, space) == "HEAD";
  head_.target.assign(line.substr(space + 1, last_space - space - 1));
  head_.closes = version == "HTTP/1.0";
  for (size_t at = stop + 2; at < text.size(); at = stop + 2) {
    stop = text.find("\r\n", at);
    const std::string_view field = text.substr(at, stop - at);
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos || !isToken(field.substr(0, colon))) return false;
    const std::string_view value = trim(field.substr(colon + 1));
    switch (colon) {
      case 14:
        if (!equalsIgnoringCase(field.substr(0, colon), "content-length")) break;
        if (has_length || !parseDecimal(value, &head_.length)) return false;
        has_length = true;
        break;
      case 17:
        if (!equalsIgnoringCase(field.substr(0, colon), "transfer-encoding")) break;
        if (head_.chunked || !equalsIgnoringCase(value, "chunked")) return false;
        head_.chunked = true;
        break;
      case 10:
        if (!equalsIgnoringCase(field.substr(0, colon), "connection")) break;
        if (listHas(value, "close")) head_.closes = true;
        if (version == "HTTP/1.0" && listHas(value, "keep-alive")) head_.closes = false;
        break;
      case 6:
        if (equalsIgnoringCase(field.substr(0, colon), "expect")) head_.expects_continue = true;
        break;
      default:
        break;
    }
  }
  return !(has_length && head_.chunked);
}

}  // namespace millrace::load
