#include <string>
#include <vector>

#include "engine/websocket/handshake.h"
#include "harness.h"
#include "reactor_rig.h"

// WebSocket through the reactor: the handshake with the upstream, messages both ways, the end.
namespace millrace::test {
namespace {

const std::string kIdleGauges = "active 0 pending 0 busy 0 idle 0";
constexpr uint32_t kText = abi::websocket_opcode::kText;
constexpr uint32_t kBinary = abi::websocket_opcode::kBinary;
constexpr uint32_t kPing = abi::websocket_opcode::kPing;

RigSpec upgrading(const Origin& origin, uint32_t max_message = 1000, uint32_t idle_ms = 5000) {
  RigSpec spec{{origin.port()}};
  spec.tune = [=](ImageBuilder& b) {
    for (abi::RouteRecord& route : b.routes) {
      route.web_socket_max_message = max_message;
      route.web_socket_idle_ms = idle_ms;
    }
  };
  return spec;
}

std::string valueOf(const std::string& head, const std::string& name) {
  const std::size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "(none)";
  const std::size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

// The answer of a server that took the handshake in `asked`.
std::string accepting(const std::string& asked, const std::string& lines = {}) {
  char accept[28];
  acceptOf(valueOf(asked, "sec-websocket-key"), accept);
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, "
         "Upgrade\r\nSec-WebSocket-Accept: " +
         std::string(accept, sizeof accept) + "\r\n" + lines + "\r\n";
}

std::string frame(uint32_t first, const std::string& payload) {
  std::string bytes(1, static_cast<char>(first));
  if (payload.size() < 126) {
    bytes += static_cast<char>(payload.size());
  } else {
    bytes += static_cast<char>(126);
    bytes += static_cast<char>(payload.size() >> 8);
    bytes += static_cast<char>(payload.size());
  }
  return bytes + payload;
}

struct Frame {
  uint32_t opcode;
  std::string payload;
  friend bool operator==(const Frame&, const Frame&) = default;
};

// Whole masked frames of a client, short or of 16 bit lengths; the bytes are taken.
std::vector<Frame> unmask(std::string bytes) {
  std::vector<Frame> frames;
  while (bytes.size() >= 6) {
    EXPECT((bytes[1] & 0x80) != 0, "a client masks");
    EXPECT((bytes[0] & 0x70) == 0, "no extension");
    std::size_t length = bytes[1] & 0x7f;
    std::size_t at = 2;
    if (length == 126) {
      length = static_cast<uint8_t>(bytes[2]) << 8 | static_cast<uint8_t>(bytes[3]);
      at = 4;
    }
    const std::string mask = bytes.substr(at, 4);
    std::string payload = bytes.substr(at + 4, length);
    EXPECT_EQ(payload.size(), length);
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] ^= mask[i % 4];
    frames.push_back({static_cast<uint32_t>(bytes[0] & 0x8f), payload});
    bytes.erase(0, at + 4 + length);
  }
  EXPECT(bytes.empty());
  return frames;
}

// Opens a WebSocket; the upstream's connection is number 0.
int32_t open(Rig& rig, Origin& origin, const Fields& more = {}, const std::string& lines = {},
             const std::string& with = {}) {
  const int32_t handle = rig.upgrade("/chat", more);
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, accepting(origin.take(0), lines) + with);
  EXPECT(rig.until([&] { return rig.answer(handle).status != 0; }));
  EXPECT_EQ(rig.answer(handle).status, 101u);
  return handle;
}

CASE("the upstream is asked with a key of the proxy's own and without extensions") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  rig.upgrade("/chat", {{"sec-websocket-protocol", "a, b"},
                        {"sec-websocket-extensions", "permessage-deflate"},
                        {"origin", "http://o"},
                        {"cookie", "c=1"}});
  EXPECT(rig.until([&] { return origin.asked(0); }));
  const std::string asked = origin.take(0);
  const std::string key = valueOf(asked, "sec-websocket-key");
  EXPECT(isKey(key) && key != "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(asked,
            "GET /chat HTTP/1.1\r\nhost: a\r\nsec-websocket-protocol: a, b\r\norigin: "
            "http://o\r\ncookie: c=1\r\nconnection: Upgrade\r\nupgrade: "
            "websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: " +
                key + "\r\n\r\n");
}

CASE("an accepted handshake opens the client's side with the lines that are not of the hop") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle =
      open(rig, origin, {{"sec-websocket-protocol", "a, b"}},
           "Sec-WebSocket-Protocol: b\r\nSet-Cookie: x=1\r\nSet-Cookie: y=2\r\nDate: now\r\n",
           frame(0x81, "hi"));
  const Answer& answer = rig.answer(handle);
  EXPECT_EQ(answer.head, "Set-Cookie: x=1\r\nSet-Cookie: y=2");
  EXPECT_EQ(answer.protocol, "b");
  EXPECT(rig.until([&] { return answer.messages.size() == 1; }));
  EXPECT(answer.messages[0] == std::pair(kText, std::string("hi")));
  EXPECT_EQ(rig.stat(abi::cluster_stat::kActive), 1.0);
}

CASE("an ordinary answer to a handshake is passed on, and its connection kept") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = rig.upgrade();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.take(0);
  origin.send(0, "HTTP/1.1 401 No\r\nContent-Length: 3\r\nSec-WebSocket-Version: 13\r\n\r\nno!");
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 401u);
  EXPECT_EQ(rig.answer(handle).head, "401 No\r\nSec-WebSocket-Version: 13");
  EXPECT_EQ(rig.answer(handle).body, "no!");
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 1");
}

CASE("a 101 that does not fit is 502") {
  const std::vector<std::pair<std::string, std::string>> kAnswers = {
      {"no accept", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"},
      {"the accept of another key",
       "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
       "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"},
  };
  const std::vector<std::string> kLines = {
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
      "Sec-WebSocket-Extensions: permessage-deflate\r\n",
      "Sec-WebSocket-Protocol: c\r\n",
      "Sec-WebSocket-Protocol: A\r\n",
      "Sec-WebSocket-Protocol: \r\n",
      "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n",
  };
  const auto refused = [](const std::function<std::string(const std::string&)>& answer) {
    Origin origin;
    Rig rig(upgrading(origin), {&origin});
    const int32_t handle = rig.upgrade("/", {{"sec-websocket-protocol", "a, b"}});
    EXPECT(rig.until([&] { return origin.asked(0); }));
    origin.send(0, answer(origin.take(0)));
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 502u);
    EXPECT_EQ(rig.flagged(abi::response_flag::kUpe), 1.0);
    EXPECT_EQ(rig.gauges(), kIdleGauges);
  };
  for (const auto& [what, bytes] : kAnswers) refused([&](const std::string&) { return bytes; });
  for (const std::string& lines : kLines)
    refused([&](const std::string& asked) { return accepting(asked, lines); });
}

CASE("a route without WebSocket forwards an ordinary request") {
  Origin origin;
  Rig rig(upgrading(origin, 0), {&origin});
  const int32_t handle = rig.upgrade();
  EXPECT(rig.until([&] { return origin.asked(0); }));
  EXPECT_EQ(valueOf(origin.take(0), "upgrade"), "(none)");
  origin.send(0, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 502u);
}

CASE("a bad handshake is refused before an upstream is asked") {
  struct Bad {
    Fields fields;
    uint32_t status;
  };
  const std::vector<Bad> kBad = {
      {{{"sec-websocket-version", "8"}}, 426},
      {{{"sec-websocket-version", "13, 8"}}, 426},
      {{{"sec-websocket-key", "short"}}, 400},
      {{{"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ="}}, 400},
      {{{"content-length", "3"}}, 400},
  };
  for (const Bad& bad : kBad) {
    Origin origin;
    Rig rig(upgrading(origin), {&origin});
    const int32_t handle = rig.upgrade("/", bad.fields);
    rig.settle();
    const Answer& answer = rig.answer(handle);
    EXPECT_EQ(answer.status, bad.status);
    EXPECT_EQ(origin.count(), 0u);
    EXPECT_EQ(answer.head.find("sec-websocket-version: 13") != std::string::npos,
              bad.status == 426);
    EXPECT_EQ(rig.flagged(abi::response_flag::kDpe), 1.0);
  }
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = rig.upgrade("/", {}, false);
  rig.settle();
  EXPECT_EQ(rig.answer(handle).status, 503u, "the listener cannot");
}

CASE("messages go both ways, and masked upstream") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = open(rig, origin);
  EXPECT_EQ(rig.sendMessage(handle, kText, "hello"), static_cast<uint32_t>(abi::send::kOk));
  rig.sendMessage(handle, kBinary, std::string(300, '\xff'));
  rig.sendMessage(handle, kText, "");
  rig.sendMessage(handle, kPing, "p");
  rig.settle();
  const std::vector<Frame> expected = {
      {0x81, "hello"}, {0x82, std::string(300, '\xff')}, {0x81, ""}, {0x89, "p"}};
  EXPECT(unmask(origin.take(0)) == expected);

  // Fragments with a ping in between, cut everywhere.
  const std::string bytes = frame(0x01, "one ") + frame(0x89, "beat") + frame(0x00, "two ") +
                            frame(0x80, "three") + frame(0x82, std::string(500, 'x')) +
                            frame(0x8a, "");
  const Answer& answer = rig.answer(handle);
  const std::vector<std::pair<uint32_t, std::string>> came = {
      {9, "beat"}, {kText, "one two three"}, {kBinary, std::string(500, 'x')}, {10, ""}};
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    rig.answer(handle).messages.clear();
    origin.send(0, bytes.substr(0, cut));
    rig.settle();
    origin.send(0, bytes.substr(cut));
    EXPECT(rig.until([&] { return answer.messages.size() == came.size(); }));
    EXPECT(answer.messages == came, "cut at " + std::to_string(cut));
  }
}

CASE("more frames than a batch of events has room for all arrive") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = open(rig, origin);
  std::string bytes;
  for (int i = 0; i < 20'000; ++i) bytes += frame(0x81, std::to_string(i));
  const Answer& answer = rig.answer(handle);
  origin.send(0, bytes);
  EXPECT(rig.until([&] { return answer.messages.size() == 20'000; }));
  for (std::size_t i = 0; i < answer.messages.size(); ++i)
    EXPECT_EQ(answer.messages[i].second, std::to_string(i));
  // One that ends in the middle of a batch.
  rig.on_event = [&](const abi::EventRecord& event) {
    if (event.kind == static_cast<int32_t>(abi::event_kind::kMessage) && !answer.released)
      rig.abort(handle);
  };
  origin.send(0, bytes);
  EXPECT(rig.until([&] { return rig.gauges() == kIdleGauges; }));
}

CASE("a close frame of the upstream is answered and told to the client") {
  struct Close {
    std::string payload;
    uint32_t code;
    std::string reason;
  };
  for (const Close& close : std::vector<Close>{{"\x03\xe8", 1000, ""},
                                               {"\x03\xf3why", 1011, "why"},
                                               {"", 1005, ""},
                                               {std::string("\x0f\xa0", 2) + "x", 4000, "x"}}) {
    Origin origin;
    Rig rig(upgrading(origin), {&origin});
    const int32_t handle = open(rig, origin);
    origin.send(0, frame(0x81, "last") + frame(0x88, close.payload) + frame(0x81, "late"));
    EXPECT(rig.untilDone(handle));
    const Answer& answer = rig.answer(handle);
    EXPECT_EQ(answer.messages.size(), 1u);
    EXPECT_EQ(answer.close_code, close.code);
    EXPECT_EQ(answer.close_reason, close.reason);
    rig.settle();
    const std::vector<Frame> echoed = {{0x88, close.payload.substr(0, 2)}};
    EXPECT(unmask(origin.take(0)) == echoed);
    EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 1 idle 0", "until the upstream closes");
    origin.close(0);
    EXPECT(rig.until([&] { return rig.gauges() == kIdleGauges; }));
    EXPECT_EQ(rig.flagged(abi::response_flag::kNone), 1.0);
  }
}

CASE("a close of the client is told upstream, and waits for it only so long") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = open(rig, origin);
  rig.reactor().sendClose(handle, 1001, "away", rig.now());
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).close_code, 1001u);
  rig.settle();
  const std::vector<Frame> told = {{0x88,
                                    "\x03\xe9"
                                    "away"}};
  EXPECT(unmask(origin.take(0)) == told);
  origin.send(0, frame(0x81, "dropped"));
  rig.settle();
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 1 idle 0");
  rig.advance(3000);
  EXPECT_EQ(rig.gauges(), kIdleGauges);
}

CASE("a client that is gone without a close frame cuts the upstream connection") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = open(rig, origin);
  rig.reactor().sendClose(handle, 1006, "", rig.now());
  EXPECT(rig.untilDone(handle));
  rig.settle();
  EXPECT(origin.peer(0).ended);
  EXPECT_EQ(origin.take(0), "");
  EXPECT_EQ(rig.gauges(), kIdleGauges);
  EXPECT_EQ(rig.flagged(abi::response_flag::kDc), 1.0);
}

CASE("an upstream that is gone without a close frame is 1014, after what it said") {
  for (const bool reset : {false, true}) {
    Origin origin;
    Rig rig(upgrading(origin), {&origin});
    const int32_t handle = open(rig, origin);
    origin.send(0, frame(0x81, "said") + "\x81");
    EXPECT(rig.until([&] { return rig.answer(handle).messages.size() == 1; }));
    if (reset)
      origin.reset(0);
    else
      origin.close(0);
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).close_code, 1014u);
    EXPECT_EQ(rig.answer(handle).close_reason, "upstream connection closed");
    EXPECT_EQ(rig.flagged(abi::response_flag::kUc), 1.0);
    EXPECT_EQ(rig.gauges(), kIdleGauges);
  }
}

CASE("what the upstream must not send ends the WebSocket with a reason for both") {
  struct Fault {
    std::string bytes;
    uint32_t client;
    std::string upstream;
  };
  for (const Fault& fault : std::vector<Fault>{
           {frame(0xc1, "rsv"), 1014, "\x03\xea"},
           {frame(0x83, "opcode"), 1014, "\x03\xea"},
           {std::string("\x81\x80mask", 6), 1014, "\x03\xea"},
           {frame(0x80, "continuation"), 1014, "\x03\xea"},
           {frame(0x81, "\xc3("), 1014, "\x03\xef"},
           {frame(0x82, std::string(1001, 'x')), 1009, "\x03\xf1"},
           {frame(0x02, std::string(600, 'x')) + frame(0x80, std::string(401, 'x')), 1009,
            "\x03\xf1"},
           {frame(0x88, "\x03\xed"), 1014, "\x03\xea"},
       }) {
    Origin origin;
    Rig rig(upgrading(origin), {&origin});
    const int32_t handle = open(rig, origin);
    origin.send(0, fault.bytes);
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).close_code, fault.client);
    EXPECT(!rig.answer(handle).close_reason.empty());
    EXPECT(rig.answer(handle).messages.empty());
    rig.settle();
    const std::vector<Frame> told = {{0x88, fault.upstream}};
    EXPECT(unmask(origin.take(0)) == told);
    EXPECT_EQ(rig.flagged(abi::response_flag::kUpe), 1.0);
  }
}

CASE("a message of the client over the limit closes both sides with 1009") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = open(rig, origin);
  EXPECT_EQ(rig.sendMessage(handle, kText, std::string(1000, 'x')),
            static_cast<uint32_t>(abi::send::kOk));
  EXPECT_EQ(rig.sendMessage(handle, kText, std::string(1001, 'x')),
            static_cast<uint32_t>(abi::send::kTooLarge));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).close_code, 1009u);
}

CASE("a WebSocket ends with 1001 when nothing moves, and stays while something does") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = open(rig, origin);
  const Answer& answer = rig.answer(handle);
  for (int i = 0; i < 5; ++i) {
    rig.advance(4000);
    rig.sendMessage(handle, kPing, "");
    rig.advance(4000);
    origin.send(0, frame(0x8a, ""));
    rig.settle();
    EXPECT(!answer.done, "after so many seconds, beyond the route's timeouts");
  }
  rig.advance(6000);
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(answer.close_code, 1001u);
  EXPECT_EQ(answer.close_reason, "idle timeout");
  EXPECT_EQ(rig.flagged(abi::response_flag::kSi), 1.0);
}

CASE("an upstream that reads nothing pauses the client, and resumes it") {
  Origin origin;
  Rig rig(upgrading(origin, 1 << 20), {&origin});
  const int32_t handle = open(rig, origin);
  origin.reading = false;
  uint32_t sent = 0;
  while (rig.sendMessage(handle, kBinary, std::string(60'000, 'x')) == abi::send::kOk) ++sent;
  ++sent;
  rig.settle();
  EXPECT_EQ(rig.answer(handle).resumed, 0);
  origin.reading = true;
  std::string came;
  EXPECT(rig.until([&] {
    came += origin.take(0);
    return came.size() >= sent * 60'008ul;
  }));
  EXPECT_EQ(rig.answer(handle).resumed, 1);
  EXPECT_EQ(unmask(came).size(), sent);
}

CASE("a client that takes nothing pauses the upstream") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = open(rig, origin);
  rig.reactor().pause(handle);
  origin.send(0, frame(0x81, "wait"));
  rig.settle();
  EXPECT(rig.answer(handle).messages.empty());
  rig.reactor().resume(handle, rig.now());
  EXPECT(rig.until([&] { return rig.answer(handle).messages.size() == 1; }));
}

CASE("an image that replaces the one of a WebSocket leaves it alone") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  const int32_t handle = open(rig, origin);
  Origin other;
  rig.install(upgrading(other, 0));
  rig.settle();
  origin.send(0, frame(0x81, "still"));
  EXPECT(rig.until([&] { return rig.answer(handle).messages.size() == 1; }));
  rig.sendMessage(handle, kText, "here");
  rig.settle();
  EXPECT_EQ(unmask(origin.take(0)).size(), 1u);
}

CASE("a worker that stops lets go of everything") {
  Origin origin;
  Rig rig(upgrading(origin), {&origin});
  open(rig, origin);
  rig.stop();
  EXPECT_EQ(rig.gauges(), kIdleGauges);
}

}  // namespace
}  // namespace millrace::test
