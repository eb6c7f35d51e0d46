#include "engine/record/request_record.h"

namespace millrace {

// All of it zero: the bytes up to a multiple of 8 are copied, too.
RecordBuilder::RecordBuilder() : bytes_(new char[kMaxBytes]()) {}

void RecordBuilder::addNames(AttemptRecord& attempt, std::string_view cluster,
                             std::string_view endpoint) noexcept {
  cluster = cluster.substr(0, kMaxNameBytes);
  endpoint = endpoint.substr(0, kMaxNameBytes);
  attempt.cluster_length = static_cast<uint16_t>(cluster.size());
  attempt.endpoint_length = static_cast<uint16_t>(endpoint.size());
  addTexts(cluster);
  addTexts(endpoint);
}

}  // namespace millrace
