#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// Deadlines: what callers send along, what goes on to upstreams, and what comes of it.
namespace millrace::test {
namespace {

namespace flag = abi::response_flag;
namespace stat = abi::cluster_stat;
const std::vector<RouteSpec> kRoutes = {{abi::path_kind::kPrefix, "/", 0, {}}};
const std::string kHeader = "x-millrace-timeout-ms";

// Deadlines are passed on, and believed of the peers of the rig when it is `trusted`.
RigSpec passing(
    const std::vector<uint16_t>& ports, bool trusted,
    const std::function<void(ImageBuilder&)>& more = [](ImageBuilder&) {}) {
  return {ports, kRoutes, [=](ImageBuilder& b) {
            const ImageBuilder::Text name = b.text(kHeader);
            b.routes[0].deadline_offset = name.offset;
            b.routes[0].deadline_length = name.length;
            if (trusted) {
              b.listeners[0].trust_start = static_cast<uint32_t>(b.cidrs.size());
              b.listeners[0].trust_count = 1;
              b.cidrs.push_back({abi::family::kIpv4, 24, 0xc0000200, 0, 0, 0});
            }
            more(b);
          }};
}

// What the head that came upstream says, with its padding; "none", or "twice".
std::string deadlineIn(const std::string& head) {
  const std::string line = "\r\n" + kHeader + ": ";
  const size_t at = head.find(line);
  if (at == std::string::npos) return "none";
  if (head.find(kHeader, at + line.size()) != std::string::npos) return "twice";
  return head.substr(at + line.size(), head.find("\r\n", at + 2) - at - line.size());
}

std::string sent(Rig& rig, Origin& origin, const Fields& fields) {
  const int32_t handle = rig.request("GET", "/", fields);
  const size_t last = origin.count();
  EXPECT(rig.until([&] { return origin.count() > last && origin.asked(last); }));
  const std::string head = origin.take(last);
  origin.send(last, okAnswer("x", "connection: close\r\n"));
  EXPECT(rig.untilDone(handle));
  return deadlineIn(head);
}

CASE("a trusted deadline goes on upstream, and an answer in time is an answer") {
  Origin origin;
  Rig rig(passing({origin.port()}, true), {&origin});
  EXPECT_EQ(sent(rig, origin, {{kHeader, "5000"}}), "    5000");
  EXPECT_EQ(sent(rig, origin, {{kHeader, "1"}}), "       1");
  EXPECT_EQ(sent(rig, origin, {{kHeader, "007"}}), "       7");
  // The route's own time is shorter, or all there is.
  EXPECT_EQ(sent(rig, origin, {{kHeader, "20000"}}), "   15000");
  EXPECT_EQ(sent(rig, origin, {}), "   15000");
  EXPECT_EQ(rig.flagged(flag::kNone), 5.0);
}

CASE("what is no number of milliseconds is no deadline") {
  Origin origin;
  Rig rig(passing({origin.port()}, true), {&origin});
  for (const char* value : {"", "-1", "+5", "5 0", "1.5", "0x10", "5s", "1e3", "5,5", "\xb2"})
    EXPECT_EQ(sent(rig, origin, {{kHeader, value}}), "   15000", value);
  EXPECT_EQ(sent(rig, origin, {{kHeader, "5"}, {kHeader, "5"}}), "   15000");
  EXPECT_EQ(sent(rig, origin, {{kHeader, "5"}, {kHeader, ""}}), "   15000");
}

CASE("a number beyond all bounds is a day") {
  Origin origin;
  Rig rig(passing({origin.port()}, true, [](ImageBuilder& b) { b.routes[0].timeout_ms = 0; }),
          {&origin});
  EXPECT_EQ(sent(rig, origin, {{kHeader, "99999999"}}), "86400000");
  EXPECT_EQ(sent(rig, origin, {{kHeader, std::string(1000, '9')}}), "86400000");
  EXPECT_EQ(sent(rig, origin, {{kHeader, "4294967301"}}), "86400000");
  EXPECT_EQ(sent(rig, origin, {}), "none");
}

CASE("a peer that is not trusted has no say, and its field does not go on") {
  Origin origin;
  Rig rig(passing({origin.port()}, false), {&origin});
  EXPECT_EQ(sent(rig, origin, {{kHeader, "10"}}), "   15000");
  EXPECT_EQ(sent(rig, origin, {{kHeader, "0"}}), "   15000");
  EXPECT_EQ(sent(rig, origin, {{kHeader, "10"}, {kHeader, "11"}}), "   15000");
}

CASE("an edit of the route stands for the deadline") {
  Origin origin;
  Rig rig(passing({origin.port()}, true,
                  [](ImageBuilder& b) {
                    const ImageBuilder::Text name = b.text(kHeader);
                    const ImageBuilder::Text value = b.text("77");
                    b.routes[0].request_edit_start = static_cast<uint32_t>(b.edits.size());
                    b.routes[0].request_edit_count = 1;
                    b.edits.push_back({abi::edit_operator::kSet, name.offset, name.length,
                                       value.offset, value.length});
                  }),
          {&origin});
  EXPECT_EQ(sent(rig, origin, {{kHeader, "10"}}), "77");
}

CASE("a route that does not pass deadlines on leaves the field alone") {
  Origin origin;
  Rig rig(passing({origin.port()}, true,
                  [](ImageBuilder& b) {
                    b.routes[0].deadline_offset = abi::kNone;
                    b.routes[0].deadline_length = 0;
                  }),
          {&origin});
  EXPECT_EQ(sent(rig, origin, {{kHeader, "0"}}), "0");
}

CASE("no time left: nothing goes upstream") {
  Origin origin;
  Rig rig(passing({origin.port()}, true), {&origin});
  for (const char* value : {"0", "000"}) {
    const int32_t handle = rig.request("GET", "/", {{kHeader, value}});
    EXPECT(rig.untilDone(handle));
    EXPECT_EQ(rig.answer(handle).status, 504u);
    EXPECT_EQ(rig.answer(handle).body, "the deadline of the request has passed\n");
  }
  EXPECT_EQ(rig.flagged(flag::kDle), 2.0);
  EXPECT_EQ(rig.stat(stat::kRequests), 2.0);
  EXPECT_EQ(rig.stat(stat::kResponses5xx), 2.0);
  rig.settle();
  EXPECT_EQ(origin.count(), 0u);
}

CASE("a deadline that passes ends the request, and says nothing of the endpoint") {
  Origin origin;
  Rig rig(passing({origin.port()}, true), {&origin});
  const int32_t handle = rig.request("GET", "/", {{kHeader, "2000"}});
  EXPECT(rig.until([&] { return origin.asked(0); }));
  rig.advance(1990);
  EXPECT(!rig.answer(handle).done);
  rig.advance(30);
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.flagged(flag::kDle), 1.0);
  EXPECT_EQ(rig.stat(stat::kTimeouts), 1.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kFailures), 0.0);
  EXPECT_EQ(rig.gauges(), "active 0 pending 0 busy 0 idle 0");
}

CASE("a deadline counts from the head of the request, also while its body comes") {
  Origin origin;
  Rig rig(passing({origin.port()}, true), {&origin});
  const int32_t handle =
      rig.request("POST", "/", {{kHeader, "3000"}, {"transfer-encoding", "chunked"}});
  EXPECT(rig.until([&] { return origin.asked(0); }));
  for (int i = 0; i < 2; ++i) {
    rig.advance(1000);
    rig.sendBody(handle, "x", false);
  }
  rig.advance(1020);
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.flagged(flag::kDle), 1.0);
}

CASE("a deadline is over with the head of the answer") {
  Origin origin;
  Rig rig(passing({origin.port()}, true), {&origin});
  const int32_t handle = rig.request("GET", "/", {{kHeader, "2000"}});
  EXPECT(rig.until([&] { return origin.asked(0); }));
  origin.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na");
  EXPECT(rig.until([&] { return rig.answer(handle).status == 200; }));
  rig.advance(5000);
  EXPECT(!rig.answer(handle).done);
  origin.send(0, "b");
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).body, "ab");
}

CASE("every attempt is told the time that is left by then") {
  Origin first;
  Origin second;
  Rig rig(passing({first.port(), second.port()}, true,
                  [](ImageBuilder& b) { b.routes[0].retry_on = abi::retry_on::kReset; }),
          {&first, &second});
  const int32_t handle = rig.request("GET", "/", {{kHeader, "5000"}});
  EXPECT(rig.until([&] { return first.asked(0) || second.asked(0); }));
  Origin& asked = first.asked(0) ? first : second;
  Origin& other = first.asked(0) ? second : first;
  EXPECT_EQ(deadlineIn(asked.take(0)), "    5000");
  rig.passTime(1234);
  asked.close(0);
  EXPECT(rig.until([&] { return other.asked(0); }));
  EXPECT_EQ(deadlineIn(other.take(0)), "    3766");
  rig.advance(3780);
  EXPECT_EQ(rig.answer(handle).status, 504u);
  EXPECT_EQ(rig.flagged(flag::kDle), 1.0);
}

CASE("the shortest limit that bounds the attempt is what the upstream is told") {
  for (const auto& [limit, expected] :
       {std::pair{&abi::RouteRecord::max_duration_ms, "    4000"},
        std::pair{&abi::RouteRecord::per_try_timeout_ms, "    4000"}}) {
    Origin origin;
    Rig rig(passing({origin.port()}, true, [=](ImageBuilder& b) { b.routes[0].*limit = 4000; }),
            {&origin});
    EXPECT_EQ(sent(rig, origin, {{kHeader, "5000"}}), expected);
    EXPECT_EQ(sent(rig, origin, {{kHeader, "3000"}}), "    3000");
  }
}

}  // namespace
}  // namespace millrace::test
