#ifndef MILLRACE_ENGINE_FAILOVER_VERDICT_H_
#define MILLRACE_ENGINE_FAILOVER_VERDICT_H_

#include <cstdint>

#include "abi.h"

namespace millrace {

// What the end of a request says of its cluster.
enum class Verdict : uint8_t {
  kNone,  // nothing: the client left or was at fault, or we refused it ourselves
  kGood,
  kFailed,
};

// `status`: of the answer, ours or the upstream's; 0 = there was none. `flag`: abi::response_flag.
constexpr Verdict verdictOf(uint32_t status, uint32_t flag) noexcept {
  namespace f = abi::response_flag;
  switch (flag) {
    case f::kNone:
      return status >= 500 ? Verdict::kFailed : status >= 100 ? Verdict::kGood : Verdict::kNone;
    case f::kUf:
    case f::kUc:
    case f::kUt:
    case f::kUpe:
    case f::kUtls:
    case f::kUct:
    case f::kUtt:
    case f::kUpt:
      return Verdict::kFailed;
    case f::kSi:
    case f::kUmsdr:
      // Without a head yet: the upstream let the time pass. After that, either side may have.
      return status == 504 ? Verdict::kFailed : Verdict::kNone;
    default:
      return Verdict::kNone;
  }
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_FAILOVER_VERDICT_H_
