#ifndef MILLRACE_ENGINE_LOG_LOG_TEXT_H_
#define MILLRACE_ENGINE_LOG_LOG_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace millrace {

// Lines that are being put together: grows to what it needs, and keeps its block. One thread.
class LineBuffer {
 public:
  // Room for `bytes` more from here on.
  char* reserve(size_t bytes) {
    if (capacity_ - size_ < bytes) grow(bytes);
    return data_.get() + size_;
  }
  void commit(const char* end) noexcept { size_ = static_cast<size_t>(end - data_.get()); }

  void append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(reserve(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void append(char c) {
    *reserve(1) = c;
    ++size_;
  }

  const char* data() const noexcept { return data_.get(); }
  size_t size() const noexcept { return size_; }
  std::string_view view() const noexcept { return {data_.get(), size_}; }
  void truncate(size_t size) noexcept { size_ = size; }
  // Takes the first bytes off; a block of more than `keep` bytes is given back once it is empty.
  void consume(size_t bytes, size_t keep) noexcept;

 private:
  void grow(size_t bytes);

  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Everything in a line that came over the network is hostile. None of these writes a line end.

// As the inside of a JSON string: valid UTF-8 passes, but for C0 and C1 controls, quotes and
// backslashes; a byte that is no part of valid UTF-8 is written as \u00XX, which tells what it was.
void appendJson(LineBuffer* out, std::string_view text);
// As nginx does: quotes, backslashes, controls and everything beyond ASCII as \xXX.
void appendEscaped(LineBuffer* out, std::string_view text);

void appendNumber(LineBuffer* out, uint64_t value);
// Microseconds as milliseconds with three decimals, "12.034".
void appendMillis(LineBuffer* out, uint64_t us);
void appendHex(LineBuffer* out, uint64_t value);  // 16 digits

}  // namespace millrace

#endif  // MILLRACE_ENGINE_LOG_LOG_TEXT_H_
