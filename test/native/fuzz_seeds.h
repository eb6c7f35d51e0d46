#ifndef MILLRACE_TEST_NATIVE_FUZZ_SEEDS_H_
#define MILLRACE_TEST_NATIVE_FUZZ_SEEDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

// The messages of test/fixtures/hostile-cases.json that a "client" or an "upstream" sends; those
// that are long by repetition are left out. Reads the file relative to the working directory; an
// empty list without it.
std::vector<std::string> hostileMessages(std::string_view side);

// The bytes as two hexadecimal digits each, and back; an odd digit at the end is dropped.
std::string toHex(std::string_view bytes);
std::string fromHex(std::string_view digits);

// Every file of a directory, in the order of their names; empty when there is none.
std::vector<std::string> readFiles(const std::string& directory);

// The parts between separators; one more than there are separators.
std::vector<std::string> splitText(std::string_view text, std::string_view separator);

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_FUZZ_SEEDS_H_
