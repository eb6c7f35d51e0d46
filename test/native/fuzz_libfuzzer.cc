#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz_driver.h"
#include "fuzz_seeds.h"

// With MILLRACE_FUZZ_DUMP=<directory>, a program with libFuzzer writes the target's seeds and its
// dictionary there, in libFuzzer's own forms, and ends.
extern "C" int LLVMFuzzerInitialize(int*, char***);
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  using namespace millrace::test;  // NOLINT
  const char* named = std::getenv("MILLRACE_FUZZ_DUMP");
  if (named == nullptr) return 0;
  const std::filesystem::path directory(named);
  std::filesystem::create_directories(directory / "seeds");
  std::filesystem::create_directories(directory / "found");
  const FuzzTarget target = fuzzTarget();
  for (std::size_t i = 0; i < target.seeds.size(); ++i)
    std::ofstream(directory / "seeds" / std::to_string(i), std::ios::binary) << target.seeds[i];
  std::ofstream words(directory / "dictionary");
  for (const std::string& fragment : target.fragments) {
    words << '"';
    for (const char c : fragment) words << "\\x" << toHex({&c, 1});
    words << "\"\n";
  }
  words.close();
  std::exit(0);
}
