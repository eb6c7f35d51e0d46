#include "engine/http/cookie.h"

#include <algorithm>
#include <cstddef>

#include "engine/http/chars.h"

namespace millrace {

std::optional<std::string_view> cookieValue(std::span<const HeaderSlice> fields,
                                            std::string_view name) noexcept {
  for (const HeaderSlice& field : fields) {
    if (field.name != "cookie") continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      if (chars::trim(pair.substr(0, equals)) == name) return chars::trim(pair.substr(equals + 1));
    }
  }
  return std::nullopt;
}

}  // namespace millrace
