#include <string>
#include <vector>

#include "engine/websocket/handshake.h"
#include "harness.h"
#include "reactor_rig.h"

// What the log is told of requests that fail: one line each, and none of others.
namespace millrace::test {
namespace {

const std::vector<RouteSpec> kRoutes = {{abi::path_kind::kPrefix, "/", 0, {}}};
const Fields kChunked = {{"transfer-encoding", "chunked"}};

// What has been reported since the last call: "UT 504 GET /x 1 0: sentence\n" with attempts and
// endpoint, by its name; of an upstream's own faults "upstream".
std::string reported() {
  std::string lines;
  Engine::instance().takeIncidents(100, [&](const Incident& i) {
    const bool failure = i.kind == abi::incident_kind::kFailure;
    lines += failure ? abi::kResponseFlagNames[i.reason] : std::string("upstream");
    lines += " " + std::to_string(i.status);
    for (const uint32_t text : {abi::incident_text::kMethod, abi::incident_text::kTarget})
      lines += " " + std::string(i.text(text));
    EXPECT(i.text(abi::incident_text::kCluster).starts_with("cluster-"));
    const std::string_view endpoint = i.text(abi::incident_text::kEndpoint);
    lines += " " + std::to_string(i.attempts) + " " + std::string(endpoint.empty() ? "-" : "e");
    lines += ": " + std::string(i.sentence);
    if (!lines.ends_with('\n')) lines += '\n';
  });
  return lines;
}

RigSpec tuned(const std::vector<uint16_t>& ports, std::function<void(ImageBuilder&)> tune) {
  return {ports, kRoutes, std::move(tune)};
}

CASE("ordinary requests leave no line, nor do refusals, nor clients that leave") {
  Origin origin;
  Rig rig(tuned({origin.port()},
                [](ImageBuilder& b) {
                  b.routes[0].max_body_low = 1;
                  b.routes[0].max_body_high = 0;
                }),
          {&origin});
  reported();
  const int32_t good = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(good));
  const int32_t bad = rig.get();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
  EXPECT(rig.untilDone(bad));
  EXPECT(rig.untilDone(rig.request("POST", "/", {{"content-length", "2"}})));
  const int32_t large = rig.request("POST", "/", kChunked);
  rig.sendBody(large, "xx", false);
  EXPECT(rig.untilDone(large));
  const int32_t left = rig.get();
  rig.settle();
  rig.abort(left);
  EXPECT_EQ(reported(), "");
}

CASE("a request that no endpoint took says which attempt it ended with") {
  Origin a;
  Origin b;
  a.refuse();
  b.refuse();
  Rig rig(tuned({a.port(), b.port()}, [](ImageBuilder& b) { b.routes[0].retry_attempts = 1; }));
  reported();
  EXPECT(rig.untilDone(rig.request("DELETE", "/things/7?force")));
  EXPECT_EQ(reported(), "UF 502 DELETE /things/7?force 2 e: upstream connection failed: refused\n");
}

CASE("an upstream that closes, before its answer or within, is one line") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  reported();
  const int32_t before = rig.request("POST", "/before");
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.close(0);
  EXPECT(rig.untilDone(before));
  EXPECT_EQ(reported(), "UC 502 POST /before 1 e: upstream connection closed before an answer\n");
  const int32_t within = rig.get("/within");
  EXPECT(rig.until([&] { return origin.asked(1); }));
  origin.send(1, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na");
  EXPECT(rig.until([&] { return rig.answer(within).status == 200; }));
  origin.close(1);
  EXPECT(rig.untilDone(within));
  EXPECT_EQ(reported(), "upstream 0 GET /within 1 e: " +
                            std::string(describe(ResponseError::kTruncated)) + "\n");
}

CASE("an upstream that breaks the protocol is one line") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  reported();
  const int32_t handle = rig.request("PUT", "/x");
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, "SSH-2.0-server\r\n\r\n");
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.flagged(abi::response_flag::kUpe), 1.0);
  EXPECT_EQ(reported(),
            "upstream 502 PUT /x 1 e: " + std::string(describe(ResponseError::kNotHttp)) + "\n");
}

CASE("every time limit is one line") {
  DeafPort deaf;
  Origin origin;
  const auto silent = [&](std::function<void(ImageBuilder&)> tune, const char* method) {
    reported();
    Rig rig(tuned({origin.port()}, std::move(tune)), {&origin});
    const size_t i = origin.count();
    const int32_t handle = rig.request(method, "/t", *method == 'P' ? kChunked : Fields{});
    EXPECT(rig.until([&] { return origin.count() > i && origin.asked(i); }));
    rig.advance(70'000);
    EXPECT(rig.untilDone(handle));
    return reported();
  };
  EXPECT_EQ(silent([](ImageBuilder&) {}, "GET"), "UT 504 GET /t 1 e: upstream request timed out\n");
  EXPECT_EQ(silent([](ImageBuilder& b) { b.routes[0].timeout_ms = 0; }, "GET"),
            "SI 504 GET /t 1 e: upstream request timed out: nothing moved for too long\n");
  EXPECT_EQ(silent([](ImageBuilder&) {}, "POST"),
            "SI 408 POST /t 1 e: request timed out: the client stopped sending\n");
  EXPECT_EQ(silent([](ImageBuilder& b) { b.routes[0].request_timeout_ms = 1000; }, "POST"),
            "DRT 408 POST /t 1 e: request timed out: its end did not come in time\n");
  EXPECT_EQ(silent([](ImageBuilder& b) { b.routes[0].max_duration_ms = 1000; }, "GET"),
            "UMSDR 504 GET /t 1 e: the longest duration of a request was reached\n");

  Rig rig(tuned({deaf.port()}, [](ImageBuilder& b) { b.routes[0].retry_attempts = 0; }));
  const int32_t handle = rig.get("/deaf");
  rig.settle();
  rig.advance(1100);
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(reported(), "UCT 504 GET /deaf 1 e: upstream connection failed: timed out\n");
}

CASE("an answer that is cut by time has a line without a status") {
  Origin origin;
  Rig rig(tuned({origin.port()}, [](ImageBuilder& b) { b.routes[0].max_duration_ms = 1000; }),
          {&origin});
  reported();
  const int32_t handle = rig.get("/long");
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na");
  EXPECT(rig.until([&] { return rig.answer(handle).status == 200; }));
  rig.advance(1100);
  EXPECT(rig.answer(handle).aborted);
  EXPECT_EQ(reported(), "UMSDR 0 GET /long 1 e: the longest duration of a request was reached\n");
}

CASE("a request that came to no endpoint has no attempt") {
  Origin origin;
  reported();
  {
    Rig rig(tuned({origin.port()},
                  [](ImageBuilder& b) {
                    b.endpoints[0].max_requests = 1;
                    b.clusters[0].max_queue = 1;
                  }),
            {&origin});
    rig.get("/first");
    const int32_t queued = rig.get("/queued");
    EXPECT(rig.untilDone(rig.get("/refused")));
    EXPECT_EQ(reported(),
              "UO 503 GET /refused 0 -: every upstream endpoint is at its limit of requests, and "
              "the queue is full\n");
    rig.settle();
    rig.advance(1100);
    EXPECT(rig.untilDone(queued));
    EXPECT_EQ(reported(),
              "UQ 503 GET /queued 0 -: every upstream endpoint stayed at its limit of requests\n");
  }
  Rig rig(tuned({origin.port()},
                [](ImageBuilder& b) { b.endpoints[0].weight = b.subsets[0].member_count = 0; }));
  EXPECT(rig.untilDone(rig.get("/none")));
  EXPECT_EQ(reported(), "NC 503 GET /none 0 -: no upstream endpoint is available\n");
}

CASE("a WebSocket whose upstream is gone, or silent, has a line") {
  Origin origin;
  Rig rig(tuned({origin.port()},
                [](ImageBuilder& b) {
                  b.routes[0].web_socket_max_message = 1000;
                  b.routes[0].web_socket_idle_ms = 5000;
                }),
          {&origin});
  reported();
  for (const bool gone : {true, false}) {
    const size_t i = origin.count();
    const int32_t handle = rig.upgrade("/chat");
    EXPECT(rig.until([&] { return origin.count() > i && origin.asked(i); }));
    const std::string head = origin.take(i);
    const size_t key = head.find("sec-websocket-key: ") + 19;
    char accept[28];
    acceptOf(head.substr(key, 24), accept);
    origin.send(i,
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: "
                "upgrade\r\nsec-websocket-accept: " +
                    std::string(accept, sizeof accept) + "\r\n\r\n");
    EXPECT(rig.until([&] { return rig.answer(handle).status == 101; }));
    if (gone)
      origin.close(i);
    else
      rig.advance(5100);
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(reported(), gone ? "UC 0 GET /chat 1 e: upstream connection closed\n"
                               : "SI 0 GET /chat 1 e: idle timeout\n");
  }
}

}  // namespace
}  // namespace millrace::test
