#include "engine/log/log_time.h"

#include <cstdlib>

namespace millrace {
namespace {

constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

void appendPadded(LineBuffer* out, uint64_t value, int digits, char pad = '0') {
  char text[20];
  for (int i = digits - 1; i >= 0; --i, value /= 10)
    text[i] = value == 0 && i != digits - 1 ? pad : static_cast<char>('0' + value % 10);
  out->append({text, static_cast<size_t>(digits)});
}

// Whether a pattern has %f, or %1f to %9f.
bool hasFraction(std::string_view pattern) {
  for (size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    const char word = pattern[++i];
    if (word == 'f') return true;
    if (word >= '1' && word <= '9' && i + 1 < pattern.size() && pattern[i + 1] == 'f') return true;
  }
  return false;
}

// "+0130"
void appendOffset(LineBuffer* out, long seconds) {
  out->append(seconds < 0 ? '-' : '+');
  const uint64_t minutes = static_cast<uint64_t>(std::labs(seconds)) / 60;
  appendPadded(out, minutes / 60, 2);
  appendPadded(out, minutes % 60, 2);
}

}  // namespace

const std::tm& LogTime::calendarOf(int64_t second, bool local) {
  Calendar& calendar = calendars_[local ? 1 : 0];
  if (calendar.second != second) {
    const auto time = static_cast<std::time_t>(second);
    if (local)
      ::localtime_r(&time, &calendar.tm);
    else
      ::gmtime_r(&time, &calendar.tm);
    calendar.second = second;
  }
  return calendar.tm;
}

void LogTime::appendIso(LineBuffer* out, uint64_t wall_us) {
  const auto second = static_cast<int64_t>(wall_us / 1'000'000);
  if (second != iso_second_) {
    const std::tm& tm = calendarOf(second, false);
    const auto put = [this](size_t at, int value, int digits) {
      for (int i = digits - 1; i >= 0; --i, value /= 10)
        iso_[at + static_cast<size_t>(i)] = static_cast<char>('0' + value % 10);
    };
    put(0, tm.tm_year + 1900, 4);
    put(5, tm.tm_mon + 1, 2);
    put(8, tm.tm_mday, 2);
    put(11, tm.tm_hour, 2);
    put(14, tm.tm_min, 2);
    put(17, tm.tm_sec, 2);
    iso_[4] = iso_[7] = '-';
    iso_[10] = 'T';
    iso_[13] = iso_[16] = ':';
    iso_[19] = '.';
    iso_second_ = second;
  }
  out->append({iso_.data(), iso_.size()});
  appendPadded(out, wall_us / 1000 % 1000, 3);
  out->append('Z');
}

void LogTime::appendPattern(LineBuffer* out, uint64_t wall_us, std::string_view pattern,
                            bool local) {
  const auto second = static_cast<int64_t>(wall_us / 1'000'000);
  if (known_.second != second || known_.local != local || known_.pattern != pattern) {
    if (hasFraction(pattern)) return render(out, wall_us, pattern, local);
    known_.second = second;
    known_.local = local;
    known_.pattern = pattern;
    known_.text.truncate(0);
    render(&known_.text, wall_us, pattern, local);
  }
  out->append(known_.text.view());
}

void LogTime::render(LineBuffer* out, uint64_t wall_us, std::string_view pattern, bool local) {
  const std::tm& tm = calendarOf(static_cast<int64_t>(wall_us / 1'000'000), local);
  const auto number = [out](int value, int digits, char pad = '0') {
    appendPadded(out, static_cast<uint64_t>(value < 0 ? 0 : value), digits, pad);
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      out->append(pattern[i]);
      continue;
    }
    int digits = 6;
    if (pattern[i + 1] >= '1' && pattern[i + 1] <= '9' && i + 2 < pattern.size() &&
        pattern[i + 2] == 'f') {
      digits = pattern[i + 1] - '0';
      ++i;
    }
    switch (pattern[++i]) {
      case 'Y':
        number(tm.tm_year + 1900, 4);
        break;
      case 'm':
        number(tm.tm_mon + 1, 2);
        break;
      case 'd':
        number(tm.tm_mday, 2);
        break;
      case 'H':
        number(tm.tm_hour, 2);
        break;
      case 'M':
        number(tm.tm_min, 2);
        break;
      case 'S':
        number(tm.tm_sec, 2);
        break;
      case 'y':
        number(tm.tm_year % 100, 2);
        break;
      case 'e':
        number(tm.tm_mday, 2, ' ');
        break;
      case 'j':
        number(tm.tm_yday + 1, 3);
        break;
      case 'a':
        out->append(kDays.substr(3 * static_cast<size_t>(tm.tm_wday), 3));
        break;
      case 'b':
        out->append(kMonths.substr(3 * static_cast<size_t>(tm.tm_mon), 3));
        break;
      case 'z':
        appendOffset(out, local ? tm.tm_gmtoff : 0);
        break;
      case 'Z':
        out->append(local && tm.tm_zone != nullptr ? std::string_view(tm.tm_zone)
                                                   : std::string_view("UTC"));
        break;
      case 's':
        appendNumber(out, wall_us / 1'000'000);
        break;
      case 'f': {
        uint64_t fraction = wall_us % 1'000'000 * 1000;  // nanoseconds
        for (int cut = digits; cut < 9; ++cut) fraction /= 10;
        appendPadded(out, fraction, digits);
        break;
      }
      case '%':
        out->append('%');
        break;
      default:
        out->append('%');
        out->append(pattern[i]);
    }
  }
}

}  // namespace millrace
