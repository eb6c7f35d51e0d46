#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "engine/trace/trace_context.h"
#include "fuzz_driver.h"
#include "fuzz_seeds.h"
#include "guarded.h"
#include "head_fixture.h"
#include "naive_http.h"

// Headers of traces, against plain versions of the same rules in regular expressions.
namespace millrace::test {
namespace {

using Values = std::vector<std::string>;

Values valuesOf(const Fields& fields, const std::string& name) {
  Values values;
  for (const auto& [field, value] : fields)
    if (field == name) values.push_back(value);
  return values;
}

std::string only(const Fields& fields, const std::string& name) {
  const Values values = valuesOf(fields, name);
  return values.size() == 1 ? values[0] : std::string();
}

std::string padded(const std::string& id) { return std::string(32 - id.size(), '0') + id; }

bool isHex(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}
bool isId(const std::string& text, bool trace) {
  return isHex(text) && text.find_first_not_of('0') != std::string::npos &&
         (text.size() == 16 || (trace && text.size() == 32));
}

const std::map<std::string, std::string> kDecisions = {{"0", "1"}, {"1", "2"}, {"d", "2"}};

std::string decisionOf(const std::string& state) {
  const auto found = kDecisions.find(state);
  return found == kDecisions.end() ? "0" : found->second;
}

// Nothing when it is not valid.
std::string naiveTraceparent(const std::string& value) {
  const Values parts = splitText(value, "-");
  if (parts.size() < 4 || (parts.size() > 4 && parts[0] == "00")) return {};
  if (parts[0].size() != 2 || !isHex(parts[0]) || parts[0] == "ff") return {};
  if (parts[1].size() != 32 || !isId(parts[1], true) || !isId(parts[2], false)) return {};
  if (parts[3].size() != 2 || !isHex(parts[3])) return {};
  const int flags = std::stoi(parts[3], nullptr, 16) % 4;
  return (flags % 2 == 1 ? "1 2 " : "1 1 ") + parts[1] + " " + parts[2] + " " +
         std::to_string(flags);
}

std::string naiveSingle(const std::string& value) {
  if (kDecisions.contains(value)) return "0 " + decisionOf(value);
  const Values parts = splitText(value, "-");
  if (parts.size() < 2 || parts.size() > 4 || !isId(parts[0], true) || !isId(parts[1], false) ||
      (parts.size() > 2 && !kDecisions.contains(parts[2])) ||
      (parts.size() > 3 && !isId(parts[3], false)))
    return "0 0";
  return "2 " + (parts.size() > 2 ? decisionOf(parts[2]) : "0") + " " + padded(parts[0]) + " " +
         parts[1] + " 0";
}

// "source decision trace span flags"
std::string naiveCaller(const Fields& fields, bool b3) {
  const std::string parent = naiveTraceparent(only(fields, "traceparent"));
  if (!parent.empty()) return parent;
  if (!b3) return "0 0";
  if (!valuesOf(fields, "b3").empty()) return naiveSingle(only(fields, "b3"));
  std::string decision = "0";
  const std::string sampled = only(fields, "x-b3-sampled");
  if (sampled == "0" || sampled == "false") decision = "1";
  if (sampled == "1" || sampled == "true" || only(fields, "x-b3-flags") == "1") decision = "2";
  const std::string trace = only(fields, "x-b3-traceid");
  const std::string span = only(fields, "x-b3-spanid");
  if (!isId(trace, true) || !isId(span, false)) return "0 " + decision;
  return "2 " + decision + " " + padded(trace) + " " + span + " 0";
}

bool isMember(const std::string& member) {
  const std::size_t equals = member.find('=');
  if (equals == std::string::npos || equals == 0 || equals > 256) return false;
  const std::string key = member.substr(0, equals);
  const std::string value = member.substr(equals + 1);
  const std::string first = "abcdefghijklmnopqrstuvwxyz0123456789";
  if (first.find(key[0]) == std::string::npos ||
      key.find_first_not_of(first + "_-*/@") != std::string::npos || value.empty() ||
      value.size() > 256)
    return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f && c != '='; });
}

std::string naiveState(const Fields& fields) {
  std::string all;
  for (const std::string& line : valuesOf(fields, "tracestate"))
    if (!line.empty()) all += (all.empty() ? "" : ",") + line;
  int members = 0;
  for (std::string member : splitText(all, ",")) {
    member.erase(0, std::min(member.find_first_not_of(" \t"), member.size()));
    member.erase(member.find_last_not_of(" \t") + 1);
    if (member.empty()) continue;
    if (!isMember(member)) return {};
    ++members;
  }
  return members == 0 || members > 32 || all.size() > 512 ? std::string() : all;
}

}  // namespace

FuzzTarget fuzzTarget() {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string span = "00f067aa0ba902b7";
  return {.name = "trace",
          .seeds = {"traceparent: 00-" + trace + "-" + span + "-01\r\ntracestate: a=1,b=2\r\n",
                    "traceparent: cc-" + trace + "-" + span + "-00-more\r\n",
                    "tracestate: foo=1 , bar=2\r\ntracestate: x@y=z\r\n",
                    "b3: " + trace + "-" + span + "-1-05e3ac9a4f6e3b90\r\n",
                    "b3: " + span + "-" + span + "\r\n", "b3: 0\r\nx-b3-sampled: 1\r\n",
                    "x-b3-traceid: " + trace + "\r\nx-b3-spanid: " + span +
                        "\r\nx-b3-parentspanid: " + span + "\r\nx-b3-sampled: 1\r\n",
                    "x-b3-traceid: " + span + "\r\nx-b3-spanid: " + span + "\r\nx-b3-flags: 1\r\n"},
          .fragments = {"traceparent: ",
                        "tracestate: ",
                        "b3: ",
                        "x-b3-traceid: ",
                        "x-b3-spanid: ",
                        "x-b3-sampled: ",
                        "x-b3-flags: ",
                        "00-",
                        "ff-",
                        "01-",
                        "-00",
                        "-01",
                        "-d",
                        "0000000000000000",
                        "00000000000000000000000000000000",
                        "true",
                        "false",
                        trace,
                        span,
                        "a=b",
                        ",",
                        "=",
                        "@",
                        "A",
                        " ",
                        "\t",
                        std::string(200, 'k')},
          .inputs = 60'000};
}

}  // namespace millrace::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace;        // NOLINT
  using namespace millrace::test;  // NOLINT
  static RequestHead head;
  const std::string text(reinterpret_cast<const char*>(data), size);
  Fields fields = {{"host", "a.example"}};
  for (const std::string& line : splitText(text, "\r\n")) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos)
      fields.push_back({lowered(line.substr(0, colon)), line.substr(colon + 2)});
  }
  const Flat flat(Request{"GET", "/", fields});
  if (parseRequestHead(flat.head(), {}, &head) != RequestError::kNone) return 0;
  // Of the fields those that count: the parser drops some, and what Connection names.
  Fields kept;
  for (uint32_t i = 0; i < head.field_count; ++i)
    kept.push_back({std::string(head.fields[i].name), std::string(head.fields[i].value)});
  for (const bool b3 : {true, false}) {
    const CallerTrace caller = callerTraceOf(head, b3);
    std::string seen = std::to_string(static_cast<int>(caller.source)) + " " +
                       std::to_string(static_cast<int>(caller.decision));
    if (caller.source != TraceSource::kNone) {
      std::string parent(kTraceparentBytes, '?');
      writeTraceparent(caller.context, parent.data());
      seen += " " + parent.substr(3, 32) + " " + parent.substr(36, 16) + " " +
              std::to_string(caller.context.flags);
      TraceContext again;
      if (!parseTraceparent(parent, &again)) fuzzFault("what is written is not read back", parent);
    }
    const std::string expected = naiveCaller(kept, b3);
    if (seen != expected) fuzzFault("another trace: " + seen + ", not " + expected, text);
  }
  std::array<char, kMaxTraceStateBytes> room;
  const std::string state(traceStateOf(head, room));
  if (state != naiveState(kept)) fuzzFault("another tracestate: " + state, text);
  return 0;
}
