#ifndef MILLRACE_TEST_NATIVE_FUZZ_DRIVER_H_
#define MILLRACE_TEST_NATIVE_FUZZ_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// A fuzz target is a file with these two functions. Linked with fuzz_driver.cc it is a test of a
// bounded number of seeded mutations, for which g++ is enough; linked with libFuzzer (fuzz.mk) it
// runs for as long as one likes. A property that does not hold aborts.
//
// The driver, besides what every native test understands:
//   MILLRACE_FUZZ_INPUTS=5000000   how many inputs, instead of the target's own number
//   --seed N                       other mutations
//   MILLRACE_FUZZ_REPLAY=<hex>     that one input; a failure prints it in this form
// Every file in test/native/corpus/<target>/ is a seed, and is tried in every run: what has once
// failed goes there.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

namespace millrace::test {

struct FuzzTarget {
  std::string name;
  std::vector<std::string> seeds;
  std::vector<std::string> fragments;  // what mutations put in: the words of the format
  std::string separator = "\r\n";      // what lines end in; they are repeated, dropped and swapped
  bool binary = false;                 // words of 32 bits at fixed places: the length stays
  uint32_t inputs = 100'000;           // of a run of the tests
};
FuzzTarget fuzzTarget();

// Says what does not hold, and ends the program.
[[noreturn]] void fuzzFault(std::string_view what, std::string_view about = {});

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_FUZZ_DRIVER_H_
