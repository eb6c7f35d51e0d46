#include "engine/upstream/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/net/socket_io.h"
#include "engine/upstream/pool.h"

namespace millrace {
namespace {

IoStatus statusOfSsl(SSL* ssl, int result) noexcept {
  const int reason = SSL_get_error(ssl, result);
  switch (reason) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::kBlocked;
    case SSL_ERROR_ZERO_RETURN:
      return IoStatus::kEof;
    default:
      ERR_clear_error();
      return IoStatus::kError;
  }
}

}  // namespace

Connection::~Connection() { close(); }

bool Connection::open(int epoll_fd) noexcept {
  const sockaddr* address = reinterpret_cast<const sockaddr*>(&pool.address);
  fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  if (address->sa_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (::connect(fd, address, pool.address_length) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    ::close(fd);
    fd = -1;
    errno = error;
    return false;
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.ptr = this;
  want_write = true;
  if (::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
    const int error = errno;
    ::close(fd);
    fd = -1;
    errno = error;
    return false;
  }
  state = State::kConnecting;
  return true;
}

int Connection::connectError() const noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

IoStatus Connection::handshake(int epoll_fd) noexcept {
  ERR_clear_error();  // the queue is the thread's, and SSL_get_error would take an old entry for
                      // its own
  const int result = SSL_do_handshake(ssl);
  if (result == 1) return IoStatus::kOk;
  const int reason = SSL_get_error(ssl, result);
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
    setInterest(epoll_fd, reason == SSL_ERROR_WANT_WRITE);
    return IoStatus::kBlocked;
  }
  ERR_clear_error();
  return IoStatus::kError;
}

void Connection::close() noexcept {
  state = State::kClosed;
  if (ssl != nullptr) {
    // Best effort close_notify: a peer must not mistake our end for a truncation.
    if (fd >= 0 && SSL_is_init_finished(ssl) == 1) SSL_shutdown(ssl);
    ERR_clear_error();
    SSL_free(ssl);
    ssl = nullptr;
  }
  if (fd >= 0) ::close(fd);  // also leaves the epoll set
  fd = -1;
}

IoResult Connection::read(char* into, size_t n) noexcept {
  if (ssl == nullptr) {
    const ssize_t got = receiveBytes(fd, into, n);
    if (got > 0) return {IoStatus::kOk, static_cast<size_t>(got)};
    if (got == 0) return {IoStatus::kEof, 0};
    return {errno == EAGAIN || errno == EINTR ? IoStatus::kBlocked : IoStatus::kError, 0};
  }
  ERR_clear_error();
  size_t total = 0;
  while (total < n) {
    const int got = SSL_read(ssl, into + total, static_cast<int>(n - total));
    if (got <= 0) {
      if (total != 0) {
        ERR_clear_error();
        break;  // whatever it was comes again at the next read
      }
      return {statusOfSsl(ssl, got), 0};
    }
    total += static_cast<size_t>(got);
  }
  return {IoStatus::kOk, total};
}

IoResult Connection::writeOnce(const iovec* pieces, int count) noexcept {
  if (ssl == nullptr) {
    ssize_t sent;
    if (count == 1) {
      sent = sendBytes(fd, pieces[0].iov_base, pieces[0].iov_len);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(pieces);
      message.msg_iovlen = static_cast<size_t>(count);
      sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    }
    if (sent >= 0) return {IoStatus::kOk, static_cast<size_t>(sent)};
    return {errno == EAGAIN || errno == EINTR ? IoStatus::kBlocked : IoStatus::kError, 0};
  }
  ERR_clear_error();
  size_t total = 0;
  for (int i = 0; i < count; ++i) {
    size_t at = 0;
    while (at < pieces[i].iov_len) {
      const int sent = SSL_write(ssl, static_cast<const char*>(pieces[i].iov_base) + at,
                                 static_cast<int>(pieces[i].iov_len - at));
      if (sent <= 0) {
        const IoStatus status = statusOfSsl(ssl, sent);
        if (status == IoStatus::kBlocked && total != 0) return {IoStatus::kOk, total};
        return {status == IoStatus::kEof ? IoStatus::kError : status, total};
      }
      at += static_cast<size_t>(sent);
      total += static_cast<size_t>(sent);
    }
  }
  return {IoStatus::kOk, total};
}

bool Connection::write(const iovec* pieces, int count, int epoll_fd) noexcept {
  if (write_broken) return true;
  if (head_held) return writeWithHead(pieces, count, epoll_fd);
  size_t sent = 0;
  if (out.empty()) {
    const IoResult result = writeOnce(pieces, count);
    if (result.status == IoStatus::kError) return false;
    sent = result.bytes;
  }
  queueRest(pieces, count, sent);
  if (!out.empty()) setInterest(epoll_fd, true);
  return true;
}

bool Connection::writeWithHead(const iovec* pieces, int count, int epoll_fd) noexcept {
  constexpr int kMostPieces = 4;
  size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += pieces[i].iov_len;
  if (count > kMostPieces || out.size() + bytes <= Buffer::kKeepBytes) {
    // Small: one buffer makes one TLS record, and the cheapest of the system calls.
    queueRest(pieces, count, 0);
    return drain(epoll_fd);
  }
  head_held = false;
  iovec all[kMostPieces + 1] = {{out.data(), out.size()}};
  std::copy_n(pieces, count, all + 1);
  const IoResult result = writeOnce(all, count + 1);
  if (result.status == IoStatus::kError) return false;
  const size_t of_head = std::min(result.bytes, out.size());
  out.consume(of_head);
  queueRest(pieces, count, result.bytes - of_head);
  if (!out.empty()) setInterest(epoll_fd, true);
  return true;
}

// Queues what lies behind the first `sent` bytes.
void Connection::queueRest(const iovec* pieces, int count, size_t sent) noexcept {
  for (int i = 0; i < count; ++i) {
    const size_t length = pieces[i].iov_len;
    if (sent >= length) {
      sent -= length;
      continue;
    }
    out.append(static_cast<const char*>(pieces[i].iov_base) + sent, length - sent);
    sent = 0;
  }
}

bool Connection::drain(int epoll_fd) noexcept {
  head_held = false;
  while (!out.empty()) {
    const iovec piece{out.data(), out.size()};
    const IoResult result = writeOnce(&piece, 1);
    if (result.status == IoStatus::kError) return false;
    if (result.status == IoStatus::kBlocked || result.bytes == 0) break;
    out.consume(result.bytes);
  }
  setInterest(epoll_fd, !out.empty());
  return true;
}

void Connection::stopWriting(int epoll_fd) noexcept {
  write_broken = true;
  out.clear();
  setInterest(epoll_fd, false);
  // Whatever the reason was: the upstream must see that the request is not whole.
  ::shutdown(fd, SHUT_WR);
}

void Connection::setInterest(int epoll_fd, bool write) noexcept {
  if (want_write == write) return;
  want_write = write;
  if (read_paused && !write) {
    ::epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
    return;
  }
  epoll_event event{};
  event.events = (read_paused ? 0u : static_cast<uint32_t>(EPOLLIN)) |
                 (write ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.ptr = this;
  // A paused connection is not in the set (a hung-up socket would be reported without end).
  if (::epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT) {
    ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

void Connection::pauseReading(int epoll_fd) noexcept {
  if (read_paused) return;
  read_paused = true;
  read_bytes = kFirstRead;  // its client is slower: less to keep for it
  if (!want_write) {
    ::epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
    return;
  }
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.ptr = this;
  ::epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void Connection::resumeReading(int epoll_fd) noexcept {
  if (!read_paused) return;
  read_paused = false;
  epoll_event event{};
  event.events = EPOLLIN | (want_write ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.ptr = this;
  ::epoll_ctl(epoll_fd, want_write ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
}

}  // namespace millrace
