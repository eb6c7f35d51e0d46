#include "generator/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace millrace::load {
namespace {

// Appends "name": value pairs; knows where commas belong.
class Json {
 public:
  std::string text = "{";

  Json& number(const char* name, double value) {
    char digits[40];
    // Whole numbers as such, others with nine digits.
    if (value == std::floor(value) && std::fabs(value) < 9e15)
      std::snprintf(digits, sizeof digits, "%.0f", value);
    else
      std::snprintf(digits, sizeof digits, "%.9g", value);
    return raw(name, digits);
  }
  Json& number(const char* name, uint64_t value) {
    return number(name, static_cast<double>(value));
  }
  Json& string(const char* name, const std::string& value) {
    std::string quoted = "\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return raw(name, quoted + "\"");
  }
  Json& raw(const char* name, const std::string& value) {
    if (text.size() > 1) text += ',';
    text += '"';
    text += name;
    text += "\":";
    text += value;
    return *this;
  }
  std::string done() const { return text + "}"; }
};

std::string quantiles(const LatencyHistogram& histogram) {
  constexpr double kUs = 1000;
  return Json()
      .number("p50", histogram.quantile(0.5) / kUs)
      .number("p90", histogram.quantile(0.9) / kUs)
      .number("p99", histogram.quantile(0.99) / kUs)
      .number("p999", histogram.quantile(0.999) / kUs)
      .number("p9999", histogram.quantile(0.9999) / kUs)
      .number("max", static_cast<double>(histogram.max()) / kUs)
      .number("mean", histogram.mean() / kUs)
      .number("count", histogram.count())
      .done();
}

std::string buckets(const LatencyHistogram& histogram) {
  std::string text = "[";
  histogram.forEach([&](uint64_t upper_ns, uint64_t count) {
    char pair[64];
    std::snprintf(pair, sizeof pair, "%s[%.3f,%llu]", text.size() > 1 ? "," : "",
                  static_cast<double>(upper_ns) / 1000, static_cast<unsigned long long>(count));
    text += pair;
  });
  return text + "]";
}

// Right answers per connection, and Jain's index of them: 1 when all got the same, 1/n when one
// got everything.
std::string fairness(const Generator& generator) {
  std::vector<double> served;
  for (const auto& c : generator.connections())
    if (c->role == Role::kMain) served.push_back(static_cast<double>(c->served));
  std::sort(served.begin(), served.end());
  double sum = 0;
  double squares = 0;
  for (const double n : served) {
    sum += n;
    squares += n * n;
  }
  const size_t half = served.size() / 2;
  return Json()
      .number("min", served.front())
      .number("median",
              served.size() % 2 == 1 ? served[half] : (served[half - 1] + served[half]) / 2)
      .number("max", served.back())
      .number("jain", squares == 0 ? 0 : sum * sum / (static_cast<double>(served.size()) * squares))
      .done();
}

}  // namespace

std::string reportJson(const Options& options, const Generator& generator) {
  const Tally& tally = generator.tally();
  const auto share = [&](uint64_t n) {
    return tally.scheduled == 0 ? 0.0
                                : static_cast<double>(n) / static_cast<double>(tally.scheduled);
  };
  Json errors;
  for (size_t i = 0; i < kFailures; ++i) errors.number(kFailureNames[i], tally.errors[i]);
  Json statuses;
  for (size_t status = 0; status < tally.statuses.size(); ++status)
    if (tally.statuses[status] != 0)
      statuses.number(std::to_string(status).c_str(), tally.statuses[status]);
  return Json()
      .number("requests", tally.requests)
      .number("seconds", tally.seconds)
      .number("rate", tally.seconds == 0 ? 0 : static_cast<double>(tally.requests) / tally.seconds)
      .number("bytesIn", tally.bytes_in)
      .number("bytesOut", tally.bytes_out)
      .raw("latencyUs", quantiles(tally.latency))
      .raw("serviceUs", quantiles(tally.service))
      .raw("histogram", buckets(tally.latency))
      .raw("errors", errors.done())
      .number("errorTotal", tally.errorTotal())
      .string("firstError", tally.first_error)
      .raw("statuses", statuses.done())
      .raw("connections", Json()
                              .number("opened", tally.opened)
                              .number("closedIdle", tally.closed_idle)
                              .raw("fairness", fairness(generator))
                              .done())
      .raw("scheduler", Json()
                            .number("scheduled", tally.scheduled)
                            .number("lateMaxUs", static_cast<double>(tally.late_max_ns) / 1000)
                            .number("lateShare", share(tally.late))
                            .number("queuedShare", share(tally.queued))
                            .done())
      .raw("handshakes", Json()
                             .number("full", tally.full_handshakes)
                             .number("resumed", tally.resumed_handshakes)
                             .string("version", tally.tls_version)
                             .string("cipher", tally.tls_cipher)
                             .done())
      .raw("slow", Json()
                       .number("clients", uint64_t{options.slow_clients})
                       .number("bytes", tally.slow_bytes)
                       .number("answers", tally.slow_answers)
                       .done())
      .raw("idle",
           Json().number("open", tally.idle_open).number("answered", tally.idle_answered).done())
      .raw("cpu", Json().number("userUs", tally.user_us).number("systemUs", tally.system_us).done())
      .done();
}

}  // namespace millrace::load
