#include <string>

#include "base/rng.h"
#include "engine/http/load_report.h"
#include "engine/http/retry_after.h"
#include "guarded.h"
#include "harness.h"

// What upstreams say in headers that are meant for the proxy.
namespace millrace {
namespace {

ResponseHead headOf(const std::string& lines) {
  static std::string text;
  text = "HTTP/1.1 503 Service Unavailable\r\n" + lines + "\r\n";
  ResponseHead head{};
  EXPECT(parseResponseHead(text, false, &head) == ResponseError::kNone, lines);
  return head;
}

uint64_t wait(const std::string& value, const std::string& date = "Sun, 06 Nov 1994 08:49:37 GMT") {
  return retryAfterMs(headOf("Date: " + date + "\r\nRetry-After: " + value + "\r\n"));
}

CASE("retry-after is seconds or a date, never milliseconds, and has an end") {
  EXPECT_EQ(wait("120"), 120'000u);
  EXPECT_EQ(wait("0"), 0u);
  EXPECT_EQ(wait("99999999999999999999999999"), 86'400'000u);
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:50:07 GMT"), 30'000u);
  EXPECT_EQ(wait("Mon, 07 Nov 1994 08:49:37 GMT"), 86'400'000u);
  EXPECT_EQ(wait("Sun, 06 Nov 2094 08:49:37 GMT"), 86'400'000u);
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:49:37 GMT"), 0u);
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:49:36 GMT"), 0u);  // past
  for (const char* bad : {"-5", "1.5", "5s", "soon", "Sun, 06 Nov 1994 08:49:37", "12 ", "0x10"}) {
    EXPECT_EQ(wait(bad), std::string(bad) == "12 " ? 12'000u : 0u, bad);
  }
  EXPECT_EQ(retryAfterMs(headOf("Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n")), 0u);
  EXPECT_EQ(retryAfterMs(headOf("x: y\r\n")), 0u);
  EXPECT_EQ(retryAfterMs(headOf("RETRY-AFTER: 3\r\n")), 3000u);
}

CASE("dates are read as the calendar has them") {
  EXPECT_EQ(parseHttpDate("Thu, 01 Jan 1970 00:00:00 GMT").value_or(-1), 0);
  EXPECT_EQ(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT").value_or(-1), 784111777);
  EXPECT_EQ(parseHttpDate("Tue, 29 Feb 2000 23:59:59 GMT").value_or(-1), 951868799);
  EXPECT_EQ(parseHttpDate("Sat, 21 Nov 2026 12:00:00 GMT").value_or(-1), 1795262400);
  for (const char* bad : {"", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT",
                          "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
                          "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08-49-37 GMT",
                          "Sun, +6 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    EXPECT(!parseHttpDate(bad).has_value(), bad);
  }
  // Any bytes are safe.
  Rng rng(test::seed());
  test::Guarded memory;
  const std::string good = "Sun, 06 Nov 1994 08:49:37 GMT";
  for (int round = 0; round < 100'000; ++round) {
    std::string text = good.substr(0, rng.below(4) == 0 ? rng.below(30) : 29);
    for (uint32_t i = rng.below(3); i > 0 && !text.empty(); --i)
      text[rng.below(static_cast<uint32_t>(text.size()))] = static_cast<char>(rng.below(256));
    const auto parsed = parseHttpDate(memory.place(text));
    EXPECT(!parsed.has_value() || text.size() == 29);
  }
}

CASE("a load report is read and taken out") {
  ResponseHead head =
      headOf("a: 1\r\nX-Prequal-RIF: 7\r\nb: 2\r\nx-prequal-latency-us: 1500\r\nc: 3\r\n");
  const LoadReport report = takeLoadReport(&head);
  EXPECT(report.present);
  EXPECT_EQ(report.requests_in_flight, 7u);
  EXPECT_EQ(report.latency_us, 1500u);
  EXPECT_EQ(head.field_count, 3u);
  std::string names;
  for (uint32_t i = 0; i < head.field_count; ++i) names += head.fields[i].name;
  EXPECT_EQ(names, "abc");
}

CASE("a report that is no report counts for nothing, and is taken out all the same") {
  for (const char* lines : {"x-prequal-rif: 7\r\n", "x-prequal-latency-us: 7\r\n",
                            "x-prequal-rif: -1\r\nx-prequal-latency-us: 7\r\n",
                            "x-prequal-rif: 1e3\r\nx-prequal-latency-us: 7\r\n",
                            "x-prequal-rif: \r\nx-prequal-latency-us: 7\r\n"}) {
    ResponseHead head = headOf(lines);
    EXPECT(!takeLoadReport(&head).present, lines);
    EXPECT_EQ(head.field_count, 0u, lines);
  }
  ResponseHead head = headOf(
      "x-prequal-rif: 99999999999999999999\r\nx-prequal-latency-us: 99999999999999999999\r\n");
  const LoadReport report = takeLoadReport(&head);
  EXPECT_EQ(report.requests_in_flight, 0xffffffffu);
  EXPECT_EQ(report.latency_us, 0xffffffffu);
}

}  // namespace
}  // namespace millrace
