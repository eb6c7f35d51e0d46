#include <cstdio>
#include <cstdlib>

#include "fuzz_driver.h"

namespace millrace::test {

void fuzzFault(std::string_view what, std::string_view about) {
  std::fprintf(stderr, "%.*s%s%.*s\n", static_cast<int>(what.size()), what.data(),
               about.empty() ? "" : ":\n", static_cast<int>(about.size()), about.data());
  std::abort();
}

}  // namespace millrace::test
