#include "engine/record/recent_ring.h"

#include <algorithm>

#include "base/check.h"

namespace millrace {
namespace {

constexpr size_t kMostTexts = abi::record_text::kCount + 2 * RequestTrail::kMaxAttempts;

// The largest bound for which all texts, each cut to it, fit into `room`.
uint32_t boundOf(std::span<const uint16_t> lengths, size_t room) noexcept {
  uint32_t low = 0;  // fits
  uint32_t high = UINT16_MAX + 1;
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    size_t sum = 0;
    for (const uint16_t length : lengths) sum += std::min<uint32_t>(length, middle);
    (sum <= room ? low : high) = middle;
  }
  return low;
}

}  // namespace

void fitRecord(const RequestRecord& record, KeptRecord* out) noexcept {
  const size_t fixed = RequestRecord::headBytes() + record.attempt_count * sizeof(AttemptRecord);
  static_assert(RequestRecord::headBytes() + RequestTrail::kMaxAttempts * sizeof(AttemptRecord) <=
                KeptRecord::kBytes / 2);
  char* const bytes = out->bytes.data();
  std::memcpy(bytes, &record, fixed);
  auto& copy = *reinterpret_cast<RequestRecord*>(bytes);
  auto* const attempts = reinterpret_cast<AttemptRecord*>(bytes + RequestRecord::headBytes());

  std::array<uint16_t, kMostTexts> lengths;
  uint32_t count = 0;
  for (const uint16_t length : record.lengths) lengths[count++] = length;
  for (const AttemptRecord& attempt : record.attemptRecords()) {
    const bool same = attempt.cluster_length == AttemptRecord::kSameNames;
    lengths[count++] = same ? 0 : attempt.cluster_length;
    lengths[count++] = same ? 0 : attempt.endpoint_length;
  }
  const size_t room = KeptRecord::kBytes - fixed;
  const uint32_t bound = boundOf({lengths.data(), count}, room);

  const char* from = record.texts();
  char* to = bytes + fixed;
  for (uint32_t i = 0; i < count; ++i) {
    const auto kept = static_cast<uint16_t>(std::min<uint32_t>(lengths[i], bound));
    std::memcpy(to, from, kept);
    if (kept != lengths[i]) copy.bits |= abi::record_bit::kCut;
    from += lengths[i];
    to += kept;
    if (i < abi::record_text::kCount) {
      copy.lengths[i] = kept;
    } else {
      AttemptRecord& attempt = attempts[(i - abi::record_text::kCount) / 2];
      if (attempt.cluster_length == AttemptRecord::kSameNames) continue;
      ((i - abi::record_text::kCount) % 2 == 0 ? attempt.cluster_length : attempt.endpoint_length) =
          kept;
    }
  }
  const auto used = static_cast<size_t>(to - bytes);
  copy.size = static_cast<uint32_t>((used + 7) & ~size_t{7});
  MILLRACE_CHECK(copy.size <= KeptRecord::kBytes);
}

}  // namespace millrace
