#ifndef MILLRACE_ENGINE_HTTP_RETRY_AFTER_H_
#define MILLRACE_ENGINE_HTTP_RETRY_AFTER_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/http/response_parser.h"

namespace millrace {

// Seconds since 1970 of an IMF-fixdate (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
// The two obsolete forms, which nothing has sent for decades, are not understood.
std::optional<int64_t> parseHttpDate(std::string_view text) noexcept;

// How long the upstream asks to be left alone, in milliseconds; 0 = it does not say so. Either a
// number of seconds, or a date, which is taken relative to the answer's own Date: the clocks of two
// machines need not agree. At most a day.
uint64_t retryAfterMs(const ResponseHead& head) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_RETRY_AFTER_H_
