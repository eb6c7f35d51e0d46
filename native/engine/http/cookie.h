#ifndef MILLRACE_ENGINE_HTTP_COOKIE_H_
#define MILLRACE_ENGINE_HTTP_COOKIE_H_

#include <optional>
#include <span>
#include <string_view>

#include "engine/route/request_view.h"

namespace millrace {

// Value of the first cookie of that name, through all Cookie lines (HTTP/2 hops may cut one into
// several). The form of RFC 6265 section 5.4, "a=1; b=2": names are compared with their case,
// quotes around a value are part of it, and what is no pair is passed over. Views into the fields;
// names of fields are in lower case. Pure.
std::optional<std::string_view> cookieValue(std::span<const HeaderSlice> fields,
                                            std::string_view name) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_COOKIE_H_
