#ifndef MILLRACE_ENGINE_HTTP_DEADLINE_FIELD_H_
#define MILLRACE_ENGINE_HTTP_DEADLINE_FIELD_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "abi.h"
#include "engine/http/request_head.h"

namespace millrace {

// The header in which a caller says for how many milliseconds more it waits for the answer. What it
// says when it is longer than a day makes no difference.
inline constexpr uint32_t kMostDeadlineMs = abi::limits::kMaxFailoverMs;

// Room for any of them. A number that is shorter stands at the end of it, behind spaces, which any
// recipient strips (RFC 9110 section 5.5): so it can be written anew on every attempt without
// moving what follows.
inline constexpr size_t kDeadlineWidth = 8;
static_assert(kMostDeadlineMs <= 99'999'999);

// What the field says, at most kMostDeadlineMs. abi::kNone when there is none, or more than one, or
// anything but digits in it.
uint32_t readDeadline(const RequestHead& request, std::string_view name) noexcept;

// Writes `ms` into the kDeadlineWidth bytes that begin at `at`.
void writeDeadline(char* at, uint32_t ms) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_DEADLINE_FIELD_H_
