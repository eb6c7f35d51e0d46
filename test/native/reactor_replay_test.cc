#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"
#include "retry_rig.h"

// Further attempts: what the upstreams are sent.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace on = abi::retry_on;
namespace stat = abi::cluster_stat;

CASE("upstreams are told the number of an attempt after the first, and clients cannot tell them") {
  Origin origin;
  Rig rig(spec({&origin}, {on::k5xx, 3}), {&origin});
  const int32_t handle = rig.request(
      "GET", "/a", {{"x-millrace-attempt", "7"}, {"x-a", "b"}, {"x-millrace-attempt", "8"}});
  const std::string head = "GET /a HTTP/1.1\r\nhost: a\r\nx-a: b\r\n";
  for (const std::string& line :
       {std::string(), std::string("x-millrace-attempt: 2\r\n"),
        std::string("x-millrace-attempt: 3\r\n"), std::string("x-millrace-attempt: 4\r\n")}) {
    EXPECT(rig.until([&] { return origin.asked(0); }));
    EXPECT_EQ(origin.take(0), head + line + "\r\n");
    origin.send(0, answerOf(500, "no"));
  }
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 500u);
}

CASE("a kept connection that was closed is replaced, which is not another attempt") {
  Origin origin;
  Rig rig(spec({&origin}, {0, 0}), {&origin});
  for (int round = 0; round < 2; ++round) {
    const int32_t handle = rig.get();
    EXPECT(rig.until([&] { return find({&origin}).origin != nullptr; }));
    if (round == 1) {
      origin.close(0);
      EXPECT(rig.until([&] { return origin.count() == 2 && origin.asked(1); }));
    }
    const std::size_t at = round == 1 ? 1 : 0;
    EXPECT_EQ(origin.take(at), "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    origin.send(at, okAnswer("x"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 200u);
  }
}

// What of a body reached an origin, without the head and the framing of chunks.
std::string bodyOf(const std::string& request) {
  const std::size_t head = request.find("\r\n\r\n");
  if (head == std::string::npos) return {};
  std::string rest = request.substr(head + 4);
  if (request.find("chunked") == std::string::npos) return rest;
  std::string body;
  while (!rest.empty()) {
    const std::size_t size = std::stoul(rest, nullptr, 16);
    if (size == 0) return body + "|";  // the end has come
    const std::size_t at = rest.find("\r\n") + 2;
    body += rest.substr(at, size);
    rest.erase(0, std::min(rest.size(), at + size + 2));
  }
  return body;
}

CASE("a body is sent again whole, however much of it had gone out when the attempt failed") {
  constexpr std::size_t kBytes = 3000;
  std::string body;
  for (std::size_t i = 0; i < kBytes; ++i) body += static_cast<char>('a' + i % 26);
  for (const bool chunked : {false, true}) {
    const std::string whole = chunked ? body + "|" : body;
    // Pieces sent before the first attempt fails, and during the back-off.
    for (const std::size_t before : {0u, 1u, 3u, 6u}) {
      for (const std::size_t meanwhile : {0u, 2u}) {
        for (const bool by_status : {true, false}) {
          Origin origin;
          Policy policy{on::k5xx | on::kReset, 2};
          policy.buffer_bytes = kBytes;
          policy.backoff_ms = 500;
          Rig rig(spec({&origin}, policy), {&origin});
          const int32_t handle = rig.request(
              "PUT", "/",
              {chunked ? std::pair<std::string, std::string>{"transfer-encoding", "chunked"}
                       : std::pair<std::string, std::string>{"content-length",
                                                             std::to_string(kBytes)}});
          EXPECT(rig.until([&] { return origin.asked(0); }));
          std::size_t sent = 0;
          const auto send = [&](std::size_t pieces) {
            for (; pieces > 0 && sent < kBytes; --pieces, sent += 500)
              EXPECT_EQ(rig.sendBody(handle, std::string_view(body).substr(sent, 500),
                                     sent + 500 == kBytes),
                        abi::send::kOk);
          };
          send(before);
          rig.settle();
          origin.take(0);
          if (by_status)
            origin.send(0, answerOf(503, "no"));
          else
            origin.reset(0);
          rig.settle();
          // What was cut off in the middle has cost the connection.
          const std::size_t at = by_status && before == 6 ? 0 : 1;
          send(meanwhile);
          const auto asked = [&] { return origin.count() == at + 1 && origin.asked(at); };
          for (int ticks = 0; ticks < 40 && !asked(); ++ticks) {
            rig.advance(16);
            rig.settle();
          }
          EXPECT(rig.until(asked));
          send(6);
          EXPECT(rig.until([&] { return bodyOf(origin.peer(at).in) == whole; }));
          origin.send(at, okAnswer("good"));
          EXPECT(rig.untilDone(handle));
          EXPECT_EQ(rig.answer(handle).body, "good");
          EXPECT_EQ(rig.stat(stat::kRetries), 1.0);
          EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
        }
      }
    }
  }
}

CASE("more body than the buffer takes is not sent again, and counted") {
  for (const bool chunked : {false, true}) {
    for (const std::size_t size : {1000u, 1001u}) {
      Origin origin;
      Policy policy{on::k5xx, 2};
      policy.buffer_bytes = 1000;
      Rig rig(spec({&origin}, policy), {&origin});
      const int32_t handle = rig.request(
          "PUT", "/",
          {chunked ? std::pair<std::string, std::string>{"transfer-encoding", "chunked"}
                   : std::pair<std::string, std::string>{"content-length", std::to_string(size)}});
      EXPECT(rig.until([&] { return origin.asked(0); }));
      rig.sendBody(handle, std::string(size - 1, 'x'), false);
      rig.sendBody(handle, "x", true);
      rig.settle();
      origin.take(0);
      origin.send(0, answerOf(503, "no"));
      const bool again = size == 1000;
      if (again) {
        EXPECT(rig.until([&] { return origin.asked(0); }));
        origin.send(0, okAnswer("good"));
      }
      EXPECT(rig.untilDone(handle));
      EXPECT_EQ(rig.answer(handle).status, again ? 200u : 503u);
      EXPECT_EQ(rig.stat(stat::kRetryBodyTooLarge), again ? 0.0 : 1.0);
    }
  }
}

CASE(
    "a large body that waits for its connection does not count against the buffer until it "
    "leaves") {
  Origin dead;
  dead.refuse();
  Origin good;
  Policy policy{on::kConnectFailure | on::k5xx, 2};
  policy.buffer_bytes = 100;
  for (int round = 0; round < 4; ++round) {
    Rig rig(spec({&dead, &good}, policy), {&good});
    const std::size_t at = good.count();
    const int32_t handle = rig.request("PUT", "/", {{"content-length", "5000"}});
    rig.sendBody(handle, std::string(5000, 'x'), true);
    EXPECT(rig.until([&] { return good.count() > at && good.peer(at).in.ends_with("xxx"); }));
    EXPECT_EQ(bodyOf(good.take(at)), std::string(5000, 'x'));
    good.send(at, answerOf(503, "no", "connection: close\r\n"));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 503u);
    EXPECT_EQ(rig.stat(stat::kRetryBodyTooLarge), 1.0);
  }
}

CASE("a client that was held back during a wait is told to go on") {
  Origin origin;
  Policy policy{on::kReset, 1};
  policy.buffer_bytes = 1024 * 1024;
  policy.backoff_ms = 1000;
  Rig rig(spec({&origin}, policy), {&origin});
  const int32_t handle = rig.request("PUT", "/", {{"transfer-encoding", "chunked"}});
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.close(0);
  rig.settle();
  uint64_t sent = 0;
  const std::string piece(16 * 1024, 'x');
  while (rig.sendBody(handle, piece, false) == abi::send::kOk) sent += piece.size();
  sent += piece.size();
  EXPECT_EQ(sent, 64u * 1024);
  EXPECT_EQ(rig.answer(handle).resumed, 0);
  rig.advance(1100);
  EXPECT(rig.until([&] { return rig.answer(handle).resumed == 1; }));
  rig.sendBody(handle, piece, true);
  EXPECT(rig.until([&] { return origin.peer(1).in.ends_with("0\r\n\r\n"); }));
  EXPECT_EQ(bodyOf(origin.take(1)), std::string(sent + piece.size(), 'x') + "|");
  origin.send(1, okAnswer("good"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 200u);
}

CASE("the handshake of a WebSocket is tried again like any GET") {
  Origin origin;
  RigSpec made = spec({&origin}, {on::k5xx | on::kReset, 2});
  const auto tune = made.tune;
  made.tune = [tune](ImageBuilder& b) {
    tune(b);
    b.routes[0].web_socket_max_message = 1024;
    b.routes[0].web_socket_idle_ms = 60'000;
  };
  Rig rig(made, {&origin});
  const int32_t handle = rig.upgrade();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, answerOf(503, "busy", "connection: close\r\n"));
  EXPECT(rig.until([&] { return origin.count() == 2 && origin.asked(1); }));
  origin.reset(1);
  EXPECT(rig.until([&] { return origin.count() == 3 && origin.asked(2); }));
  const std::string head = origin.take(2);
  EXPECT(head.find("upgrade: websocket\r\n") != std::string::npos, head);
  EXPECT(head.find("x-millrace-attempt: 3\r\n") != std::string::npos, head);
  origin.send(2, answerOf(403, "not you"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 403u);
  EXPECT_EQ(rig.stat(stat::kRetrySuccesses), 1.0);
}

}  // namespace
}  // namespace millrace::test
