#include "engine/record/request_query.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace millrace {
namespace {

// Gives the records of a ring that match to `out`.
template <typename Ring>
void collect(const Ring& ring, const RequestQuery& query, std::vector<KeptRecord>* out) {
  const uint64_t end = ring.written();
  KeptRecord kept;
  for (uint64_t at = end; at > 0 && end - at < Ring::kCapacity; --at) {
    if (ring.read(at - 1, &kept) && query.matches(kept.record())) out->push_back(kept);
  }
}

// A request that ended later, and of two that ended at once the one that came later.
bool isNewer(const KeptRecord& a, const KeptRecord& b) noexcept {
  const RequestRecord& x = a.record();
  const RequestRecord& y = b.record();
  return x.ended_ns != y.ended_ns ? x.ended_ns > y.ended_ns : x.id > y.id;
}

}  // namespace

bool RequestQuery::matches(const RequestRecord& record) const noexcept {
  namespace t = abi::record_text;
  if (record.status < status_from || record.status > status_to) return false;
  if (flag != abi::kNone && record.flag != flag) return false;
  if (!route.empty() && record.text(t::kRoute) != route) return false;
  if (!cluster.empty() && record.text(t::kCluster) != cluster) {
    bool asked = false;
    for (uint32_t i = 0; i < record.attempt_count; ++i) asked |= record.namesOf(i)[0] == cluster;
    if (!asked) return false;
  }
  return id.empty() || recordIdText(record.id) == id || record.text(t::kRequestId) == id ||
         traceIdText(record) == id;
}

std::vector<KeptRecord> findRequests(std::span<const RequestRings* const> rings,
                                     const RequestQuery& query) {
  std::vector<KeptRecord> found;
  for (const RequestRings* const of_worker : rings) {
    if (of_worker == nullptr) continue;
    if (!query.failed) collect(of_worker->recent, query, &found);
    collect(of_worker->failed, query, &found);
  }
  std::sort(found.begin(), found.end(), isNewer);
  // Failed ones are in both rings for a while.
  const auto same = [](const KeptRecord& a, const KeptRecord& b) {
    return a.record().id == b.record().id;
  };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  if (found.size() > query.limit) found.resize(query.limit);
  return found;
}

std::string recordIdText(uint64_t id) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, id);
  return text;
}

std::string traceIdText(const RequestRecord& record) {
  if ((record.trace_high | record.trace_low) == 0) return {};
  return recordIdText(record.trace_high) + recordIdText(record.trace_low);
}

}  // namespace millrace
