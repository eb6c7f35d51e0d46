#ifndef MILLRACE_TEST_NATIVE_FUZZ_SEEDS_H_
#define MILLRACE_TEST_NATIVE_FUZZ_SEEDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

// The hostile messages that a "client" or an "upstream" sends, as seeds.ts has written them; an
// empty list without its files. Paths are relative to the working directory.
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
