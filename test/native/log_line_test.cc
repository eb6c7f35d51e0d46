#include "engine/log/log_line.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>

#include "harness.h"
#include "log_rig.h"

// Lines of the access log, byte by byte.
namespace millrace::test {
namespace {

namespace op = abi::log_op;
namespace t = abi::record_text;

// 2026-11-21T14:03:09.120Z, when the record ended after 34.567 ms.
constexpr uint64_t kEndedUs = 1'795'269'789'154'567;
constexpr LogClock kClock{5'000'000'000'000, kEndedUs * 1000 + 7'000'000};

struct Spec {
  std::array<std::string, t::kCount> texts;
  std::vector<AttemptRecord> attempts;
  std::function<void(RequestRecord&)> tune = [](RequestRecord&) {};
};

Spec answered() {
  Spec spec;
  spec.texts[t::kMethod] = "GET";
  spec.texts[t::kAuthority] = "shop.example:8080";
  spec.texts[t::kTarget] = "/v1/items?q=1";
  spec.texts[t::kUserAgent] = "curl/8";
  spec.texts[t::kReferer] = "https://a.example/";
  spec.texts[t::kForwardedFor] = "192.0.2.7, 10.0.0.1";
  spec.texts[t::kHeaders] = headerText("x-tenant", "blue") + headerText("x-empty", "");
  spec.texts[t::kRequestId] = "r-1";
  spec.texts[t::kListener] = "web";
  spec.texts[t::kRoute] = "items";
  spec.texts[t::kCluster] = "shop";
  spec.texts[t::kEndpoint] = "127.0.0.1:9001";
  spec.tune = [](RequestRecord& r) {
    r.status = 200;
    r.request_bytes = 12;
    r.response_bytes = 3456;
    r.sent_bytes = 3600;
    r.waited_us = 250;
    r.attempts = 1;
    r.trace_high = 0x4bf92f3577b34da6;
    r.trace_low = 0xa3ce929d0e0e4736;
    r.peer = parseIp("198.51.100.9");
    r.bits = abi::record_bit::kTls;
  };
  AttemptRecord attempt;
  attempt.chosen_us = 200;
  attempt.connecting_us = 300;
  attempt.connected_us = 1500;
  attempt.sent_us = 1600;
  attempt.first_byte_us = 20'100;
  attempt.ended_us = 34'000;
  attempt.status = 200;
  attempt.bits = abi::attempt_bit::kAnswered;
  spec.attempts.push_back(attempt);
  return spec;
}

std::string lineOf(const Spec& spec, const LogSink& sink) {
  RecordBuilder builder;
  RequestRecord& r = builder.begin();
  r.id = 0x0001000000000abc;
  r.ended_ns = kClock.monotonic_ns - 7'000'000;
  r.duration_us = 34'567;
  std::vector<AttemptRecord*> attempts;
  for (const AttemptRecord& attempt : spec.attempts)
    attempts.push_back(&builder.addAttempt(attempt));
  for (uint32_t i = 0; i < t::kCount; ++i) builder.addText(i, spec.texts[i]);
  for (AttemptRecord* const attempt : attempts) builder.addNames(*attempt, "c", "e");
  spec.tune(r);
  const RequestRecord& record = builder.end();
  LogTime time;
  LineBuffer out;
  appendLine(record, sink, kClock, &time, &out);
  return std::string(out.view());
}

LogStep step(uint32_t what, std::string text = {}, uint32_t flags = 0, uint32_t most = 0) {
  return {what, flags, most, std::move(text), {}};
}
LogSink textSink(std::vector<LogStep> steps) {
  LogSink sink;
  sink.steps = std::move(steps);
  sink.headers = {"x-tenant", "x-none"};
  return sink;
}
LogSink jsonSink(const std::vector<std::pair<uint32_t, std::string>>& fields) {
  LogSink sink = textSink({});
  sink.json = true;
  for (const auto& [what, key] : fields) {
    LogStep& s = sink.steps.emplace_back(step(what, key));
    s.prefix = (sink.steps.size() == 1 ? "{\"" : ",\"") + key + "\":";
  }
  return sink;
}

std::string valueOf(uint32_t what, const Spec& spec) {
  std::string line = lineOf(spec, textSink({step(what)}));
  line.pop_back();
  return line;
}

CASE("a JSON line has each value in its type") {
  const LogSink sink = jsonSink({{op::kTime, "time"},
                                 {op::kId, "id"},
                                 {op::kTraceId, "traceId"},
                                 {op::kClient, "client"},
                                 {op::kTls, "tls"},
                                 {op::kTarget, "target"},
                                 {op::kStatus, "status"},
                                 {op::kFlag, "flag"},
                                 {op::kBytesOut, "bytesOut"},
                                 {op::kDurationMs, "durationMs"},
                                 {op::kQueueMs, "queueMs"},
                                 {op::kConnectMs, "connectMs"},
                                 {op::kFirstByteMs, "first"},
                                 {op::kUpstreamMs, "upstreamMs"},
                                 {op::kReused, "reused"},
                                 {op::kRequestHeaders, "requestHeaders"},
                                 {op::kDetail, "detail"}});
  EXPECT_EQ(
      lineOf(answered(), sink),
      std::string("{\"time\":\"2026-11-21T14:03:09.120Z\",\"id\":\"0001000000000abc\","
                  "\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"client\":\"198.51.100.9\","
                  "\"tls\":true,\"target\":\"/v1/items?q=1\",\"status\":200,\"flag\":null,"
                  "\"bytesOut\":3456,\"durationMs\":34.567,\"queueMs\":0.250,\"connectMs\":1.200,"
                  "\"first\":18.500,\"upstreamMs\":32.400,\"reused\":false,"
                  "\"requestHeaders\":{\"x-tenant\":\"blue\"},\"detail\":null}\n"));
}

CASE("combined is what Apache and nginx write, in local time") {
  ::setenv("TZ", "XXX-05:30", 1);
  ::tzset();
  const LogSink combined = textSink(
      {step(op::kClient), step(op::kLiteral, " - - ["),
       step(op::kTimeLocal, "%d/%b/%Y:%H:%M:%S %z"), step(op::kLiteral, "] \""), step(op::kMethod),
       step(op::kLiteral, " "), step(op::kTarget), step(op::kLiteral, " "), step(op::kProtocol),
       step(op::kLiteral, "\" "), step(op::kStatusOrClosed), step(op::kLiteral, " "),
       step(op::kBytesOut), step(op::kLiteral, " \""), step(op::kReferer),
       step(op::kLiteral, "\" \""), step(op::kUserAgent), step(op::kLiteral, "\"")});
  EXPECT_EQ(lineOf(answered(), combined),
            std::string("198.51.100.9 - - [21/Nov/2026:19:33:09 +0530] \"GET /v1/items?q=1 "
                        "HTTP/1.1\" 200 3456 \"https://a.example/\" \"curl/8\"\n"));
  Spec gone = answered();
  gone.texts[t::kReferer] = gone.texts[t::kUserAgent] = "";
  gone.tune = [](RequestRecord& r) { r.peer = parseIp("2001:db8::1"); };
  EXPECT_EQ(lineOf(gone, combined),
            std::string("2001:db8::1 - - [21/Nov/2026:19:33:09 +0530] \"GET /v1/items?q=1 "
                        "HTTP/1.1\" 499 0 \"-\" \"-\"\n"));
  ::unsetenv("TZ");
  ::tzset();
}

CASE("what was never reached is - in a text and null in JSON") {
  Spec refused;
  refused.tune = [](RequestRecord& r) {
    r.status = 0;
    r.flag = abi::response_flag::kDc;
  };
  for (const uint32_t what :
       {op::kRequestId, op::kTraceId, op::kClient, op::kStatus, op::kDetail, op::kQueueMs,
        op::kConnectMs, op::kFirstByteMs, op::kUpstreamMs, op::kResponseMs, op::kRoute,
        op::kCluster, op::kEndpoint, op::kReused, op::kUserAgent, op::kHost, op::kMethod}) {
    EXPECT_EQ(valueOf(what, refused), std::string("-"), std::to_string(what));
    EXPECT_EQ(lineOf(refused, jsonSink({{what, "k"}})), std::string("{\"k\":null}\n"));
  }
  EXPECT_EQ(valueOf(op::kFlag, refused), std::string("DC"));
  EXPECT_EQ(valueOf(op::kStatusOrClosed, refused), std::string("499"));
}

CASE("phases are those of the attempt that answered") {
  Spec spec = answered();
  // A hedge that lost comes after it.
  AttemptRecord lost;
  lost.chosen_us = 400;
  lost.ended_us = 20'200;
  lost.bits = abi::attempt_bit::kHedge | abi::attempt_bit::kReused;
  spec.attempts.push_back(lost);
  EXPECT_EQ(valueOf(op::kConnectMs, spec), std::string("1.200"));
  EXPECT_EQ(valueOf(op::kReused, spec), std::string("false"));
  EXPECT_EQ(valueOf(op::kResponseMs, spec), std::string("20.100"));
  spec.attempts[0].bits = 0;
  EXPECT_EQ(valueOf(op::kConnectMs, spec), std::string("0.000"));
  EXPECT_EQ(valueOf(op::kFirstByteMs, spec), std::string("-"));
  EXPECT_EQ(valueOf(op::kReused, spec), std::string("true"));
}

CASE("hostile bytes end no line, no quote and no JSON string") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  Spec spec = answered();
  spec.texts[t::kUserAgent] = all;
  const std::string text = lineOf(
      spec, textSink({step(op::kLiteral, "\""), step(op::kUserAgent), step(op::kLiteral, "\"")}));
  EXPECT_EQ(linesIn(text), size_t{1});
  EXPECT(std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= 0x20 && c < 0x7f; }));
  EXPECT(text.find("\\x00\\x01") != std::string::npos);
  EXPECT(text.find("\\x0A") != std::string::npos && text.find("\\x0D") != std::string::npos);
  EXPECT(text.find(" !\\x22#") != std::string::npos);
  EXPECT(text.find("[\\x5C]") != std::string::npos);
  EXPECT(text.find("~\\x7F\\x80") != std::string::npos &&
         text.find("\\xFF\"") != std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '"'), std::ptrdiff_t{2});

  const std::string json = lineOf(spec, jsonSink({{op::kUserAgent, "ua"}}));
  EXPECT_EQ(linesIn(json), size_t{1});
  EXPECT(json.find("\\u0000\\u0001") != std::string::npos);
  EXPECT(json.find("\\u000a") != std::string::npos && json.find("!\\\"#") != std::string::npos);
  EXPECT(json.find("[\\\\]") != std::string::npos);
  EXPECT(json.find("~\\u007f\\u0080") != std::string::npos);
  EXPECT(json.ends_with("\\u00ff\"}\n"));
}

CASE("valid UTF-8 passes into JSON, and nothing else beyond ASCII") {
  const auto inJson = [](const std::string& bytes) {
    Spec spec = answered();
    spec.texts[t::kUserAgent] = bytes;
    const std::string line = lineOf(spec, jsonSink({{op::kUserAgent, "u"}}));
    return line.substr(6, line.size() - 9);
  };
  const std::string kept[] = {"é", "\u07ff", "\u0800", "\ud7ff", "\ufffd", "😀", "\U0010ffff"};
  for (const std::string& one : kept) EXPECT_EQ(inJson("a" + one + "b"), "a" + one + "b");
  const std::pair<std::string, std::string> replaced[] = {
      {"\x80", "\\u0080"},                                   // alone
      {"\xc3", "\\u00c3"},                                   // cut off
      {"\xc0\xaf", "\\u00c0\\u00af"},                        // overlong
      {"\xe0\x80\xaf", "\\u00e0\\u0080\\u00af"},             // overlong
      {"\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},             // a surrogate
      {"\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080"},  // beyond Unicode
      {"\xc2\x9b", "\\u00c2\\u009b"},                        // CSI: a terminal would obey
      {"\xf0\x9f\x98", "\\u00f0\\u009f\\u0098"},
  };
  for (const auto& [bytes, escaped] : replaced) {
    EXPECT_EQ(inJson(bytes), escaped);
    EXPECT_EQ(inJson(bytes + "z"), escaped + "z");
  }
}

CASE("values are cut, stand in for each other, and lose their blanks where asked") {
  Spec spec = answered();
  EXPECT_EQ(lineOf(spec, textSink({step(op::kTarget, {}, 0, 3)})), std::string("/v1\n"));
  const uint32_t alternative = abi::log_step_flag::kAlternative;
  const LogSink either = textSink(
      {step(op::kHeader, "x-tenant", alternative), step(op::kUserAgent), step(op::kLiteral, ".")});
  EXPECT_EQ(lineOf(spec, either), std::string("blue.\n"));
  spec.texts[t::kHeaders].clear();
  EXPECT_EQ(lineOf(spec, either), std::string("curl/8.\n"));
  spec.texts[t::kDetail] = "upstream timed out\n";
  EXPECT_EQ(lineOf(spec, textSink({step(op::kDetail, {}, abi::log_step_flag::kUnderscores)})),
            std::string("upstream_timed_out\n"));
  EXPECT_EQ(lineOf(spec, textSink({step(op::kDurationMs, {}, abi::log_step_flag::kWhole)})),
            std::string("34\n"));
}

CASE("times follow their pattern") {
  const auto at = [](const char* pattern) {
    return lineOf(answered(), textSink({step(op::kTimeUtc, pattern)}));
  };
  EXPECT_EQ(at("%Y-%m-%d %H:%M:%S.%3f %j %y %e %a %b %z %Z %s %% %f %9f"),
            std::string("2026-11-21 14:03:09.120 325 26 21 Sat Nov +0000 UTC 1795269789 % 120000 "
                        "120000000\n"));
}

CASE("what a second came to is not taken for another second, pattern or zone, nor are fractions") {
  ::setenv("TZ", "XXX-05:30", 1);
  ::tzset();
  LogTime time;
  const auto at = [&](uint64_t us, const char* pattern, bool local) {
    LineBuffer out;
    time.appendPattern(&out, us, pattern, local);
    return std::string(out.view());
  };
  const uint64_t us = 1795269789'120'000;
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(at(us, "%H:%M:%S", false), std::string("14:03:09"));
    EXPECT_EQ(at(us + 879'999, "%H:%M:%S", false), std::string("14:03:09"));
    EXPECT_EQ(at(us + 880'000, "%H:%M:%S", false), std::string("14:03:10"));
    EXPECT_EQ(at(us + 880'000, "%H:%M:%S", true), std::string("19:33:10"));
    EXPECT_EQ(at(us + 880'000, "%H.%M.%S", true), std::string("19.33.10"));
    EXPECT_EQ(at(us, "%S.%3f", true), std::string("09.120"));
    EXPECT_EQ(at(us + 1000, "%S.%3f", true), std::string("09.121"));
    EXPECT_EQ(at(us + 1, "%f", true), std::string("120001"));
    EXPECT_EQ(at(us + 1, "%%f %%3f", true), std::string("%f %3f"));
    EXPECT_EQ(at(us, "%Y", true), std::string("2026"));
  }
  ::unsetenv("TZ");
  ::tzset();
}

}  // namespace
}  // namespace millrace::test
