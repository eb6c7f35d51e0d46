#ifndef MILLRACE_ENGINE_LOG_LOG_TIME_H_
#define MILLRACE_ENGINE_LOG_LOG_TIME_H_

#include <array>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "engine/log/log_text.h"

namespace millrace {

// Wall-clock times in text. Remembers the calendar of the last second that was asked for, in UTC
// and in local time, and what a pattern without fractions came to: the lines of one second cost it
// once. One thread.
class LogTime {
 public:
  // RFC 3339 in UTC with milliseconds: 2026-11-21T14:03:09.120Z.
  void appendIso(LineBuffer* out, uint64_t wall_us);
  // By a pattern in the words of strftime: %Y %m %d %H %M %S %y %e %j %a %b %z %Z %s %%, and
  // fractions of a second %1f to %9f (%f is %6f). Others stand for themselves: the configuration
  // has none. In English, whatever the locale is.
  void appendPattern(LineBuffer* out, uint64_t wall_us, std::string_view pattern, bool local);

 private:
  struct Calendar {
    int64_t second = INT64_MIN;
    std::tm tm{};
  };
  // What a pattern came to in one second.
  struct Known {
    int64_t second = INT64_MIN;
    bool local = false;
    std::string pattern;
    LineBuffer text;
  };
  const std::tm& calendarOf(int64_t second, bool local);
  void render(LineBuffer* out, uint64_t wall_us, std::string_view pattern, bool local);

  std::array<Calendar, 2> calendars_;
  Known known_;
  int64_t iso_second_ = INT64_MIN;
  std::array<char, 20> iso_{};
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_LOG_LOG_TIME_H_
