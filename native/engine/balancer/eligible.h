#ifndef MILLRACE_ENGINE_BALANCER_ELIGIBLE_H_
#define MILLRACE_ENGINE_BALANCER_ELIGIBLE_H_

#include <cstdint>
#include <span>

#include "abi.h"

namespace millrace {

inline constexpr uint32_t kStrideScale = 65535;

// Endpoints that a request already tried: a handful at most, so a scan beats any set.
using ExcludedEndpoints = std::span<const uint32_t>;

inline bool isExcluded(ExcludedEndpoints excluded, uint32_t endpoint) noexcept {
  for (const uint32_t e : excluded) {
    if (e == endpoint) return true;
  }
  return false;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_ELIGIBLE_H_
