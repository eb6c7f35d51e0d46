#include "engine/route/cidr.h"

#include <algorithm>
#include <cstring>

namespace millrace {

namespace {

constexpr uint32_t kMappedPrefix = 0xffff;  // word 2 of ::ffff:0:0/96

IpAddress fromV6Words(const uint32_t (&words)[4]) noexcept {
  if (words[0] == 0 && words[1] == 0 && words[2] == kMappedPrefix) {
    return {abi::family::kIpv4, {words[3], 0, 0, 0}};
  }
  return {abi::family::kIpv6, {words[0], words[1], words[2], words[3]}};
}

// Strict dotted quad: "010.0.0.1" means different hosts to different parsers.
bool parseV4(std::string_view text, uint32_t* word) noexcept {
  uint32_t result = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (!text.starts_with('.')) return false;
      text.remove_prefix(1);
    }
    uint32_t value = 0;
    std::size_t digits = 0;
    while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9') {
      value = value * 10 + static_cast<uint32_t>(text[digits++] - '0');
    }
    if (digits == 0 || value > 255 || (digits > 1 && text[0] == '0')) return false;
    text.remove_prefix(digits);
    result = result << 8 | value;
  }
  *word = result;
  return text.empty();
}

int hexDigit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// RFC 4291 §2.2: groups, one "::" for a run of zero groups, a dotted quad as the last two groups.
bool parseV6(std::string_view text, uint32_t (&words)[4]) noexcept {
  uint16_t groups[8] = {};
  int count = 0;
  int gap = -1;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    if (count == 8) return false;
    uint32_t value = 0;
    std::size_t digits = 0;
    while (digits < text.size() && digits < 4 && hexDigit(text[digits]) >= 0) {
      value = value << 4 | static_cast<uint32_t>(hexDigit(text[digits++]));
    }
    if (digits < text.size() && text[digits] == '.') {
      if (count > 6 || !parseV4(text, &value)) return false;
      groups[count++] = static_cast<uint16_t>(value >> 16);
      groups[count++] = static_cast<uint16_t>(value);
      text = {};
      break;
    }
    if (digits == 0) return false;
    groups[count++] = static_cast<uint16_t>(value);
    text.remove_prefix(digits);
    if (text.empty()) break;
    if (text.starts_with("::")) {
      if (gap >= 0) return false;
      gap = count;
      text.remove_prefix(2);
    } else {
      if (text[0] != ':' || text.size() == 1) return false;
      text.remove_prefix(1);
    }
  }
  if (gap < 0 ? count != 8 : count == 8) return false;
  if (gap >= 0) {
    std::move_backward(groups + gap, groups + count, groups + 8);
    std::fill(groups + gap, groups + 8 - (count - gap), uint16_t{0});
  }
  for (int i = 0; i < 4; ++i) {
    words[i] = static_cast<uint32_t>(groups[2 * i]) << 16 | groups[2 * i + 1];
  }
  return true;
}

std::string_view trim(std::string_view text) noexcept {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool isPort(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// One element of X-Forwarded-For. Some proxies add the port: "192.0.2.1:4711",
// "[2001:db8::1]:4711".
IpAddress parseHop(std::string_view text) noexcept {
  text = trim(text);
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return {};
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && !(rest[0] == ':' && isPort(rest.substr(1)))) return {};
    return parseIp(text.substr(1, end - 1));
  }
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    return isPort(text.substr(colon + 1)) ? parseIp(text.substr(0, colon)) : IpAddress{};
  }
  return parseIp(text);
}

bool samePrefix(const uint32_t* a, const uint32_t* b, uint32_t bits) noexcept {
  for (; bits >= 32; bits -= 32) {
    if (*a++ != *b++) return false;
  }
  return bits == 0 || ((*a ^ *b) >> (32 - bits)) == 0;
}

}  // namespace

IpAddress ipFromBytes(std::span<const uint8_t> bytes) noexcept {
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  uint32_t words[4] = {};
  for (std::size_t i = 0; i < bytes.size(); ++i) words[i / 4] = words[i / 4] << 8 | bytes[i];
  if (bytes.size() == 4) return {abi::family::kIpv4, {words[0], 0, 0, 0}};
  return fromV6Words(words);
}

IpAddress parseIp(std::string_view text) noexcept {
  uint32_t words[4] = {};
  if (parseV4(text, &words[0])) return {abi::family::kIpv4, {words[0], 0, 0, 0}};
  if (parseV6(text, words)) return fromV6Words(words);
  return {};
}

std::size_t formatIp(const IpAddress& address, std::span<char, kIpTextBytes> out) noexcept {
  std::size_t length = 0;
  const auto put = [&](char c) { out[length++] = c; };
  if (address.family == abi::family::kIpv4) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      const uint32_t part = address.words[0] >> shift & 255;
      if (part >= 100) put(static_cast<char>('0' + part / 100));
      if (part >= 10) put(static_cast<char>('0' + part / 10 % 10));
      put(static_cast<char>('0' + part % 10));
      if (shift != 0) put('.');
    }
    return length;
  }
  if (address.family != abi::family::kIpv6) return 0;
  const auto group = [&](int i) { return address.words[i / 2] >> (i % 2 == 0 ? 16 : 0) & 0xffff; };
  int gap = -1;  // the longest run of at least two zero groups becomes "::"
  int gap_length = 1;
  for (int i = 0; i < 8; ++i) {
    int run = 0;
    while (i + run < 8 && group(i + run) == 0) ++run;
    if (run > gap_length) {
      gap = i;
      gap_length = run;
    }
    i += run;
  }
  for (int i = 0; i < 8; ++i) {
    if (i == gap) {
      put(':');
      put(':');
      i += gap_length - 1;
      continue;
    }
    if (i > 0 && out[length - 1] != ':') put(':');
    const uint32_t value = group(i);
    for (int shift = 12; shift >= 0; shift -= 4) {
      if (value >> shift != 0 || shift == 0) put("0123456789abcdef"[value >> shift & 15]);
    }
  }
  return length;
}

bool cidrContains(const abi::CidrRecord& row, const IpAddress& address) noexcept {
  const uint32_t network[4] = {row.word0, row.word1, row.word2, row.word3};
  if (row.family == address.family) return samePrefix(network, address.words, row.prefix_bits);
  if (row.family != abi::family::kIpv6 || address.family != abi::family::kIpv4) return false;
  // A rule may be written in the mapped form too. "::/0" is not one: it speaks of IPv6 only.
  const uint32_t mapped[4] = {0, 0, kMappedPrefix, address.words[0]};
  return row.prefix_bits >= 96 && samePrefix(network, mapped, row.prefix_bits);
}

bool anyCidrContains(std::span<const abi::CidrRecord> rows, const IpAddress& address) noexcept {
  for (const abi::CidrRecord& row : rows) {
    if (cidrContains(row, address)) return true;
  }
  return false;
}

bool walkForwardedFor(std::string_view line, std::span<const abi::CidrRecord> trust,
                      IpAddress* known) noexcept {
  while (!line.empty()) {
    const std::size_t comma = line.rfind(',');
    const std::size_t start = comma == std::string_view::npos ? 0 : comma + 1;
    const std::string_view element = trim(line.substr(start));
    line = line.substr(0, comma == std::string_view::npos ? 0 : comma);
    if (element.empty()) continue;  // empty list elements are to be ignored (RFC 9110 §5.6.1)
    const IpAddress hop = parseHop(element);
    if (!hop.valid()) return false;
    *known = hop;
    if (!anyCidrContains(trust, hop)) return false;
  }
  return true;
}

IpAddress clientAddress(std::span<const std::string_view> lines, const IpAddress& peer,
                        std::span<const abi::CidrRecord> trust) noexcept {
  IpAddress known = peer;
  if (!anyCidrContains(trust, peer)) return known;
  for (std::size_t l = lines.size(); l > 0; --l) {
    if (!walkForwardedFor(lines[l - 1], trust, &known)) return known;
  }
  return known;
}

IpAddress clientAddress(std::string_view forwarded_for, const IpAddress& peer,
                        std::span<const abi::CidrRecord> trust) noexcept {
  return clientAddress(std::span(&forwarded_for, 1), peer, trust);
}

}  // namespace millrace
