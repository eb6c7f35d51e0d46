#include "engine/trace/trace_context.h"

#include <cstring>

#include "engine/trace/hex.h"

namespace millrace {
namespace {

constexpr uint64_t bitOf(HeaderId id) noexcept { return uint64_t{1} << static_cast<uint32_t>(id); }

constexpr uint64_t kB3Bits = bitOf(HeaderId::kB3) | bitOf(HeaderId::kXB3TraceId) |
                             bitOf(HeaderId::kXB3SpanId) | bitOf(HeaderId::kXB3Sampled) |
                             bitOf(HeaderId::kXB3Flags);

bool isLower(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool isDigit(char c) noexcept { return c >= '0' && c <= '9'; }

// tracestate: key = ( lcalpha / DIGIT ) 0*255( keychar )
bool isStateKey(std::string_view key) noexcept {
  if (key.empty() || key.size() > 256 || !(isLower(key[0]) || isDigit(key[0]))) return false;
  for (const char c : key) {
    if (!isLower(c) && !isDigit(c) && c != '_' && c != '-' && c != '*' && c != '/' && c != '@')
      return false;
  }
  return true;
}

// value = 0*255( chr ) nblk-chr, without the spaces around it
bool isStateValue(std::string_view value) noexcept {
  if (value.empty() || value.size() > 256) return false;
  for (const char c : value)
    if (c < ' ' || c > '~' || c == ',' || c == '=') return false;
  return true;
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Members may be empty; those that are not are counted.
bool isStateList(std::string_view list, uint32_t* members) noexcept {
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    const std::string_view member = trimmed(list.substr(at, end - at));
    at = end + 1;
    if (member.empty()) continue;
    const size_t equals = member.find('=');
    if (equals == std::string_view::npos || !isStateKey(member.substr(0, equals)) ||
        !isStateValue(member.substr(equals + 1)) || ++*members > kMaxTraceStateMembers)
      return false;
  }
  return true;
}

// One field of that name, or null: none and several mean the same.
const std::string_view* onlyField(const RequestHead& request, HeaderId id) noexcept {
  if ((request.seen & bitOf(id)) == 0) return nullptr;
  const std::string_view* found = nullptr;
  for (uint32_t i = 0; i < request.field_count; ++i) {
    if (request.ids[i] != id) continue;
    if (found != nullptr) return nullptr;
    found = &request.fields[i].value;
  }
  return found;
}

std::string_view fieldOf(const RequestHead& request, HeaderId id) noexcept {
  const std::string_view* field = onlyField(request, id);
  return field == nullptr ? std::string_view() : *field;
}

// 16 or 32 digits, not all of them zero.
bool readTraceId(std::string_view digits, TraceContext* context) noexcept {
  if (digits.size() == 32) {
    if (!readHex(digits.substr(0, 16), &context->high)) return false;
    digits.remove_prefix(16);
  } else {
    context->high = 0;
  }
  return digits.size() == 16 && readHex(digits, &context->low) &&
         (context->high | context->low) != 0;
}

bool readSpanId(std::string_view digits, uint64_t* span) noexcept {
  return digits.size() == 16 && readHex(digits, span) && *span != 0;
}

CallerDecision b3Decision(std::string_view state) noexcept {
  if (state == "1" || state == "d") return CallerDecision::kSampled;
  return state == "0" ? CallerDecision::kNotSampled : CallerDecision::kNone;
}

// trace "-" span [ "-" state [ "-" parent ] ], or the state alone.
CallerTrace b3Single(std::string_view value) noexcept {
  CallerTrace caller;
  caller.decision = b3Decision(value);
  if (caller.decision != CallerDecision::kNone) return caller;
  const size_t id = value.find('-');
  if (id == std::string_view::npos || !readTraceId(value.substr(0, id), &caller.context)) return {};
  value.remove_prefix(id + 1);
  if (!readSpanId(value.substr(0, 16), &caller.context.span)) return {};
  value.remove_prefix(16);
  if (!value.empty()) {
    if (value.size() < 2 || value[0] != '-') return {};
    caller.decision = b3Decision(value.substr(1, 1));
    if (caller.decision == CallerDecision::kNone) return {};
    value.remove_prefix(2);
    uint64_t parent;
    if (!value.empty() && (value[0] != '-' || !readSpanId(value.substr(1), &parent))) return {};
  }
  caller.source = TraceSource::kB3;
  return caller;
}

CallerTrace b3Multiple(const RequestHead& request) noexcept {
  CallerTrace caller;
  const std::string_view sampled = fieldOf(request, HeaderId::kXB3Sampled);
  if (fieldOf(request, HeaderId::kXB3Flags) == "1")
    caller.decision = CallerDecision::kSampled;  // debug
  else if (sampled == "1" || sampled == "true")  // the words of the first tracers
    caller.decision = CallerDecision::kSampled;
  else if (sampled == "0" || sampled == "false")
    caller.decision = CallerDecision::kNotSampled;
  if (readTraceId(fieldOf(request, HeaderId::kXB3TraceId), &caller.context) &&
      readSpanId(fieldOf(request, HeaderId::kXB3SpanId), &caller.context.span)) {
    caller.source = TraceSource::kB3;
  } else {
    caller.context = {};
  }
  return caller;
}

}  // namespace

bool parseTraceparent(std::string_view value, TraceContext* context) noexcept {
  if (value.size() < kTraceparentBytes) return false;
  uint64_t version;
  uint64_t flags;
  if (!readHex(value.substr(0, 2), &version) || version == 0xff) return false;
  if (value.size() != kTraceparentBytes && (version == 0 || value[kTraceparentBytes] != '-'))
    return false;
  if (value[2] != '-' || value[35] != '-' || value[52] != '-') return false;
  if (!readTraceId(value.substr(3, 32), context) ||
      !readSpanId(value.substr(kTraceparentSpanAt, 16), &context->span) ||
      !readHex(value.substr(53, 2), &flags))
    return false;
  // Others are not defined, or not in this version.
  context->flags = static_cast<uint8_t>(flags & (trace_flag::kSampled | trace_flag::kRandom));
  return true;
}

void writeTraceparent(const TraceContext& context, char* out) noexcept {
  std::memcpy(out, "00-", 3);
  writeHex64(out + 3, context.high);
  writeHex64(out + 19, context.low);
  out[35] = '-';
  writeHex64(out + kTraceparentSpanAt, context.span);
  out[52] = '-';
  writeHex8(out + 53, context.flags);
}

std::string_view traceStateOf(const RequestHead& request,
                              std::span<char, kMaxTraceStateBytes> room) noexcept {
  if ((request.seen & bitOf(HeaderId::kTracestate)) == 0) return {};
  std::string_view first;
  size_t used = 0;
  uint32_t lines = 0;
  uint32_t members = 0;
  for (uint32_t i = 0; i < request.field_count; ++i) {
    if (request.ids[i] != HeaderId::kTracestate) continue;
    const std::string_view line = request.fields[i].value;
    if (line.empty()) continue;
    const size_t comma = lines == 0 ? 0 : 1;
    if (used + comma + line.size() > room.size() || !isStateList(line, &members)) return {};
    if (comma != 0) room[used] = ',';
    std::memcpy(room.data() + used + comma, line.data(), line.size());
    used += comma + line.size();
    if (lines++ == 0) first = line;
  }
  if (members == 0) return {};
  return lines == 1 ? first : std::string_view(room.data(), used);
}

CallerTrace callerTraceOf(const RequestHead& request, bool b3) noexcept {
  CallerTrace caller;
  if (const std::string_view* field = onlyField(request, HeaderId::kTraceparent)) {
    if (parseTraceparent(*field, &caller.context)) {
      caller.source = TraceSource::kTraceparent;
      caller.decision = (caller.context.flags & trace_flag::kSampled) != 0
                            ? CallerDecision::kSampled
                            : CallerDecision::kNotSampled;
      return caller;
    }
    caller.context = {};
  }
  if (!b3 || (request.seen & kB3Bits) == 0) return caller;
  if ((request.seen & bitOf(HeaderId::kB3)) != 0) return b3Single(fieldOf(request, HeaderId::kB3));
  return b3Multiple(request);
}

}  // namespace millrace
