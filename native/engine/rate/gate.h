#ifndef MILLRACE_ENGINE_RATE_GATE_H_
#define MILLRACE_ENGINE_RATE_GATE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "abi.h"
#include "base/siphash.h"
#include "engine/image/image.h"
#include "engine/rate/rate_check.h"
#include "engine/rate/rate_table.h"
#include "engine/route/cidr.h"
#include "engine/route/request_view.h"

namespace millrace {

// Where a worker counts the limits of a configuration. Rules and shards are parallel to
// Image::rateLimits().
struct Gate {
  const Image& image;
  RateTable& table;                    // shared by all workers
  std::span<RateRule* const> rules;    // shared, too
  std::span<RateShard* const> shards;  // of this worker; empty for `peekLimits`
  SipKey key;                          // random, of the process
};

// What keys are made of. Views that live as long as the call.
struct GateRequest {
  std::span<const HeaderSlice> fields;
  std::string_view host;   // lower case, without port
  std::string_view path;   // normalised, without the query
  std::string_view route;  // its name; empty before it is matched
  IpAddress client;        // clientAddressOf; family 0 = not known
};

struct GateResult {
  // RATE_LIMIT row whose numbers follow: of a refusal the one with the longest wait, else the
  // tightest one that shows itself on every answer. kNone = no header lines.
  uint32_t limit_row = abi::kNone;
  uint32_t remaining = 0;      // requests
  uint32_t reset_s = 0;        // until the counter is as new
  uint32_t retry_after_s = 0;  // of a refusal, at least 1
  bool allowed = true;
};

// How a RATE_LIMIT is counted.
RateSettings rateSettingsOf(const abi::RateLimitRecord& limit) noexcept;

// Whether the limits in `rows` (RATE_LIMIT rows, at most kMaxRateLimitsPerRoute) let a request
// pass, counted as RateCheck says: in all of them, or in none when one refuses. Any thread with its
// own shards; no allocation. `now_ns` as RateTable wants it.
GateResult checkLimits(const Gate& gate, std::span<const uint32_t> rows, const GateRequest& request,
                       uint64_t now_ns) noexcept;

// One limit of a request that was only looked at.
struct PeekedLimit {
  uint32_t row;         // RATE_LIMIT
  bool allowed;         // it would let the request pass
  bool unplaced;        // it would be counted together with others: the table has no room
  RateNumbers numbers;  // before the request
};

// What `checkLimits` would say, with nothing counted and nobody's shards needed; in `*peeked` every
// limit that would count the request, in order. Control plane.
GateResult peekLimits(const Gate& gate, std::span<const uint32_t> rows, const GateRequest& request,
                      uint64_t now_ns, std::vector<PeekedLimit>* peeked);

// The key of a request under a limit: SipHash of the tag and of every part, each with its length or
// count in front, so that different requests never are the same bytes. False when a part is missing
// without which the limit does not count.
bool hashLimitKey(const Image& image, const abi::RateLimitRecord& limit, const GateRequest& request,
                  const SipKey& key, uint64_t* hash) noexcept;

// Of two results of one request that was allowed by both, the one whose lines the answer carries:
// fewer requests left, then the longer wait.
const GateResult& tighter(const GateResult& a, const GateResult& b) noexcept;

// Longest head of a refusal: reason, content type, two names and three numbers each.
inline constexpr std::size_t kMaxRefusalHeadBytes = 2048;
static_assert(2 * abi::limits::kMaxRateNameBytes + abi::limits::kMaxRateTypeBytes + 512 <=
              kMaxRefusalHeadBytes);

// The lines that the result puts on an answer, "name: value\r\n" each: RateLimit and
// RateLimit-Policy as of draft-ietf-httpapi-ratelimit-headers-10, which knows whole seconds only
// (all are rounded up, so that a client who keeps to them is never too fast), the X-RateLimit trio
// when asked for, and Retry-After on a refusal. Returns their length.
std::size_t writeRateLimitHeaders(const Image& image, const GateResult& result,
                                  std::span<char, kMaxRefusalHeadBytes> out) noexcept;

// The head of a refusal in the form of downstream_head.h, with these lines.
std::size_t writeRefusalHead(const Image& image, const GateResult& result, bool bodiless,
                             std::span<char, kMaxRefusalHeadBytes> out) noexcept;
std::string_view refusalBody(const Image& image, const GateResult& result) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RATE_GATE_H_
