#include "fuzz_driver.h"

#include <sanitizer/common_interface_defs.h>

#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "fuzz_seeds.h"
#include "harness.h"

namespace millrace::test {
namespace {

constexpr std::size_t kMostBytes = 64 * 1024;
// Where counters end: 15 and 18 digits are the engine's own limits.
const std::vector<std::string> kNumbers = {"0",
                                           "1",
                                           "00",
                                           "007",
                                           "-1",
                                           "+1",
                                           "1.0",
                                           "1e3",
                                           "0x10",
                                           "16",
                                           "17",
                                           "99",
                                           "100",
                                           "127",
                                           "128",
                                           "199",
                                           "599",
                                           "600",
                                           "65535",
                                           "65536",
                                           "2147483647",
                                           "2147483648",
                                           "4294967295",
                                           "4294967296",
                                           "999999999999999",
                                           "1000000000000000",
                                           "999999999999999999",
                                           "1000000000000000000",
                                           "9223372036854775807",
                                           "9223372036854775808",
                                           "18446744073709551615",
                                           "18446744073709551616",
                                           "7fffffff",
                                           "ffffffff",
                                           "7ffffffffffffff",
                                           "fffffffffffffff",
                                           "7fffffffffffffff",
                                           "ffffffffffffffff",
                                           "10000000000000000",
                                           "0000000000000000",
                                           "00000000000000000"};
constexpr uint32_t kWords[] = {
    0,          1,          2,          3,          7,          8,         16,         63,
    64,         255,        256,        1023,       65'535,     65'536,    0x7fffffff, 1u << 31,
    0xfffffffe, 0xffffffff, 0xfffffff8, 0x40000000, 0x20000000, 0x0fffffff};

// What is being tried: printed when it ends the program.
std::string& current() {
  static std::string input;
  return input;
}

void printCurrent() {
  std::fprintf(stderr, "fuzz target %s, seed %llu; the input again: MILLRACE_FUZZ_REPLAY=%s\n",
               fuzzTarget().name.c_str(), static_cast<unsigned long long>(seed()),
               toHex(current()).c_str());
  std::fprintf(stderr, "to try it in every run, put those bytes into a file of %s\n",
               ("test/native/corpus/" + fuzzTarget().name).c_str());
}

// ASan and UBSan come here by the death callback, abort() by its signal.
void printFailures() {
  __sanitizer_set_death_callback(printCurrent);
  std::signal(SIGABRT, [](int) {
    std::signal(SIGABRT, SIG_DFL);
    printCurrent();
    std::abort();
  });
}

class Mutator {
 public:
  Mutator(const FuzzTarget& target, const std::vector<std::string>& corpus, Rng& rng)
      : target_(target), corpus_(corpus), rng_(rng) {}

  std::string next() {
    std::string text = anyOf(corpus_);
    for (uint32_t n = 1 + rng_.below(5); n != 0; --n) {
      if (target_.binary)
        mutateWord(text);
      else if (rng_.below(5) < 2)
        mutateLines(text);
      else
        mutateBytes(text);
    }
    if (text.size() > kMostBytes) text.resize(kMostBytes);
    return text;
  }

 private:
  const std::string& anyOf(const std::vector<std::string>& all) {
    return all[rng_.below(static_cast<uint32_t>(all.size()))];
  }
  std::size_t somewhere(const std::string& text) {
    return rng_.below(static_cast<uint32_t>(text.size()) + 1);
  }

  void mutateBytes(std::string& text) {
    const std::size_t at = somewhere(text);
    const std::size_t few = rng_.below(8);
    switch (rng_.below(9)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(rng_.below(256));
        break;
      case 1:
        if (at < text.size()) text[at] ^= static_cast<char>(1u << rng_.below(8));
        break;
      case 2:
        text.insert(at, 1 + few, static_cast<char>(rng_.below(256)));
        break;
      case 3:
        text.erase(at, few);
        break;
      case 4:
        text.insert(at, anyOf(target_.fragments));
        break;
      case 5: {  // a part of it again
        const std::size_t from = somewhere(text);
        text.insert(at, text.substr(from, rng_.below(64)));
        break;
      }
      case 6: {  // the rest of another
        const std::string& other = anyOf(corpus_);
        text = text.substr(0, at) + other.substr(somewhere(other));
        break;
      }
      case 7:
        mutateNumber(text, at);
        break;
      default:
        text.resize(at);
        break;
    }
  }

  // The first number from `at` on.
  void mutateNumber(std::string& text, std::size_t at) {
    const auto digit = [&](std::size_t i) {
      return i < text.size() && std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
    };
    while (at < text.size() && (text[at] < '0' || text[at] > '9')) ++at;
    std::size_t end = at;
    while (digit(end)) ++end;
    if (end != at) text.replace(at, end - at, anyOf(kNumbers));
  }

  // Lines again, dropped, swapped, from another input, and names in another case.
  void mutateLines(std::string& text) {
    std::vector<std::string> lines = splitText(text, target_.separator);
    const auto any = [&] { return rng_.below(static_cast<uint32_t>(lines.size())); };
    const uint32_t at = any();
    switch (rng_.below(6)) {
      case 0:
        lines.insert(lines.begin() + any(), lines[at]);
        break;
      case 1:
        lines.erase(lines.begin() + at);
        break;
      case 2:
        std::swap(lines[at], lines[any()]);
        break;
      case 3: {
        const std::vector<std::string> others = splitText(anyOf(corpus_), target_.separator);
        lines.insert(lines.begin() + at, others[rng_.below(static_cast<uint32_t>(others.size()))]);
        break;
      }
      case 4:
        for (char& c : lines[at])
          if (rng_.below(2) == 0 && std::isalpha(static_cast<unsigned char>(c)) != 0) c ^= 0x20;
        break;
      default:
        lines[at] = anyOf(target_.fragments);
    }
    text.clear();
    for (std::size_t i = 0; i < lines.size(); ++i)
      text += (i == 0 ? "" : target_.separator) + lines[i];
  }

  // A word of 32 bits: another value, another word of the same input, one more or less, or a byte.
  void mutateWord(std::string& text) {
    const auto words = static_cast<uint32_t>(text.size() / 4);
    if (words == 0) return;
    const std::size_t at = std::size_t{rng_.below(words)} * 4;
    uint32_t value;
    std::memcpy(&value, text.data() + at, 4);
    switch (rng_.below(6)) {
      case 0:
        value = kWords[rng_.below(std::size(kWords))];
        break;
      case 1:
        value += 1;
        break;
      case 2:
        value -= 1;
        break;
      case 3:
        std::memcpy(&value, text.data() + std::size_t{rng_.below(words)} * 4, 4);
        break;
      case 4:
        value ^= 1u << rng_.below(32);
        break;
      default:
        value = rng_.below(64);
    }
    std::memcpy(text.data() + at, &value, 4);
  }

  const FuzzTarget& target_;
  const std::vector<std::string>& corpus_;
  Rng& rng_;
};

void attempt(const std::string& input) {
  current() = input;
  // A copy of its exact size, so that ASan sees a read past the end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::vector<std::string> corpusOf(const FuzzTarget& target) {
  std::vector<std::string> corpus = target.seeds;
  const std::vector<std::string> kept = readFiles("test/native/corpus/" + target.name);
  corpus.insert(corpus.end(), kept.begin(), kept.end());
  return corpus;
}

CASE("seeds and inputs that once failed keep every property") {
  printFailures();
  const FuzzTarget target = fuzzTarget();
  const std::vector<std::string> corpus = corpusOf(target);
  EXPECT(corpus.size() > target.seeds.size(), "run it in the root of the repository");
  for (const std::string& input : corpus) attempt(input);
}

CASE("mutated inputs keep every property") {
  printFailures();
  const FuzzTarget target = fuzzTarget();
  if (const char* digits = std::getenv("MILLRACE_FUZZ_REPLAY"); digits != nullptr)
    return attempt(fromHex(digits));
  const char* wanted = std::getenv("MILLRACE_FUZZ_INPUTS");
  const uint64_t inputs = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : target.inputs;
  const std::vector<std::string> corpus = corpusOf(target);
  Rng rng(seed());
  Mutator mutator(target, corpus, rng);
  for (uint64_t i = 0; i < inputs; ++i) attempt(mutator.next());
}

}  // namespace
}  // namespace millrace::test
