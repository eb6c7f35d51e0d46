#ifndef MILLRACE_ENGINE_LOG_LOG_LINE_H_
#define MILLRACE_ENGINE_LOG_LOG_LINE_H_

#include <cstdint>

#include "engine/log/log_plan.h"
#include "engine/log/log_text.h"
#include "engine/log/log_time.h"
#include "engine/record/request_record.h"

namespace millrace {

// What a monotonic time of a record is on the wall: taken once for the records of a batch.
struct LogClock {
  uint64_t monotonic_ns = 0;
  uint64_t wall_ns = 0;
  uint64_t wallUs(uint64_t monotonic) const noexcept {
    return (wall_ns + monotonic - monotonic_ns) / 1000;
  }
};

// Appends the line of a record as a sink wants it, with its line end. Exactly one '\n', whatever
// the record holds.
void appendLine(const RequestRecord& record, const LogSink& sink, const LogClock& clock,
                LogTime* time, LineBuffer* out);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_LOG_LOG_LINE_H_
