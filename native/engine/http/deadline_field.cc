#include "engine/http/deadline_field.h"

#include <algorithm>

namespace millrace {

uint32_t readDeadline(const RequestHead& request, std::string_view name) noexcept {
  uint32_t found = abi::kNone;
  for (uint32_t i = 0; i < request.field_count; ++i) {
    if (request.fields[i].name != name) continue;
    const std::string_view value = request.fields[i].value;
    if (found != abi::kNone || value.empty()) return abi::kNone;
    uint32_t ms = 0;
    for (const char c : value) {
      if (c < '0' || c > '9') return abi::kNone;
      ms = std::min(ms * 10 + static_cast<uint32_t>(c - '0'), kMostDeadlineMs);
    }
    found = ms;
  }
  return found;
}

void writeDeadline(char* at, uint32_t ms) noexcept {
  for (size_t i = kDeadlineWidth; i-- > 0; ms /= 10)
    at[i] = ms != 0 || i == kDeadlineWidth - 1 ? static_cast<char>('0' + ms % 10) : ' ';
}

}  // namespace millrace
