// The parts of the load generator that a wrong measurement could come from.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "common/body_pattern.h"
#include "common/latency_histogram.h"
#include "generator/arrivals.h"
#include "generator/request_composer.h"
#include "generator/response_reader.h"
#include "guarded.h"
#include "harness.h"

namespace millrace::load {
namespace {

struct Reading {
  bool done;
  std::string problem;  // empty unless bad
  int status;
  uint64_t body;
  size_t used;
  bool closes;
  bool wrong_pattern;
  bool operator==(const Reading&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Reading& r) {
  return out << (r.done ? "done " : "not done ") << r.problem << " status " << r.status << " body "
             << r.body << " used " << r.used << " closes " << r.closes << " pattern "
             << r.wrong_pattern;
}

// Feeds `text` in pieces that end at `cuts`, each in memory that ends where it ends.
Reading readIn(ResponseReader& reader, const std::string& text, const std::vector<size_t>& cuts,
               bool end_after = false) {
  static test::Guarded memory;
  reader.begin(false, true);
  size_t used = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= cuts.size() && !reader.done() && !reader.bad(); ++i) {
    const size_t stop = i < cuts.size() ? cuts[i] : text.size();
    const std::string_view piece = memory.place(text.substr(begin, stop - begin));
    if (!piece.empty()) used += reader.feed(piece.data(), piece.size());
    begin = stop;
  }
  if (end_after) reader.finishAtClose();
  return {reader.done(),           reader.bad() ? reader.problem() : "",
          reader.status(),         reader.bodyBytes(),
          reader.bad() ? 0 : used, reader.closes(),
          reader.wrongPattern()};
}

std::string patterned(size_t n) { return std::string(bodyPattern().at(0), n); }

const std::vector<std::string>& samples() {
  static const std::vector<std::string> all = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + patterned(5),
      "HTTP/1.1 200 \r\ncontent-length:0\r\nConnection: keep-alive , CLOSE\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=\"b\"\r\n" + patterned(3) +
          "\r\n0\r\nX-Trailer: 1\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 201 "
      "Created\r\nContent-Length: 2\r\n\r\n" +
          patterned(2),
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n" + patterned(1),
      "HTTP/1.0 200 OK\r\n\r\n" + patterned(9),
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcdX",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n" + patterned(5),
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdef\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
      "HTTP/1.1 99 Low\r\n\r\n",
      "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  };
  return all;
}

CASE("an answer says the same however it is cut") {
  Rng rng(test::seed());
  for (const std::string& text : samples()) {
    ResponseReader fresh;
    const Reading whole = readIn(fresh, text, {}, true);
    // The same reader again: it knows the head by then, and must say the same.
    EXPECT_EQ(readIn(fresh, text, {}, true), whole, text);
    ResponseReader reader;
    std::vector<size_t> every;
    for (size_t i = 1; i < text.size(); ++i) every.push_back(i);
    EXPECT_EQ(readIn(reader, text, every, true), whole, text);
    for (size_t i = 1; i < text.size(); ++i) {
      EXPECT_EQ(readIn(reader, text, {i}, true), whole, text);
      EXPECT_EQ(readIn(fresh, text, {i}, true), whole, text);
    }
    for (int round = 0; round < 200; ++round) {
      std::vector<size_t> cuts;
      for (uint32_t n = rng.below(6); n != 0; --n)
        cuts.push_back(rng.below(static_cast<uint32_t>(text.size())));
      std::sort(cuts.begin(), cuts.end());
      EXPECT_EQ(readIn(reader, text, cuts, true), whole, text);
    }
  }
}

CASE("right answers are right and wrong ones are named") {
  constexpr size_t kRight = 8;
  for (size_t i = 0; i < samples().size(); ++i) {
    ResponseReader reader;
    const Reading reading = readIn(reader, samples()[i], {}, true);
    EXPECT_EQ(reading.done, i < kRight, samples()[i]);
    EXPECT_EQ(reading.problem.empty(), i < kRight, samples()[i]);
    if (i < kRight) EXPECT_EQ(reading.used, samples()[i].size(), samples()[i]);
    EXPECT_EQ(reading.wrong_pattern, i == 7, samples()[i]);
  }
}

CASE("bytes behind an answer are left over") {
  const std::string text = samples()[0];
  ResponseReader reader;
  EXPECT_EQ(readIn(reader, text + text, {}).used, text.size());
}

CASE("an answer that is cut short is not done") {
  for (const std::string& text : samples()) {
    ResponseReader whole;
    const Reading reading = readIn(whole, text, {});
    if (!reading.done) continue;
    for (size_t n = 0; n < text.size(); ++n) {
      ResponseReader reader;
      EXPECT(!readIn(reader, text.substr(0, n), {}, true).done, text.substr(0, n));
    }
  }
}

CASE("a body may be discarded unseen when its bytes aren't looked at") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  ResponseReader reader;
  reader.begin(false, false);
  EXPECT_EQ(reader.skippable(), 0u);
  reader.feed(head.data(), head.size());
  EXPECT_EQ(reader.skippable(), 1000u);
  reader.skipped(999);
  EXPECT(!reader.done());
  reader.skipped(1);
  EXPECT(reader.done());
  EXPECT_EQ(reader.bodyBytes(), 1000u);
  reader.begin(false, true);
  reader.feed(head.data(), head.size());
  EXPECT_EQ(reader.skippable(), 0u);
}

CASE("the pattern shows every lost, repeated or changed byte") {
  const std::string body(bodyPattern().at(0), BodyPattern::kBlock);
  EXPECT(bodyPattern().matches(0, body.data(), body.size()));
  EXPECT(bodyPattern().matches(7, body.data() + 7, body.size() - 7));
  EXPECT(!bodyPattern().matches(0, body.data() + 1, 100));
  EXPECT(!bodyPattern().matches(4096, body.data(), 100));
  std::string changed = body;
  changed[200'000] = '#';
  EXPECT(!bodyPattern().matches(0, changed.data(), changed.size()));
}

CASE("quantiles are within 0.4 % of those of the sorted samples") {
  Rng rng(test::seed());
  LatencyHistogram histogram;
  std::vector<uint64_t> samples;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t value = rng.next() >> (24 + rng.below(36));
    samples.push_back(value);
    histogram.record(value);
  }
  std::sort(samples.begin(), samples.end());
  for (const double q : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<size_t>(std::max(1.0, std::ceil(q * 100'000)));
    const auto exact = static_cast<double>(samples[rank - 1]);
    EXPECT(std::fabs(histogram.quantile(q) - exact) <= exact * 0.004 + 0.5, std::to_string(q));
  }
  EXPECT_EQ(histogram.quantile(1), static_cast<double>(samples.back()));
  uint64_t total = 0;
  uint64_t last = 0;
  histogram.forEach([&](uint64_t upper, uint64_t count) {
    EXPECT(upper > last);
    last = upper;
    total += count;
  });
  EXPECT_EQ(total, 100'000u);
  EXPECT_EQ(LatencyHistogram().quantile(0.5), 0.0);
}

CASE("even arrivals don't drift, Poisson ones have exponential gaps") {
  constexpr int kCount = 200'000;
  Arrivals even(30'000, false, 1);
  Arrivals poisson(30'000, true, test::seed());
  even.start(1000);
  poisson.start(1000);
  const double gap = 1e9 / 30'000;
  double sum = 0;
  double squares = 0;
  uint64_t last = 1000;
  for (int i = 0; i < kCount; ++i) {
    EXPECT_EQ(even.next(), 1000 + static_cast<uint64_t>(i * gap));
    const auto between = static_cast<double>(poisson.next() - last);
    last = poisson.next();
    sum += between;
    squares += between * between;
    even.advance();
    poisson.advance();
  }
  const double mean = sum / kCount;
  const double deviation = std::sqrt(squares / kCount - mean * mean);
  // Standard errors are 0.22 % and 0.3 %.
  EXPECT(std::fabs(mean / gap - 1) < 0.012, std::to_string(mean / gap));
  EXPECT(std::fabs(deviation / gap - 1) < 0.02, std::to_string(deviation / gap));
}

CASE("heads have their places filled, the same key everywhere in one request") {
  Options options;
  options.keys = 3;
  options.list_targets = {"/a", "/b/{key}"};
  options.list_fields = {"", "x: 1\r\n"};
  RequestComposer composer(options,
                           "GET {target} HTTP/1.1\r\nk: {key}\r\nl: {key}\r\n{fields}\r\n");
  Rng rng(test::seed());
  bool seen[3] = {};
  for (int i = 0; i < 100; ++i) {
    const std::string head(composer.next(rng));
    const std::string key(1, head[head.find("k: ") + 3]);
    seen[key[0] - '0'] = true;
    // What comes from the list is taken as it is.
    EXPECT_EQ(head, std::string("GET ") + (i % 2 == 0 ? "/a" : "/b/{key}") + " HTTP/1.1\r\nk: " +
                        key + "\r\nl: " + key + "\r\n" + (i % 2 == 0 ? "" : "x: 1\r\n") + "\r\n");
  }
  EXPECT(seen[0] && seen[1] && seen[2]);
  RequestComposer plain(options, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(plain.next(rng), std::string_view("GET / HTTP/1.1\r\n\r\n"));
}

}  // namespace
}  // namespace millrace::load
