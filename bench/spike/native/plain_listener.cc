#include "plain_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "downstream.h"

namespace millrace::spike {
namespace {

constexpr int kBacklog = 4096;
constexpr uint32_t kMaxBudget = 64;

}  // namespace

PlainListener::PlainListener(Downstream& downstream, uint32_t key) noexcept
    : downstream_(downstream), key_(key) {
  ready = [](Guest& guest, uint32_t, Now now) noexcept {
    static_cast<PlainListener&>(guest).accept(now);
  };
}

PlainListener::~PlainListener() { stopAccepting(); }

int PlainListener::listen(const std::string& host, uint16_t port) noexcept {
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_in);
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    address.ss_family = AF_INET;
    v4->sin_port = htons(port);
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    address.ss_family = AF_INET6;
    v6->sin6_port = htons(port);
    length = sizeof(sockaddr_in6);
  } else {
    return EINVAL;
  }
  fd_ = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  // What is accepted inherits TCP_NODELAY: no call per connection.
  const bool fine = fd_ >= 0 && ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
                    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
                    ::bind(fd_, generic, length) == 0 && ::listen(fd_, kBacklog) == 0 &&
                    ::getsockname(fd_, generic, &length) == 0 &&
                    downstream_.reactor().watchGuest(fd_, EPOLL_CTL_ADD, EPOLLIN, *this);
  if (!fine) {
    const int error = errno;
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    return error;
  }
  port_ = ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
  return 0;
}

void PlainListener::stopAccepting() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void PlainListener::resume() noexcept {
  if (fd_ >= 0) downstream_.reactor().watchGuest(fd_, EPOLL_CTL_MOD, EPOLLIN, *this);
}

void PlainListener::accept(Now now) noexcept {
  for (uint32_t i = 0; i < budget_ && fd_ >= 0; ++i) {
    sockaddr_storage address;
    socklen_t length = sizeof address;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&address), &length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      budget_ = 1;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        downstream_.reactor().watchGuest(fd_, EPOLL_CTL_MOD, 0, *this);
        downstream_.rest(*this, now);
      }
      return;
    }
    if (max_connections != 0 && downstream_.openClients() >= max_connections) {
      ::close(fd);
      continue;
    }
    std::span<const uint8_t> peer;
    if (address.ss_family == AF_INET) {
      peer = {
          reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr),
          4};
    } else if (address.ss_family == AF_INET6) {
      peer = {reinterpret_cast<const uint8_t*>(
                  &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr),
              16};
    }
    downstream_.welcome(*this, fd, peer, now);
  }
  budget_ = std::min(budget_ * 2, kMaxBudget);
}

}  // namespace millrace::spike
