#include "engine/route/matcher.h"

#include "engine/route/match_walk.h"

namespace millrace {
namespace {

// For requests: nobody wants to know. In this unnamed namespace, so that the compiler knows all
// callers and inlines the walk as if it were not a template.
struct NoRecorder {
  void host(std::string_view, uint32_t) const noexcept {}
  void anyHost(uint32_t) const noexcept {}
  void route(uint32_t, uint32_t) const noexcept {}
};

}  // namespace

uint32_t matchRoute(const Image& image, uint32_t route_table, const RequestView& request) noexcept {
  return walkRoutes(image, route_table, request, NoRecorder{});
}

}  // namespace millrace
