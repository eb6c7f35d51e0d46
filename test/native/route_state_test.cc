#include "engine/state/route_state.h"

#include <memory>
#include <string>
#include <vector>

#include "harness.h"
#include "image_builder.h"

using namespace millrace;

namespace {

struct TableSpec {
  std::string name;
  std::vector<std::vector<std::string>> hosts;  // per virtual host: the names of its routes
};

// Tables of these names; the virtual hosts are called h0, h1 ...
std::unique_ptr<const Image> imageOf(const std::vector<TableSpec>& tables) {
  test::ImageBuilder b;
  b.addCluster({1});
  for (const TableSpec& table : tables) {
    std::vector<test::VhostSpec> hosts;
    for (std::size_t h = 0; h < table.hosts.size(); ++h) {
      test::VhostSpec host{{"h" + std::to_string(h) + ".test"}, {}};
      for (const std::string& route : table.hosts[h])
        host.routes.push_back({abi::path_kind::kExact, "/" + route, 0, {}});
      hosts.push_back(std::move(host));
    }
    const std::size_t first_route = b.routes.size();
    abi::RouteTableRecord& record = b.route_tables[b.addTable(hosts)];
    const test::ImageBuilder::Text name = b.text(table.name);
    record.name_offset = name.offset;
    record.name_length = name.length;
    std::size_t route = first_route;
    for (std::size_t h = 0; h < table.hosts.size(); ++h) {
      const test::ImageBuilder::Text host = b.text("h" + std::to_string(h));
      abi::VhostRecord& vhost = b.vhosts[record.vhost_start + h];
      vhost.name_offset = host.offset;
      vhost.name_length = host.length;
      for (const std::string& text : table.hosts[h]) {
        const test::ImageBuilder::Text label = b.text(text);
        b.routes[route].name_offset = label.offset;
        b.routes[route].name_length = label.length;
        ++route;
      }
    }
  }
  ImageError error{};
  std::unique_ptr<const Image> image = Image::load(b.finish(), &error);
  EXPECT(image != nullptr, image == nullptr ? error.message : "");
  return image;
}

uint64_t requestsOf(const RouteStates& states, uint32_t route) {
  uint64_t requests = 0;
  if (const RouteState* const state = states.find(route); state != nullptr) {
    state->shards.forEach([&](const RouteShard& shard) {
      requests += shard.counters.read(abi::route_stat::kRequests);
    });
  }
  return requests;
}

void use(RouteRegistry& registry, const Image& image, RouteStates& states, uint32_t route,
         uint32_t worker) {
  registry.bind(image, states, route, worker).counters.add(abi::route_stat::kRequests, 1);
}

}  // namespace

CASE("routes have a state from their first use on") {
  const auto image = imageOf({{"main", {{"a", "b"}, {"c"}}}});
  RouteRegistry registry;
  RouteStates states(*image);
  EXPECT(states.used().empty());
  EXPECT(states.find(0) == nullptr && states.find(2) == nullptr && states.find(3) == nullptr);
  use(registry, *image, states, 2, 0);
  use(registry, *image, states, 2, 1);
  use(registry, *image, states, 2, 0);
  EXPECT_EQ(requestsOf(states, 2), 3u);
  EXPECT_EQ(states.used().size(), std::size_t{1});
  EXPECT_EQ(states.used()[0].first, 2u);
  EXPECT(states.find(0) == nullptr && states.find(1) == nullptr);
}

CASE("the numbers of a route go on in an image that has it at another place") {
  RouteRegistry registry;
  const auto old_image = imageOf({{"main", {{"a", "b"}, {"c"}}}, {"other", {{"a"}}}});
  auto old_states = std::make_unique<RouteStates>(*old_image);
  for (uint32_t route = 0; route < 4; ++route) {
    for (uint32_t i = 0; i <= route; ++i) use(registry, *old_image, *old_states, route, i % 2);
  }
  // Other tables first, the host of b has a route more, c is gone.
  const auto image = imageOf({{"other", {{"x", "a"}}}, {"main", {{"x", "b", "a"}, {"d"}}}});
  RouteStates states(*image);
  registry.adopt(*image, states);
  old_states.reset();
  registry.dropExpired();
  EXPECT_EQ(requestsOf(states, 0), 0u);  // other/x
  EXPECT_EQ(requestsOf(states, 1), 4u);  // other/a
  EXPECT_EQ(requestsOf(states, 2), 0u);  // main/x
  EXPECT_EQ(requestsOf(states, 3), 2u);  // main/b
  EXPECT_EQ(requestsOf(states, 4), 1u);  // main/a
  EXPECT_EQ(requestsOf(states, 5), 0u);  // main/d
  EXPECT_EQ(states.used().size(), std::size_t{3});
  // Back with c: it was gone and starts anew.
  RouteStates back(*old_image);
  registry.adopt(*old_image, back);
  EXPECT_EQ(requestsOf(back, 2), 0u);
  use(registry, *old_image, back, 2, 0);
  EXPECT_EQ(requestsOf(back, 2), 1u);
}

CASE("two images in use at once share the states of their routes") {
  RouteRegistry registry;
  const auto image = imageOf({{"main", {{"a"}}}});
  RouteStates before(*image);
  RouteStates after(*image);
  registry.adopt(*image, after);  // nothing was used yet
  use(registry, *image, before, 0, 0);
  use(registry, *image, after, 0, 1);
  EXPECT_EQ(requestsOf(before, 0), 2u);
  EXPECT_EQ(before.find(0), after.find(0));
}

CASE("equal names in other tables and virtual hosts are other routes") {
  RouteRegistry registry;
  const auto image = imageOf({{"one", {{"a"}, {"a"}}}, {"two", {{"a"}, {}, {"a"}}}});
  RouteStates states(*image);
  for (uint32_t route = 0; route < 4; ++route) use(registry, *image, states, route, 0);
  for (uint32_t route = 0; route < 4; ++route) EXPECT_EQ(requestsOf(states, route), 1u);
}
