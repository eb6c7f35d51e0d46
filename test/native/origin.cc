#include "origin.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace millrace::test {

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::abort();
}

int listenOn(int backlog, uint16_t* port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  require(fd >= 0, "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  require(::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0, "bind");
  require(::listen(fd, backlog) == 0, "listen");
  require(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  *port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

Origin::Origin() { listener_ = listenOn(128, &port_); }

Origin::~Origin() {
  refuse();
  for (std::size_t i = 0; i < peers_.size(); ++i) close(i);
}

std::string Origin::take(std::size_t i) { return std::exchange(peers_.at(i).in, {}); }

bool Origin::asked(std::size_t i) const {
  return i < peers_.size() && peers_[i].in.find("\r\n\r\n") != std::string::npos;
}

void Origin::send(std::size_t i, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(peers_.at(i).fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    require(sent > 0, "origin send");  // tests send no more than the buffers of a socket hold
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Origin::close(std::size_t i) {
  if (peers_.at(i).fd >= 0) ::close(peers_[i].fd);
  peers_[i].fd = -1;
}

void Origin::reset(std::size_t i) {
  const linger now{1, 0};
  ::setsockopt(peers_.at(i).fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(i);
}

void Origin::refuse() {
  if (listener_ >= 0) ::close(listener_);
  listener_ = -1;
}

void Origin::step() {
  if (!reading) return;
  while (listener_ >= 0) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peers_.push_back({fd, {}, false});
  }
  for (Peer& peer : peers_) {
    char bytes[65536];
    while (peer.fd >= 0 && !peer.ended) {
      const ssize_t got = ::recv(peer.fd, bytes, sizeof bytes, 0);
      if (got > 0)
        peer.in.append(bytes, static_cast<std::size_t>(got));
      else if (got < 0 && errno == EAGAIN)
        break;
      else
        peer.ended = true;
    }
  }
}

void Origin::addTo(std::vector<pollfd>& watched) const {
  if (!reading) return;
  if (listener_ >= 0) watched.push_back({listener_, POLLIN, 0});
  for (const Peer& peer : peers_) {
    if (peer.fd >= 0 && !peer.ended) watched.push_back({peer.fd, POLLIN, 0});
  }
}

DeafPort::DeafPort() {
  fds_.push_back(listenOn(0, &port_));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < 4; ++i) {  // the queue holds one more than the backlog
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    fds_.push_back(fd);
  }
}

DeafPort::~DeafPort() {
  for (const int fd : fds_) ::close(fd);
}

}  // namespace millrace::test
