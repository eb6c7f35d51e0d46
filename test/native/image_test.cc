#include "engine/image/image.h"

#include <cstring>
#include <functional>
#include <numeric>
#include <string>

#include "base/rng.h"
#include "engine/balancer/least_request.h"
#include "engine/balancer/stride.h"
#include "engine/route/cidr.h"
#include "engine/route/matcher.h"
#include "harness.h"
#include "image_builder.h"

using namespace millrace;
using test::ImageBuilder;

namespace {

// Uses an image as the engine does: everything that load() promises to be safe.
uint64_t exercise(const Image& image) {
  uint64_t sum = image.contentHash();
  const auto read = [&](uint32_t offset, uint32_t length) {
    for (const char c : image.str(offset, length)) sum += static_cast<uint8_t>(c);
  };
  Rng rng(1);
  uint32_t sequence = 0;
  for (const auto& r : image.clusters()) {
    read(r.name_offset, r.name_length);
    if (r.tls != abi::kNone) sum += image.tls()[r.tls].flags;
    for (int i = 0; i < 3; ++i) {
      const uint32_t one = pickStride(image.picks(r), sequence);
      const uint32_t two = pickLeastRequest(image.picks(r), rng, [](uint32_t e) { return e; });
      if (one != abi::kNone) sum += image.endpoints()[one].weight;
      if (two != abi::kNone) sum += image.endpoints()[two].weight;
    }
  }
  for (const auto& r : image.endpoints()) {
    read(r.name_offset, r.name_length);
    read(r.address_offset, r.address_length);
    read(r.server_name_offset, r.server_name_length);
  }
  for (const auto& r : image.tls()) {
    read(r.server_name_offset, r.server_name_length);
    read(r.ca_offset, r.ca_length);
    read(r.cert_offset, r.cert_length);
    read(r.key_offset, r.key_length);
  }
  for (const auto& r : image.edits()) {
    read(r.name_offset, r.name_length);
    read(r.value_offset, r.value_length);
  }
  for (const auto& r : image.redirects()) {
    read(r.scheme_offset, r.scheme_length);
    read(r.host_offset, r.host_length);
    read(r.rewrite_offset, r.rewrite_length);
  }
  for (const auto& r : image.responds()) {
    read(r.body_offset, r.body_length);
    read(r.headers_offset, r.headers_length);
  }
  for (const auto& r : image.routes()) {
    read(r.name_offset, r.name_length);
    read(r.path_offset, r.path_length);
    read(r.rewrite_offset, r.rewrite_length);
    read(r.host_offset, r.host_length);
    for (const auto& e : image.edits().subspan(r.request_edit_start, r.request_edit_count))
      sum += e.op;
    for (const auto& e : image.edits().subspan(r.response_edit_start, r.response_edit_count))
      sum += e.op;
    if (r.action == abi::action::kCluster) sum += image.clusters()[r.action_start].policy;
    if (r.action == abi::action::kRedirect) sum += image.redirects()[r.action_start].status;
    if (r.action == abi::action::kRespond) sum += image.responds()[r.action_start].status;
    if (r.action != abi::action::kWeightedClusters) continue;
    for (const auto& w : image.weights().subspan(r.action_start, r.action_count)) {
      sum += image.clusters()[w.cluster].policy;
    }
  }
  const HeaderSlice headers[] = {{"x-a", "v1"}, {"x-b", "w"}};
  const std::string long_path = "/v1/" + std::string(70, 'x') + "/y";
  for (const auto& r : image.listeners()) {
    read(r.name_offset, r.name_length);
    sum += anyCidrContains(image.trust(r), parseIp("10.1.2.3"));
    sum += anyCidrContains(image.trust(r), parseIp("2001:db8::1"));
    for (const char* host : {"a.example.com", "x.y.deep.example.com", "else"}) {
      for (const std::string& path : {std::string("/exact"), std::string("/item/1"), long_path}) {
        const RequestView request{"GET", 0, host, path, "q=1+2", headers};
        const uint32_t route = matchRoute(image, r.route_table, request);
        if (route == abi::kNone) continue;
        const abi::RouteRecord& row = image.routes()[route];
        if (row.path_kind != abi::path_kind::kPrefix) continue;
        EXPECT(path.starts_with(image.str(row.path_offset, row.path_length)), path);
      }
    }
  }
  return sum;
}

// Keeps the sum alive, so that nothing is read in vain.
uint64_t total = 0;

// The image keeps an exact copy on the heap: a read past its end is seen by the sanitizer.
bool loads(std::span<const std::byte> bytes) {
  ImageError error;
  const std::unique_ptr<const Image> image = Image::load(bytes, &error);
  if (image == nullptr) {
    EXPECT(error.message != nullptr);
    return false;
  }
  total += exercise(*image);
  return true;
}

void refused(const std::string& message, const std::function<void(ImageBuilder&)>& break_it) {
  ImageBuilder builder = test::sampleImage();
  break_it(builder);
  ImageError error;
  const auto image = Image::load(builder.finish(), &error);
  EXPECT_EQ(std::string(image == nullptr ? error.message : "loaded"), message);
}

}  // namespace

CASE("a valid image loads and gives back what was put in") {
  const ImageBuilder builder = test::sampleImage();
  ImageError error;
  const auto image = Image::load(builder.finish(), &error);
  EXPECT_EQ(std::string(error.message == nullptr ? "" : error.message), "");
  if (image == nullptr) return;
  EXPECT_EQ(image->routes().size(), builder.routes.size());
  EXPECT_EQ(image->contentHash(), 0x200000001u);
  EXPECT_EQ(image->str(image->listeners()[0].name_offset, image->listeners()[0].name_length),
            "web");
  EXPECT_EQ(image->str(abi::kNone, 0), "");
  const PickTable picks = image->picks(image->clusters()[0]);
  EXPECT_EQ(picks.size(), 3u);
  EXPECT_EQ(picks.endpoints[2], 3u);
  EXPECT_EQ(picks.weights[2], 65535);
  exercise(*image);
}

CASE("an empty image is valid") { EXPECT(loads(ImageBuilder().finish())); }

CASE("an image cut at any length is refused") {
  const std::vector<std::byte> image = test::sampleImage().finish();
  for (std::size_t length = 0; length < image.size(); ++length) {
    std::vector<std::byte> cut(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT(!loads(cut), std::to_string(length));
    if (length < 12) continue;
    // With the length in the header made to agree, other checks have to see it.
    const uint32_t claimed = static_cast<uint32_t>(length);
    std::memcpy(cut.data() + 8, &claimed, 4);
    loads(cut);
  }
}

CASE("an image with any one word changed never crashes") {
  const std::vector<std::byte> image = test::sampleImage().finish();
  int refusals = 0;
  for (std::size_t at = 0; at + 4 <= image.size(); at += 4) {
    uint32_t word;
    std::memcpy(&word, image.data() + at, 4);
    const uint32_t size = static_cast<uint32_t>(image.size());
    for (const uint32_t value :
         {~word, word + 1, word - 1, 0u, abi::kNone, word ^ 0x80000000u, size}) {
      std::vector<std::byte> changed = image;
      std::memcpy(changed.data() + at, &value, 4);
      refusals += loads(changed) ? 0 : 1;
    }
  }
  EXPECT(refusals > 1000, std::to_string(refusals));
}

CASE("an image with random changes never crashes") {
  const std::vector<std::byte> image = test::sampleImage().finish();
  const uint32_t words = static_cast<uint32_t>(image.size() / 4);
  const uint32_t records = words - static_cast<uint32_t>(test::sampleImage().bytes.size() / 4) - 50;
  Rng rng(test::seed());
  int accepted = 0;
  for (int round = 0; round < 30000; ++round) {
    std::vector<std::byte> changed = image;
    for (uint32_t n = 1 + rng.below(2); n > 0; --n) {
      // Mostly in the records, which end the image; small numbers are the likeliest to pass.
      const uint32_t at = words - 1 - rng.below(rng.below(4) == 0 ? words : records);
      const uint32_t value = rng.below(4) == 0 ? static_cast<uint32_t>(rng.next()) : rng.below(64);
      std::memcpy(changed.data() + at * 4, &value, 4);
    }
    accepted += loads(changed) ? 1 : 0;
  }
  EXPECT(accepted > 1000, std::to_string(accepted));
}

CASE("random bytes behind a valid header never crash") {
  const std::vector<std::byte> image = test::sampleImage().finish();
  Rng rng(test::seed());
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> changed = image;
    for (std::size_t i = 24 + rng.below(static_cast<uint32_t>(image.size()) - 24); i < image.size();
         ++i) {
      changed[i] = static_cast<std::byte>(rng.next());
    }
    loads(changed);
  }
}

CASE("faults of tables are refused") {
  refused("host table capacity is not a power of two",
          [](auto& b) { b.route_tables[0].host_capacity = 3; });
  refused("host table cannot be probed", [](auto& b) {
    for (auto& slot : b.hosts) slot = b.hosts[0].vhost == abi::kNone ? b.hosts[1] : b.hosts[0];
  });
  refused("wrong hash of a host name", [](auto& b) {
    for (auto& slot : b.hosts) slot.hash ^= slot.vhost == abi::kNone ? 0 : 1;
  });
  refused("host of another table", [](auto& b) {
    for (auto& slot : b.hosts) slot.vhost = slot.vhost == abi::kNone ? abi::kNone : 2;
  });
  refused("default virtual host of another table",
          [](auto& b) { b.route_tables[0].any_vhost = 2; });
  refused("wildcard host has more labels than its table says",
          [](auto& b) { b.route_tables[0].wild_max_labels = 2; });
  refused("prefix lengths do not agree with the prefixes",
          [](auto& b) { b.vhosts[0].prefix_lengths_low = 0; });
  refused("path table cannot be probed", [](auto& b) {
    const auto used =
        *std::find_if(b.paths.begin(), b.paths.end(), [](auto& p) { return p.kind != 0; });
    std::fill(b.paths.begin(), b.paths.begin() + b.vhosts[0].path_capacity, used);
    b.vhosts[0].prefix_lengths_low = b.vhosts[0].prefix_lengths_high = 0;
    if (used.kind == abi::path_kind::kPrefix) {
      const uint64_t bit = uint64_t{1} << std::min(used.key_length, 63u);
      b.vhosts[0].prefix_lengths_low = static_cast<uint32_t>(bit);
      b.vhosts[0].prefix_lengths_high = static_cast<uint32_t>(bit >> 32);
    }
    b.index.resize(b.index.size() + 1000);
  });
  refused("route of another virtual host",
          [](auto& b) { b.index[b.regexes[0].candidate_start] = 6; });
  refused("route under the wrong path", [](auto& b) { b.routes[4].path_length = 0; });
  refused("listener without a route table", [](auto& b) { b.listeners[0].route_table = 1; });
  refused("trust rows out of bounds", [](auto& b) { b.listeners[0].trust_count = 3; });
}

CASE("faults of automata are refused") {
  refused("transition to an unknown state",
          [](auto& b) { b.u16[b.dfas[0].transition_start + b.dfas[0].class_count] = 999; });
  refused("state 0 is not dead", [](auto& b) { b.u16[b.dfas[0].transition_start] = 1; });
  refused("state 0 accepts", [](auto& b) { b.bytes[b.dfas[0].accept_offset] = 1; });
  refused("byte class out of range", [](auto& b) { b.bytes[b.dfas[0].class_offset + 200] = 100; });
  refused("start state out of range",
          [](auto& b) { b.dfas[0].start_state = b.dfas[0].state_count; });
  refused("accepting states out of bounds",
          [](auto& b) { b.dfas[0].accept_offset = static_cast<uint32_t>(b.bytes.size()) - 1; });
}

CASE("faults of routes and actions are refused") {
  refused("cluster weights do not add up", [](auto& b) { b.weights[1].cumulative = 90; });
  refused("cluster weights do not add up", [](auto& b) { b.weights[0].cumulative = 0; });
  refused("prefix rewrite of a path that is no prefix",
          [](auto& b) { b.routes[2].path_kind = abi::path_kind::kExact; });
  refused("prefix redirect of a path that is no prefix",
          [](auto& b) { b.routes[3].path_kind = abi::path_kind::kExact; });
  refused("bad redirect path", [](auto& b) { b.bytes[b.routes[2].rewrite_offset + 1] = '\r'; });
  refused("bad rewrite", [](auto& b) { b.routes[2].rewrite_offset = b.routes[2].name_offset; });
  refused("control character in a header value",
          [](auto& b) { b.bytes[b.edits[1].value_offset] = '\n'; });
  refused("control character in a header value",
          [](auto& b) { b.bytes[b.edits[1].value_offset] = '\0'; });
  refused("header name of an edit is not a token in lower case",
          [](auto& b) { b.bytes[b.edits[1].name_offset] = 'X'; });
  refused("headers of a direct response are no header lines",
          [](auto& b) { --b.responds[0].headers_length; });
  refused("status of a direct response out of range", [](auto& b) { b.responds[0].status = 100; });
  refused("status is no redirect", [](auto& b) { b.redirects[0].status = 300; });
  refused("redirect host is not a host",
          [](auto& b) { b.bytes[b.redirects[0].host_offset] = '/'; });
  refused("unknown method bit", [](auto& b) { b.routes[0].methods = 1u << abi::method::kCount; });
  refused("negation is neither 0 nor 1", [](auto& b) { b.predicates[0].negate = 2; });
}

CASE("faults of clusters are refused") {
  refused("pick of another cluster", [](auto& b) { b.index[b.clusters[0].pick_start] = 4; });
  refused("pick of a drained endpoint", [](auto& b) { b.index[b.clusters[0].pick_start] = 2; });
  refused("stride weights are not scaled", [](auto& b) { b.u16[b.clusters[1].stride_start] = 0; });
  refused("stride weights out of bounds",
          [](auto& b) { b.clusters[0].stride_start = static_cast<uint32_t>(b.u16.size()) - 1; });
  refused("IPv4 address does not have 4 bytes",
          [](auto& b) { b.endpoints[0].address_length = 16; });
  refused("port out of range", [](auto& b) { b.endpoints[0].port = 65536; });
  refused("prefix longer than the address", [](auto& b) { b.cidrs[0].prefix_bits = 33; });
  refused("client certificate without its key", [](auto& b) {
    b.tls[0].key_offset = abi::kNone;
    b.tls[0].key_length = 0;
  });
}
