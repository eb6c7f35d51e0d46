#ifndef MILLRACE_TEST_NATIVE_GATE_FIXTURE_H_
#define MILLRACE_TEST_NATIVE_GATE_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/rate/gate.h"
#include "image_builder.h"

namespace millrace::test {

struct KeySpec {
  uint32_t kind = abi::rate_key_kind::kClientIp;
  std::string name = {};
  uint32_t bits4 = 32;
  uint32_t bits6 = 64;
  bool skip = false;
};

struct LimitSpec {
  std::string name;
  uint32_t limit = 10;
  uint32_t window_ms = 1000;
  std::vector<KeySpec> keys = {{}};
  uint32_t algorithm = abi::rate_algorithm::kGcra;
  uint32_t burst = 0;  // 0 = the limit
  uint32_t flags = 0;
  uint32_t status = 429;
  std::string body = {};  // empty = none
  std::string type = {};
};

// An image with these limits in one list, and a table that counts them.
class GateRig {
 public:
  static constexpr uint32_t kWorkers = 4;

  explicit GateRig(const std::vector<LimitSpec>& limits);

  GateResult check(const GateRequest& request, uint64_t now_ns, uint32_t worker = 0) const {
    return checkLimits(gate(worker), rows(), request, now_ns);
  }
  Gate gate(uint32_t worker = 0) const {
    return {*image_, *table_, rules_, shards_[worker], {1, 2}};
  }
  // A counter of a limit, over all workers.
  uint64_t count(uint32_t row, uint32_t stat) const;
  std::span<const uint32_t> rows() const {
    return image_->indexes().subspan(index_start_, image_->rateLimits().size());
  }
  const Image& image() const { return *image_; }
  const abi::RateLimitRecord& limit(uint32_t row) const { return image_->rateLimits()[row]; }

 private:
  std::unique_ptr<const Image> image_;
  std::unique_ptr<RateTable> table_;
  std::vector<std::unique_ptr<RateRule>> owned_;
  std::vector<RateRule*> rules_;
  std::vector<std::unique_ptr<RateShard>> owned_shards_;
  std::vector<RateShard*> shards_[kWorkers];
  uint32_t index_start_ = 0;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_GATE_FIXTURE_H_
