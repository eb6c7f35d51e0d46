#ifndef MILLRACE_ENGINE_ROUTE_CIDR_H_
#define MILLRACE_ENGINE_ROUTE_CIDR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "abi.h"

namespace millrace {

// An IP address in the words of a CIDR row: word 0 holds the first four bytes, the first of them in
// its highest bits; IPv4 in word 0. A v4-mapped IPv6 address (::ffff:a.b.c.d) is kept as IPv4, so
// that one rule covers both spellings. family 0 = no address.
struct IpAddress {
  uint32_t family = 0;  // abi::family::kIpv4, kIpv6 or 0
  uint32_t words[4] = {0, 0, 0, 0};

  bool valid() const noexcept { return family != 0; }
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// From 4 or 16 bytes in network order; any other length gives no address.
IpAddress ipFromBytes(std::span<const uint8_t> bytes) noexcept;

// From text: strict dotted quad, or IPv6 without brackets and zone.
IpAddress parseIp(std::string_view text) noexcept;

// Longest text of an address: eight groups of four digits and seven colons.
inline constexpr std::size_t kIpTextBytes = 39;

// Canonical text (RFC 5952) into `out`; returns its length, 0 for no address.
std::size_t formatIp(const IpAddress& address, std::span<char, kIpTextBytes> out) noexcept;

bool cidrContains(const abi::CidrRecord& row, const IpAddress& address) noexcept;
bool anyCidrContains(std::span<const abi::CidrRecord> rows, const IpAddress& address) noexcept;

// The address of the client behind the proxies that are trusted. The peer itself unless it is
// trusted; else the X-Forwarded-For list is read from its end, past the trusted hops, to the first
// address that is not. Garbage ends the walk at the last hop that is known: nothing left of it was
// written by somebody we believe. With every hop trusted it is the leftmost one. `lines` are the
// values of the X-Forwarded-For headers in the order of arrival.
IpAddress clientAddress(std::span<const std::string_view> lines, const IpAddress& peer,
                        std::span<const abi::CidrRecord> trust) noexcept;
// One line of that walk, from its end: `*known` is the last hop that is known. False when the walk
// is over, so that earlier lines say nothing.
bool walkForwardedFor(std::string_view line, std::span<const abi::CidrRecord> trust,
                      IpAddress* known) noexcept;
IpAddress clientAddress(std::string_view forwarded_for, const IpAddress& peer,
                        std::span<const abi::CidrRecord> trust) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_ROUTE_CIDR_H_
