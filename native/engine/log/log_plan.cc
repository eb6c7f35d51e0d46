#include "engine/log/log_plan.h"

#include <algorithm>

#include "engine/log/log_text.h"

namespace millrace {
namespace {

std::vector<std::string> textsOf(const Image& image, uint32_t start, uint32_t count) {
  const auto rows = image.indexes().subspan(start, count);
  std::vector<std::string> texts;
  for (size_t i = 0; i + 1 < rows.size(); i += 2)
    texts.emplace_back(image.str(rows[i], rows[i + 1]));
  return texts;
}

LogSink readSink(const Image& image, const abi::LogRecord& row) {
  LogSink sink;
  sink.target = row.target;
  sink.name = image.str(row.name_offset, row.name_length);
  sink.json = (row.flags & abi::log_flag::kJson) != 0;
  sink.sampled = (row.flags & abi::log_flag::kSampled) != 0;
  sink.sample_failed = (row.flags & abi::log_flag::kSampleFailed) != 0;
  sink.sample_share = row.sample_share;
  sink.min_duration_us = uint64_t{row.min_duration_ms} * 1000;
  sink.any_status = row.status_count == 0;
  const auto statuses = image.indexes().subspan(row.status_start, row.status_count);
  for (size_t i = 0; i + 1 < statuses.size(); i += 2) {
    for (uint32_t status = statuses[i]; status <= statuses[i + 1]; ++status)
      sink.statuses.set(status);
  }
  sink.routes = textsOf(image, row.route_start, row.route_count);
  sink.headers = textsOf(image, row.header_start, row.header_count);
  for (const abi::LogStepRecord& from : image.logSteps().subspan(row.step_start, row.step_count)) {
    LogStep& step = sink.steps.emplace_back();
    step.op = from.op;
    step.flags = from.flags;
    step.max_length = from.max_length;
    step.text = image.str(from.text_offset, from.text_length);
    if (sink.json) {
      LineBuffer key;
      key.append(sink.steps.size() == 1 ? "{\"" : ",\"");
      appendJson(&key, step.text);
      key.append("\":");
      step.prefix = key.view();
    }
  }
  return sink;
}

}  // namespace

std::shared_ptr<LogPlan> readLogPlan(const Image& image) {
  if (image.logs().empty()) return nullptr;
  auto plan = std::make_shared<LogPlan>();
  for (const abi::LogRecord& row : image.logs()) plan->sinks.push_back(readSink(image, row));
  for (uint32_t i = 0; i < plan->sinks.size(); ++i) {
    const LogSink& sink = plan->sinks[i];
    if (sink.routes.empty()) plan->unrouted |= 1u << i;
    for (const std::string& route : sink.routes) plan->routes[route] |= 1u << i;
    for (const std::string& header : sink.headers) {
      if (std::find(plan->headers.begin(), plan->headers.end(), header) == plan->headers.end())
        plan->headers.push_back(header);
    }
    for (const LogStep& step : sink.steps) {
      plan->wants_user_agent |= step.op == abi::log_op::kUserAgent;
      plan->wants_referer |= step.op == abi::log_op::kReferer;
      plan->wants_forwarded_for |= step.op == abi::log_op::kForwardedFor;
    }
  }
  return plan;
}

}  // namespace millrace
