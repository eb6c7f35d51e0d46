#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Requests on their way to an upstream, and the answers that the proxy gives itself.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
const std::string kNothing = "active 0 pending 0 busy 0 idle 0";
const Fields kChunked = {{"transfer-encoding", "chunked"}};

CASE("bodies go upstream in the framing that was announced") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const std::string start = "POST / HTTP/1.1\r\nhost: a\r\n";
  struct Row {
    Fields fields;
    std::vector<std::string> pieces;
    std::string expected;
  };
  const Row kRows[] = {
      {{{"content-length", "5"}}, {"he", "", "llo"}, "content-length: 5\r\n\r\nhello"},
      {{{"content-length", "5"}}, {"hello", ""}, "content-length: 5\r\n\r\nhello"},
      {kChunked, {"hello"}, "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
      {kChunked, {""}, "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"},
      {kChunked,
       {"he", "", "llo", ""},
       "transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"},
  };
  for (const bool connected : {true, false}) {
    for (const Row& row : kRows) {
      const std::size_t i = connected && origin.count() != 0 ? origin.count() - 1 : origin.count();
      const int32_t handle = rig.request("POST", "/", row.fields);
      if (connected) rig.settle();
      for (std::size_t n = 0; n < row.pieces.size(); ++n)
        EXPECT_EQ(rig.sendBody(handle, row.pieces[n], n + 1 == row.pieces.size()), abi::send::kOk);
      const auto body_of = [&] { return i < origin.count() ? origin.peer(i).in : std::string(); };
      if (connected) {
        EXPECT(rig.until([&] { return body_of() == start + row.expected; }), row.expected);
      } else {
        // Gathered while connecting: one piece, where chunks are concerned.
        const std::string whole = row.expected.ends_with("hello") ? row.expected
                                  : row.pieces[0].empty()
                                      ? "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                                      : "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        EXPECT(rig.until([&] { return body_of() == start + whole; }), row.expected);
      }
      origin.take(i);
      origin.send(i, okAnswer("x", connected ? "" : "connection: close\r\n"));
      EXPECT(rig.untilDone(handle));
    }
    rig.advance(4100);  // no idle connection for the second round
  }
}

CASE("an upstream that does not read holds the client back") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.request("POST", "/", kChunked);
  EXPECT(rig.until([&] { return origin.count() == 1; }));
  origin.reading = false;
  const std::string piece(64 * 1024, 'x');
  std::size_t sent = 0;
  uint32_t result = abi::send::kOk;
  while (result == abi::send::kOk) {
    result = rig.sendBody(handle, piece, false);
    sent += piece.size();
    rig.settle();
  }
  EXPECT_EQ(result, abi::send::kPause);
  EXPECT_EQ(rig.answer(handle).resumed, 0);
  origin.reading = true;
  EXPECT(rig.until([&] { return rig.answer(handle).resumed == 1; }));
  EXPECT_EQ(rig.sendBody(handle, "end", true), abi::send::kOk);
  EXPECT(rig.until([&] { return origin.peer(0).in.ends_with("\r\n3\r\nend\r\n0\r\n\r\n"); }));
  EXPECT(origin.peer(0).in.size() > sent);
  origin.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).resumed, 1);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
}

CASE("a body that waits for its connection holds the client back") {
  Origin origin;
  Rig rig({{origin.port()},
           {{abi::path_kind::kPrefix, "/", 0, {}}},
           [](ImageBuilder& b) { b.clusters[0].max_connections = 1; }},
          {&origin});
  const int32_t first = rig.get();
  const int32_t second = rig.request("PUT", "/", {{"content-length", "70001"}});
  EXPECT_EQ(rig.sendBody(second, std::string(60'000, 'x'), false), abi::send::kOk);
  EXPECT_EQ(rig.sendBody(second, std::string(10'000, 'x'), false), abi::send::kPause);
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(first));
  EXPECT(rig.until([&] { return rig.answer(second).resumed == 1; }));
  rig.sendBody(second, "y", true);
  EXPECT(rig.until([&] { return origin.peer(0).in.ends_with("xy"); }));
  origin.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(second));
}

CASE("an early answer reaches the client although the upstream stops reading") {
  for (const bool reset : {false, true}) {
    Origin origin;
    Rig rig({{origin.port()}}, {&origin});
    const int32_t handle = rig.request("POST", "/", {{"content-length", "1000000"}});
    EXPECT(rig.until([&] { return origin.asked(0); }));
    rig.sendBody(handle, std::string(1000, 'x'), false);  // stays unread: the close becomes an RST
    origin.send(0, "HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nno\n");
    origin.close(0);
    if (reset) {
      for (int i = 0; i < 3; ++i) rig.sendBody(handle, std::string(1000, 'x'), false);
    }
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 413u);
    EXPECT_EQ(rig.answer(handle).body, "no\n");
    EXPECT_EQ(rig.sendBody(handle, "more", true), abi::send::kOk);
    EXPECT_EQ(rig.gauges(), kNothing);
    EXPECT_EQ(rig.flagged(flag::kNone), 1.0);
  }
}

CASE("an early answer over a connection that stays open closes it") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.request("POST", "/", kChunked);
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 200u);
  EXPECT_EQ(rig.gauges(), kNothing);  // the rest of the body must not be taken for a request
}

CASE("a body that is too large is a 413 or a cut") {
  const RigSpec spec{{1}, {{abi::path_kind::kPrefix, "/", 0, {}}}, [](ImageBuilder& b) {
                       b.routes[0].max_body_low = 10;
                       b.routes[0].max_body_high = 0;
                     }};
  Origin origin;
  RigSpec here = spec;
  here.ports = {origin.port()};
  Rig rig(here, {&origin});
  const int32_t announced = rig.request("POST", "/", {{"content-length", "11"}});
  EXPECT(rig.untilDone(announced));
  EXPECT_EQ(rig.answer(announced).status, 413u);
  const int32_t grown = rig.request("POST", "/", kChunked);
  EXPECT_EQ(rig.sendBody(grown, "0123456789", false), abi::send::kOk);
  EXPECT_EQ(rig.sendBody(grown, "x", false), abi::send::kTooLarge);
  EXPECT(rig.untilDone(grown));
  EXPECT_EQ(rig.answer(grown).status, 413u);
  EXPECT((rig.answer(grown).flags & abi::event_flag::kClose) != 0);
  rig.settle();
  const std::size_t i = origin.count();
  const int32_t streaming = rig.request("POST", "/", kChunked);
  EXPECT(rig.until([&] { return origin.asked(i); }));
  origin.send(i, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
  rig.settle();
  EXPECT_EQ(rig.sendBody(streaming, "0123456789x", true), abi::send::kTooLarge);
  EXPECT(rig.untilDone(streaming));
  EXPECT(rig.answer(streaming).aborted);
  EXPECT_EQ(rig.flagged(flag::kBl), 3.0);
  EXPECT_EQ(rig.gauges(), kNothing);
}

CASE("requests that no upstream is asked about are answered in the next turn") {
  const std::vector<RouteSpec> routes = {{abi::path_kind::kExact, "/redirect", 0, {}},
                                         {abi::path_kind::kExact, "/respond", 0, {}},
                                         {abi::path_kind::kExact, "/cluster", 0, {}}};
  Rig rig({{1}, routes, [](ImageBuilder& b) {
             b.routes[0].action = abi::action::kRedirect;
             b.redirects.push_back({308, abi::kNone, 0, abi::kNone, 0, 81, 0, abi::kNone, 0, 0});
             b.routes[1].action = abi::action::kRespond;
             const ImageBuilder::Text body = b.text("hello");
             const ImageBuilder::Text lines = b.text("x-a: b\r\n");
             b.responds.push_back({418, body.offset, body.length, lines.offset, lines.length});
           }});
  const auto ask = [&](const std::string& method, const std::string& target,
                       const Fields& fields = {}) {
    const int32_t handle = rig.request(method, target, fields);
    EXPECT(rig.reactor().hasDeferred());
    EXPECT(rig.untilDone(handle));
    const Answer& answer = rig.answer(handle);
    EXPECT((answer.flags & abi::event_flag::kLocal) != 0);
    EXPECT(!rig.reactor().hasDeferred());
    return answer.head + " | " + answer.body +
           ((answer.flags & abi::event_flag::kClose) != 0 ? " | close" : "");
  };
  const std::string type = "\r\ncontent-type: text/plain; charset=utf-8";
  EXPECT_EQ(ask("GET", "/redirect?q"),
            "308 Permanent Redirect\r\nlocation: http://a:81/redirect?q | ");
  EXPECT_EQ(ask("GET", "/respond"), "418 I'm a teapot\r\nx-a: b | hello");
  EXPECT_EQ(ask("HEAD", "/respond"), "418 I'm a teapot\r\nx-a: b\r\ncontent-length: 5 | ");
  EXPECT_EQ(ask("GET", "/none"), "404 Not Found" + type + " | no route matches this request\n");
  EXPECT_EQ(ask("POST", "/none", kChunked),
            "404 Not Found" + type + " | no route matches this request\n | close");
  EXPECT_EQ(ask("GET", "/%2f"),
            "400 Bad Request" + type + " | " + describe(RequestError::kPath) + " | close");
  const auto refused = [&](const std::string& allow) {
    return "405 Method Not Allowed" + type + "\r\nallow: " + allow + " | " +
           describe(RequestError::kMethodRefused) + " | close";
  };
  EXPECT_EQ(ask("TRACE", "/none"), refused(""));
  EXPECT_EQ(ask("TRACE", "/respond"), refused("GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"));
  EXPECT_EQ(ask("GET", "/", {{"content-length", "x"}}),
            "400 Bad Request" + type + " | " + describe(RequestError::kContentLength) + " | close");
  EXPECT_EQ(rig.flagged(flag::kDpe), 4.0);
  std::string reported;
  Engine::instance().takeIncidents(100, [&](const Incident& incident) {
    reported += std::to_string(incident.status) + " " +
                abi::kDownstreamErrorNames[incident.reason] + " " +
                std::string(incident.text(abi::incident_text::kListener)) + " " +
                std::string(incident.text(abi::incident_text::kMethod)) + " " +
                std::string(incident.text(abi::incident_text::kTarget)) + "\n";
  });
  EXPECT_EQ(reported,
            "400 path web GET /%2f\n405 methodRefused web TRACE /none\n"
            "405 methodRefused web TRACE /respond\n400 contentLength web GET /\n");
  EXPECT_EQ(rig.flagged(flag::kNr), 2.0);
  EXPECT_EQ(rig.flagged(flag::kDi), 3.0);
  EXPECT_EQ(rig.gauges(), kNothing);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kRequests), 0.0);
}

CASE("a cluster without an endpoint of weight is a 503") {
  Rig rig({{1}, {{abi::path_kind::kPrefix, "/", 0, {}}}, [](ImageBuilder& b) {
             b.endpoints[0].weight = 0;
             b.endpoints[0].weight = b.subsets[0].member_count = 0;
           }});
  const int32_t handle = rig.get();
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 503u);
  EXPECT_EQ(rig.flagged(flag::kNc), 1.0);
}

}  // namespace
}  // namespace millrace::test
