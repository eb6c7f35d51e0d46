#include "engine/state/route_state.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace millrace {
namespace {

// The row whose range [start, start + count) holds `index`, of rows in the order of their ranges as
// the compiler writes them; nullptr when there is none.
template <typename Record>
const Record* rowOf(std::span<const Record> rows, uint32_t Record::*start, uint32_t Record::*count,
                    uint32_t index) noexcept {
  const auto after =
      std::upper_bound(rows.begin(), rows.end(), index,
                       [start](uint32_t value, const Record& row) { return value < row.*start; });
  // Rows without any share their start with the one that follows.
  if (after == rows.begin()) return nullptr;
  const Record& row = *(after - 1);
  return index - row.*start < row.*count ? &row : nullptr;
}

// What makes two routes of two images the same one. A route that no virtual host lists can never be
// matched; it has its number.
std::string routeKey(const Image& image, uint32_t route) {
  const abi::RouteRecord& record = image.routes()[route];
  const abi::VhostRecord* const vhost =
      rowOf(image.vhosts(), &abi::VhostRecord::route_start, &abi::VhostRecord::route_count, route);
  if (vhost == nullptr) return std::to_string(route);
  const abi::RouteTableRecord* const table = rowOf(
      image.routeTables(), &abi::RouteTableRecord::vhost_start, &abi::RouteTableRecord::vhost_count,
      static_cast<uint32_t>(vhost - image.vhosts().data()));
  std::string key;
  if (table != nullptr) key += image.str(table->name_offset, table->name_length);
  key += '\0';
  key += image.str(vhost->name_offset, vhost->name_length);
  key += '\0';
  key += image.str(record.name_offset, record.name_length);
  return key;
}

}  // namespace

RouteState* RouteStates::find(uint32_t route) const {
  const std::lock_guard lock(mutex_);
  return route < states_.size() ? states_[route].get() : nullptr;
}

std::vector<std::pair<uint32_t, RouteState*>> RouteStates::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

RouteState& RouteStates::put(uint32_t route, std::shared_ptr<RouteState> state) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<RouteState>& slot = states_[route];
  // Another worker may have been first; the registry gave both the same state.
  if (slot == nullptr) {
    slot = std::move(state);
    used_.emplace_back(route, slot.get());
  }
  return *slot;
}

RouteShard& RouteRegistry::bind(const Image& image, RouteStates& states, uint32_t route,
                                uint32_t worker) {
  RouteState* found = states.find(route);
  if (found == nullptr) {
    const std::string key = routeKey(image, route);
    std::shared_ptr<RouteState> state;
    {
      const std::lock_guard lock(mutex_);
      std::weak_ptr<RouteState>& known = states_[key];
      state = known.lock();
      if (state == nullptr) known = state = std::make_shared<RouteState>();
    }
    found = &states.put(route, std::move(state));
  }
  return found->shards.of(worker);
}

void RouteRegistry::adopt(const Image& image, RouteStates& states) {
  std::unordered_map<std::string, std::shared_ptr<RouteState>> used;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, known] : states_) {
      if (std::shared_ptr<RouteState> state = known.lock()) used.emplace(key, std::move(state));
    }
  }
  if (used.empty()) return;
  // Without the mutex: workers go on binding meanwhile. What they add to the registry now is found
  // when the new image is used.
  for (uint32_t route = 0; route < image.routes().size(); ++route) {
    if (const auto found = used.find(routeKey(image, route)); found != used.end())
      states.put(route, found->second);
  }
}

void RouteRegistry::dropExpired() {
  const std::lock_guard lock(mutex_);
  std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace millrace
