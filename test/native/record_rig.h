#ifndef MILLRACE_TEST_NATIVE_RECORD_RIG_H_
#define MILLRACE_TEST_NATIVE_RECORD_RIG_H_

#include <algorithm>
#include <string>
#include <vector>

#include "engine/record/failed.h"
#include "engine/record/request_phases.h"
#include "engine/state/engine.h"
#include "harness.h"
#include "image_builder.h"
#include "origin.h"

// What the workers remember of the requests of a test.
namespace millrace::test {

inline std::string_view text(const KeptRecord& kept, uint32_t which) {
  return kept.record().text(which);
}

// Those that ended since it was made, oldest first.
class Records {
 public:
  Records() : before_(Engine::instance().findRequests({})) {}

  std::vector<KeptRecord> find(const RequestQuery& query) const {
    std::vector<KeptRecord> found = Engine::instance().findRequests(query);
    std::erase_if(found, [this](const KeptRecord& kept) {
      return std::any_of(before_.begin(), before_.end(), [&](const KeptRecord& old) {
        return old.record().id == kept.record().id;
      });
    });
    std::reverse(found.begin(), found.end());
    return found;
  }
  std::vector<KeptRecord> all() const { return find({}); }
  // The last one, which there must be.
  KeptRecord last() const {
    const std::vector<KeptRecord> found = all();
    EXPECT(!found.empty(), "a request is remembered");
    return found.empty() ? KeptRecord{} : found.back();
  }

 private:
  std::vector<KeptRecord> before_;
};

// One line: status, flag, bits (Local, Aborted, Fallback, WebSocket), and each attempt: its
// endpoint by a number in the order in which they come, status, flag and bits (reused, hedge,
// answered, cancelled, stale).
//   "200 none | 0:UC,rs 0:200,a"
inline std::string lineOf(const RequestRecord& record) {
  namespace bit = abi::record_bit;
  namespace of = abi::attempt_bit;
  std::string line =
      std::to_string(record.status) + " " + abi::kResponseFlagNames[record.flag] + " ";
  const auto mark = [&line](uint32_t bits, uint32_t mask, char letter) {
    if ((bits & mask) != 0) line += letter;
  };
  mark(record.bits, bit::kLocal, 'L');
  mark(record.bits, bit::kAborted, 'A');
  mark(record.bits, bit::kFallback, 'F');
  mark(record.bits, bit::kWebSocket, 'W');
  line += "|";
  std::vector<std::string_view> seen;
  for (uint32_t i = 0; i < record.attempt_count; ++i) {
    const AttemptRecord& attempt = record.attemptRecords()[i];
    const std::string_view endpoint = record.namesOf(i)[1];
    auto at = std::find(seen.begin(), seen.end(), endpoint);
    if (at == seen.end()) at = seen.insert(seen.end(), endpoint);
    line += " " + std::to_string(at - seen.begin()) + ":";
    if (attempt.status != 0) line += std::to_string(attempt.status);
    if (attempt.flag != 0) line += abi::kResponseFlagNames[attempt.flag];
    line += ",";
    mark(attempt.bits, of::kReused, 'r');
    mark(attempt.bits, of::kHedge, 'h');
    mark(attempt.bits, of::kAnswered, 'a');
    mark(attempt.bits, of::kCancelled, 'c');
    mark(attempt.bits, of::kStale, 's');
  }
  return line;
}

// Endpoints are named by their ports, so that records tell which it was.
inline void nameEndpoints(ImageBuilder& b) {
  for (abi::EndpointRecord& endpoint : b.endpoints) {
    const ImageBuilder::Text name = b.text("127.0.0.1:" + std::to_string(endpoint.port));
    endpoint.name_offset = name.offset;
    endpoint.name_length = name.length;
  }
}

// What of a record contradicts itself; empty when nothing does.
inline std::string contradictionIn(const RequestRecord& record) {
  namespace bit = abi::record_bit;
  namespace of = abi::attempt_bit;
  uint32_t answered = 0;
  uint32_t begun = 0;
  for (const AttemptRecord& a : record.attemptRecords()) {
    uint32_t last = 0;
    for (const uint32_t moment :
         {a.chosen_us, a.connecting_us, a.connected_us, a.sent_us, a.first_byte_us, a.ended_us}) {
      if (moment == kNoMoment) continue;
      if (moment < last) return "the moments of an attempt do not rise";
      last = moment;
    }
    if (a.chosen_us == kNoMoment || a.ended_us == kNoMoment) return "an attempt has no end";
    if (a.ended_us > record.duration_us) return "an attempt outlives its request";
    if (a.chosen_us < begun) return "attempts are not in their order";
    begun = a.chosen_us;
    if (a.first_byte_us != kNoMoment && a.sent_us == kNoMoment) return "an answer to nothing";
    if (a.status != 0 && a.first_byte_us == kNoMoment) return "a status without a first byte";
    if ((a.bits & of::kReused) != 0 && a.connecting_us != kNoMoment)
      return "a connection both kept and made";
    if ((a.bits & of::kCancelled) != 0 && (a.bits & (of::kAnswered | of::kStale)) != 0)
      return "an attempt ended in two ways";
    if ((a.bits & of::kAnswered) == 0) {
      if (a.status == 0 && a.flag == 0 && (a.bits & of::kCancelled) == 0)
        return "an attempt ended without a reason";
      continue;
    }
    ++answered;
    if (a.status != record.status) return "the client has another status than was answered";
    if (a.flag != record.flag) return "the answer broke off for another reason than the request";
  }
  const bool local = (record.bits & bit::kLocal) != 0;
  if (answered > 1) return "two attempts answered";
  if (answered != 0 && local) return "answered by an upstream and by ourselves";
  if (answered == 0 && !local && record.status != 0) return "a status from nowhere";
  if (record.attempt_count > record.attempts) return "more attempts than were made";
  if (record.attempt_count != std::min<uint32_t>(record.attempts, RequestTrail::kMaxAttempts))
    return "attempts are missing";
  if (record.status == 0 && (record.bits & bit::kAborted) == 0) return "no answer, and no abort";
  if ((record.bits & bit::kAborted) != 0 && record.flag == 0) return "an abort without a reason";
  if (record.waited_us > record.duration_us || record.backoff_us > record.duration_us)
    return "waits are longer than the request";
  return {};
}

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_RECORD_RIG_H_
