#include <arpa/inet.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/http/client_address.h"
#include "engine/http/cookie.h"
#include "fuzz_driver.h"
#include "fuzz_seeds.h"
#include "naive_http.h"

// Who a request comes from, against plain versions of the same rules: lines of Cookie ('c') or of
// X-Forwarded-For ('f'), separated by 0x1e.
namespace millrace::test {
namespace {

const std::vector<abi::CidrRecord> kTrust{{abi::family::kIpv4, 8, 0x0a000000, 0, 0, 0},
                                          {abi::family::kIpv6, 16, 0xfd000000, 0, 0, 0}};

// The sixteen bytes of an address, IPv4 in its mapped form, by the C library; empty when it is
// none.
std::string bytesOf(const std::string& text) {
  if (text.find('\0') != std::string::npos) return {};
  char bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\xff', '\xff'};
  if (inet_pton(AF_INET, text.c_str(), bytes + 12) == 1) return {bytes, 16};
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return {bytes, 16};
  return {};
}

bool isPort(const std::string& text) {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

std::string hopOf(const std::string& entry) {
  if (entry.starts_with("[")) {
    const std::vector<std::string> parts = splitText(entry.substr(1), "]");
    if (parts.size() != 2) return {};
    const std::string& port = parts[1];
    return port.empty() || (port[0] == ':' && isPort(port.substr(1))) ? bytesOf(parts[0]) : "";
  }
  const std::vector<std::string> parts = splitText(entry, ":");
  if (parts.size() == 2) return isPort(parts[1]) ? bytesOf(parts[0]) : "";
  return bytesOf(entry);
}

bool isTrusted(const std::string& bytes) {
  const std::string mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a", 13);
  return bytes.starts_with(mapped) || bytes.starts_with(std::string("\xfd\0", 2));
}

std::string naiveClient(const std::vector<std::string>& lines, const std::string& peer) {
  std::vector<std::string> entries;
  for (const std::string& line : lines) {
    for (const std::string& entry : splitText(line, ",")) entries.push_back(trimmed(entry));
  }
  std::string known = peer;
  while (isTrusted(known) && !entries.empty()) {
    const std::string entry = entries.back();
    entries.pop_back();
    if (entry.empty()) continue;
    const std::string hop = hopOf(entry);
    if (hop.empty()) break;
    known = hop;
  }
  return known;
}

std::string bytesOf(const IpAddress& address) {
  std::string bytes;
  if (address.family == abi::family::kIpv4) bytes.assign("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  for (uint32_t i = 0; i < (address.family == abi::family::kIpv4 ? 1u : 4u); ++i) {
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes += static_cast<char>(address.words[i] >> shift);
  }
  return bytes;
}

void require(bool holds, const char* what) {
  if (!holds) fuzzFault(what);
}

void tryForwarded(const std::vector<std::string>& lines) {
  static RequestHead head;
  head.field_count = 0;
  for (const std::string& line : lines) {
    if (head.field_count == kMaxRequestFields) break;
    head.ids[head.field_count] = HeaderId::kXForwardedFor;
    head.fields[head.field_count++] = {"x-forwarded-for", line};
  }
  const std::vector<std::string> seen(lines.begin(), lines.begin() + head.field_count);
  for (const char* peer : {"10.1.2.3", "fd00::1", "192.0.2.1"}) {
    const IpAddress client = clientAddressOf(head, parseIp(peer), kTrust);
    require(bytesOf(client) == naiveClient(seen, bytesOf(std::string(peer))), "another client");
  }
}

void tryCookie(const std::vector<std::string>& lines) {
  std::map<std::string, std::string> cookies;
  std::vector<HeaderSlice> fields;
  // Copies of their exact size, so that ASan sees a read beyond one.
  std::vector<std::unique_ptr<char[]>> copies;
  for (const std::string& line : lines) {
    copies.push_back(std::make_unique<char[]>(line.size()));
    std::memcpy(copies.back().get(), line.data(), line.size());
    fields.push_back({"cookie", {copies.back().get(), line.size()}});
    for (const std::string& pair : splitText(line, ";")) {
      const std::size_t equals = pair.find('=');
      if (equals != std::string::npos)
        cookies.emplace(trimmed(pair.substr(0, equals)), trimmed(pair.substr(equals + 1)));
    }
  }
  cookies.emplace("absent=", "");
  for (const auto& [name, value] : cookies) {
    const std::optional<std::string_view> found = cookieValue(fields, name);
    require(found.has_value() == (name != "absent="), "a cookie is lost or made up");
    if (found.has_value()) require(*found == value, "another cookie");
  }
}

}  // namespace

FuzzTarget fuzzTarget() {
  return {.name = "client",
          .seeds = {"ca=1; b=2; sid=\"x y\"\x1e"
                    "sid=3;a=4",
                    "csid=abc", "f1.2.3.4, 10.0.0.1\x1e[fd00::1]:443, ::ffff:10.2.3.4",
                    "f2001:db8::1,10.0.0.1:80\x1e"
                    "fd00::7, 10.9.9.9",
                    "funknown, 10.0.0.2", "f10.0.0.3,10.0.0.2,10.0.0.1"},
          .fragments = {";",        "=",       "; sid=", "\x1e", "\"",  ",",       ", 10.1.1.1",
                        "fd00::2,", "[fd00::", "]:80",   ":80",  "::",  "10.0.0.", "::ffff:",
                        "255",      "256",     "%eth0",  " \t",  "a=b", "0",       "1.2.3.4:99999"},
          .separator = "\x1e",
          .inputs = 40'000};
}

}  // namespace millrace::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace::test;  // NOLINT
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'c') tryCookie(splitText(text, "\x1e"));
  if (data[0] == 'f') tryForwarded(splitText(text, "\x1e"));
  return 0;
}
