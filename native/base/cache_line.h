#ifndef MILLRACE_BASE_CACHE_LINE_H_
#define MILLRACE_BASE_CACHE_LINE_H_

#include <cstddef>

namespace millrace {

// Our own constant: GCC warns that hardware_destructive_interference_size may change between
// compiler flags, and then the layout of shared objects would too.
inline constexpr std::size_t kCacheLine = 64;

}  // namespace millrace

#endif  // MILLRACE_BASE_CACHE_LINE_H_
