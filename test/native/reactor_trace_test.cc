#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Traces: what upstreams are told, and what is put aside for the exporter.
namespace millrace::test {
namespace {

namespace t = abi::tracing_flag;
const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";
const std::string kSampled = "00-" + kTrace + "-" + kSpan + "-01";
const std::string kNotSampled = "00-" + kTrace + "-" + kSpan + "-00";

constexpr abi::TracingRecord kNever = {t::kParentBased | t::kB3, 0, 0};
constexpr abi::TracingRecord kAlways = {t::kParentBased | t::kB3, abi::kNone, abi::kNone};

RigSpec traced(
    const std::vector<uint16_t>& ports, abi::TracingRecord row,
    const std::function<void(ImageBuilder&)>& more = [](ImageBuilder&) {}) {
  return {ports, {{abi::path_kind::kPrefix, "/", 0, {}}}, [=](ImageBuilder& b) {
            b.tracings = {row};
            more(b);
          }};
}

// Sampled, and answered by the proxy itself: no route but one takes anything.
RigSpec withoutRoute(const std::vector<uint16_t>& ports) {
  RigSpec spec = traced(ports, kAlways);
  spec.routes = {{abi::path_kind::kPrefix, "/only", 0, {}}};
  return spec;
}

// The values of a field in a head, with "|" between them.
std::string fieldOf(const std::string& head, const std::string& name) {
  std::string out;
  const std::string start = "\r\n" + name + ": ";
  for (size_t at = head.find(start); at != std::string::npos; at = head.find(start, at + 2)) {
    const size_t begin = at + start.size();
    if (!out.empty()) out += "|";
    out += head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return out;
}

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

struct Taken {
  std::string trace, span, parent, state, agent;
  uint32_t status = 0;
  std::vector<std::string> attempts;
};

// What the workers have put aside since the last call.
std::vector<Taken> takeAll() {
  std::vector<Taken> out;
  Engine::instance().takeSpans(SIZE_MAX, [&](const RequestRecord& r) {
    Taken one{hex(r.trace_high) + hex(r.trace_low),
              hex(r.span),
              hex(r.parent_span),
              std::string(r.text(abi::record_text::kTraceState)),
              std::string(r.text(abi::record_text::kUserAgent)),
              r.status,
              {}};
    for (const AttemptRecord& attempt : r.attemptRecords())
      one.attempts.push_back(hex(attempt.span));
    EXPECT((r.bits & abi::record_bit::kSampled) != 0);
    out.push_back(one);
  });
  return out;
}

// One request with these fields, answered; the head that went upstream.
std::string sent(Rig& rig, Origin& origin, const Fields& fields, const std::string& target = "/") {
  const int32_t handle = rig.request("GET", target, fields);
  const size_t last = origin.count();
  EXPECT(rig.until([&] { return origin.count() > last && origin.asked(last); }));
  const std::string head = origin.take(last);
  origin.send(last, okAnswer("x", "connection: close\r\n"));
  EXPECT(rig.untilDone(handle));
  return head;
}

CASE("without tracing every header is a header like others") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const std::string head =
      sent(rig, origin, {{"traceparent", "x"}, {"tracestate", "y"}, {"b3", "z"}});
  EXPECT_EQ(fieldOf(head, "traceparent"), "x");
  EXPECT_EQ(fieldOf(head, "tracestate"), "y");
  EXPECT_EQ(fieldOf(head, "b3"), "z");
  EXPECT_EQ(takeAll().size(), size_t{0});
}

CASE("a trace that begins here and is not sampled is told of, and no more") {
  Origin origin;
  Rig rig(traced({origin.port()}, kNever), {&origin});
  const std::string first = fieldOf(sent(rig, origin, {}), "traceparent");
  const std::string second = fieldOf(sent(rig, origin, {}), "traceparent");
  for (const std::string& parent : {first, second}) {
    TraceContext context;
    EXPECT(parseTraceparent(parent, &context), parent);
    EXPECT_EQ(context.flags, uint8_t{0});
  }
  EXPECT(first.substr(3, 32) != second.substr(3, 32));
  EXPECT_EQ(takeAll().size(), size_t{0});
}

CASE("a caller that does not sample is passed on as it is") {
  Origin origin;
  Rig rig(traced({origin.port()}, kAlways), {&origin});
  const std::string head =
      sent(rig, origin, {{"traceparent", kNotSampled}, {"tracestate", "a=1"}, {"tracestate", "b"}});
  EXPECT_EQ(fieldOf(head, "traceparent"), kNotSampled);
  EXPECT_EQ(fieldOf(head, "tracestate"), "a=1|b");
  EXPECT_EQ(takeAll().size(), size_t{0});
}

CASE("a caller that samples is continued, with a span of the attempt as the upstream's parent") {
  Origin origin;
  Rig rig(traced({origin.port()}, kNever), {&origin});
  const std::string head = sent(rig, origin,
                                {{"traceparent", kSampled},
                                 {"tracestate", "a=1"},
                                 {"tracestate", "b=2"},
                                 {"user-agent", "me"}});
  const std::vector<Taken> taken = takeAll();
  EXPECT_EQ(taken.size(), size_t{1});
  EXPECT_EQ(taken[0].trace, kTrace);
  EXPECT_EQ(taken[0].parent, kSpan);
  EXPECT_EQ(taken[0].state, "a=1,b=2");
  EXPECT_EQ(taken[0].agent, "me");
  EXPECT_EQ(taken[0].status, 200u);
  EXPECT_EQ(taken[0].attempts.size(), size_t{1});
  EXPECT(taken[0].span != taken[0].attempts[0] && taken[0].span != std::string(16, '0'));
  EXPECT_EQ(fieldOf(head, "traceparent"), "00-" + kTrace + "-" + taken[0].attempts[0] + "-01");
  EXPECT_EQ(fieldOf(head, "tracestate"), "a=1,b=2");
}

CASE("a malformed traceparent begins a new trace, without the state of the old one") {
  Origin origin;
  Rig rig(traced({origin.port()}, kAlways), {&origin});
  for (const Fields& fields :
       {Fields{{"traceparent", kSampled + "-"}, {"tracestate", "a=1"}},
        Fields{{"traceparent", kSampled}, {"traceparent", kSampled}, {"tracestate", "a=1"}},
        Fields{{"tracestate", "a=1"}}}) {
    const std::string head = sent(rig, origin, fields);
    const std::vector<Taken> taken = takeAll();
    EXPECT_EQ(taken.size(), size_t{1});
    EXPECT(taken[0].trace != kTrace);
    EXPECT_EQ(taken[0].parent, std::string(16, '0'));
    EXPECT_EQ(fieldOf(head, "traceparent"),
              "00-" + taken[0].trace + "-" + taken[0].attempts[0] + "-01");
    EXPECT_EQ(fieldOf(head, "tracestate"), "");
  }
}

CASE("a malformed tracestate is dropped, and its trace continued") {
  Origin origin;
  Rig rig(traced({origin.port()}, kAlways), {&origin});
  const std::string head =
      sent(rig, origin, {{"traceparent", kSampled}, {"tracestate", "a=1,B=2"}});
  EXPECT_EQ(takeAll().at(0).trace, kTrace);
  EXPECT_EQ(fieldOf(head, "tracestate"), "");
}

CASE("B3 is continued as traceparent, and stays") {
  Origin origin;
  Rig rig(traced({origin.port()}, kNever), {&origin});
  std::string head = sent(rig, origin, {{"b3", kTrace.substr(16) + "-" + kSpan + "-1"}});
  const std::vector<Taken> taken = takeAll();
  EXPECT_EQ(taken.size(), size_t{1});
  EXPECT_EQ(taken[0].trace, std::string(16, '0') + kTrace.substr(16));
  EXPECT_EQ(taken[0].parent, kSpan);
  EXPECT_EQ(fieldOf(head, "traceparent"),
            "00-" + taken[0].trace + "-" + taken[0].attempts[0] + "-01");
  EXPECT_EQ(fieldOf(head, "b3"), kTrace.substr(16) + "-" + kSpan + "-1");
  head =
      sent(rig, origin, {{"x-b3-traceid", kTrace}, {"x-b3-spanid", kSpan}, {"x-b3-sampled", "0"}});
  EXPECT_EQ(fieldOf(head, "traceparent"), kNotSampled);
  EXPECT_EQ(takeAll().size(), size_t{0});
}

CASE("strangers begin a trace of their own where only trusted peers are believed") {
  const auto with = [](bool trusted) {
    return [trusted](ImageBuilder& b) {
      if (!trusted) return;
      b.listeners[0].trust_start = static_cast<uint32_t>(b.cidrs.size());
      b.listeners[0].trust_count = 1;
      b.cidrs.push_back({abi::family::kIpv4, 24, 0xc0000200, 0, 0, 0});
    };
  };
  const abi::TracingRecord row = {kAlways.flags | t::kTrustedPeers, 0, 0};
  const Fields fields = {{"traceparent", kSampled}, {"tracestate", "a=1"}, {"b3", "1"}};
  Origin origin;
  {
    Rig rig(traced({origin.port()}, row, with(false)), {&origin});
    const std::string head = sent(rig, origin, fields);
    EXPECT_EQ(fieldOf(head, "traceparent").substr(53), "00");
    EXPECT(fieldOf(head, "traceparent").substr(3, 32) != kTrace);
    EXPECT_EQ(fieldOf(head, "tracestate") + fieldOf(head, "b3"), "");
    EXPECT_EQ(takeAll().size(), size_t{0});
  }
  Rig rig(traced({origin.port()}, row, with(true)), {&origin});
  sent(rig, origin, fields);
  EXPECT_EQ(takeAll().at(0).trace, kTrace);
}

CASE("every attempt has a span of its own, and its upstream hears of that one only") {
  Origin origin;
  Rig rig(traced({origin.port(), origin.port()}, kAlways,
                 [](ImageBuilder& b) {
                   b.routes[0].retry_on = abi::retry_on::k5xx;
                   b.routes[0].retry_attempts = 2;
                 }),
          {&origin});
  const int32_t handle = rig.get();
  std::vector<std::string> parents;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT(rig.until([&] { return origin.count() > i && origin.asked(i); }));
    const std::string head = origin.take(i);
    parents.push_back(fieldOf(head, "traceparent"));
    EXPECT_EQ(fieldOf(head, "x-millrace-attempt"), i == 0 ? "" : std::to_string(i + 1));
    origin.send(i, i < 2 ? "HTTP/1.1 503 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                         : okAnswer("x"));
  }
  EXPECT(rig.untilDone(handle));
  const std::vector<Taken> taken = takeAll();
  EXPECT_EQ(taken.size(), size_t{1});
  EXPECT_EQ(taken[0].attempts.size(), size_t{3});
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(parents[i], "00-" + taken[0].trace + "-" + taken[0].attempts[i] + "-01");
    for (size_t k = 0; k < i; ++k) EXPECT(taken[0].attempts[i] != taken[0].attempts[k]);
  }
}

CASE("a second attempt beside the first has a span of its own") {
  Origin origin;
  Rig rig(traced({origin.port(), origin.port()}, kAlways,
                 [](ImageBuilder& b) {
                   b.hedges.push_back({0, 10, 0, 0, 100});
                   b.routes[0].hedge = 0;
                 }),
          {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.count() > 0 && origin.asked(0); }));
  const std::string first = fieldOf(origin.take(0), "traceparent");
  rig.advance(12);
  EXPECT(rig.until([&] { return origin.count() > 1 && origin.asked(1); }));
  const std::string second = fieldOf(origin.take(1), "traceparent");
  origin.send(1, okAnswer("x"));
  EXPECT(rig.untilDone(handle));
  const std::vector<Taken> taken = takeAll();
  EXPECT_EQ(taken.size(), size_t{1});
  EXPECT_EQ(taken[0].attempts.size(), size_t{2});
  EXPECT_EQ(first, "00-" + taken[0].trace + "-" + taken[0].attempts[0] + "-01");
  EXPECT_EQ(second, "00-" + taken[0].trace + "-" + taken[0].attempts[1] + "-01");
  EXPECT(first != second);
}

CASE("a WebSocket handshake is told of its trace") {
  Origin origin;
  Rig rig(traced({origin.port()}, kAlways,
                 [](ImageBuilder& b) { b.routes[0].web_socket_max_message = 1024; }),
          {&origin});
  const int32_t handle = rig.upgrade("/", {{"traceparent", kSampled}});
  EXPECT(rig.until([&] { return origin.count() > 0 && origin.asked(0); }));
  const std::string parent = fieldOf(origin.take(0), "traceparent");
  origin.send(0, okAnswer("no"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(parent, "00-" + kTrace + "-" + takeAll().at(0).attempts.at(0) + "-01");
}

CASE("an answer of our own has a server span, and no attempt") {
  Origin origin;
  Rig rig(withoutRoute({origin.port()}), {&origin});
  const int32_t handle = rig.request("DELETE", "/", {{"traceparent", kSampled}});
  EXPECT(rig.untilDone(handle));
  const std::vector<Taken> taken = takeAll();
  EXPECT_EQ(taken.size(), size_t{1});
  EXPECT_EQ(taken[0].status, 404u);
  EXPECT_EQ(taken[0].attempts.size(), size_t{0});
}

CASE("a route may sample by itself, or be left alone") {
  Origin origin;
  const auto row = [](uint32_t index, abi::TracingRecord of_route) {
    return [=](ImageBuilder& b) {
      b.tracings.push_back(of_route);
      b.routes[0].tracing = index;
    };
  };
  {
    Rig rig(traced({origin.port()}, kNever, row(1, kAlways)), {&origin});
    const std::string parent = fieldOf(sent(rig, origin, {{"user-agent", "me"}}), "traceparent");
    const std::vector<Taken> taken = takeAll();
    EXPECT_EQ(taken.size(), size_t{1});
    EXPECT_EQ(taken[0].agent, "me");
    EXPECT_EQ(parent, "00-" + taken[0].trace + "-" + taken[0].attempts.at(0) + "-01");
  }
  {
    Rig rig(traced({origin.port()}, kAlways, row(1, kNever)), {&origin});
    EXPECT_EQ(fieldOf(sent(rig, origin, {}), "traceparent").substr(53), "00");
    EXPECT_EQ(takeAll().size(), size_t{0});
  }
  Rig rig(traced({origin.port()}, kAlways, row(1, {t::kOff, 0, 0})), {&origin});
  const std::string head = sent(rig, origin, {{"traceparent", "x"}, {"tracestate", "y"}});
  EXPECT_EQ(fieldOf(head, "traceparent") + fieldOf(head, "tracestate"), "xy");
  EXPECT_EQ(takeAll().size(), size_t{0});
}

CASE("an edit of the route goes before what a trace says") {
  Origin origin;
  Rig rig(traced({origin.port()}, kAlways,
                 [](ImageBuilder& b) {
                   const ImageBuilder::Text name = b.text("traceparent");
                   b.routes[0].request_edit_start = static_cast<uint32_t>(b.edits.size());
                   b.routes[0].request_edit_count = 1;
                   b.edits.push_back(
                       {abi::edit_operator::kRemove, name.offset, name.length, abi::kNone, 0});
                 }),
          {&origin});
  EXPECT_EQ(fieldOf(sent(rig, origin, {{"traceparent", kSampled}}), "traceparent"), "");
  EXPECT_EQ(takeAll().at(0).trace, kTrace);
}

CASE("what nobody takes in time is counted, and costs the request nothing") {
  Origin origin;
  Rig rig(withoutRoute({origin.port()}), {&origin});
  std::vector<double> stats(abi::process_stat::kCount);
  Engine::instance().readProcess(stats);
  const double before = stats[abi::process_stat::kSpansDropped];
  const std::string target = "/" + std::string(15'000, 'x');
  int requests = 0;
  do {
    EXPECT(rig.untilDone(rig.request("DELETE", target, {})));
    Engine::instance().readProcess(stats);
  } while (stats[abi::process_stat::kSpansDropped] == before && ++requests < 1000);
  EXPECT(requests > 100 && requests < 200, std::to_string(requests));
  EXPECT(Engine::instance().spansWaiting() > 0.95);
  EXPECT_EQ(takeAll().size(), static_cast<size_t>(requests));
  EXPECT_EQ(Engine::instance().spansWaiting(), 0.0);
  // And from then on they are taken again.
  EXPECT(rig.untilDone(rig.request("DELETE", target, {})));
  EXPECT_EQ(takeAll().size(), size_t{1});
}

}  // namespace
}  // namespace millrace::test
