#ifndef MILLRACE_ENGINE_RECORD_REQUEST_QUERY_H_
#define MILLRACE_ENGINE_RECORD_REQUEST_QUERY_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "abi.h"
#include "engine/record/recent_ring.h"

namespace millrace {

// Which of the requests that the workers remember. Empty texts and kNone ask for nothing.
struct RequestQuery {
  bool failed = false;  // those only
  uint32_t limit = UINT32_MAX;
  std::string route;
  std::string cluster;         // any of its attempts went there, or it would have
  uint32_t status_from = 0;    // 0 = no answer
  uint32_t status_to = 65535;  // inclusive
  uint32_t flag = abi::kNone;  // abi::response_flag
  // The record's own number as 16 hexadecimal digits, the trace id as 32, or the request id as it
  // was sent upstream.
  std::string id;

  bool matches(const RequestRecord& record) const noexcept;
};

// Newest first. `rings`: of the workers, null where there was none. Any thread; takes what is there
// at some moment during the call.
std::vector<KeptRecord> findRequests(std::span<const RequestRings* const> rings,
                                     const RequestQuery& query);

// As RequestQuery::id takes it.
std::string recordIdText(uint64_t id);
// 32 hexadecimal digits; empty where there is none.
std::string traceIdText(const RequestRecord& record);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RECORD_REQUEST_QUERY_H_
