#include "common/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "engine/net/socket_io.h"

namespace millrace::load {
namespace {

constexpr size_t kMaxRecord = 16384;

IoResult ofSystemCall(ssize_t n) noexcept {
  if (n > 0) return {Io::kOk, static_cast<size_t>(n)};
  if (n == 0) return {Io::kEnd};
  return {errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Io::kBlocked : Io::kReset};
}

}  // namespace

void Stream::adopt(int fd, SSL* ssl) noexcept {
  close();
  fd_ = fd;
  ssl_ = ssl;
}

IoResult Stream::tlsFailure(int result) noexcept {
  const int saved = errno;
  const int reason = SSL_get_error(ssl_, result);
  wants_write_ = reason == SSL_ERROR_WANT_WRITE;
  switch (reason) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {Io::kBlocked};
    case SSL_ERROR_ZERO_RETURN:
      return {Io::kEnd};
    case SSL_ERROR_SYSCALL:
      return {saved == 0 ? Io::kEnd : Io::kReset};
    default:
      // OpenSSL 3 calls an end without close_notify an error of its own; for HTTP with a length
      // it is an end like any other.
      return {ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? Io::kEnd
                                                                                     : Io::kTls};
  }
}

Io Stream::handshake() noexcept {
  ERR_clear_error();  // the queue is the thread's, SSL_get_error would take an old entry for its
                      // own
  errno = 0;
  const int result = SSL_do_handshake(ssl_);
  return result == 1 ? Io::kOk : tlsFailure(result).io;
}

IoResult Stream::read(char* into, size_t n) noexcept {
  if (ssl_ == nullptr) return ofSystemCall(receiveBytes(fd_, into, n));
  ERR_clear_error();
  errno = 0;
  const int got = SSL_read(ssl_, into, static_cast<int>(std::min<size_t>(n, 1u << 30)));
  return got > 0 ? IoResult{Io::kOk, static_cast<size_t>(got)} : tlsFailure(got);
}

IoResult Stream::write(const char* from, size_t n) noexcept {
  if (ssl_ == nullptr) return ofSystemCall(sendBytes(fd_, from, n));
  ERR_clear_error();
  errno = 0;
  const int sent = SSL_write(ssl_, from, static_cast<int>(std::min(n, kMaxRecord)));
  return sent > 0 ? IoResult{Io::kOk, static_cast<size_t>(sent)} : tlsFailure(sent);
}

IoResult Stream::discard(size_t n) noexcept {
  return ofSystemCall(::recv(fd_, nullptr, n, MSG_TRUNC));
}

void Stream::close(bool reset) noexcept {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    // Without it OpenSSL takes the session for broken and would not resume it.
    if (!reset && SSL_is_init_finished(ssl_) == 1) SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
  if (fd_ < 0) return;
  if (reset) {
    const linger abort{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  }
  ::close(fd_);
  fd_ = -1;
}

int Stream::release() noexcept {
  const int fd = fd_;
  fd_ = -1;
  close();
  return fd;
}

}  // namespace millrace::load
