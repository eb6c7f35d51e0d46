#include "engine/rate/gate.h"

#include <algorithm>
#include <array>

#include "engine/http/cookie.h"

namespace millrace {
namespace {

constexpr uint32_t kMaxLimits = abi::limits::kMaxRateLimitsPerRoute;
static_assert(kMaxLimits <= RateCheck::kCapacity);

void addText(SipHash13& hash, std::string_view text) noexcept {
  hash.add(static_cast<uint32_t>(text.size()));
  hash.add(text);
}

// The network that counts as one client, its family in front. False when the client is not known.
bool addClient(SipHash13& hash, const IpAddress& client, const abi::RateKeyRecord& key) noexcept {
  hash.add(client.family);
  if (!client.valid()) return false;
  const bool is_v4 = client.family == abi::family::kIpv4;
  uint32_t bits = is_v4 ? key.bits4 : key.bits6;
  for (uint32_t i = 0; i < (is_v4 ? 1u : 4u); ++i) {
    const uint32_t kept = std::min(bits, 32u);
    bits -= kept;
    hash.add(kept == 0 ? 0 : client.words[i] >> (32 - kept) << (32 - kept));
  }
  return true;
}

// Every line of the field, in order: one that is sent twice is another value than one of them.
bool addHeader(SipHash13& hash, std::span<const HeaderSlice> fields,
               std::string_view name) noexcept {
  uint32_t lines = 0;
  for (const HeaderSlice& field : fields) {
    if (field.name != name) continue;
    ++lines;
    addText(hash, field.value);
  }
  // Ends them, and cannot be mistaken for one: no line is near 2^32 bytes long.
  hash.add(~lines);
  return lines != 0;
}

bool addCookie(SipHash13& hash, std::span<const HeaderSlice> fields,
               std::string_view name) noexcept {
  const std::optional<std::string_view> value = cookieValue(fields, name);
  if (!value.has_value()) {
    hash.add(abi::kNone);
    return false;
  }
  addText(hash, *value);
  return true;
}

bool addPart(SipHash13& hash, const Image& image, const abi::RateKeyRecord& key,
             const GateRequest& request) noexcept {
  namespace kind = abi::rate_key_kind;
  switch (key.kind) {
    case kind::kClientIp:
      return addClient(hash, request.client, key);
    case kind::kHeader:
      return addHeader(hash, request.fields, image.str(key.name_offset, key.name_length));
    case kind::kCookie:
      return addCookie(hash, request.fields, image.str(key.name_offset, key.name_length));
    case kind::kPath:
      addText(hash, request.path);
      return true;
    case kind::kRoute:
      addText(hash, request.route);
      return true;
    default:  // kHost: the image has no other
      addText(hash, request.host);
      return true;
  }
}

// Seconds in which at least that many milliseconds pass.
uint32_t wholeSeconds(uint64_t ms) noexcept {
  return static_cast<uint32_t>(std::min<uint64_t>((ms + 999) / 1000, UINT32_MAX));
}

// A limit that refused shows itself when one must wait longer for it than for those before.
void showLonger(uint32_t row, const RateNumbers& numbers, GateResult* result) noexcept {
  // Less than a second cannot be said.
  const uint32_t wait = std::max(wholeSeconds(numbers.retry_after_ms), 1u);
  if (wait <= result->retry_after_s) return;
  result->limit_row = row;
  result->retry_after_s = wait;
  result->reset_s = std::max(wholeSeconds(numbers.reset_ms), wait);
}

void showTighter(uint32_t row, const RateNumbers& numbers, GateResult* result) noexcept {
  GateResult own;
  own.limit_row = row;
  own.remaining = static_cast<uint32_t>(std::min<uint64_t>(numbers.remaining, UINT32_MAX));
  own.reset_s = wholeSeconds(numbers.reset_ms);
  *result = tighter(*result, own);
}

using CheckedRows = std::array<uint32_t, kMaxLimits>;  // RATE_LIMIT row of each limit in a check

void addLimits(const Gate& gate, std::span<const uint32_t> rows, const GateRequest& request,
               RateCheck* check, CheckedRows* counted) noexcept {
  for (const uint32_t row : rows.first(std::min<std::size_t>(rows.size(), kMaxLimits))) {
    const abi::RateLimitRecord& limit = gate.image.rateLimits()[row];
    uint64_t hash;
    if (!hashLimitKey(gate.image, limit, request, gate.key, &hash)) continue;
    (*counted)[check->size()] = row;
    check->add(gate.table, *gate.rules[row], gate.shards.empty() ? nullptr : gate.shards[row], hash,
               (limit.flags & abi::rate_flag::kShadow) != 0);
  }
}

// Which of the limits the answer tells of.
void summarise(const Gate& gate, const RateCheck& check, const CheckedRows& counted,
               uint64_t now_ns, GateResult* result) noexcept {
  for (uint32_t i = 0; i < check.size(); ++i) {
    const RateCheck::Item& item = check[i];
    if (item.shadow) continue;
    const bool shown =
        (gate.image.rateLimits()[counted[i]].flags & abi::rate_flag::kHeadersAlways) != 0;
    if (result->allowed && !shown) continue;
    // The first refusal ends the check; how long to wait depends on those behind it, too.
    const RateVerdict verdict =
        item.known ? item.verdict : gate.table.peek(*item.rule, item.key, now_ns);
    const RateNumbers numbers = RateTable::numbers(*item.rule, verdict, now_ns);
    if (!result->allowed && verdict.allowed) continue;
    if (result->allowed)
      showTighter(counted[i], numbers, result);
    else
      showLonger(counted[i], numbers, result);
  }
}

}  // namespace

RateSettings rateSettingsOf(const abi::RateLimitRecord& limit) noexcept {
  return {limit.algorithm, limit.limit, limit.window_ms, limit.burst};
}

bool hashLimitKey(const Image& image, const abi::RateLimitRecord& limit, const GateRequest& request,
                  const SipKey& key, uint64_t* hash) noexcept {
  SipHash13 sip(key);
  sip.add(limit.tag);
  for (const abi::RateKeyRecord& part : image.keys(limit)) {
    if (addPart(sip, image, part, request)) continue;
    if ((part.flags & abi::rate_key_flag::kSkipWhenMissing) != 0) return false;
  }
  *hash = sip.finish();
  return true;
}

GateResult checkLimits(const Gate& gate, std::span<const uint32_t> rows, const GateRequest& request,
                       uint64_t now_ns) noexcept {
  GateResult result;
  if (rows.empty()) return result;
  RateCheck check;
  CheckedRows counted;
  addLimits(gate, rows, request, &check, &counted);
  result.allowed = check.run(gate.table, now_ns) == abi::kNone;
  summarise(gate, check, counted, now_ns, &result);
  return result;
}

GateResult peekLimits(const Gate& gate, std::span<const uint32_t> rows, const GateRequest& request,
                      uint64_t now_ns, std::vector<PeekedLimit>* peeked) {
  GateResult result;
  if (rows.empty()) return result;
  RateCheck check;
  CheckedRows counted;
  addLimits(gate, rows, request, &check, &counted);
  result.allowed = check.look(gate.table, now_ns) == abi::kNone;
  for (uint32_t i = 0; i < check.size(); ++i) {
    const RateCheck::Item& item = check[i];
    peeked->push_back({counted[i], item.verdict.allowed, item.verdict.unplaced,
                       RateTable::numbers(*item.rule, item.verdict, now_ns)});
  }
  summarise(gate, check, counted, now_ns, &result);
  return result;
}

const GateResult& tighter(const GateResult& a, const GateResult& b) noexcept {
  if (b.limit_row == abi::kNone) return a;
  if (a.limit_row == abi::kNone) return b;
  if (a.remaining != b.remaining) return a.remaining < b.remaining ? a : b;
  return a.reset_s >= b.reset_s ? a : b;
}

}  // namespace millrace
