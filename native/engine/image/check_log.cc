// Image checks of the access log.
#include "engine/image/image_check.h"

namespace millrace {
namespace {

// One line each: what comes from the configuration may not end it early either.
bool hasLineEnd(std::string_view text) noexcept {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

}  // namespace

// INDEX rows in pairs, offset and length.
bool ImageCheck::textPairs(uint32_t start, uint32_t length) const noexcept {
  if (length % 2 != 0 || !isRange(abi::section::kIndex, start, length)) return false;
  const auto rows = image_.indexes().subspan(start, length);
  for (size_t i = 0; i < rows.size(); i += 2) {
    if (!isText(rows[i], rows[i + 1]) || rows[i + 1] == 0 ||
        rows[i + 1] > abi::limits::kMaxLogTextBytes) {
      return false;
    }
  }
  return true;
}

bool ImageCheck::log(const abi::LogRecord& r) noexcept {
  namespace flag = abi::log_flag;
  if (image_.logs().size() > abi::limits::kMaxLogSinks) return fail("too many sinks");
  if (r.target < abi::log_target::kFile || r.target > abi::log_target::kStderr)
    return fail("unknown target of a sink");
  if (!isText(r.name_offset, r.name_length) || r.name_length == 0 ||
      r.name_length > abi::limits::kMaxLogTextBytes) {
    return fail("bad name of a sink");
  }
  const std::string_view name = image_.str(r.name_offset, r.name_length);
  if (name.find('\0') != std::string_view::npos ||
      (r.target == abi::log_target::kFile && !name.starts_with('/'))) {
    return fail("path of a sink is not absolute");
  }
  if ((r.flags & ~(flag::kJson | flag::kSampled | flag::kSampleFailed)) != 0)
    return fail("unknown flag of a sink");
  if (r.status_count % 2 != 0 || !isRange(abi::section::kIndex, r.status_start, r.status_count))
    return fail("statuses of a sink out of bounds");
  const auto statuses = image_.indexes().subspan(r.status_start, r.status_count);
  for (size_t i = 0; i < statuses.size(); i += 2) {
    if (statuses[i] > statuses[i + 1] || statuses[i + 1] > 999)
      return fail("status of a sink out of range");
  }
  if (!textPairs(r.route_start, r.route_count)) return fail("bad routes of a sink");
  if (r.header_count / 2 > abi::limits::kMaxLogHeaders ||
      !textPairs(r.header_start, r.header_count)) {
    return fail("bad request headers of a sink");
  }
  for (uint32_t i = 0; i < r.header_count; i += 2) {
    if (image_.indexes()[r.header_start + i + 1] > 255) return fail("name of a header too long");
  }
  if (r.step_count == 0 || r.step_count > abi::limits::kMaxLogSteps ||
      !isRange(abi::section::kLogStep, r.step_start, r.step_count)) {
    return fail("steps of a sink out of bounds");
  }
  const auto steps = image_.logSteps().subspan(r.step_start, r.step_count);
  if ((steps.back().flags & abi::log_step_flag::kAlternative) != 0)
    return fail("step without its alternative");
  if ((r.flags & flag::kJson) != 0) {
    for (const abi::LogStepRecord& step : steps) {
      if (step.text_offset == abi::kNone || step.op == abi::log_op::kLiteral ||
          step.op == abi::log_op::kHeader || step.op == abi::log_op::kTimeUtc ||
          step.op == abi::log_op::kTimeLocal) {
        return fail("bad member of a JSON line");
      }
    }
  }
  return true;
}

bool ImageCheck::logStep(const abi::LogStepRecord& r) noexcept {
  namespace op = abi::log_op;
  namespace flag = abi::log_step_flag;
  if (r.op >= op::kCount) return fail("unknown step of a line");
  if ((r.flags & ~(flag::kAlternative | flag::kWhole | flag::kUnderscores)) != 0)
    return fail("unknown flag of a step");
  if (!isOptionalText(r.text_offset, r.text_length) ||
      r.text_length > abi::limits::kMaxLogTextBytes ||
      hasLineEnd(image_.str(r.text_offset, r.text_length))) {
    return fail("bad text of a step");
  }
  const bool needs_text =
      r.op == op::kLiteral || r.op == op::kHeader || r.op == op::kTimeUtc || r.op == op::kTimeLocal;
  return !needs_text || r.text_offset != abi::kNone || fail("step without its text");
}

}  // namespace millrace
