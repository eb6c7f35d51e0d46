#include "engine/image/image.h"

#include <cstring>
#include <string>

#include "base/rng.h"
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
  for (const auto& r : image.clusters()) {
    read(r.name_offset, r.name_length);
    if (r.tls != abi::kNone) sum += image.tls()[r.tls].flags;
    const abi::BalancerRecord& balancer = image.balancers()[r.balancer];
    read(balancer.zone_offset, balancer.zone_length);
    for (const auto& source :
         image.hashSources().subspan(balancer.hash_start, balancer.hash_count)) {
      read(source.name_offset, source.name_length);
      read(source.path_offset, source.path_length);
    }
    for (const auto& subset : image.subsets().subspan(r.subset_start, r.subset_count)) {
      read(subset.name_offset, subset.name_length);
      for (const uint32_t member : image.members(subset)) sum += image.endpoints()[member].weight;
    }
  }
  for (const auto& r : image.endpoints()) {
    read(r.name_offset, r.name_length);
    read(r.address_offset, r.address_length);
    read(r.server_name_offset, r.server_name_length);
    read(r.zone_offset, r.zone_length);
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
    if (r.action == abi::action::kCluster) {
      for (const uint32_t member : image.members(image.subsets()[r.subset]))
        sum += image.endpoints()[member].weight;
    }
    if (r.action == abi::action::kRedirect) sum += image.redirects()[r.action_start].status;
    if (r.action == abi::action::kRespond) sum += image.responds()[r.action_start].status;
    if (r.action != abi::action::kWeightedClusters) continue;
    for (const auto& w : image.weights().subspan(r.action_start, r.action_count)) {
      sum += image.clusters()[w.cluster].balancer + image.subsets()[w.subset].member_count;
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
  const std::span<const uint32_t> members = image->members(image->subsets()[0]);
  EXPECT_EQ(members.size(), 3u);
  EXPECT_EQ(members[2], 3u);
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
