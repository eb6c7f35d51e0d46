#ifndef MILLRACE_TEST_NATIVE_FUZZ_DRIVER_H_
#define MILLRACE_TEST_NATIVE_FUZZ_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// A fuzz target is a file with these two functions. Linked with fuzz_driver.cc it is a test of a
// bounded number of seeded mutations; linked with libFuzzer (clang++ -fsanitize=fuzzer,address) it
// runs for as long as one likes. A property that does not hold aborts.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

namespace millrace::test {

// Inputs to start from, and fragments that mutations put into them.
std::vector<std::string> fuzzCorpus();
std::vector<std::string> fuzzFragments();

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_FUZZ_DRIVER_H_
