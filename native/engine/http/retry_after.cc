#include "engine/http/retry_after.h"

#include <algorithm>

#include "engine/http/chars.h"

namespace millrace {
namespace {

constexpr uint64_t kMostSeconds = 24 * 60 * 60;

// A number of exactly `text.size()` digits, or -1.
int number(std::string_view text) noexcept {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

// Days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
int64_t daysFromCivil(int year, int month, int day) noexcept {
  year -= month <= 2 ? 1 : 0;
  const int era = year / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<int64_t>(era) * 146097 + day_of_era - 719468;
}

}  // namespace

std::optional<int64_t> parseHttpDate(std::string_view text) noexcept {
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  //  0    5  8   12   17 20 23 26
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const size_t month =
      std::string_view("JanFebMarAprMayJunJulAugSepOctNovDec").find(text.substr(8, 3));
  const int day = number(text.substr(5, 2));
  const int year = number(text.substr(12, 4));
  const int hour = number(text.substr(17, 2));
  const int minute = number(text.substr(20, 2));
  const int second = number(text.substr(23, 2));
  if (month == std::string_view::npos || month % 3 != 0 || day < 1 || day > 31 || year < 1970 ||
      hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    return std::nullopt;
  }
  const int64_t days = daysFromCivil(year, static_cast<int>(month / 3) + 1, day);
  return days * 86400 + hour * 3600 + minute * 60 + second;
}

uint64_t retryAfterMs(const ResponseHead& head) noexcept {
  std::string_view wanted;
  std::string_view date;
  for (uint32_t i = 0; i < head.field_count; ++i) {
    const ResponseField& field = head.fields[i];
    if (field.id == HeaderId::kDate) date = field.value;
    if (field.name.size() == 11 && chars::equalsIgnoreCase(field.name, "retry-after"))
      wanted = field.value;
  }
  if (wanted.empty()) return 0;
  if (wanted[0] >= '0' && wanted[0] <= '9') {
    uint64_t seconds = 0;
    for (const char c : wanted) {
      if (c < '0' || c > '9') return 0;
      seconds = std::min(seconds * 10 + static_cast<uint64_t>(c - '0'), kMostSeconds);
    }
    return seconds * 1000;
  }
  const std::optional<int64_t> until = parseHttpDate(wanted);
  const std::optional<int64_t> now = parseHttpDate(date);
  if (!until.has_value() || !now.has_value() || *until <= *now) return 0;
  return std::min(static_cast<uint64_t>(*until - *now), kMostSeconds) * 1000;
}

}  // namespace millrace
