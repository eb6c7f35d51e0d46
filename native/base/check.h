#ifndef MILLRACE_BASE_CHECK_H_
#define MILLRACE_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace millrace::internal {

[[noreturn]] inline void checkFailed(const char* file, int line, const char* condition) noexcept {
  std::fprintf(stderr, "millrace: %s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace millrace::internal

// An invariant of our own code, checked in every build. Never for input from the network: that is
// an expected outcome and has a status.
#define MILLRACE_CHECK(condition)     \
  (__builtin_expect(!!(condition), 1) \
       ? static_cast<void>(0)         \
       : ::millrace::internal::checkFailed(__FILE__, __LINE__, #condition))

// The same for places where the check would cost something per request: debug and test builds only.
#ifdef NDEBUG
#define MILLRACE_DCHECK(condition) static_cast<void>(sizeof(!!(condition)))
#else
#define MILLRACE_DCHECK(condition) MILLRACE_CHECK(condition)
#endif

#endif  // MILLRACE_BASE_CHECK_H_
