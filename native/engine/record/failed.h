#ifndef MILLRACE_ENGINE_RECORD_FAILED_H_
#define MILLRACE_ENGINE_RECORD_FAILED_H_

#include <cstdint>

#include "abi.h"

namespace millrace {

// Whether somebody who looks for what went wrong wants to see the request: no answer, an answer of
// 500 and more, or a flag that says so, whatever the status (a fallback may have answered 200).
// Refusals as configured (NR, RL, BL, DPE) and direct answers (DI) are none of these, or whoever
// sends many of them would have all others forgotten; and neither is a client that leaves once its
// answer has begun (DC).
constexpr bool isFailure(uint32_t status, uint32_t flag) noexcept {
  namespace f = abi::response_flag;
  constexpr uint32_t kFailures = 1u << f::kNc | 1u << f::kUf | 1u << f::kUc | 1u << f::kUt |
                                 1u << f::kSi | 1u << f::kUo | 1u << f::kUpe | 1u << f::kUtls |
                                 1u << f::kOvl | 1u << f::kUh | 1u << f::kUq | 1u << f::kCb |
                                 1u << f::kUct | 1u << f::kUtt | 1u << f::kUpt | 1u << f::kDrt |
                                 1u << f::kUmsdr | 1u << f::kDle | 1u << f::kFi;
  static_assert(f::kCount <= 32);
  return status == 0 || status >= 500 || (kFailures >> flag & 1) != 0;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_RECORD_FAILED_H_
