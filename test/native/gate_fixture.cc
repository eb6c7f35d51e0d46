#include "gate_fixture.h"

#include <cstdio>
#include <cstdlib>

#include "base/hash.h"

namespace millrace::test {

GateRig::GateRig(const std::vector<LimitSpec>& limits) {
  ImageBuilder b;
  constexpr ImageBuilder::Text kUnset{abi::kNone, 0};
  for (const LimitSpec& spec : limits) {
    const uint32_t key_start = static_cast<uint32_t>(b.rate_keys.size());
    for (const KeySpec& key : spec.keys) {
      const bool by_address = key.kind == abi::rate_key_kind::kClientIp;
      const ImageBuilder::Text name = key.name.empty() ? kUnset : b.text(key.name);
      b.rate_keys.push_back({key.kind, key.skip ? abi::rate_key_flag::kSkipWhenMissing : 0,
                             name.offset, name.length, by_address ? key.bits4 : 0,
                             by_address ? key.bits6 : 0});
    }
    const ImageBuilder::Text name = b.text(spec.name);
    const ImageBuilder::Text body = spec.body.empty() ? kUnset : b.text(spec.body);
    const ImageBuilder::Text type = spec.body.empty() ? kUnset : b.text(spec.type);
    b.rate_limits.push_back({name.offset, name.length, murmur3(spec.name, 0), spec.algorithm,
                             spec.limit, spec.window_ms, spec.burst == 0 ? spec.limit : spec.burst,
                             spec.flags, spec.status, body.offset, body.length, type.offset,
                             type.length, key_start, static_cast<uint32_t>(spec.keys.size())});
    b.index.push_back(static_cast<uint32_t>(b.rate_limits.size()) - 1);
  }
  ImageError error;
  image_ = Image::load(b.finish(), &error);
  if (image_ == nullptr) {
    std::fprintf(stderr, "the test's own image is refused: %s\n", error.message);
    std::abort();
  }
  table_ = RateTable::create(1024);
  for (const abi::RateLimitRecord& limit : image_->rateLimits()) {
    owned_.push_back(table_->makeRule(rateSettingsOf(limit)));
    rules_.push_back(owned_.back().get());
    if (rules_.back() == nullptr) std::abort();
    for (std::vector<RateShard*>& shards : shards_) {
      owned_shards_.push_back(std::make_unique<RateShard>());
      shards.push_back(owned_shards_.back().get());
    }
  }
}

uint64_t GateRig::count(uint32_t row, uint32_t stat) const {
  uint64_t sum = 0;
  for (const std::vector<RateShard*>& shards : shards_) sum += shards[row]->counters.read(stat);
  return sum;
}

}  // namespace millrace::test
