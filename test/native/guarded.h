#ifndef MILLRACE_TEST_NATIVE_GUARDED_H_
#define MILLRACE_TEST_NATIVE_GUARDED_H_

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

namespace millrace::test {

// Memory that ends at a page without access: whoever reads or writes one byte past the end of what
// was placed here crashes, inside of library functions too.
class Guarded {
 public:
  explicit Guarded(std::size_t capacity = 256 * 1024) : capacity_((capacity / kPage + 1) * kPage) {
    void* at = ::mmap(nullptr, capacity_ + kPage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) std::abort();
    base_ = static_cast<char*>(at);
    if (::mprotect(base_ + capacity_, kPage, PROT_NONE) != 0) std::abort();
  }
  ~Guarded() { ::munmap(base_, capacity_ + kPage); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // The last n bytes before the guard page.
  std::span<char> last(std::size_t n) {
    if (n > capacity_) std::abort();
    return {base_ + capacity_ - n, n};
  }
  // A copy of the text that ends right before the guard page.
  std::string_view place(std::string_view text) {
    char* const at = last(text.size()).data();
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }

 private:
  static constexpr std::size_t kPage = 4096;
  std::size_t capacity_;
  char* base_;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_GUARDED_H_
