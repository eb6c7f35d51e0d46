#ifndef MILLRACE_ENGINE_ROUTE_MATCH_WALK_H_
#define MILLRACE_ENGINE_ROUTE_MATCH_WALK_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "engine/image/image.h"
#include "engine/route/dfa.h"
#include "engine/route/predicate.h"
#include "engine/route/request_view.h"

namespace millrace {

// The search for a route (matcher.h has the rules), told to a recorder step by step: one code for
// the requests, with a recorder that compiles to nothing, and for the explanation of them.
//
// A recorder is copied, so it is a handle, or empty:
//   host(key, vhost)          a host name or ".suffix" was looked up; kNone = not there
//   anyHost(vhost)            none of them was there: that of "*", or kNone
//   route(route, failed)      a route whose path matches: kNone = it wins; kMethodFailed; else the
//                             number of its first predicate that does not hold
inline constexpr uint32_t kMethodFailed = abi::kNone - 1;

namespace walk {

// No configured host is longer (the image was checked), and hashing the suffixes of an absurd Host
// header would be the only work here that is not linear.
inline constexpr std::size_t kMaxHostBytes = 255;

// Prefixes from this length on share the last bit of a table's length bitmap.
inline constexpr uint32_t kLongPrefix = 63;

inline uint32_t findHost(const Image& image, uint32_t start, uint32_t capacity,
                         std::string_view host) noexcept {
  const uint32_t hash = murmur3(host, 0);
  const abi::HostRecord* slots = image.hosts().data() + start;
  for (uint32_t i = hash;; ++i) {
    const abi::HostRecord& slot = slots[i & (capacity - 1)];
    if (slot.vhost == abi::kNone) return abi::kNone;
    if (slot.hash == hash && image.str(slot.key_offset, slot.key_length) == host) return slot.vhost;
  }
}

template <typename Recorder>
uint32_t findVhost(const Image& image, const abi::RouteTableRecord& table, std::string_view host,
                   Recorder recorder) noexcept {
  if (host.size() > kMaxHostBytes) {
    recorder.anyHost(table.any_vhost);
    return table.any_vhost;
  }
  if (table.host_capacity != 0) {
    const uint32_t vhost = findHost(image, table.host_start, table.host_capacity, host);
    recorder.host(host, vhost);
    if (vhost != abi::kNone) return vhost;
  }
  if (table.wild_capacity != 0) {
    // Back over as many labels as the deepest wildcard has, then forward: the longest suffix first.
    // The first byte belongs to the label that "*" stands for.
    std::size_t dot = host.size();
    for (uint32_t labels = 0; labels < table.wild_max_labels && dot > 1; ++labels) {
      const std::size_t next = host.rfind('.', dot - 1);
      if (next == std::string_view::npos || next == 0) break;
      dot = next;
    }
    while (dot < host.size()) {
      const uint32_t vhost =
          findHost(image, table.wild_start, table.wild_capacity, host.substr(dot));
      recorder.host(host.substr(dot), vhost);
      if (vhost != abi::kNone) return vhost;
      dot = std::min(host.find('.', dot + 1), host.size());
    }
  }
  recorder.anyHost(table.any_vhost);
  return table.any_vhost;
}

// Whether a route takes a request whose path it matches: kNone, or what fails first, as recorders
// are told.
inline uint32_t firstFailure(const Image& image, const abi::RouteRecord& route,
                             const RequestView& request) noexcept {
  if (route.methods != 0) {
    if (request.method_bit == abi::kNone) return kMethodFailed;
    if ((route.methods >> request.method_bit & 1) == 0) return kMethodFailed;
  }
  const abi::PredicateRecord* predicates = image.predicates().data() + route.predicate_start;
  for (uint32_t i = 0; i < route.predicate_count; ++i) {
    if (!predicateHolds(image, predicates[i], request)) return i;
  }
  return abi::kNone;
}

// Whether a prefix of this length would end with a segment of the path.
inline bool isBoundary(std::string_view path, std::size_t length) noexcept {
  if (length == 0 || length == path.size()) return length != 0;
  return path[length] == '/' || path[length - 1] == '/';
}

// The search inside one virtual host.
template <typename Recorder>
class PathSearch {
 public:
  PathSearch(const Image& image, const abi::VhostRecord& vhost, const RequestView& request,
             Recorder recorder) noexcept
      : image_(image),
        vhost_(vhost),
        request_(request),
        path_(request.path),
        slots_(image.paths().data() + vhost.path_start),
        recorder_(recorder) {}

  uint32_t run() const noexcept {
    if (vhost_.path_capacity != 0) {
      const uint32_t route =
          tryPath(murmur3(path_, abi::path_kind::kExact), path_.size(), abi::path_kind::kExact);
      if (route != abi::kNone) return route;
    }
    for (uint32_t i = 0; i < vhost_.regex_count; ++i) {
      const abi::RegexRecord& regex = image_.regexes()[vhost_.regex_start + i];
      if (!dfaMatches(image_, regex.dfa, path_)) continue;
      const uint32_t route = firstRoute(regex.candidate_start, regex.candidate_count);
      if (route != abi::kNone) return route;
    }
    const uint64_t lengths = vhost_.prefix_lengths_low | uint64_t{vhost_.prefix_lengths_high} << 32;
    return lengths == 0 ? abi::kNone : prefixes(lengths);
  }

 private:
  static constexpr uint64_t kLongBit = uint64_t{1} << kLongPrefix;

  struct Boundary {
    uint32_t length;
    uint32_t hash;
  };

  // The hashes of all candidate lengths come from one pass forward; the probes then run backward.
  uint32_t prefixes(uint64_t lengths) const noexcept {
    Boundary found[kLongPrefix];
    uint32_t count = 0;
    Murmur3Prefixes hashes(path_, abi::path_kind::kPrefix);
    for (uint64_t left = lengths & ~kLongBit; left != 0; left &= left - 1) {
      const uint32_t length = static_cast<uint32_t>(std::countr_zero(left));
      if (length > path_.size()) break;
      if (isBoundary(path_, length)) found[count++] = {length, hashes.hash(length)};
    }
    if ((lengths & kLongBit) != 0 && path_.size() >= kLongPrefix) {
      const uint32_t route = longPrefixes();
      if (route != abi::kNone) return route;
    }
    while (count > 0) {
      --count;
      const uint32_t route =
          tryPath(found[count].hash, found[count].length, abi::path_kind::kPrefix);
      if (route != abi::kNone) return route;
    }
    return abi::kNone;
  }

  // Any length from 63 on: every boundary is probed on the way forward, and the longest hits are
  // kept. With more hits than kept and no route among them, the walk is repeated below the shortest
  // of them.
  uint32_t longPrefixes() const noexcept {
    constexpr uint32_t kKept = 16;
    std::size_t limit = path_.size();
    for (;;) {
      const abi::PathRecord* hits[kKept];
      uint32_t count = 0;
      Murmur3Prefixes hashes(path_, abi::path_kind::kPrefix);
      for (std::size_t length = kLongPrefix; length <= limit; ++length) {
        if (!isBoundary(path_, length)) continue;
        const abi::PathRecord* slot = find(hashes.hash(length), length, abi::path_kind::kPrefix);
        if (slot != nullptr) hits[count++ % kKept] = slot;
      }
      const uint32_t kept = std::min(count, kKept);
      for (uint32_t k = 1; k <= kept; ++k) {
        const abi::PathRecord* slot = hits[(count - k) % kKept];
        const uint32_t route = routeOf(*slot);
        if (route != abi::kNone) return route;
        limit = slot->key_length - 1;
      }
      if (kept < kKept) return abi::kNone;
    }
  }

  const abi::PathRecord* find(uint32_t hash, std::size_t length, uint32_t kind) const noexcept {
    const uint32_t mask = vhost_.path_capacity - 1;
    for (uint32_t i = hash;; ++i) {
      const abi::PathRecord& slot = slots_[i & mask];
      if (slot.kind == 0) return nullptr;
      if (slot.hash == hash && slot.kind == kind &&
          image_.str(slot.key_offset, slot.key_length) == path_.substr(0, length)) {
        return &slot;
      }
    }
  }

  uint32_t tryPath(uint32_t hash, std::size_t length, uint32_t kind) const noexcept {
    const abi::PathRecord* slot = find(hash, length, kind);
    return slot == nullptr ? abi::kNone : routeOf(*slot);
  }

  // With many routes, the index row and the route would be two more cache misses, one after the
  // other.
  uint32_t routeOf(const abi::PathRecord& slot) const noexcept {
    if (slot.sure_route != abi::kNone) {
      recorder_.route(slot.sure_route, abi::kNone);
      return slot.sure_route;
    }
    return firstRoute(slot.candidate_start, slot.candidate_count);
  }

  uint32_t firstRoute(uint32_t start, uint32_t count) const noexcept {
    const uint32_t* candidates = image_.indexes().data() + start;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t failed = firstFailure(image_, image_.routes()[candidates[i]], request_);
      recorder_.route(candidates[i], failed);
      if (failed == abi::kNone) return candidates[i];
    }
    return abi::kNone;
  }

  const Image& image_;
  const abi::VhostRecord& vhost_;
  const RequestView& request_;
  std::string_view path_;
  const abi::PathRecord* slots_;
  [[no_unique_address]] Recorder recorder_;
};

}  // namespace walk

template <typename Recorder>
uint32_t walkRoutes(const Image& image, uint32_t route_table, const RequestView& request,
                    Recorder recorder) noexcept {
  const abi::RouteTableRecord& table = image.routeTables()[route_table];
  const uint32_t vhost = walk::findVhost(image, table, request.host, recorder);
  if (vhost == abi::kNone) return abi::kNone;
  return walk::PathSearch<Recorder>(image, image.vhosts()[vhost], request, recorder).run();
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_ROUTE_MATCH_WALK_H_
