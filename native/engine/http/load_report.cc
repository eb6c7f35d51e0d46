#include "engine/http/load_report.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "engine/http/chars.h"

namespace millrace {
namespace {

constexpr uint64_t kMost = 0xffffffff;

std::optional<uint64_t> decimal(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = std::min(value * 10 + static_cast<uint64_t>(c - '0'), kMost);
  }
  return value;
}

}  // namespace

LoadReport takeLoadReport(ResponseHead* head) noexcept {
  std::optional<uint64_t> in_flight;
  std::optional<uint64_t> latency;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < head->field_count; ++i) {
    const ResponseField& field = head->fields[i];
    if (field.name.size() == 13 && chars::equalsIgnoreCase(field.name, "x-prequal-rif")) {
      in_flight = decimal(field.value);
    } else if (field.name.size() == 20 &&
               chars::equalsIgnoreCase(field.name, "x-prequal-latency-us")) {
      latency = decimal(field.value);
    } else {
      if (kept != i) head->fields[kept] = field;
      ++kept;
    }
  }
  head->field_count = kept;
  if (!in_flight.has_value() || !latency.has_value()) return {};
  return {true, static_cast<uint32_t>(*in_flight), *latency};
}

}  // namespace millrace
