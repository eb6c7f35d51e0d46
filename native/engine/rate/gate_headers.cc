// What a client is told about its limits.

#include <charconv>
#include <cstring>

#include "engine/http/downstream_head.h"
#include "engine/rate/gate.h"

namespace millrace {
namespace {

constexpr std::string_view kSentence = "too many requests: a rate limit was reached\n";

// Appends to a buffer that was chosen to be long enough for all of it.
class Lines {
 public:
  explicit Lines(std::span<char, kMaxRefusalHeadBytes> out) noexcept : at_(out.data()) {}

  Lines& text(std::string_view s) noexcept {
    if (!s.empty()) std::memcpy(at_, s.data(), s.size());
    at_ += s.size();
    return *this;
  }
  Lines& number(uint32_t n) noexcept {
    at_ = std::to_chars(at_, at_ + 10, n).ptr;
    return *this;
  }
  char* end() const noexcept { return at_; }

 private:
  char* at_;
};

void addLimitLines(Lines& lines, const Image& image, const GateResult& result) noexcept {
  const abi::RateLimitRecord& limit = image.rateLimits()[result.limit_row];
  if (!result.allowed) lines.text("retry-after: ").number(result.retry_after_s).text("\r\n");
  if ((limit.flags & abi::rate_flag::kHeadersNever) != 0) return;
  const std::string_view name = image.str(limit.name_offset, limit.name_length);
  // "t" is the time until there is more. Of a refusal that is when it may be tried again, so that
  // both headers speak of one moment; else when all of it is there.
  const uint32_t wait = result.allowed ? result.reset_s : result.retry_after_s;
  lines.text("ratelimit: \"").text(name).text("\";r=").number(result.remaining);
  lines.text(";t=").number(wait).text("\r\n");
  lines.text("ratelimit-policy: \"").text(name).text("\";q=").number(limit.limit);
  lines.text(";w=").number((limit.window_ms + 999) / 1000).text("\r\n");
  if ((limit.flags & abi::rate_flag::kXHeaders) == 0) return;
  lines.text("x-ratelimit-limit: ").number(limit.limit);
  lines.text("\r\nx-ratelimit-remaining: ").number(result.remaining);
  lines.text("\r\nx-ratelimit-reset: ").number(wait).text("\r\n");
}

}  // namespace

std::size_t writeRateLimitHeaders(const Image& image, const GateResult& result,
                                  std::span<char, kMaxRefusalHeadBytes> out) noexcept {
  Lines lines(out);
  if (result.limit_row != abi::kNone) addLimitLines(lines, image, result);
  return static_cast<std::size_t>(lines.end() - out.data());
}

std::size_t writeRefusalHead(const Image& image, const GateResult& result, bool bodiless,
                             std::span<char, kMaxRefusalHeadBytes> out) noexcept {
  const abi::RateLimitRecord& limit = image.rateLimits()[result.limit_row];
  Lines lines(out);
  lines.number(limit.status).text(" ").text(reasonPhrase(limit.status)).text("\r\n");
  lines.text("content-type: ");
  if (limit.type_offset == abi::kNone)
    lines.text("text/plain; charset=utf-8");
  else
    lines.text(image.str(limit.type_offset, limit.type_length));
  lines.text("\r\n");
  addLimitLines(lines, image, result);
  if (bodiless) {
    const std::size_t length = refusalBody(image, result).size();
    lines.text("content-length: ").number(static_cast<uint32_t>(length)).text("\r\n");
  }
  // The listener writes the end of the last line.
  return static_cast<std::size_t>(lines.end() - out.data()) - 2;
}

std::string_view refusalBody(const Image& image, const GateResult& result) noexcept {
  const abi::RateLimitRecord& limit = image.rateLimits()[result.limit_row];
  return limit.body_offset == abi::kNone ? kSentence
                                         : image.str(limit.body_offset, limit.body_length);
}

}  // namespace millrace
