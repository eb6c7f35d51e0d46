#ifndef MILLRACE_ENGINE_STATE_ROUTE_STATE_H_
#define MILLRACE_ENGINE_STATE_ROUTE_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/image/image.h"
#include "engine/state/series.h"

namespace millrace {

// Runtime state of a route: outlives the image it came with, as long as some image has a route of
// that name in that virtual host and route table.
struct RouteState : Series<RouteShard> {
  // When a request is hedged, in microseconds (hedgeDelayUs); the control plane writes it.
  std::atomic<uint32_t> hedge_delay_us{abi::kNone};
};

// The states of the routes of one image. A route that no request has taken has none: an image of
// 100,000 routes costs 16 bytes each until then.
class RouteStates {
 public:
  explicit RouteStates(const Image& image) : states_(image.routes().size()) {}

  // Null when the route was never used, or is not one of the image.
  RouteState* find(uint32_t route) const;
  // (route, state) of all that were used. They live as long as this object.
  std::vector<std::pair<uint32_t, RouteState*>> used() const;

 private:
  friend class RouteRegistry;
  RouteState& put(uint32_t route, std::shared_ptr<RouteState> state);

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<RouteState>> states_;
  std::vector<std::pair<uint32_t, RouteState*>> used_;
};

// Finds states by the identity of the route, across images. Any thread.
class RouteRegistry {
 public:
  // This worker's shard of a route, made on first use. Takes two mutexes for a moment: once per
  // worker, route and image, then the worker keeps the pointer (valid as long as `states`).
  RouteShard& bind(const Image& image, RouteStates& states, uint32_t route, uint32_t worker);
  // Carries over what was used before; `states` is not shared yet. A route that is used for the
  // first time ever while this runs is found again when the new image uses it, if that is before
  // the old image is gone; else these few requests are forgotten.
  void adopt(const Image& image, RouteStates& states);
  // Forgets routes that no image names any more.
  void dropExpired();

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<RouteState>> states_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_ROUTE_STATE_H_
