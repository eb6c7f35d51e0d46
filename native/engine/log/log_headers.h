#ifndef MILLRACE_ENGINE_LOG_LOG_HEADERS_H_
#define MILLRACE_ENGINE_LOG_LOG_HEADERS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace {

// Request headers as a record carries them in the text abi::record_text::kHeaders: length of the
// name (1 byte), name, length of the value (2 bytes), value; and so on.
inline constexpr size_t kLogHeaderOverhead = 3;

// The value of a header; `*present` says whether it is there at all.
inline std::string_view logHeader(std::string_view all, std::string_view name,
                                  bool* present) noexcept {
  while (all.size() >= kLogHeaderOverhead) {
    const auto name_length = static_cast<uint8_t>(all[0]);
    if (all.size() < kLogHeaderOverhead + name_length) break;
    uint16_t value_length = 0;
    std::memcpy(&value_length, all.data() + 1 + name_length, sizeof value_length);
    const std::string_view rest = all.substr(kLogHeaderOverhead + name_length);
    if (rest.size() < value_length) break;
    if (all.substr(1, name_length) == name) {
      *present = true;
      return rest.substr(0, value_length);
    }
    all = rest.substr(value_length);
  }
  *present = false;
  return {};
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_LOG_LOG_HEADERS_H_
