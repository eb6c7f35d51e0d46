#include "engine/http/client_address.h"

#include <string>
#include <vector>

#include "harness.h"
#include "head_fixture.h"

// The client of whole request heads; cidr_test.cc has the walk itself.
namespace millrace::test {
namespace {

const std::vector<abi::CidrRecord> kTrust{{abi::family::kIpv4, 8, 0x0a000000, 0, 0, 0},
                                          {abi::family::kIpv6, 32, 0x20010db8, 0, 0, 0}};

std::string client(const Fields& more, std::string_view peer,
                   std::span<const abi::CidrRecord> trust = kTrust) {
  Request request;
  request.fields.insert(request.fields.end(), more.begin(), more.end());
  static RequestHead head;  // reused, as in the reactor
  const Flat flat(request);
  EXPECT(parseRequestHead(flat.head(), RequestRules(), &head) == RequestError::kNone);
  char out[kIpTextBytes];
  return std::string(out, formatIp(clientAddressOf(head, parseIp(peer), trust), out));
}

constexpr const char* kForwarded = "x-forwarded-for";

CASE("a peer that is not trusted is the client, whatever it says") {
  EXPECT_EQ(client({{kForwarded, "1.1.1.1"}}, "9.9.9.9"), "9.9.9.9");
  EXPECT_EQ(client({{kForwarded, "1.1.1.1"}}, "10.0.0.1", {}), "10.0.0.1");
  EXPECT_EQ(client({{kForwarded, "1.1.1.1"}}, "not an address"), "");
}

CASE("all lines are one list, read from its end") {
  EXPECT_EQ(client({}, "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client({{kForwarded, "6.6.6.6, 1.1.1.1"}, {"accept", "5.5.5.5"}}, "10.0.0.1"),
            "1.1.1.1");
  EXPECT_EQ(client({{kForwarded, "6.6.6.6"}, {"a", "b"}, {kForwarded, "1.1.1.1"}}, "10.0.0.1"),
            "1.1.1.1");
  EXPECT_EQ(client({{kForwarded, "6.6.6.6, 1.1.1.1"}, {kForwarded, "10.2.2.2"}}, "10.0.0.1"),
            "1.1.1.1");
  EXPECT_EQ(client({{kForwarded, "10.3.3.3"}, {kForwarded, "10.2.2.2"}}, "10.0.0.1"), "10.3.3.3");
}

CASE("ports, brackets and mapped addresses are understood") {
  EXPECT_EQ(client({{kForwarded, "1.2.3.4:80"}}, "10.0.0.1"), "1.2.3.4");
  EXPECT_EQ(client({{kForwarded, "2001:470::7, [2001:db8::1]:443"}}, "10.0.0.1"), "2001:470::7");
  EXPECT_EQ(client({{kForwarded, "[2001:470::7]"}}, "2001:db8::2"), "2001:470::7");
  EXPECT_EQ(client({{kForwarded, "1.1.1.1, ::ffff:10.1.1.1"}}, "::ffff:10.0.0.1"), "1.1.1.1");
  EXPECT_EQ(client({{kForwarded, "[::ffff:1.2.3.4]:80"}}, "10.0.0.1"), "1.2.3.4");
}

CASE("a bad entry ends the walk, in earlier lines too") {
  EXPECT_EQ(client({{kForwarded, "1.1.1.1"}, {kForwarded, "unknown"}}, "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client({{kForwarded, "1.1.1.1"}, {kForwarded, "x, 10.9.9.9"}}, "10.0.0.1"), "10.9.9.9");
  EXPECT_EQ(client({{kForwarded, "1.1.1.1, 1.2.3.4:"}}, "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(client({{kForwarded, "1.1.1.1, [::1]x"}}, "10.0.0.1"), "10.0.0.1");
}

}  // namespace
}  // namespace millrace::test
