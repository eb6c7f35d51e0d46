#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Answers on their way from an upstream to the client.
namespace millrace::test {
namespace {

const std::string kIdleGauges = "active 0 pending 0 busy 0 idle 1";

CASE("a whole answer is one event") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.get("/a?b");
  EXPECT(rig.until([&] { return origin.asked(0); }));
  EXPECT_EQ(origin.take(0), "GET /a?b HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_EQ(rig.gauges(), "active 1 pending 0 busy 1 idle 0");
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kActive), 1.0);
  origin.send(0, okAnswer("hello", "Server: x\r\n"));
  EXPECT(rig.untilDone(handle));
  const Answer& answer = rig.answer(handle);
  EXPECT_EQ(answer.events, 1);
  EXPECT_EQ(answer.flags, abi::event_flag::kLast);
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.head, "200 OK\r\nServer: x");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(rig.gauges(), kIdleGauges);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kRequests), 1.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kResponses2xx), 1.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kBytesSent), 30.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kBytesReceived), 54.0);
  EXPECT_EQ(rig.flagged(abi::response_flag::kNone), 1.0);
  rig.stop();
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kConnections), 0.0);
}

struct Split {
  const char* what;
  std::string message;
  std::string head;
  std::string body;
  bool reused;
};

CASE("an answer means the same wherever it is split") {
  const std::vector<Split> kAnswers = {
      {"length", okAnswer("hello", "A: b\r\n"), "200 OK\r\nA: b", "hello", true},
      {"chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: "
       "u\r\n\r\n",
       "200 OK", "hello", true},
      {"interim",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\n" + okAnswer("hello"),
       "200 OK", "hello", true},
      {"no content", "HTTP/1.1 204 x\r\nA: b\r\n\r\n", "204 x\r\nA: b", "", true},
      {"close", okAnswer("hello", "Connection: close\r\n"), "200 OK", "hello", false},
  };
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  std::size_t current = 0;
  for (const Split& row : kAnswers) {
    for (std::size_t at = 0; at <= row.message.size(); ++at) {
      const std::string note = std::string(row.what) + " split at " + std::to_string(at);
      const int32_t handle = rig.get();
      EXPECT(rig.until([&] { return origin.asked(current); }), note);
      origin.take(current);
      if (at < row.message.size()) {
        origin.send(current, row.message.substr(0, at));
        rig.settle();
        EXPECT(!rig.answer(handle).done, note);
        origin.send(current, row.message.substr(at));
      } else {
        for (const char c : row.message) {
          origin.send(current, {&c, 1});
          rig.settle();
        }
      }
      EXPECT(rig.untilDone(handle), note);
      const Answer& answer = rig.answer(handle);
      EXPECT(!answer.aborted, note);
      EXPECT_EQ(answer.head, row.head, note);
      EXPECT_EQ(answer.body, row.body, note);
      if (!row.reused) ++current;
      EXPECT_EQ(rig.gauges(), row.reused ? kIdleGauges : "active 0 pending 0 busy 0 idle 0", note);
    }
  }
}

CASE("an answer without framing ends with its connection") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, "HTTP/1.1 200 OK\r\n\r\nhel");
  rig.settle();
  EXPECT_EQ(rig.answer(handle).body, "hel");
  EXPECT(!rig.answer(handle).done);
  EXPECT_EQ(rig.answer(handle).flags, abi::event_flag::kChunked);
  origin.send(0, "lo");
  origin.close(0);
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).body, "hello");
  EXPECT(!rig.answer(handle).aborted);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

CASE("answers to HEAD have no body") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  for (const std::string lines : {"content-length: 5\r\n", "transfer-encoding: chunked\r\n", ""}) {
    const int32_t handle = rig.request("HEAD");
    EXPECT(rig.until([&] { return origin.asked(0); }));
    origin.take(0);
    origin.send(0, "HTTP/1.1 200 OK\r\n" + lines + "\r\n");
    EXPECT(rig.untilDone(handle), lines);
    EXPECT_EQ(rig.answer(handle).flags, abi::event_flag::kLast | abi::event_flag::kBodiless);
    EXPECT_EQ(rig.gauges(), kIdleGauges);
  }
}

CASE("a long answer is streamed, and stops while the client is behind") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  const std::string piece(50'000, 'x');
  origin.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\n\r\n" + piece);
  EXPECT(rig.until([&] { return rig.answer(handle).body.size() == piece.size(); }));
  EXPECT_EQ(rig.answer(handle).length, 5'000'000'000u);
  EXPECT_EQ(rig.answer(handle).flags, 0u);
  rig.reactor().pause(handle);
  rig.reactor().pause(handle);
  origin.send(0, piece);
  rig.settle();
  EXPECT_EQ(rig.answer(handle).body.size(), piece.size());
  rig.reactor().resume(handle, rig.now());
  rig.reactor().resume(handle, rig.now());
  EXPECT(rig.until([&] { return rig.answer(handle).body.size() == 2 * piece.size(); }));
  // Paused, resumed and aborted from inside delivery.
  int pauses = 0;
  rig.on_event = [&](const abi::EventRecord&) {
    if (++pauses < 4)
      rig.reactor().pause(handle);
    else
      rig.abort(handle);
  };
  for (int i = 0; i < 4; ++i) {
    origin.send(0, piece);
    rig.settle();
    rig.reactor().resume(handle, rig.now());
  }
  rig.settle();
  EXPECT_EQ(pauses, 4);
  EXPECT(!rig.answer(handle).done);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
  EXPECT_EQ(rig.flagged(abi::response_flag::kDc), 1.0);
}

CASE("bytes after an answer end the connection") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  std::size_t current = 0;
  for (const std::string& message :
       {okAnswer("hi") + "x", "HTTP/1.1 204 x\r\n\r\n" + okAnswer("evil"),
        std::string("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\r\n"),
        std::string("HTTP/1.1 304 x\r\ncontent-length: 2\r\n\r\nhi"),
        okAnswer("hi", "connection: close\r\n"),
        std::string("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n")}) {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return origin.asked(current); }));
    origin.send(current, message);
    EXPECT(rig.untilDone(handle));
    EXPECT(!rig.answer(handle).aborted);
    EXPECT(rig.answer(handle).body.find("evil") == std::string::npos);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0", message);
    ++current;
  }
  // The same while it is idle.
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.asked(current); }));
  origin.send(current, okAnswer("hi"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.gauges(), kIdleGauges);
  origin.send(current, okAnswer("evil"));
  rig.settle();
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

CASE("a malformed head is a 502 and a malformed body a cut") {
  Origin origin;
  Rig rig({{origin.port()},
           {{abi::path_kind::kPrefix, "/", 0, {}}},
           [](ImageBuilder& b) { b.routes[0].retry_attempts = 0; }},
          {&origin});
  std::size_t current = 0;
  const auto ask = [&](const std::string& message, bool close) {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return origin.asked(current); }));
    origin.send(current, message);
    if (close) origin.close(current);
    EXPECT(rig.untilDone(handle), message);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
    ++current;
    return rig.answer(handle);
  };
  const std::string chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  std::string interim;
  for (int i = 0; i < 17; ++i) interim += "HTTP/1.1 100 x\r\n\r\n";
  const std::string large(40'000, 'x');
  const std::vector<std::pair<std::string, ResponseError>> malformed = {
      {"SSH-2.0-x\r\n", ResponseError::kNotHttp},
      {"HTTP/1.1 200 OK\n\n", ResponseError::kBareLineFeed},
      {"HTTP/1.1 101 x\r\n\r\n", ResponseError::kUnexpectedUpgrade},
      {"HTTP/1.1 200 " + std::string(70'000, 'x'), ResponseError::kHeadTooLarge},
      {interim, ResponseError::kTooManyInterim},
      {"HTTP/1.1 103 x\r\nlink: " + large + "\r\n\r\nHTTP/1.1 103 x\r\nlink: " + large + "\r\n\r\n",
       ResponseError::kInterimTooLarge},
      {okAnswer("x", "content-length: 2\r\n"), ResponseError::kConflictingContentLength},
      {chunked + "z\r\n", ResponseError::kBadChunkSize}};
  for (const auto& [message, error] : malformed) {
    const Answer answer = ask(message, false);
    EXPECT_EQ(answer.status, 502u);
    EXPECT_EQ(answer.body,
              "upstream sent a malformed answer: " + std::string(describe(error)) + "\n");
    EXPECT_EQ(rig.stat(abi::cluster_stat::kErrornone + static_cast<uint32_t>(error)), 1.0);
    EXPECT(!answer.aborted);
  }
  EXPECT_EQ(rig.flagged(abi::response_flag::kUpe), 8.0);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kProtocolErrors), 8.0);
  for (const std::string& message : {chunked + "2\r\nhixx", chunked + "2\r\nhi\r\nz"}) {
    const Answer answer = ask(message, false);
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.body, "hi");
    EXPECT(answer.aborted);
  }
  EXPECT_EQ(rig.flagged(abi::response_flag::kUpe), 10.0);
  for (const std::string& message :
       {chunked + "2\r\nhi\r\n", std::string("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi")}) {
    const Answer answer = ask(message, true);
    EXPECT_EQ(answer.body, "hi");
    EXPECT(answer.aborted);
  }
  EXPECT_EQ(rig.flagged(abi::response_flag::kUc), 2.0);
  EXPECT_EQ(ask("HTTP/1.1 200 OK\r\ncontent-le", true).status, 502u);
  EXPECT_EQ(rig.flagged(abi::response_flag::kUc), 3.0);
}

}  // namespace
}  // namespace millrace::test
