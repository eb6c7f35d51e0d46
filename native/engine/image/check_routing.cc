// Image checks of the tables that lead from a request to a route.

#include <algorithm>
#include <bit>

#include "base/hash.h"
#include "engine/image/image_check.h"
#include "engine/image/text_rules.h"

namespace millrace {

namespace {

// DNS allows 253 bytes; the matcher refuses longer hosts than this before it hashes them.
constexpr uint32_t kMaxHostBytes = 255;
constexpr uint32_t kMaxLabels = 128;

bool isCapacity(uint32_t capacity) noexcept {
  return capacity == 0 || std::has_single_bit(capacity);
}

// Whether a linear-probing table can be searched: at most half full, so that every probe ends, and
// no empty slot between a row and its home slot, so that it is found. One walk around the table.
template <typename Record, typename IsEmpty>
bool isProbeable(std::span<const Record> slots, IsEmpty&& is_empty) noexcept {
  if (slots.empty()) return true;
  const uint32_t capacity = static_cast<uint32_t>(slots.size());
  uint32_t used = 0;
  uint32_t first_empty = capacity;
  for (uint32_t i = 0; i < capacity; ++i) {
    if (!is_empty(slots[i])) {
      ++used;
    } else if (first_empty == capacity) {
      first_empty = i;
    }
  }
  if (used > capacity / 2) return false;
  uint32_t run = 0;  // occupied slots right before this one
  for (uint32_t k = 1; k < capacity; ++k) {
    const uint32_t i = (first_empty + k) & (capacity - 1);
    if (is_empty(slots[i])) {
      run = 0;
      continue;
    }
    if (((i - slots[i].hash) & (capacity - 1)) > run) return false;
    ++run;
  }
  return true;
}

}  // namespace

bool ImageCheck::listener(const abi::ListenerRecord& r) noexcept {
  constexpr uint32_t kFlags = abi::listener_flag::kTls | abi::listener_flag::kForwardedHeaders |
                              abi::listener_flag::kRequestId | abi::listener_flag::kKeepSlashes |
                              abi::listener_flag::kAllowTrace |
                              abi::listener_flag::kKeepAliveAfterChunked;
  if (!isText(r.name_offset, r.name_length)) return fail("listener name out of bounds");
  if (r.route_table >= count(abi::section::kRouteTable))
    return fail("listener without a route table");
  if ((r.flags & ~kFlags) != 0) return fail("unknown listener flag");
  if (!isRange(abi::section::kCidr, r.trust_start, r.trust_count))
    return fail("trust rows out of bounds");
  if (r.max_head_bytes < 4096 || r.max_head_bytes > 65536)
    return fail("request head limit out of range");
  if (r.max_target_bytes == 0 || r.max_target_bytes > 65536)
    return fail("request target limit out of range");
  if (r.max_header_bytes == 0 || r.max_header_bytes > 65536)
    return fail("header line limit out of range");
  if (r.max_headers == 0 || r.max_headers > abi::kMaxRequestFields)
    return fail("number of header lines out of range");
  if (r.underscores > abi::underscores::kReject) return fail("unknown rule for underscores");
  if (r.escaped_slashes > abi::slashes::kSlash || r.backslashes > abi::slashes::kSlash)
    return fail("unknown rule for slashes");
  if (r.underscore_count % 2 != 0 ||
      !claim(abi::section::kIndex, r.underscore_start, r.underscore_count))
    return fail("names with underscores out of bounds");
  const auto names = image_.indexes().subspan(r.underscore_start, r.underscore_count);
  for (size_t i = 0; i < names.size(); i += 2) {
    if (!isText(names[i], names[i + 1])) return fail("name with an underscore out of bounds");
  }
  if (!limitRows(r.limit_start, r.limit_count)) return false;
  for (const uint32_t row : image_.indexes().subspan(r.limit_start, r.limit_count)) {
    const abi::RateLimitRecord& limit = image_.rateLimits()[row];
    for (const abi::RateKeyRecord& key : image_.keys(limit)) {
      if (key.kind == abi::rate_key_kind::kRoute) return fail("listener counts by route");
    }
  }
  return true;
}

bool ImageCheck::routeTable(const abi::RouteTableRecord& r) noexcept {
  if (!isText(r.name_offset, r.name_length)) return fail("route table name out of bounds");
  if (!claim(abi::section::kVhost, r.vhost_start, r.vhost_count))
    return fail("virtual hosts out of bounds");
  if (r.any_vhost != abi::kNone && r.any_vhost - r.vhost_start >= r.vhost_count) {
    return fail("default virtual host of another table");
  }
  if (r.wild_max_labels > kMaxLabels) return fail("too many labels in a wildcard host");
  return hostTable(r, false) && hostTable(r, true);
}

bool ImageCheck::hostTable(const abi::RouteTableRecord& table, bool wildcards) noexcept {
  const uint32_t start = wildcards ? table.wild_start : table.host_start;
  const uint32_t capacity = wildcards ? table.wild_capacity : table.host_capacity;
  if (!isCapacity(capacity)) return fail("host table capacity is not a power of two");
  if (!claim(abi::section::kHost, start, capacity)) return fail("host table out of bounds");
  const std::span<const abi::HostRecord> slots = image_.hosts().subspan(start, capacity);
  for (const abi::HostRecord& slot : slots) {
    if (slot.vhost == abi::kNone) continue;
    if (slot.vhost - table.vhost_start >= table.vhost_count) return fail("host of another table");
    if (slot.key_length > kMaxHostBytes || !isText(slot.key_offset, slot.key_length)) {
      return fail("host name out of bounds");
    }
    const std::string_view key = image_.str(slot.key_offset, slot.key_length);
    if (!text::isHostText(key) || text::hasUpperCase(key))
      return fail("host name is not in lower case");
    if (key.starts_with('.') != wildcards) return fail("host name in the wrong table");
    if (wildcards && std::count(key.begin(), key.end(), '.') > table.wild_max_labels) {
      return fail("wildcard host has more labels than its table says");
    }
    if (slot.hash != murmur3(key, 0)) return fail("wrong hash of a host name");
  }
  if (!isProbeable(slots, [](const abi::HostRecord& slot) { return slot.vhost == abi::kNone; })) {
    return fail("host table cannot be probed");
  }
  return true;
}

bool ImageCheck::vhost(const abi::VhostRecord& r) noexcept {
  if (!isText(r.name_offset, r.name_length)) return fail("virtual host name out of bounds");
  if (!isRange(abi::section::kRoute, r.route_start, r.route_count))
    return fail("routes out of bounds");
  if (!claim(abi::section::kRegex, r.regex_start, r.regex_count))
    return fail("expressions out of bounds");
  for (const abi::RegexRecord& regex : image_.regexes().subspan(r.regex_start, r.regex_count)) {
    if (regex.dfa >= count(abi::section::kDfa)) return fail("expression without an automaton");
    if (!candidates(r, regex.candidate_start, regex.candidate_count, abi::path_kind::kRegex, {}))
      return false;
  }
  return pathTable(r);
}

bool ImageCheck::pathTable(const abi::VhostRecord& r) noexcept {
  if (!isCapacity(r.path_capacity)) return fail("path table capacity is not a power of two");
  if (!claim(abi::section::kPath, r.path_start, r.path_capacity))
    return fail("path table out of bounds");
  const std::span<const abi::PathRecord> slots =
      image_.paths().subspan(r.path_start, r.path_capacity);
  uint64_t lengths = 0;
  for (const abi::PathRecord& slot : slots) {
    if (slot.kind == 0) continue;
    if (slot.kind != abi::path_kind::kExact && slot.kind != abi::path_kind::kPrefix) {
      return fail("unknown kind of path");
    }
    if (!isText(slot.key_offset, slot.key_length)) return fail("path out of bounds");
    const std::string_view key = image_.str(slot.key_offset, slot.key_length);
    if (!key.starts_with('/')) return fail("path does not start with a slash");
    if (slot.hash != murmur3(key, slot.kind)) return fail("wrong hash of a path");
    if (slot.kind == abi::path_kind::kPrefix)
      lengths |= uint64_t{1} << std::min(slot.key_length, 63u);
    if (!candidates(r, slot.candidate_start, slot.candidate_count, slot.kind, key)) return false;
    const uint32_t first = image_.indexes()[slot.candidate_start];
    const abi::RouteRecord& route = image_.routes()[first];
    const bool sure = route.methods == 0 && route.predicate_count == 0;
    if (slot.sure_route != (sure ? first : abi::kNone)) return fail("wrong sure route of a path");
  }
  if (lengths != (r.prefix_lengths_low | uint64_t{r.prefix_lengths_high} << 32)) {
    return fail("prefix lengths do not agree with the prefixes");
  }
  if (!isProbeable(slots, [](const abi::PathRecord& slot) { return slot.kind == 0; })) {
    return fail("path table cannot be probed");
  }
  return true;
}

// The routes of one path key must have exactly that path: rewriting a prefix relies on it.
bool ImageCheck::candidates(const abi::VhostRecord& vhost, uint32_t start, uint32_t length,
                            uint32_t kind, std::string_view key) noexcept {
  if (length == 0) return fail("path without a route");
  if (!claim(abi::section::kIndex, start, length)) return fail("candidate routes out of bounds");
  for (const uint32_t index : image_.indexes().subspan(start, length)) {
    if (index - vhost.route_start >= vhost.route_count)
      return fail("route of another virtual host");
    const abi::RouteRecord& route = image_.routes()[index];
    if (route.path_kind != kind) return fail("route under the wrong kind of path");
    if (kind != abi::path_kind::kRegex && image_.str(route.path_offset, route.path_length) != key) {
      return fail("route under the wrong path");
    }
  }
  return true;
}

bool ImageCheck::dfa(const abi::DfaRecord& r) noexcept {
  constexpr uint32_t kMaxStates = 65536;  // a state is a u16
  if (r.state_count == 0 || r.state_count > kMaxStates)
    return fail("number of states out of range");
  if (r.class_count == 0 || r.class_count > 256) return fail("number of byte classes out of range");
  if (!isText(r.class_offset, 256)) return fail("byte classes out of bounds");
  if (!isText(r.accept_offset, r.state_count)) return fail("accepting states out of bounds");
  if (r.start_state >= r.state_count) return fail("start state out of range");
  const uint32_t cells = r.state_count * r.class_count;  // at most 2^24
  if (!claim(abi::section::kU16, r.transition_start, cells))
    return fail("transitions out of bounds");
  for (const char c : image_.str(r.class_offset, 256)) {
    if (static_cast<uint8_t>(c) >= r.class_count) return fail("byte class out of range");
  }
  const std::span<const uint16_t> transitions = image_.u16s().subspan(r.transition_start, cells);
  for (const uint16_t next : transitions) {
    if (next >= r.state_count) return fail("transition to an unknown state");
  }
  // Matching stops at state 0, so it has to be the dead one.
  for (const uint16_t next : transitions.first(r.class_count)) {
    if (next != 0) return fail("state 0 is not dead");
  }
  if (image_.bytes()[r.accept_offset] != 0) return fail("state 0 accepts");
  return true;
}

bool ImageCheck::predicate(const abi::PredicateRecord& r) noexcept {
  namespace op = abi::predicate_operator;
  const bool is_header = r.source == abi::predicate_source::kHeader;
  if (!is_header && r.source != abi::predicate_source::kQuery)
    return fail("unknown source of a predicate");
  if (r.op < op::kPresent || r.op > op::kRegex) return fail("unknown operator of a predicate");
  if (r.negate > 1) return fail("negation is neither 0 nor 1");
  if (!isText(r.name_offset, r.name_length) || r.name_length == 0)
    return fail("predicate without a name");
  if (is_header && !text::isLowerToken(image_.str(r.name_offset, r.name_length))) {
    return fail("header name of a predicate is not a token in lower case");
  }
  if (!isOptionalText(r.value_offset, r.value_length))
    return fail("value of a predicate out of bounds");
  const bool needs_value = r.op != op::kPresent && r.op != op::kRegex;
  if (needs_value && r.value_offset == abi::kNone) return fail("predicate without a value");
  const bool has_dfa = r.dfa < count(abi::section::kDfa);
  if (!has_dfa && (r.op == op::kRegex || r.dfa != abi::kNone))
    return fail("predicate without its automaton");
  return true;
}

}  // namespace millrace
