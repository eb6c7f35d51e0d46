#ifndef MILLRACE_BENCH_LOAD_COMMON_STREAM_H_
#define MILLRACE_BENCH_LOAD_COMMON_STREAM_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>

namespace millrace::load {

enum class Io : uint8_t { kOk, kBlocked, kEnd, kReset, kTls };

struct IoResult {
  Io io;
  size_t bytes = 0;
};

// A non-blocking socket, plain or with TLS on top. Owns both; one thread.
class Stream {
 public:
  Stream() noexcept = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { close(); }

  // Takes the descriptor over; `ssl` too, when there is one.
  void adopt(int fd, SSL* ssl) noexcept;
  bool isOpen() const noexcept { return fd_ >= 0; }
  int fd() const noexcept { return fd_; }
  SSL* ssl() const noexcept { return ssl_; }

  // kOk when done, kBlocked when it needs further events, else the failure.
  Io handshake() noexcept;
  bool handshakeWantsWrite() const noexcept { return wants_write_; }
  IoResult read(char* into, size_t n) noexcept;
  IoResult write(const char* from, size_t n) noexcept;
  // Drops up to n received bytes inside the kernel, without copying them; plain sockets only.
  IoResult discard(size_t n) noexcept;
  // With TLS a close_notify goes out first. `reset`: the peer gets a RST instead of a FIN.
  void close(bool reset = false) noexcept;
  // The descriptor without what was around it; the caller closes it.
  int release() noexcept;

 private:
  IoResult tlsFailure(int result) noexcept;

  int fd_ = -1;
  SSL* ssl_ = nullptr;
  bool wants_write_ = false;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_COMMON_STREAM_H_
