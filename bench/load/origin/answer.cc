#include "origin/answer.h"

#include <algorithm>

#include "common/clock.h"
#include "common/http_text.h"

namespace millrace::load {
namespace {

Fault faultOf(std::string_view name) noexcept {
  constexpr std::string_view kNames[] = {"",        "reset",   "eof",    "hang",   "truncate",
                                         "garbage", "framing", "longer", "pattern"};
  const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
  return found == std::end(kNames) ? Fault::kNone : static_cast<Fault>(found - std::begin(kNames));
}

}  // namespace

Answer Answer::of(std::string_view target) noexcept {
  Answer answer;
  const size_t mark = target.find('?');
  if (mark == std::string_view::npos) return answer;
  for (std::string_view rest = target.substr(mark + 1); !rest.empty();) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = pair.substr(equals + 1);
    uint64_t n = 0;
    const bool number = parseDecimal(value, &n);
    if (name == "fail") answer.fault = faultOf(value);
    if (!number) continue;
    if (name == "size") answer.size = n;
    if (name == "delay") answer.delay_ns = n * kNsPerMs;
    if (name == "block") answer.block_ns = n * kNsPerMs;
    if (name == "chunk" && n > 0) answer.chunk = std::min<uint64_t>(n, 64 * 1024);
    if (name == "rate") answer.rate = n;
    if (name == "status" && n >= 200 && n <= 599) answer.status = static_cast<int>(n);
    if (name == "chunked") answer.chunked = n != 0;
    if (name == "close") answer.close = n != 0;
  }
  return answer;
}

}  // namespace millrace::load
