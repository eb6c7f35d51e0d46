#include "engine/explain/explain.h"

#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"
#include "reactor_rig.h"

// A whole explanation, of the engine's current image, while a reactor works on it.
namespace millrace::test {
namespace {

struct Head {
  std::string bytes;
  std::vector<int32_t> lengths;

  void add(std::string_view piece) {
    bytes += piece;
    lengths.push_back(static_cast<int32_t>(piece.size()));
  }
};

Head headOf(const std::string& method, const std::string& target, const Fields& fields) {
  Head head;
  head.add(method);
  head.add(target);
  for (const auto& [name, value] : fields) {
    head.add(name);
    head.add(value);
  }
  return head;
}

std::string explained(const Head& head, uint64_t now_ns, uint32_t listener = 0) {
  const uint8_t peer[] = {127, 0, 0, 1};
  ExplainContext context;
  context.now_ns = now_ns;
  context.seed = seed();
  return explainRequest(*Engine::instance().current(), {{head.bytes, head.lengths}, listener, peer},
                        context);
}

bool holds(const std::string& text, std::string_view piece) {
  return text.find(piece) != std::string::npos;
}

CASE("it names the cluster and its endpoints, and nothing is counted or contacted") {
  Origin one;
  Origin two;
  Rig rig({{one.port(), two.port()}}, {&one, &two});
  const Head head = headOf("GET", "/x?y", {{"host", "h"}});
  const std::string before = rig.gauges();
  const std::string text = explained(head, rig.now().ns);
  EXPECT(holds(text, R"("path":"/x")"), text);
  EXPECT(holds(text, R"("head":"GET /x?y HTTP/1.1\u000d\u000ahost: h\u000d\u000a)"), text);
  EXPECT(holds(text, R"("handsOn":false)"), text);
  rig.settle();
  EXPECT_EQ(rig.gauges(), before);
  EXPECT_EQ(rig.stat(abi::cluster_stat::kRequests), 0.0);
  EXPECT_EQ(rig.endpointStat(0, abi::endpoint_stat::kRequests), 0.0);
  EXPECT_EQ(one.count() + two.count(), std::size_t{0});
}

CASE("requests in flight are seen") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] { return origin.count() == 1 && origin.asked(0); }));
  EXPECT(holds(explained(headOf("GET", "/", {{"host", "h"}}), rig.now().ns), R"("active":1)"));
  rig.abort(handle);
  rig.settle();
}

CASE("refusals say what is wrong, and nothing follows") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const std::string text = explained(headOf("GET", "/%2f", {{"host", "h"}}), rig.now().ns);
  EXPECT(holds(text, R"("status":400)"), text);
  EXPECT(!holds(text, R"("match")"), text);
  EXPECT(holds(explained(headOf("GET", "/", {}), rig.now().ns), "missing Host"));
}

CASE("no head breaks it, on any listener of an image with everything in it") {
  std::string error;
  const InstallResult installed =
      Engine::instance().install(sampleImage().finish(), 1'000'000'000, 64);
  EXPECT_EQ(installed.error, std::string());
  const uint32_t listeners =
      static_cast<uint32_t>(Engine::instance().current()->image->listeners().size());
  Rng rng(seed());
  const std::vector<std::string> methods = {"GET",   "POST", "OPTIONS", "TRACE",
                                            "QUERY", "x",    "",        "\xff"};
  const std::vector<std::string> targets = {"/", "/v1/items",           "/a//../b", "/%41", "*",
                                            "",  "/\xc3\xa9?q=%zz&a=1", "//"};
  const std::vector<std::string> names = {"host",
                                          "x-tenant",
                                          "cookie",
                                          "x-forwarded-for",
                                          "upgrade",
                                          "connection",
                                          "sec-websocket-key",
                                          "sec-websocket-version",
                                          "max-forwards",
                                          "content-length",
                                          "transfer-encoding",
                                          "expect",
                                          "te",
                                          "",
                                          "a_b"};
  const std::vector<std::string> values = {"h",
                                           "api.example.com",
                                           "a=1; b=2",
                                           "127.0.0.1, ::1",
                                           "websocket",
                                           "upgrade",
                                           "AAAAAAAAAAAAAAAAAAAAAA==",
                                           "13",
                                           "0",
                                           "5",
                                           "chunked",
                                           "",
                                           "\xff\x01",
                                           "18446744073709551616"};
  const auto draw = [&](const std::vector<std::string>& all) {
    return all[rng.below(static_cast<uint32_t>(all.size()))];
  };
  for (int round = 0; round < 20'000; ++round) {
    Head head = headOf(draw(methods), draw(targets), {{"host", draw(values)}});
    for (uint32_t i = 0; i < rng.below(6); ++i) {
      head.add(draw(names));
      head.add(draw(values));
    }
    if (rng.below(20) == 0) head.add("odd");
    if (rng.below(20) == 0 && !head.bytes.empty())
      head.bytes[rng.below(static_cast<uint32_t>(head.bytes.size()))] =
          static_cast<char>(rng.below(256));
    const std::string text = explained(head, 2'000'000'000, rng.below(listeners));
    EXPECT(text.front() == '{' && text.back() == '}');
  }
}

}  // namespace
}  // namespace millrace::test
