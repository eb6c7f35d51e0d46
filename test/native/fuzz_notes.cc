#include <cstdio>
#include <ctime>
#include <string>

#include "engine/http/load_report.h"
#include "engine/http/response_parser.h"
#include "engine/http/retry_after.h"
#include "fuzz_driver.h"
#include "fuzz_seeds.h"
#include "guarded.h"
#include "naive_http.h"

// Header lines of an answer from which the proxy reads numbers and dates for itself: Retry-After
// and the report of an endpoint's load, against plain versions of the same rules.
namespace millrace::test {
namespace {

constexpr uint64_t kDaySeconds = 24 * 60 * 60;

// By the C library; nullopt when it is no date of that one form.
std::optional<int64_t> naiveDate(const std::string& text) {
  static constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::string shape = text;
  for (char& c : shape)
    if (c >= '0' && c <= '9') c = '9';
  if (shape.size() != 29 || shape.substr(3, 4) != ", 99" || shape.substr(7, 1) != " " ||
      shape.substr(11) != " 9999 99:99:99 GMT")
    return std::nullopt;
  std::tm when{};
  for (when.tm_mon = 0; when.tm_mon < 12; ++when.tm_mon)
    if (text.substr(8, 3) == std::string(kMonths + 3 * when.tm_mon, 3)) break;
  when.tm_mday = std::stoi(text.substr(5, 2));
  when.tm_year = std::stoi(text.substr(12, 4)) - 1900;
  when.tm_hour = std::stoi(text.substr(17, 2));
  when.tm_min = std::stoi(text.substr(20, 2));
  when.tm_sec = std::stoi(text.substr(23, 2));
  if (when.tm_mon == 12 || when.tm_mday < 1 || when.tm_mday > 31 || when.tm_year < 70 ||
      when.tm_hour > 23 || when.tm_min > 59 || when.tm_sec > 60)
    return std::nullopt;
  return timegm(&when);
}

// No more than `most`; nullopt when it is no number.
std::optional<uint64_t> naiveNumber(std::string text, uint64_t most) {
  if (!isDigits(text)) return std::nullopt;
  text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
  return text.size() > 15 ? most : std::min<uint64_t>(most, std::stoull(text));
}

uint64_t naiveRetryAfterMs(const NaiveResponseHead& head) {
  std::string wanted;
  std::string date;
  for (const auto& [name, value] : head.fields) {
    if (lowered(name) == "retry-after") wanted = value;
    if (lowered(name) == "date") date = value;
  }
  if (isDigits(wanted.substr(0, 1))) return naiveNumber(wanted, kDaySeconds).value_or(0) * 1000;
  const std::optional<int64_t> until = naiveDate(wanted);
  const std::optional<int64_t> now = naiveDate(date);
  if (!until.has_value() || !now.has_value() || *until <= *now) return 0;
  return std::min<uint64_t>(static_cast<uint64_t>(*until - *now), kDaySeconds) * 1000;
}

void compareReport(const NaiveResponseHead& naive, ResponseHead* head) {
  std::optional<uint64_t> in_flight;
  std::optional<uint64_t> latency;
  std::size_t others = 0;
  for (const auto& [name, value] : naive.fields) {
    if (lowered(name) == "x-prequal-rif")
      in_flight = naiveNumber(value, 0xffffffff);
    else if (lowered(name) == "x-prequal-latency-us")
      latency = naiveNumber(value, 0xffffffff);
    else
      ++others;
  }
  const LoadReport report = takeLoadReport(head);
  if (head->field_count != others) fuzzFault("another number of lines is left");
  if (report.present != (in_flight.has_value() && latency.has_value())) fuzzFault("report or none");
  if (report.present && (report.requests_in_flight != *in_flight || report.latency_us != *latency))
    fuzzFault("another report");
}

}  // namespace

FuzzTarget fuzzTarget() {
  const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  return {
      .name = "notes",
      .seeds = {"Retry-After: 120\r\n", "retry-after: 0007\r\n",
                "Retry-After: 99999999999999999999\r\n",
                date + "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n",
                date + "Retry-After: Mon, 29 Feb 2100 23:59:60 GMT\r\n",
                date + "RETRY-AFTER: Sunday, 06-Nov-94 08:49:37 GMT\r\n",
                "x-prequal-rif: 3\r\nx-a: b\r\nX-Prequal-Latency-Us: 1500\r\n",
                "x-prequal-rif: 4294967296\r\nx-prequal-rif: 0\r\nx-prequal-latency-us: -1\r\n"},
      .fragments = {"Retry-After: ",
                    "retry-after:5",
                    "x-prequal-rif: 1",
                    "x-prequal-latency-us: 7",
                    "Jan",
                    "Feb",
                    "Dec",
                    "1970",
                    "9999",
                    "0000",
                    " GMT",
                    " 00:00:00 GMT",
                    ", ",
                    ":",
                    " ",
                    "-",
                    "31",
                    "32",
                    "00",
                    "60",
                    "\x80",
                    "\t",
                    "Date: "},
      .inputs = 100'000};
}

}  // namespace millrace::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace;        // NOLINT
  using namespace millrace::test;  // NOLINT
  static Guarded memory;
  static ResponseHead head;
  const std::string text =
      "HTTP/1.1 200 OK\r\n" + std::string(reinterpret_cast<const char*>(data), size) + "\r\n";
  std::size_t scanned = 0;
  ResponseError error;
  const std::size_t end = findHeadEnd(text, &scanned, &error);
  if (end == 0) return 0;
  const std::string_view bytes = memory.place(std::string_view(text).substr(0, end));
  if (parseResponseHead(bytes, false, &head) != ResponseError::kNone) return 0;
  const std::optional<NaiveResponseHead> naive = naiveResponseHead(bytes);
  if (!naive.has_value()) fuzzFault("a head that ought to be refused", bytes);
  const uint64_t ms = retryAfterMs(head);
  if (ms != naiveRetryAfterMs(*naive)) fuzzFault("another time: " + std::to_string(ms), bytes);
  compareReport(*naive, &head);
  return 0;
}
