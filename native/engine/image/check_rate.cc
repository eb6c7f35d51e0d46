// Image checks of rate limits.

#include "engine/image/image_check.h"
#include "engine/image/text_rules.h"

namespace millrace {

namespace {

// Stands in a quoted string of a header (RFC 8941 sf-string), without a need for escapes.
bool isQuotable(std::string_view text) noexcept {
  if (text.empty() || text.size() > abi::limits::kMaxRateNameBytes) return false;
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') return false;
  }
  return true;
}

bool isIn(uint32_t value, uint32_t low, uint32_t high) noexcept {
  return value >= low && value <= high;
}

}  // namespace

bool ImageCheck::limitRows(uint32_t start, uint32_t length) noexcept {
  if (length > abi::limits::kMaxRateLimitsPerRoute) return fail("too many rate limits");
  if (!isRange(abi::section::kIndex, start, length)) return fail("rate limits out of bounds");
  for (const uint32_t row : image_.indexes().subspan(start, length)) {
    if (row >= count(abi::section::kRateLimit)) return fail("unknown rate limit");
  }
  return true;
}

bool ImageCheck::rateLimit(const abi::RateLimitRecord& r) noexcept {
  namespace flag = abi::rate_flag;
  constexpr uint32_t kFlags =
      flag::kShadow | flag::kHeadersAlways | flag::kHeadersNever | flag::kXHeaders;
  if (!isText(r.name_offset, r.name_length) ||
      !isQuotable(image_.str(r.name_offset, r.name_length))) {
    return fail("bad name of a rate limit");
  }
  if (r.algorithm < abi::rate_algorithm::kSlidingWindow ||
      r.algorithm > abi::rate_algorithm::kGcra) {
    return fail("unknown rate limit algorithm");
  }
  const uint32_t most = r.algorithm == abi::rate_algorithm::kSlidingLog
                            ? abi::limits::kMaxSlidingLog
                            : abi::limits::kMaxRateRequests;
  if (!isIn(r.limit, 1, most)) return fail("requests of a rate limit out of range");
  if (!isIn(r.window_ms, 1, abi::limits::kMaxRateWindowMs))
    return fail("window of a rate limit out of range");
  if (!isIn(r.burst, 1, abi::limits::kMaxRateRequests) ||
      uint64_t{r.burst} * r.window_ms > uint64_t{abi::limits::kMaxRateBurstMs} * r.limit) {
    return fail("burst of a rate limit out of range");
  }
  if (r.algorithm != abi::rate_algorithm::kGcra && r.burst != r.limit)
    return fail("burst of an algorithm that has none");
  if ((r.flags & ~kFlags) != 0) return fail("unknown rate limit flag");
  if ((r.flags & flag::kHeadersAlways) != 0 && (r.flags & flag::kHeadersNever) != 0)
    return fail("rate limit headers both always and never");
  if (!isIn(r.status, 400, 599)) return fail("status of a refusal out of range");
  if (!isOptionalText(r.body_offset, r.body_length) ||
      r.body_length > abi::limits::kMaxRespondBodyBytes) {
    return fail("bad body of a refusal");
  }
  if (!isOptionalText(r.type_offset, r.type_length) ||
      (r.type_offset == abi::kNone) != (r.body_offset == abi::kNone) ||
      r.type_length > abi::limits::kMaxRateTypeBytes ||
      !text::isFieldValue(image_.str(r.type_offset, r.type_length))) {
    return fail("bad content type of a refusal");
  }
  if (r.key_count > abi::limits::kMaxRateKeys ||
      !isRange(abi::section::kRateKey, r.key_start, r.key_count)) {
    return fail("rate limit keys out of bounds");
  }
  return true;
}

bool ImageCheck::rateKey(const abi::RateKeyRecord& r) noexcept {
  namespace kind = abi::rate_key_kind;
  if (r.kind < kind::kClientIp || r.kind > kind::kHost) return fail("unknown kind of rate key");
  if ((r.flags & ~abi::rate_key_flag::kSkipWhenMissing) != 0) return fail("unknown rate key flag");
  const bool named = r.kind == kind::kHeader || r.kind == kind::kCookie;
  if (named != (r.name_offset != abi::kNone) || !isOptionalText(r.name_offset, r.name_length))
    return fail("bad name of a rate key");
  const std::string_view name = image_.str(r.name_offset, r.name_length);
  if (named && !(r.kind == kind::kHeader ? text::isLowerToken(name) : text::isToken(name)))
    return fail("name of a rate key is not a token");
  const bool by_address = r.kind == kind::kClientIp;
  if (by_address ? !isIn(r.bits4, 1, 32) || !isIn(r.bits6, 1, 128) : r.bits4 != 0 || r.bits6 != 0)
    return fail("address grouping out of range");
  return true;
}

}  // namespace millrace
