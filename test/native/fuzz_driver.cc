#include "fuzz_driver.h"

#include <sanitizer/common_interface_defs.h>

#include <cctype>
#include <cstdio>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"

namespace millrace::test {
namespace {

constexpr int kRounds = 100'000;

// What is being tried: printed when it ends the program.
std::string& current() {
  static std::string input;
  return input;
}

void printCurrent() {
  std::fprintf(stderr, "seed %llu, input \"", static_cast<unsigned long long>(seed()));
  for (const char c : current()) {
    const bool plain = std::isprint(static_cast<unsigned char>(c)) != 0 && c != '"' && c != '\\';
    std::fprintf(stderr, plain ? "%c" : "\\x%02x\"\"", static_cast<unsigned char>(c));
  }
  std::fprintf(stderr, "\"\n");
}

std::size_t somewhere(const std::string& text, Rng& rng) {
  return rng.below(static_cast<uint32_t>(text.size()) + 1);
}

template <typename T>
const T& anyOf(const std::vector<T>& all, Rng& rng) {
  return all[rng.below(static_cast<uint32_t>(all.size()))];
}

void mutate(std::string& text, const std::vector<std::string>& corpus,
            const std::vector<std::string>& fragments, Rng& rng) {
  const std::size_t at = somewhere(text, rng);
  const std::size_t few = rng.below(8);
  switch (rng.below(8)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(rng.below(256));
      break;
    case 1:
      if (at < text.size()) text[at] ^= static_cast<char>(1u << rng.below(8));
      break;
    case 2:
      text.insert(at, 1 + few, static_cast<char>(rng.below(256)));
      break;
    case 3:
      text.erase(at, few);
      break;
    case 4:
      text.insert(at, anyOf(fragments, rng));
      break;
    case 5: {  // a part of it again
      const std::size_t from = somewhere(text, rng);
      text.insert(at, text.substr(from, rng.below(64)));
      break;
    }
    case 6: {  // the rest of another
      const std::string& other = anyOf(corpus, rng);
      text = text.substr(0, at) + other.substr(somewhere(other, rng));
      break;
    }
    default:
      text.resize(at);
      break;
  }
}

CASE("mutated inputs keep every property") {
  Rng rng(seed());
  const std::vector<std::string> corpus = fuzzCorpus();
  const std::vector<std::string> fragments = fuzzFragments();
  // ASan and UBSan end here as well as abort().
  __sanitizer_set_death_callback(printCurrent);
  const auto attempt = [](const std::string& input) {
    current() = input;
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  };
  for (const std::string& input : corpus) attempt(input);
  for (int round = 0; round < kRounds; ++round) {
    std::string input = anyOf(corpus, rng);
    for (uint32_t n = 1 + rng.below(5); n != 0; --n) mutate(input, corpus, fragments, rng);
    attempt(input);
  }
}

}  // namespace
}  // namespace millrace::test
