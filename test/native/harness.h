#ifndef MILLRACE_TEST_NATIVE_HARNESS_H_
#define MILLRACE_TEST_NATIVE_HARNESS_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

// Named cases and checks. A binary answers `--list` with the names, runs one with `--case NAME`,
// and all without arguments; the exit code is the number of cases that failed. `--seed N` changes
// what the random cases draw; a failure prints it.
namespace millrace::test {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
inline uint64_t& seed() {
  static uint64_t value = 20240607;
  return value;
}
inline int& failures() {
  static int count = 0;
  return count;
}

struct Registration {
  Registration(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

inline void report(const char* file, int line, const std::string& text) {
  // The first few tell the story.
  if (++failures() <= 10) std::cout << file << ":" << line << ": " << text << "\n";
}

// `note` says which round of a loop failed.
template <typename A, typename B>
void checkEqual(const char* file, int line, const char* what, const A& actual, const B& expected,
                const std::string& note = {}) {
  if (actual == expected) return;
  std::ostringstream out;
  out << what << ": " << actual << " instead of " << expected << (note.empty() ? "" : " (") << note
      << (note.empty() ? "" : ")");
  report(file, line, out.str());
}

inline int runCases(int argc, char** argv) {
  const char* only = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--list") == 0) {
      for (const Case& c : cases()) std::cout << c.name << "\n";
      return 0;
    }
    if (std::strcmp(argv[i], "--case") == 0 && i + 1 < argc) only = argv[++i];
    if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
      seed() = std::strtoull(argv[++i], nullptr, 10);
  }
  int failed = 0;
  int ran = 0;
  for (const Case& c : cases()) {
    if (only != nullptr && std::strcmp(only, c.name) != 0) continue;
    ++ran;
    failures() = 0;
    c.run();
    failed += failures() > 0 ? 1 : 0;
    std::cout << (failures() > 0 ? "FAILED " : "ok ") << c.name;
    if (failures() > 0) std::cout << ": " << failures() << " checks, seed " << seed();
    std::cout << std::endl;
  }
  return ran == 0 ? 1 : failed;
}

}  // namespace millrace::test

#define CASE_AT(name, line) CASE_OF(name, case_##line, registration_##line)
#define CASE_OF(name, function, registration)                               \
  static void function();                                                   \
  static const ::millrace::test::Registration registration(name, function); \
  static void function()
#define CASE_EXPANDED(name, line) CASE_AT(name, line)
#define CASE(name) CASE_EXPANDED(name, __LINE__)
#define EXPECT_EQ(actual, ...) \
  ::millrace::test::checkEqual(__FILE__, __LINE__, #actual, actual, __VA_ARGS__)
#define EXPECT(condition, ...)                                                               \
  ::millrace::test::checkEqual(__FILE__, __LINE__, #condition, static_cast<bool>(condition), \
                               true __VA_OPT__(, ) __VA_ARGS__)

#ifndef MILLRACE_TEST_WITHOUT_MAIN  // for the other files of a program
int main(int argc, char** argv) { return ::millrace::test::runCases(argc, argv); }
#endif

#endif  // MILLRACE_TEST_NATIVE_HARNESS_H_
