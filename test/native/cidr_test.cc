#include "engine/route/cidr.h"

#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"

using namespace millrace;

namespace {

std::string canonical(std::string_view text) {
  char out[kIpTextBytes];
  return std::string(out, formatIp(parseIp(text), out));
}

abi::CidrRecord cidr(std::string_view network, uint32_t bits) {
  const IpAddress address = parseIp(network);
  return {address.family,  bits, address.words[0], address.words[1], address.words[2],
          address.words[3]};
}

bool contains(const abi::CidrRecord& row, std::string_view address) {
  return cidrContains(row, parseIp(address));
}

std::string client(std::vector<std::string_view> lines, std::string_view peer) {
  const std::vector<abi::CidrRecord> trust{cidr("10.0.0.0", 8), cidr("2001:db8::", 32)};
  const IpAddress address =
      clientAddress(std::span<const std::string_view>(lines), parseIp(peer), trust);
  char out[kIpTextBytes];
  return std::string(out, formatIp(address, out));
}

}  // namespace

CASE("addresses are read and written in canonical form") {
  const std::vector<std::pair<const char*, const char*>> all{
      {"0.0.0.0", "0.0.0.0"},
      {"255.1.20.255", "255.1.20.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::FFFF:c000:0201", "192.0.2.1"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}};
  for (const auto& [text, expected] : all) EXPECT_EQ(canonical(text), expected, text);
}

CASE("what is not an address is refused") {
  for (const char* text : {"",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "01.2.3.4",
                           "1.2.3.4 ",
                           "1..2.3",
                           "a.b.c.d",
                           "1.2.3.-4",
                           "1.2.3.0004",
                           ":",
                           ":::",
                           "1:::2",
                           "1::2::3",
                           "1:2:3:4:5:6:7",
                           "12345::",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "::g",
                           "1:",
                           ":1",
                           "::1.2.3",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::1.2.3.4:5",
                           "fe80::1%eth0",
                           "[::1]",
                           "::1/64"}) {
    EXPECT_EQ(canonical(text), "", text);
  }
}

CASE("random addresses survive writing and reading") {
  Rng rng(test::seed());
  for (int round = 0; round < 20000; ++round) {
    uint8_t bytes[16];
    const bool is_v4 = rng.below(4) == 0;
    for (uint8_t& b : bytes) b = rng.below(2) == 0 ? 0 : static_cast<uint8_t>(rng.next());
    const IpAddress address = ipFromBytes({bytes, is_v4 ? 4u : 16u});
    char out[kIpTextBytes];
    const std::string text(out, formatIp(address, out));
    EXPECT(parseIp(text) == address, text);
  }
  const uint8_t odd[5] = {};
  EXPECT(!ipFromBytes(odd).valid());
}

CASE("random text never crashes the reader") {
  Rng rng(test::seed());
  const std::string_view letters = "0123456789abcf::::....[]%, ";
  for (int round = 0; round < 50000; ++round) {
    std::string text;
    for (uint32_t n = rng.below(45); n > 0; --n)
      text += letters[rng.below(static_cast<uint32_t>(letters.size()))];
    const std::string once = canonical(text);
    if (!once.empty()) EXPECT_EQ(canonical(once), once, text);
    client({text}, "10.0.0.1");
  }
}

CASE("a row contains the addresses of its prefix") {
  EXPECT(contains(cidr("10.0.0.0", 8), "10.255.0.1"));
  EXPECT(!contains(cidr("10.0.0.0", 8), "11.0.0.0"));
  EXPECT(contains(cidr("192.0.2.128", 25), "192.0.2.255"));
  EXPECT(!contains(cidr("192.0.2.128", 25), "192.0.2.127"));
  EXPECT(contains(cidr("192.0.2.1", 32), "192.0.2.1"));
  EXPECT(!contains(cidr("192.0.2.1", 32), "192.0.2.0"));
  EXPECT(contains(cidr("0.0.0.0", 0), "255.255.255.255"));
  EXPECT(!contains(cidr("0.0.0.0", 0), "::1"));
  EXPECT(contains(cidr("2001:db8::", 33), "2001:db8:7fff::"));
  EXPECT(!contains(cidr("2001:db8::", 33), "2001:db8:8000::"));
  EXPECT(contains(cidr("::1", 128), "::1"));
  EXPECT(!contains(cidr("::1", 128), "::2"));
  EXPECT(!cidrContains(cidr("0.0.0.0", 0), IpAddress{}));
}

CASE("IPv4 and its mapped form are one address") {
  EXPECT(contains(cidr("10.0.0.0", 8), "::ffff:10.1.2.3"));
  const abi::CidrRecord mapped{abi::family::kIpv6, 104, 0, 0, 0xffff, 0x0a000000};
  EXPECT(contains(mapped, "10.1.2.3"));
  EXPECT(!contains(mapped, "11.1.2.3"));
  const abi::CidrRecord all_v6{abi::family::kIpv6, 0, 0, 0, 0, 0};
  EXPECT(contains(all_v6, "2001::"));
  EXPECT(!contains(all_v6, "10.1.2.3"));
}

CASE("the client is the first hop from the end that is not trusted") {
  EXPECT_EQ(client({"1.1.1.1"}, "9.9.9.9"), "9.9.9.9");
  EXPECT_EQ(client({}, "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client({""}, "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client({"1.1.1.1"}, "10.0.0.1"), "1.1.1.1");
  EXPECT_EQ(client({"6.6.6.6, 1.1.1.1"}, "10.0.0.1"), "1.1.1.1");
  EXPECT_EQ(client({"6.6.6.6,1.1.1.1 ,\t10.0.0.2"}, "10.0.0.1"), "1.1.1.1");
  EXPECT_EQ(client({"10.0.0.3, 10.0.0.2"}, "10.0.0.1"), "10.0.0.3");
  EXPECT_EQ(client({"6.6.6.6, 1.1.1.1", "10.0.0.3, 10.0.0.2"}, "10.0.0.1"), "1.1.1.1");
  EXPECT_EQ(client({"1.1.1.1, , ,"}, "10.0.0.1"), "1.1.1.1");
  EXPECT_EQ(client({"1.1.1.1, [2001:db8::5]:443, 10.0.0.2:80"}, "::ffff:10.0.0.1"), "1.1.1.1");
}

CASE("garbage in the list ends the walk at the last known hop") {
  EXPECT_EQ(client({"1.1.1.1, unknown"}, "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client({"1.1.1.1, _hidden, 10.0.0.2"}, "10.0.0.1"), "10.0.0.2");
  EXPECT_EQ(client({"1.1.1.1, 10.0.0.2:port"}, "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client({"1.1.1.1, [::1"}, "10.0.0.1"), "10.0.0.1");
}
