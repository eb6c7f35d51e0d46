#include "engine/rate/gate.h"

#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "gate_fixture.h"
#include "guarded.h"
#include "harness.h"

// Time starts well after 0, as a monotonic clock does.
namespace millrace::test {
namespace {

namespace kind = abi::rate_key_kind;
namespace flag = abi::rate_flag;
namespace algorithm = abi::rate_algorithm;
namespace stat = abi::rate_stat;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1000 * kSecond;

GateRequest from(std::string_view client) { return {{}, "a.test", "/", "r", parseIp(client)}; }

uint64_t keyOf(const GateRig& rig, const GateRequest& request, uint32_t row = 0) {
  uint64_t hash = 0;
  return hashLimitKey(rig.image(), rig.limit(row), request, {1, 2}, &hash) ? hash : 0;
}

std::string linesOf(const GateRig& rig, const GateResult& result) {
  static Guarded memory;
  const std::span<char, kMaxRefusalHeadBytes> out(memory.last(kMaxRefusalHeadBytes));
  return std::string(out.data(), writeRateLimitHeaders(rig.image(), result, out));
}

std::string headOf(const GateRig& rig, const GateResult& result, bool bodiless = false) {
  static Guarded memory;
  const std::span<char, kMaxRefusalHeadBytes> out(memory.last(kMaxRefusalHeadBytes));
  return std::string(out.data(), writeRefusalHead(rig.image(), result, bodiless, out));
}

// How many of `count` requests at once are let pass.
uint32_t admitted(GateRig& rig, const GateRequest& request, uint32_t count, uint64_t now) {
  uint32_t passed = 0;
  for (uint32_t i = 0; i < count; ++i) passed += rig.check(request, now).allowed ? 1 : 0;
  return passed;
}

CASE("no limits let everything pass, and say nothing") {
  GateRig rig({});
  const GateResult result = rig.check(from("1.2.3.4"), kNow);
  EXPECT(result.allowed);
  EXPECT_EQ(linesOf(rig, result), "");
}

CASE("each algorithm admits its limit, by client") {
  for (const uint32_t a : {algorithm::kSlidingWindow, algorithm::kSlidingLog, algorithm::kGcra}) {
    GateRig rig({{.name = "n", .limit = 7, .algorithm = a}});
    EXPECT_EQ(admitted(rig, from("1.2.3.4"), 20, kNow), 7u, std::to_string(a));
    EXPECT_EQ(admitted(rig, from("1.2.3.5"), 20, kNow), 7u, std::to_string(a));
    EXPECT_EQ(admitted(rig, from("1.2.3.4"), 20, kNow + 3 * kSecond), 7u, std::to_string(a));
  }
}

CASE("a burst is what may come at once") {
  for (const uint32_t burst : {1u, 3u, 20u}) {
    GateRig rig({{.name = "n", .limit = 10, .burst = burst}});
    EXPECT_EQ(admitted(rig, from("1.2.3.4"), 30, kNow), burst);
    // A tenth of the window earns one more.
    EXPECT_EQ(admitted(rig, from("1.2.3.4"), 30, kNow + kSecond / 10), 1u);
  }
}

CASE("addresses are grouped by their prefix, mapped ones are IPv4") {
  GateRig rig({{.name = "n", .keys = {{.bits4 = 20, .bits6 = 50}}}});
  const auto same = [&](std::string_view a, std::string_view b) {
    return keyOf(rig, from(a)) == keyOf(rig, from(b));
  };
  EXPECT(same("10.1.16.0", "10.1.31.255"));
  EXPECT(!same("10.1.15.255", "10.1.16.0"));
  EXPECT(same("10.1.16.9", "::ffff:10.1.17.9"));
  EXPECT(same("2001:db8:0:3fff::1", "2001:db8:0:1::"));
  EXPECT(!same("2001:db8:0:4000::1", "2001:db8:0:3fff::1"));
  EXPECT(!same("10.1.16.0", "a01:1000::"));
  GateRig whole({{.name = "n", .keys = {{.bits4 = 32, .bits6 = 128}}}});
  EXPECT(keyOf(whole, from("10.0.0.1")) != keyOf(whole, from("10.0.0.2")));
  EXPECT(keyOf(whole, from("::1")) != keyOf(whole, from("::2")));
  EXPECT(keyOf(whole, from("::1")) == keyOf(whole, from("0::0:1")));
  GateRig one_bit({{.name = "n", .keys = {{.bits4 = 1, .bits6 = 1}}}});
  EXPECT(keyOf(one_bit, from("1.2.3.4")) == keyOf(one_bit, from("127.0.0.1")));
  EXPECT(keyOf(one_bit, from("1.2.3.4")) != keyOf(one_bit, from("128.0.0.1")));
}

CASE("every part of a key divides, and nothing else does") {
  const std::vector<KeySpec> keys{{kind::kHeader, "x-a"}, {kind::kCookie, "C"}, {kind::kPath},
                                  {kind::kRoute},         {kind::kHost},        {kind::kClientIp}};
  const std::vector<HeaderSlice> fields{{"x-a", "1"}, {"cookie", "C=2; d=3"}, {"x-b", "4"}};
  const GateRequest base{fields, "h", "/p", "r", parseIp("1.2.3.4")};
  for (std::size_t only = 0; only <= keys.size(); ++only) {
    GateRig rig(
        {{.name = "n", .keys = only == keys.size() ? keys : std::vector<KeySpec>{keys[only]}}});
    const auto divides = [&](const GateRequest& other) {
      return keyOf(rig, base) != keyOf(rig, other);
    };
    const auto expected = [&](std::size_t part) { return only == part || only == keys.size(); };
    const auto with = [&](std::size_t i, HeaderSlice field) {
      std::vector<HeaderSlice> changed = fields;
      changed[i] = field;
      GateRequest request = base;
      request.fields = changed;
      return divides(request);
    };
    GateRequest other = base;
    EXPECT_EQ(with(0, {"x-a", "2"}), expected(0));
    EXPECT_EQ(with(1, {"cookie", "C=3; d=3"}), expected(1));
    EXPECT_EQ(with(1, {"cookie", "C=2; d=4"}), false);
    EXPECT_EQ(with(2, {"x-b", "5"}), false);
    other.path = "/q";
    EXPECT_EQ(divides(other), expected(2));
    other = base;
    other.route = "s";
    EXPECT_EQ(divides(other), expected(3));
    other = base;
    other.host = "i";
    EXPECT_EQ(divides(other), expected(4));
    other = base;
    other.client = parseIp("1.2.3.5");
    EXPECT_EQ(divides(other), expected(5));
  }
}

CASE("different requests never have equal keys, equal ones always do") {
  GateRig rig({{.name = "n",
                .keys = {{kind::kHeader, "x-a"},
                         {kind::kHeader, "x-b"},
                         {kind::kCookie, "C"},
                         {kind::kPath},
                         {kind::kHost},
                         {kind::kClientIp}}},
               {.name = "m", .keys = {{kind::kHeader, "x-a"}, {kind::kPath}}}});
  Rng rng(seed());
  // Few letters, so that concatenations often agree.
  const auto word = [&] {
    std::string text;
    for (uint32_t n = rng.below(4); n > 0; --n) text += "a/\0"[rng.below(3)];
    return text;
  };
  std::map<uint64_t, std::string> seen;
  std::map<std::string, uint64_t> known;
  for (int round = 0; round < 40000; ++round) {
    std::vector<std::pair<std::string, std::string>> stored;
    for (uint32_t n = rng.below(4); n > 0; --n)
      stored.emplace_back(rng.below(2) == 0 ? "x-a" : "x-b", word());
    if (rng.below(2) == 0) stored.emplace_back("cookie", "C=" + word());
    std::vector<HeaderSlice> fields;
    for (const auto& [name, value] : stored) fields.push_back({name, value});
    const std::string host = word();
    const std::string path = word();
    const IpAddress client = rng.below(3) == 0 ? IpAddress{} : parseIp("1.2.3.4");
    const uint32_t row = rng.below(2);
    std::string identity = std::to_string(row);
    for (const char* name : {"x-a", "x-b", "cookie"}) {
      if (row == 1 && name != std::string("x-a")) continue;
      identity += std::string("|") + name;
      for (const auto& [field, value] : stored) {
        if (field == name) identity += "," + std::to_string(value.size()) + ":" + value;
      }
    }
    identity += "|" + std::to_string(path.size()) + ":" + path;
    if (row == 0) identity += "|" + std::to_string(host.size()) + ":" + host;
    if (row == 0) identity += client.valid() ? "|known" : "|unknown";
    const uint64_t hash = keyOf(rig, {fields, host, path, "", client}, row);
    EXPECT(seen.emplace(hash, identity).first->second == identity, identity);
    EXPECT(known.emplace(identity, hash).first->second == hash, identity);
  }
  EXPECT(seen.size() > 1000);
}

CASE("requests without a part share a counter, or are not counted") {
  GateRig shared({{.name = "n", .limit = 2, .keys = {{kind::kHeader, "x-a"}}}});
  EXPECT_EQ(admitted(shared, from("1.1.1.1"), 2, kNow), 2u);
  EXPECT_EQ(admitted(shared, from("2.2.2.2"), 2, kNow), 0u);
  for (const KeySpec& key :
       {KeySpec{kind::kHeader, "x-a", 32, 64, true}, KeySpec{kind::kCookie, "C", 32, 64, true},
        KeySpec{kind::kClientIp, "", 32, 64, true}}) {
    GateRig skipped({{.name = "n", .limit = 2, .keys = {{kind::kPath}, key}}});
    GateRequest request = from("");
    EXPECT_EQ(admitted(skipped, request, 9, kNow), 9u);
    const std::vector<HeaderSlice> fields{{"x-a", ""}, {"cookie", "C="}};
    request.fields = fields;
    request.client = parseIp("1.1.1.1");
    EXPECT_EQ(admitted(skipped, request, 9, kNow), 2u);
  }
}

CASE("a key of nothing is one counter for all") {
  GateRig rig({{.name = "n", .limit = 3, .keys = {}}});
  EXPECT_EQ(admitted(rig, from("1.1.1.1"), 2, kNow), 2u);
  EXPECT_EQ(admitted(rig, from("2.2.2.2"), 2, kNow), 1u);
}

CASE("what one limit refuses is counted in none") {
  for (const bool first : {true, false}) {
    std::vector<LimitSpec> limits{{.name = "narrow", .limit = 2}, {.name = "wide", .limit = 5}};
    if (!first) std::swap(limits[0], limits[1]);
    GateRig rig(limits);
    EXPECT_EQ(admitted(rig, from("1.1.1.1"), 20, kNow), 2u);
    const uint32_t narrow = first ? 0 : 1;
    EXPECT_EQ(rig.count(narrow, stat::kLimited), 18u);
    EXPECT_EQ(rig.count(narrow, stat::kAllowed), 2u);
    EXPECT_EQ(rig.count(1 - narrow, stat::kLimited), 0u);
    EXPECT_EQ(rig.count(1 - narrow, stat::kAllowed), 2u);
    // The wide limit alone still has three: ask it through an image of its own rows.
    const uint32_t rows[] = {1 - narrow};
    uint32_t left = 0;
    while (checkLimits(rig.gate(), rows, from("1.1.1.1"), kNow).allowed) ++left;
    EXPECT_EQ(left, 3u);
  }
}

CASE("sixteen limits are checked together") {
  std::vector<LimitSpec> limits;
  for (uint32_t i = 0; i < 16; ++i)
    limits.push_back({.name = "n" + std::to_string(i), .limit = 20 - i});
  GateRig rig(limits);
  EXPECT_EQ(admitted(rig, from("1.1.1.1"), 30, kNow), 5u);
  for (uint32_t i = 0; i < 16; ++i) EXPECT_EQ(rig.count(i, stat::kAllowed), 5u);
  EXPECT_EQ(rig.check(from("1.1.1.1"), kNow).limit_row, 15u);
}

CASE("of several refusals the longest wait is told") {
  GateRig rig({{.name = "second", .limit = 1, .window_ms = 1000},
               {.name = "hour", .limit = 1, .window_ms = 3'600'000},
               {.name = "minute", .limit = 1, .window_ms = 60'000}});
  EXPECT(rig.check(from("1.1.1.1"), kNow).allowed);
  const GateResult refused = rig.check(from("1.1.1.1"), kNow);
  EXPECT_EQ(refused.limit_row, 1u);
  EXPECT_EQ(refused.retry_after_s, 3600u);
  EXPECT(!rig.check(from("1.1.1.1"), kNow + 3599 * kSecond).allowed);
  EXPECT(rig.check(from("1.1.1.1"), kNow + 3600 * kSecond).allowed);
}

CASE("a shadow limit counts what the others let pass, and refuses nothing") {
  GateRig rig({{.name = "shadow", .limit = 2, .flags = flag::kShadow | flag::kHeadersAlways},
               {.name = "real", .limit = 5}});
  std::string seen;
  for (int i = 0; i < 7; ++i) {
    const GateResult result = rig.check(from("1.1.1.1"), kNow);
    EXPECT_EQ(linesOf(rig, result).find("shadow"), std::string::npos);
    seen += result.allowed ? '+' : '-';
  }
  EXPECT_EQ(seen, "+++++--");
  EXPECT_EQ(rig.count(0, stat::kAllowed), 2u);
  EXPECT_EQ(rig.count(0, stat::kShadowed), 3u);
  EXPECT_EQ(rig.count(0, stat::kLimited), 0u);
  EXPECT_EQ(rig.count(1, stat::kAllowed), 5u);
  EXPECT_EQ(rig.count(1, stat::kLimited), 2u);
}

CASE("a counter goes on in another image when its tag is the same") {
  GateRig rig({{.name = "n", .limit = 3, .algorithm = algorithm::kSlidingWindow},
               {.name = "m", .limit = 3}});
  const Gate gate = rig.gate();
  const uint32_t n[] = {0};
  const uint32_t m[] = {1};
  for (int i = 0; i < 3; ++i) EXPECT(checkLimits(gate, n, from("1.1.1.1"), kNow).allowed);
  GateRig later(
      {{.name = "other"}, {.name = "n", .limit = 4, .algorithm = algorithm::kSlidingWindow}});
  const Gate other = later.gate();
  const Gate moved{later.image(), gate.table, other.rules, other.shards, gate.key};
  const uint32_t row[] = {1};
  EXPECT(checkLimits(moved, row, from("1.1.1.1"), kNow).allowed);
  EXPECT(!checkLimits(moved, row, from("1.1.1.1"), kNow).allowed);
  EXPECT(checkLimits(gate, m, from("1.1.1.1"), kNow).allowed);
}

CASE("a refusal says when to come back") {
  GateRig rig({{.name = "api/0/x#2", .limit = 4, .window_ms = 10'000}});
  EXPECT_EQ(admitted(rig, from("1.1.1.1"), 9, kNow), 4u);
  const GateResult refused = rig.check(from("1.1.1.1"), kNow);
  EXPECT_EQ(headOf(rig, refused),
            "429 Too Many Requests\r\ncontent-type: text/plain; charset=utf-8\r\n"
            "retry-after: 3\r\nratelimit: \"api/0/x#2\";r=0;t=3\r\n"
            "ratelimit-policy: \"api/0/x#2\";q=4;w=10");
  EXPECT_EQ(std::string(refusalBody(rig.image(), refused)),
            "too many requests: a rate limit was reached\n");
  EXPECT_EQ(headOf(rig, refused, true).substr(headOf(rig, refused).size()),
            "\r\ncontent-length: 44");
  // Who waits that long is let through, and not a second earlier than it must be.
  EXPECT(!rig.check(from("1.1.1.1"), kNow + 2 * kSecond).allowed);
  EXPECT(rig.check(from("1.1.1.1"), kNow + 3 * kSecond).allowed);
}

CASE("a refusal says what it was configured to say") {
  GateRig rig({{.name = "n",
                .limit = 1,
                .window_ms = 300,
                .flags = flag::kXHeaders,
                .status = 503,
                .body = "{}",
                .type = "application/json"},
               {.name = "quiet", .limit = 1, .window_ms = 9000, .flags = flag::kHeadersNever}});
  const uint32_t loud[] = {0};
  const uint32_t quiet[] = {1};
  for (const auto& rows : {loud, quiet})
    EXPECT(checkLimits(rig.gate(), {rows, 1}, from("1.1.1.1"), kNow).allowed);
  const GateResult refused = checkLimits(rig.gate(), loud, from("1.1.1.1"), kNow);
  EXPECT_EQ(headOf(rig, refused),
            "503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
            "ratelimit: \"n\";r=0;t=1\r\nratelimit-policy: \"n\";q=1;w=1\r\n"
            "x-ratelimit-limit: 1\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1");
  EXPECT_EQ(std::string(refusalBody(rig.image(), refused)), "{}");
  EXPECT_EQ(linesOf(rig, checkLimits(rig.gate(), quiet, from("1.1.1.1"), kNow)),
            "retry-after: 9\r\n");
}

CASE("an allowed answer carries the tightest limit that shows itself") {
  GateRig rig({{.name = "hidden", .limit = 3},
               {.name = "wide", .limit = 9, .flags = flag::kHeadersAlways},
               {.name = "narrow",
                .limit = 5,
                .window_ms = 2500,
                .flags = flag::kHeadersAlways | flag::kXHeaders}});
  EXPECT_EQ(linesOf(rig, rig.check(from("1.1.1.1"), kNow)),
            "ratelimit: \"narrow\";r=4;t=1\r\nratelimit-policy: \"narrow\";q=5;w=3\r\n"
            "x-ratelimit-limit: 5\r\nx-ratelimit-remaining: 4\r\nx-ratelimit-reset: 1\r\n");
  GateRig silent({{.name = "n"}, {.name = "m", .flags = flag::kXHeaders}});
  EXPECT_EQ(linesOf(silent, silent.check(from("1.1.1.1"), kNow)), "");
}

CASE("of two results the tighter is shown") {
  const auto result = [](uint32_t row, uint32_t remaining, uint32_t reset) {
    GateResult r;
    r.limit_row = row;
    r.remaining = remaining;
    r.reset_s = reset;
    return r;
  };
  const GateResult none;
  const GateResult a = result(0, 5, 10);
  const GateResult b = result(1, 4, 1);
  const GateResult c = result(2, 5, 11);
  EXPECT_EQ(tighter(a, b).limit_row, 1u);
  EXPECT_EQ(tighter(b, a).limit_row, 1u);
  EXPECT_EQ(tighter(a, c).limit_row, 2u);
  EXPECT_EQ(tighter(none, a).limit_row, 0u);
  EXPECT_EQ(tighter(a, none).limit_row, 0u);
  EXPECT_EQ(tighter(none, none).limit_row, abi::kNone);
}

CASE("the longest head fits") {
  GateRig rig({{.name = std::string(abi::limits::kMaxRateNameBytes, 'n'),
                .limit = 1'000'000,
                .window_ms = 86'400'000,
                .flags = flag::kXHeaders | flag::kHeadersAlways,
                .status = 431,
                .body = std::string(abi::limits::kMaxRespondBodyBytes, 'b'),
                .type = std::string(abi::limits::kMaxRateTypeBytes, 't')}});
  GateResult worst;
  worst.allowed = false;
  worst.limit_row = 0;
  worst.remaining = worst.reset_s = worst.retry_after_s = UINT32_MAX;
  const std::string head = headOf(rig, worst, true);
  EXPECT(head.size() < kMaxRefusalHeadBytes);
  EXPECT(head.ends_with("\r\ncontent-length: 1048576"), head);
}

}  // namespace
}  // namespace millrace::test
