#include "engine/trace/trace_context.h"

#include <memory>
#include <string>
#include <vector>

#include "engine/trace/hex.h"
#include "engine/trace/request_trace.h"
#include "harness.h"
#include "head_fixture.h"

// What headers say of a trace, and what becomes of a request by it.
namespace millrace::test {
namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";
const std::string kParent = "00-" + kTrace + "-" + kSpan + "-01";

// "trace span flags", or "none".
std::string parsed(const std::string& value) {
  TraceContext context;
  Guarded memory;
  if (!parseTraceparent(memory.place(value), &context)) return "none";
  std::string out(kTraceparentBytes, '?');
  writeTraceparent(context, out.data());
  return out;
}

// The head with these fields, and what it is read from.
struct Head {
  explicit Head(Fields fields) : flat(Request{"GET", "/", with(std::move(fields))}) {
    const RequestError error = parseRequestHead(flat.head(), {}, head.get());
    EXPECT_EQ(std::string(describe(error)), std::string(describe(RequestError::kNone)));
  }
  static Fields with(Fields fields) {
    fields.insert(fields.begin(), {"host", "a.example"});
    return fields;
  }
  Flat flat;
  std::unique_ptr<RequestHead> head = std::make_unique<RequestHead>();
};

std::string stateOf(const Fields& fields) {
  const Head head(fields);
  char room[kMaxTraceStateBytes];
  return std::string(traceStateOf(*head.head, room));
}

// "source decision trace-span-flags"
std::string callerOf(const Fields& fields, bool b3 = true) {
  static constexpr const char* kSources[] = {"none", "traceparent", "b3"};
  static constexpr const char* kDecisions[] = {"undecided", "drop", "sample"};
  const Head head(fields);
  const CallerTrace caller = callerTraceOf(*head.head, b3);
  std::string out = std::string(kSources[static_cast<int>(caller.source)]) + " " +
                    kDecisions[static_cast<int>(caller.decision)];
  if (caller.source == TraceSource::kNone) return out;
  std::string id(kTraceparentBytes, '?');
  writeTraceparent(caller.context, id.data());
  return out + " " + id.substr(3);
}

CASE("hexadecimal digits are written and read back") {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0x0123456789abcdef},
                               uint64_t{0xfedcba9876543210}, UINT64_MAX, uint64_t{1} << 63}) {
    char digits[17] = {};
    writeHex64(digits, value);
    char expected[17];
    std::snprintf(expected, sizeof expected, "%016llx", static_cast<unsigned long long>(value));
    EXPECT_EQ(std::string(digits), std::string(expected));
    uint64_t back = 1;
    EXPECT(readHex(std::string_view(digits, 16), &back));
    EXPECT_EQ(back, value);
  }
  for (const char* bad : {"A", "g", "/", ":", "`", " ", "\x80", "+1", "0x1"}) {
    uint64_t value;
    EXPECT(!readHex(bad, &value), bad);
  }
}

CASE("traceparent of version 00 is read exactly") {
  EXPECT_EQ(parsed(kParent), kParent);
  EXPECT_EQ(parsed("00-" + kTrace + "-" + kSpan + "-00"), "00-" + kTrace + "-" + kSpan + "-00");
  // Flags that nobody has defined are not passed on.
  EXPECT_EQ(parsed("00-" + kTrace + "-" + kSpan + "-ff").substr(53), "03");
  EXPECT_EQ(parsed("00-" + kTrace + "-" + kSpan + "-fc").substr(53), "00");
  EXPECT_EQ(parsed("00-" + std::string(31, '0') + "1-" + std::string(15, '0') + "1-00").size(),
            std::size_t{55});
  for (const std::string& bad :
       {std::string(), std::string("00"), kParent.substr(0, 54), kParent + "-", kParent + " ",
        kParent + "-x", " " + kParent, "00-" + std::string(32, '0') + "-" + kSpan + "-01",
        "00-" + kTrace + "-" + std::string(16, '0') + "-01", "ff-" + kTrace + "-" + kSpan + "-01",
        "00_" + kTrace + "-" + kSpan + "-01", "00-" + kTrace + "_" + kSpan + "-01",
        "00-" + kTrace + "-" + kSpan + "_01", "0g-" + kTrace + "-" + kSpan + "-01",
        "00-" + kTrace + "-" + kSpan + "-0g", "00-" + kTrace + "-" + kSpan + "-0A",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + kSpan + "-01",
        "00-" + kTrace + "-00F067AA0BA902B7-01", "00-" + kTrace.substr(1) + "--" + kSpan + "-01"})
    EXPECT_EQ(parsed(bad), "none", bad);
}

CASE("traceparent of a version to come is read as far as it is known") {
  EXPECT_EQ(parsed("cc-" + kTrace + "-" + kSpan + "-01"), kParent);
  EXPECT_EQ(parsed("cc-" + kTrace + "-" + kSpan + "-01-what-the-future-holds"), kParent);
  EXPECT_EQ(parsed("01-" + kTrace + "-" + kSpan + "-09-"), kParent);
  EXPECT_EQ(parsed("cc-" + kTrace + "-" + kSpan + "-01.what-the-future-will-not-be-like"), "none");
  EXPECT_EQ(parsed("cc-" + kTrace + "-" + kSpan + "-0"), "none");
}

CASE("tracestate is passed on as it came") {
  EXPECT_EQ(stateOf({}), "");
  EXPECT_EQ(stateOf({{"tracestate", ""}}), "");
  EXPECT_EQ(stateOf({{"tracestate", " , ,"}}), "");
  for (const std::string& good :
       {std::string("a=1"), std::string("foo=1,bar=2"), std::string("foo=1 \t , \t bar=2, "),
        std::string("0@tenant/x*y-z_=!#$%&'()*+-./:;<>?@[]^_`{|}~"), std::string("a=b c"),
        "a=" + std::string(256, 'v'), std::string(256, 'k') + "=v", std::string("a=1,a=2"),
        std::string("a=1,,b=2")})
    EXPECT_EQ(stateOf({{"tracestate", good}}), good);
}

CASE("lines of tracestate are put together") {
  EXPECT_EQ(stateOf({{"tracestate", "a=1"}, {"x", "y"}, {"tracestate", "b=2"}}), "a=1,b=2");
  EXPECT_EQ(stateOf({{"tracestate", ""}, {"tracestate", "b=2"}, {"tracestate", ""}}), "b=2");
  EXPECT_EQ(stateOf({{"tracestate", "a=1"}, {"tracestate", "b=\x80"}}), "");
  const std::string half = "a=" + std::string(253, 'v');  // 255
  EXPECT_EQ(stateOf({{"tracestate", half}, {"tracestate", half + "x"}}), half + "," + half + "x");
  EXPECT_EQ(stateOf({{"tracestate", half + "x"}, {"tracestate", half + "x"}}), "");
}

CASE("tracestate that is malformed or beyond its bounds is dropped") {
  for (const std::string& bad :
       {std::string("a"), std::string("=1"), std::string("a="), std::string("A=1"),
        std::string("a=1,b"), std::string("a =1"), std::string("a=1=2"), std::string("-a=1"),
        std::string("@a=1"), std::string("a.b=1"), std::string("a=\xc3\xa9"), std::string("a=b\tc"),
        "a=" + std::string(257, 'v'), std::string(257, 'k') + "=v",
        "a=" + std::string(250, 'v') + ",b=" + std::string(250, 'v') + ",c=" + "123456789"})
    EXPECT_EQ(stateOf({{"tracestate", bad}}), "", bad);
  std::string members;
  for (int i = 0; i < 32; ++i) members += (i == 0 ? "k" : ",k") + std::to_string(i) + "=v";
  EXPECT_EQ(stateOf({{"tracestate", members}}), members);
  EXPECT_EQ(stateOf({{"tracestate", members + ",one=more"}}), "");
}

CASE("traceparent goes before B3, and several of them are none") {
  EXPECT_EQ(callerOf({}), "none undecided");
  EXPECT_EQ(callerOf({{"traceparent", kParent}}), "traceparent sample " + kParent.substr(3));
  EXPECT_EQ(callerOf({{"traceparent", kParent.substr(0, 53) + "02"}, {"b3", "1"}}),
            "traceparent drop " + kParent.substr(3, 50) + "02");
  EXPECT_EQ(callerOf({{"traceparent", kParent}, {"traceparent", kParent}}), "none undecided");
  EXPECT_EQ(callerOf({{"traceparent", kParent}, {"traceparent", kParent}, {"b3", "d"}}),
            "none sample");
  EXPECT_EQ(callerOf({{"traceparent", "00-x"}, {"b3", "0"}}), "none drop");
  EXPECT_EQ(callerOf({{"traceparent", "00-x"}, {"b3", "0"}}, false), "none undecided");
}

CASE("B3 in one header is read") {
  const std::string ids = kTrace + "-" + kSpan;
  const std::string wide = kTrace + "-" + kSpan + "-00";
  EXPECT_EQ(callerOf({{"b3", ids + "-1"}}), "b3 sample " + wide);
  EXPECT_EQ(callerOf({{"b3", ids + "-d"}}), "b3 sample " + wide);
  EXPECT_EQ(callerOf({{"b3", ids + "-0"}}), "b3 drop " + wide);
  EXPECT_EQ(callerOf({{"b3", ids}}), "b3 undecided " + wide);
  EXPECT_EQ(callerOf({{"b3", ids + "-1-05e3ac9a4f6e3b90"}}), "b3 sample " + wide);
  // 64 bits are the lower ones.
  EXPECT_EQ(callerOf({{"b3", "a3ce929d0e0e4736-" + kSpan + "-1"}}),
            "b3 sample 0000000000000000a3ce929d0e0e4736-" + kSpan + "-00");
  EXPECT_EQ(callerOf({{"b3", "0"}}), "none drop");
  EXPECT_EQ(callerOf({{"b3", "1"}}), "none sample");
  EXPECT_EQ(callerOf({{"b3", "d"}}), "none sample");
  for (const std::string& bad :
       {std::string(), std::string("2"), std::string("-"), ids + "-", ids + "-2", ids + "-1-",
        ids + "-1-05e3ac9a4f6e3b9", ids + "-1-05e3ac9a4f6e3b900", ids + "-11", kTrace, kTrace + "-",
        kTrace + "-" + kSpan.substr(1), kTrace.substr(1) + "-" + kSpan,
        std::string(32, '0') + "-" + kSpan, kTrace + "-" + std::string(16, '0'),
        "A3CE929D0E0E4736-" + kSpan + "-1", ids + "x", ids + "-1 "})
    EXPECT_EQ(callerOf({{"b3", bad}}), "none undecided", bad);
  EXPECT_EQ(callerOf({{"b3", "1"}, {"b3", "1"}}), "none undecided");
  // It goes before the others, whatever it says.
  EXPECT_EQ(callerOf({{"b3", "x"}, {"x-b3-sampled", "1"}}), "none undecided");
}

CASE("B3 in several headers is read") {
  const Fields ids = {{"x-b3-traceid", kTrace}, {"x-b3-spanid", kSpan}};
  const std::string wide = kTrace + "-" + kSpan + "-00";
  const auto with = [&](const std::string& name, const std::string& value) {
    Fields fields = ids;
    fields.push_back({name, value});
    return callerOf(fields);
  };
  EXPECT_EQ(callerOf(ids), "b3 undecided " + wide);
  EXPECT_EQ(with("x-b3-sampled", "1"), "b3 sample " + wide);
  EXPECT_EQ(with("x-b3-sampled", "true"), "b3 sample " + wide);
  EXPECT_EQ(with("x-b3-sampled", "0"), "b3 drop " + wide);
  EXPECT_EQ(with("x-b3-sampled", "false"), "b3 drop " + wide);
  EXPECT_EQ(with("x-b3-sampled", "d"), "b3 undecided " + wide);
  EXPECT_EQ(with("x-b3-flags", "1"), "b3 sample " + wide);
  EXPECT_EQ(with("x-b3-flags", "0"), "b3 undecided " + wide);
  EXPECT_EQ(with("x-b3-parentspanid", "x"), "b3 undecided " + wide);
  EXPECT_EQ(with("x-b3-traceid", kTrace), "none undecided");
  EXPECT_EQ(callerOf({{"x-b3-sampled", "0"}}), "none drop");
  EXPECT_EQ(callerOf({{"x-b3-traceid", kTrace}, {"x-b3-sampled", "1"}}), "none sample");
  EXPECT_EQ(callerOf({{"x-b3-spanid", kSpan}}), "none undecided");
  EXPECT_EQ(callerOf({{"x-b3-traceid", kTrace}, {"x-b3-spanid", kSpan}}, false), "none undecided");
}

// The mode that comes of it, as "mode flags parent".
std::string decided(uint32_t flags, double share, const CallerTrace& caller, uint64_t low = 1) {
  static constexpr const char* kModes[] = {"off", "pass", "told", "sampled"};
  const uint64_t bound =
      share >= 1 ? UINT64_MAX : static_cast<uint64_t>(share * 18446744073709551616.0);
  const RequestTrace trace =
      decideTrace({flags, static_cast<uint32_t>(bound), static_cast<uint32_t>(bound >> 32)}, caller,
                  {7, low, 9});
  EXPECT_EQ(trace.span, trace.sampled() ? uint64_t{9} : uint64_t{0});
  if (trace.mode != TraceMode::kOff && caller.source == TraceSource::kNone) {
    EXPECT_EQ(trace.high, uint64_t{7});
    EXPECT_EQ(trace.low, low);
  }
  return std::string(kModes[static_cast<int>(trace.mode)]) + " " + std::to_string(trace.flags) +
         " " + std::to_string(trace.parent);
}

CASE("the caller decides where it has, and the share where it has not") {
  namespace t = abi::tracing_flag;
  using enum CallerDecision;
  const auto from = [](TraceSource source, CallerDecision decision, uint8_t flags = 0) {
    return CallerTrace{source, decision, {3, 4, 5, flags}};
  };
  const CallerTrace none;
  const CallerTrace sampled = from(TraceSource::kTraceparent, kSampled, 3);
  const CallerTrace dropped = from(TraceSource::kTraceparent, kNotSampled, 2);
  EXPECT_EQ(decided(t::kParentBased, 0, none), "told 0 0");
  EXPECT_EQ(decided(t::kParentBased, 1, none), "sampled 1 0");
  EXPECT_EQ(decided(t::kParentBased, 0, sampled), "sampled 3 5");
  EXPECT_EQ(decided(t::kParentBased, 1, dropped), "pass 2 5");
  EXPECT_EQ(decided(0, 0, sampled), "told 2 5");
  EXPECT_EQ(decided(0, 1, dropped), "sampled 3 5");
  EXPECT_EQ(decided(0, 0, dropped), "pass 2 5");
  EXPECT_EQ(decided(t::kParentBased, 0, from(TraceSource::kB3, kSampled)), "sampled 1 5");
  EXPECT_EQ(decided(t::kParentBased, 1, from(TraceSource::kB3, kNotSampled)), "told 0 5");
  EXPECT_EQ(decided(t::kParentBased, 1, from(TraceSource::kB3, kNone)), "sampled 1 5");
  EXPECT_EQ(decided(t::kParentBased, 1, from(TraceSource::kNone, kNotSampled)), "told 0 0");
  EXPECT_EQ(decided(t::kParentBased, 0, from(TraceSource::kNone, kSampled)), "sampled 1 0");
  EXPECT_EQ(decided(t::kParentBased | t::kOff, 1, sampled), "off 0 0");
}

CASE("a share is that of the lower half of the trace id") {
  EXPECT(isSampledBy(UINT64_MAX, UINT64_MAX));
  EXPECT(!isSampledBy(0, 0));
  EXPECT(isSampledBy(uint64_t{1} << 63, (uint64_t{1} << 63) - 1));
  EXPECT(!isSampledBy(uint64_t{1} << 63, uint64_t{1} << 63));
  Rng rng(1);
  for (const double share : {0.01, 0.25, 0.9}) {
    int hits = 0;
    for (int i = 0; i < 100'000; ++i)
      hits += decided(0, share, {}, rng.next()).starts_with("sampled") ? 1 : 0;
    EXPECT(std::abs(hits / 100'000.0 - share) < 0.01, std::to_string(hits));
  }
}

}  // namespace
}  // namespace millrace::test
