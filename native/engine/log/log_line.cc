#include "engine/log/log_line.h"

#include <span>

#include "abi.h"
#include "engine/log/log_headers.h"
#include "engine/record/request_trail.h"
#include "engine/route/cidr.h"

namespace millrace {
namespace {

namespace op = abi::log_op;
namespace text = abi::record_text;

// Of the listener: it takes nothing else.
constexpr std::string_view kProtocol = "HTTP/1.1";
// What nginx says when the client had gone before it was answered.
constexpr uint32_t kClosedByClient = 499;

constexpr uint64_t kNever = UINT64_MAX;

// What a step has for a line: nothing, a number, a time, or a text. Never more than one of them.
struct Value {
  enum class Kind : uint8_t { kNone, kNumber, kMillis, kBool, kText, kSafe } kind = Kind::kNone;
  uint64_t number = 0;
  std::string_view bytes;

  static Value ofNumber(uint64_t n) noexcept { return {Kind::kNumber, n, {}}; }
  static Value ofBool(bool b) noexcept { return {Kind::kBool, b ? 1u : 0u, {}}; }
  // Microseconds; kNever = none.
  static Value ofTime(uint64_t us) noexcept {
    return us == kNever ? Value() : Value{Kind::kMillis, us, {}};
  }
  static Value ofText(std::string_view t) noexcept {
    return t.empty() ? Value() : Value{Kind::kText, 0, t};
  }
  // Needs no escapes.
  static Value ofSafe(std::string_view t) noexcept {
    return t.empty() ? Value() : Value{Kind::kSafe, 0, t};
  }
};

uint64_t between(uint32_t from, uint32_t to) noexcept {
  return from == kNoMoment || to == kNoMoment || to < from ? kNever : to - from;
}

// A record as the steps read it.
class Line {
 public:
  Line(const RequestRecord& record, const LogSink& sink, const LogClock& clock, LogTime* time)
      : record_(record), sink_(sink), clock_(clock), time_(time) {
    const char* at = record.texts();
    for (uint32_t i = 0; i < text::kCount; ++i) {
      texts_[i] = {at, record.lengths[i]};
      at += record.lengths[i];
    }
    const std::span<const AttemptRecord> attempts = record.attemptRecords();
    for (const AttemptRecord& attempt : attempts) {
      if (last_ == nullptr || (last_->bits & abi::attempt_bit::kAnswered) == 0) last_ = &attempt;
    }
  }

  bool isTime(uint32_t step) const noexcept {
    return step == op::kTime || step == op::kTimeUtc || step == op::kTimeLocal;
  }
  // Of the request's start.
  uint64_t wallUs() const noexcept {
    return clock_.wallUs(record_.ended_ns - record_.duration_us * 1000);
  }
  void appendTime(const LogStep& step, LineBuffer* out) {
    if (step.op == op::kTime)
      time_->appendIso(out, wallUs());
    else
      time_->appendPattern(out, wallUs(), step.text, step.op == op::kTimeLocal);
  }

  Value valueOf(const LogStep& step) noexcept {
    switch (step.op) {
      case op::kId:
        return Value::ofSafe(hex(record_.id, 0));
      case op::kRequestId:
        return Value::ofText(texts_[text::kRequestId]);
      case op::kTraceId:
        if ((record_.trace_high | record_.trace_low) == 0) return {};
        hex(record_.trace_high, 0);
        hex(record_.trace_low, 16);
        return Value::ofSafe({scratch_, 32});
      case op::kClient:
        return Value::ofSafe({scratch_, formatIp(record_.peer, std::span<char, kIpTextBytes>(
                                                                   scratch_, kIpTextBytes))});
      case op::kListener:
        return Value::ofText(texts_[text::kListener]);
      case op::kTls:
        return Value::ofBool((record_.bits & abi::record_bit::kTls) != 0);
      case op::kMethod:
        return Value::ofText(texts_[text::kMethod]);
      case op::kHost:
        return Value::ofText(texts_[text::kAuthority]);
      case op::kTarget:
        return Value::ofText(texts_[text::kTarget]);
      case op::kProtocol:
        return Value::ofSafe(kProtocol);
      case op::kStatus:
        return record_.status == 0 ? Value() : Value::ofNumber(record_.status);
      case op::kStatusOrClosed:
        return Value::ofNumber(record_.status == 0 ? kClosedByClient : record_.status);
      case op::kFlag:
        return record_.flag == abi::response_flag::kNone
                   ? Value()
                   : Value::ofSafe(abi::kResponseFlagNames[record_.flag]);
      case op::kDetail: {
        std::string_view detail = texts_[text::kDetail];
        while (!detail.empty() && detail.back() == '\n') detail.remove_suffix(1);
        return Value::ofText(detail);
      }
      case op::kBytesIn:
        return Value::ofNumber(record_.request_bytes);
      case op::kBytesOut:
        return Value::ofNumber(record_.response_bytes);
      case op::kSentBytes:
        return Value::ofNumber(record_.sent_bytes);
      case op::kDurationMs:
        return Value::ofTime(record_.duration_us);
      case op::kQueueMs:
        // Without a cluster there was nothing to wait for.
        return Value::ofTime(texts_[text::kCluster].empty() ? kNever : record_.waited_us);
      case op::kConnectMs:
        if (last_ == nullptr) return {};
        if ((last_->bits & abi::attempt_bit::kReused) != 0) return Value::ofTime(0);
        return Value::ofTime(between(last_->connecting_us, last_->connected_us));
      case op::kFirstByteMs:
        if (last_ == nullptr) return {};
        return Value::ofTime(between(last_->sent_us, last_->first_byte_us));
      case op::kUpstreamMs:
        if (last_ == nullptr) return {};
        return Value::ofTime(between(last_->sent_us, last_->ended_us));
      case op::kResponseMs:
        if (last_ == nullptr || last_->first_byte_us == kNoMoment) return {};
        return Value::ofTime(last_->first_byte_us);
      case op::kFaultDelayMs:
        return Value::ofTime(record_.fault_delay_us == 0 ? kNever : record_.fault_delay_us);
      case op::kAttempts:
        return Value::ofNumber(record_.attempts);
      case op::kRetries:
        return Value::ofNumber(record_.retries);
      case op::kRoute:
        return Value::ofText(texts_[text::kRoute]);
      case op::kCluster:
        return Value::ofText(texts_[text::kCluster]);
      case op::kEndpoint:
        return Value::ofText(texts_[text::kEndpoint]);
      case op::kReused:
        if (last_ == nullptr) return {};
        return Value::ofBool((last_->bits & abi::attempt_bit::kReused) != 0);
      case op::kUserAgent:
        return Value::ofText(texts_[text::kUserAgent]);
      case op::kReferer:
        return Value::ofText(texts_[text::kReferer]);
      case op::kForwardedFor:
        return Value::ofText(texts_[text::kForwardedFor]);
      case op::kHeader: {
        bool present = false;
        return Value::ofText(logHeader(texts_[text::kHeaders], step.text, &present));
      }
      case op::kUpstreamTarget:
        return Value::ofText(texts_[text::kUpstreamTarget]);
      case op::kWebSocket:
        return Value::ofBool((record_.bits & abi::record_bit::kWebSocket) != 0);
      case op::kFallback:
        return Value::ofBool((record_.bits & abi::record_bit::kFallback) != 0);
      default:
        return {};
    }
  }

  // An object with those of the sink's headers that the request has.
  void appendHeaders(LineBuffer* out) const {
    out->append('{');
    bool first = true;
    for (const std::string& name : sink_.headers) {
      bool present = false;
      const std::string_view value = logHeader(texts_[text::kHeaders], name, &present);
      if (!present) continue;
      out->append(first ? "\"" : ",\"");
      appendJson(out, name);
      out->append("\":\"");
      appendJson(out, value);
      out->append('"');
      first = false;
    }
    out->append('}');
  }

 private:
  std::string_view hex(uint64_t value, size_t at) noexcept {
    for (size_t i = 16; i-- > 0; value >>= 4) scratch_[at + i] = "0123456789abcdef"[value & 15];
    return {scratch_ + at, 16};
  }

  const RequestRecord& record_;
  const LogSink& sink_;
  const LogClock& clock_;
  LogTime* const time_;
  std::array<std::string_view, text::kCount> texts_;
  const AttemptRecord* last_ = nullptr;  // the one that answered, else the last
  char scratch_[40];
};

void appendJsonValue(const Value& value, uint32_t flags, LineBuffer* out) {
  switch (value.kind) {
    case Value::Kind::kNone:
      out->append("null");
      break;
    case Value::Kind::kNumber:
      appendNumber(out, value.number);
      break;
    case Value::Kind::kMillis:
      if ((flags & abi::log_step_flag::kWhole) != 0)
        appendNumber(out, value.number / 1000);
      else
        appendMillis(out, value.number);
      break;
    case Value::Kind::kBool:
      out->append(value.number != 0 ? "true" : "false");
      break;
    case Value::Kind::kText:
    case Value::Kind::kSafe:
      out->append('"');
      if (value.kind == Value::Kind::kSafe)
        out->append(value.bytes);
      else
        appendJson(out, value.bytes);
      out->append('"');
      break;
  }
}

void appendTextValue(const Value& value, const LogStep& step, LineBuffer* out) {
  switch (value.kind) {
    case Value::Kind::kNone:
      out->append('-');
      break;
    case Value::Kind::kText: {
      const size_t begin = out->size();
      appendEscaped(out,
                    step.max_length == 0 ? value.bytes : value.bytes.substr(0, step.max_length));
      if ((step.flags & abi::log_step_flag::kUnderscores) != 0) {
        char* const from = out->reserve(0) - (out->size() - begin);
        for (char* at = from; at != from + (out->size() - begin); ++at) {
          if (*at == ' ') *at = '_';
        }
      }
      break;
    }
    case Value::Kind::kSafe:
      out->append(step.max_length == 0 ? value.bytes : value.bytes.substr(0, step.max_length));
      break;
    default:
      appendJsonValue(value, step.flags, out);
  }
}

}  // namespace

void appendLine(const RequestRecord& record, const LogSink& sink, const LogClock& clock,
                LogTime* time, LineBuffer* out) {
  Line line(record, sink, clock, time);
  if (sink.json) {
    for (const LogStep& step : sink.steps) {
      out->append(step.prefix);
      if (step.op == op::kTime) {
        out->append('"');
        line.appendTime(step, out);
        out->append('"');
      } else if (step.op == op::kRequestHeaders) {
        line.appendHeaders(out);
      } else {
        appendJsonValue(line.valueOf(step), step.flags, out);
      }
    }
    out->append('}');
  } else {
    for (size_t i = 0; i < sink.steps.size(); ++i) {
      const LogStep& step = sink.steps[i];
      if (step.op == op::kLiteral) {
        out->append(step.text);
      } else if (line.isTime(step.op)) {
        line.appendTime(step, out);
      } else {
        const Value value = line.valueOf(step);
        const bool alternative = (step.flags & abi::log_step_flag::kAlternative) != 0;
        if (alternative && value.kind == Value::Kind::kNone) continue;
        appendTextValue(value, step, out);
        if (alternative) ++i;
      }
    }
  }
  out->append('\n');
}

}  // namespace millrace
