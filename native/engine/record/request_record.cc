#include "engine/record/request_record.h"

#include <algorithm>

#include "base/check.h"

namespace millrace {
namespace {

constexpr size_t kMaxNameBytes = 256;

}  // namespace

RecordBuilder::RecordBuilder() : bytes_(new char[kMaxBytes]) {}

RequestRecord& RecordBuilder::begin() noexcept {
  used_ = RequestRecord::headBytes();
  std::memset(bytes_.get(), 0, used_);
  return record();
}

AttemptRecord& RecordBuilder::addAttempt() noexcept {
  MILLRACE_CHECK(record().attempt_count < RequestTrail::kMaxAttempts);
  ++record().attempt_count;
  auto* const attempt = reinterpret_cast<AttemptRecord*>(bytes_.get() + used_);
  used_ += sizeof(AttemptRecord);
  *attempt = AttemptRecord();
  return *attempt;
}

void RecordBuilder::addText(uint32_t which, std::string_view text) noexcept {
  const std::string_view kept = text.substr(0, kMaxTextBytes);
  if (kept.size() != text.size()) record().bits |= abi::record_bit::kCut;
  record().lengths[which] = static_cast<uint16_t>(kept.size());
  append(kept);
}

void RecordBuilder::addNames(uint32_t attempt, std::string_view cluster,
                             std::string_view endpoint) noexcept {
  auto* const records = const_cast<AttemptRecord*>(record().attemptsBegin());
  cluster = cluster.substr(0, kMaxNameBytes);
  endpoint = endpoint.substr(0, kMaxNameBytes);
  records[attempt].cluster_length = static_cast<uint16_t>(cluster.size());
  records[attempt].endpoint_length = static_cast<uint16_t>(endpoint.size());
  append(cluster);
  append(endpoint);
}

const RequestRecord& RecordBuilder::end() noexcept {
  record().size = static_cast<uint32_t>((used_ + 7) & ~size_t{7});
  return record();
}

}  // namespace millrace
