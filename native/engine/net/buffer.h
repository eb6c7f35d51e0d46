#ifndef MILLRACE_ENGINE_NET_BUFFER_H_
#define MILLRACE_ENGINE_NET_BUFFER_H_

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace millrace {

// Byte queue: append at the end, consume at the front. Keeps up to kKeepBytes of capacity when it
// empties, so that steady traffic allocates nothing; a larger block is given back, so that one big
// body doesn't pin memory for ever. Out of memory ends the process: there is no useful way on.
class Buffer {
 public:
  static constexpr size_t kKeepBytes = 4096;

  Buffer() noexcept = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  const char* data() const noexcept { return data_ + begin_; }
  char* data() noexcept { return data_ + begin_; }
  size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }
  std::string_view view() const noexcept { return {data_ + begin_, size()}; }

  void append(const void* bytes, size_t n) noexcept {
    if (n == 0) return;
    std::memcpy(reserve(n), bytes, n);
    end_ += n;
  }
  void append(std::string_view s) noexcept { append(s.data(), s.size()); }

  // Room for n more bytes; valid until the next call. Follow with commit().
  char* reserve(size_t n) noexcept {
    if (capacity_ - end_ < n) grow(n);
    return data_ + end_;
  }
  void commit(size_t n) noexcept { end_ += n; }

  // Drops what lies behind the first n bytes.
  void truncate(size_t n) noexcept { end_ = begin_ + n; }

  void consume(size_t n) noexcept {
    begin_ += n;
    if (begin_ == end_) clear();
  }

  void clear() noexcept {
    begin_ = end_ = 0;
    if (capacity_ > kKeepBytes) {
      std::free(data_);
      data_ = nullptr;
      capacity_ = 0;
    }
  }

 private:
  void grow(size_t n) noexcept {
    const size_t used = size();
    if (begin_ != 0) {
      std::memmove(data_, data_ + begin_, used);
      begin_ = 0;
      end_ = used;
    }
    if (capacity_ - used >= n) return;
    size_t capacity = capacity_ == 0 ? 1024 : capacity_ * 2;
    while (capacity - used < n) capacity *= 2;
    char* data = static_cast<char*>(std::realloc(data_, capacity));
    if (data == nullptr) std::abort();
    data_ = data;
    capacity_ = capacity;
  }

  char* data_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_NET_BUFFER_H_
